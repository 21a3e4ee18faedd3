// Goal: every page and its JSON render, hostile names and keys are escaped, health follows the
// tablets, an unknown path is not found.
#include "deploy/cell/status_pages.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "common/obs/time_classes.h"

namespace stele::deploy {
namespace {

CellSnapshot HostileSnapshot() {
  auto view = std::make_shared<master::CellView>();
  view->status.cell_name = "<script>alert(1)</script>";
  view->ready = true;
  wire::TableSummary& table = view->status.tables.emplace_back();
  table.schema.name = "pages";
  table.state = "serving";
  table.schema.families.emplace_back().name = "f";
  wire::TabletSummary& tablet = view->status.tablets.emplace_back();
  tablet.location.tablet = {20, 16, "<u>\xff\n", "\"'&"};
  tablet.state = "serving";
  CellSnapshot snapshot;
  snapshot.view = view;
  wire::ServerStatusResponse& server = snapshot.servers.emplace_back();
  server.server_id = "ts-1";
  server.numbers.push_back({"block_cache.hits", 42});
  server.numbers.push_back({"memory.used", 3 << 20});
  server.numbers.push_back({"memory.limit", 12 << 20});
  server.numbers.push_back({"memory.block cache", 7});
  server.numbers.push_back({"of.tomorrow", 5});
  server.ring = {1, 2, 16, 1 << 20, 2, 1, 100, 2 << 20, 9, 0, {20}};
  return snapshot;
}

TEST(StatusPages, RenderAndEscape) {
  const CellSnapshot snapshot = HostileSnapshot();
  for (const char* path : {"/", "/tables", "/tablets", "/servers"}) {
    const net::HttpResponse page = RenderStatusPage({path, {}}, snapshot);
    EXPECT_EQ(page.status, 200u) << path;
    EXPECT_TRUE(absl::StrContains(page.body, "</html>")) << path;
    EXPECT_FALSE(absl::StrContains(page.body, "<script>")) << path;
    EXPECT_FALSE(absl::StrContains(page.body, "<u>")) << path;
    const net::HttpResponse data = RenderStatusPage({path, {{"format", "json"}}}, snapshot);
    EXPECT_EQ(data.content_type, "application/json");
    EXPECT_FALSE(nlohmann::json::parse(data.body, nullptr, false).is_discarded()) << path;
  }
}

// The pages of one thing, by its name or number.
TEST(StatusPages, ATableATabletAndTheirEvents) {
  CellSnapshot snapshot = HostileSnapshot();
  auto view = std::make_shared<master::CellView>(*snapshot.view);
  wire::TableSummary& table = view->status.tables[0];
  table.schema.id = 16;
  table.schema.families[0].gc.kind = GcRule::Kind::kMaxVersions;
  table.schema.families[0].gc.max_versions = 3;
  view->status.tablets[0].reason = "<i>because</i>";
  snapshot.view = view;
  std::vector<wire::ListEventsRequest> asked;
  snapshot.events = [&](const wire::ListEventsRequest& query) {
    asked.push_back(query);
    return wire::ListEventsResponse{
        {{7, 1'700'000'000'000'000, "split", 20, "pages", "ts-1", "me:1", "<b>split</b> off"}}, 7};
  };
  auto get = [&](const char* path, std::map<std::string, std::string> query) {
    return RenderStatusPage({path, std::move(query)}, snapshot);
  };
  const net::HttpResponse page = get("/table", {{"name", "pages"}});
  EXPECT_EQ(page.status, 200u);
  for (const char* part : {"max_versions(3)", "<svg class=\"bar\"", "href=\"/tablet?id=20\"",
                           "&lt;b&gt;split&lt;/b&gt; off", "2023-11-14 22:13:20<"}) {
    EXPECT_TRUE(absl::StrContains(page.body, part)) << part << " is not in\n" << page.body;
  }
  EXPECT_EQ(asked.back().table, "pages");
  const net::HttpResponse tablet = get("/tablet", {{"id", "20"}});
  EXPECT_EQ(tablet.status, 200u);
  EXPECT_TRUE(absl::StrContains(tablet.body, "&lt;i&gt;because"));
  EXPECT_FALSE(absl::StrContains(tablet.body, "<u>"));
  EXPECT_EQ(asked.back().tablet, 20u);
  EXPECT_EQ(get("/events", {{"kind", "split"}, {"limit", "5"}}).status, 200u);
  EXPECT_EQ(asked.back().kind, "split");
  EXPECT_EQ(asked.back().limit, 5u);

  const auto parse = [](const net::HttpResponse& answer) {
    return nlohmann::json::parse(answer.body, nullptr, false);
  };
  EXPECT_EQ(parse(get("/table", {{"name", "pages"}, {"format", "json"}}))["tablet_list"][0]["id"],
            20);
  EXPECT_EQ(parse(get("/tablet", {{"id", "20"}, {"format", "json"}}))["events"][0]["number"], 7);
  EXPECT_EQ(parse(get("/events", {{"format", "json"}}))["events"][0]["kind"], "split");

  EXPECT_EQ(get("/table", {{"name", "<script>"}}).status, 404u);
  EXPECT_EQ(get("/table", {}).status, 404u);
  EXPECT_EQ(get("/tablet", {{"id", "21"}}).status, 404u);
  EXPECT_EQ(get("/tablet", {{"id", "x"}}).status, 400u);
  EXPECT_EQ(get("/tablet", {{"id", "x"}, {"format", "json"}}).status, 400u);
  EXPECT_EQ(get("/events", {{"limit", "many"}}).status, 400u);
}

TEST(StatusPages, OperationsAndTheLocker) {
  CellSnapshot snapshot = HostileSnapshot();
  auto view = std::make_shared<master::CellView>(*snapshot.view);
  view->locker = {"/locks/<master>", 4'000, 3'000, 0};
  view->status.work = {"<moving>"};
  view->status.tablets[0].state = "opening";
  view->status.tablets[0].next_step = "waiting for <ts-1>";
  wire::ServerSummary& gone = view->status.servers.emplace_back();
  gone.server_id = "ts-2";
  gone.state = "recovering";
  gone.recovery = wire::RecoveryProgress{"ts-1", 50, 200, 1, 4, 2'000};
  snapshot.view = view;
  std::vector<std::string> asked;
  snapshot.events = [&asked](const wire::ListEventsRequest& query) {
    asked.push_back(query.kind);
    wire::ListEventsResponse list;
    list.events.emplace_back().text = "drop <table>";
    return StatusOr<wire::ListEventsResponse>(list);
  };
  const std::string page = RenderStatusPage({"/operations", {}}, snapshot).body;
  for (const char* shown :
       {"&lt;moving&gt;", "waiting for &lt;ts-1&gt;", "2.00 s left", "max=\"200\"",
        "drop &lt;table&gt;", "Orders of operators", "Refused"}) {
    EXPECT_TRUE(absl::StrContains(page, shown)) << shown << " is not in " << page;
  }
  EXPECT_EQ(asked, (std::vector<std::string>{"order", "refused"}));
  const std::string locker = RenderStatusPage({"/locker", {}}, snapshot).body;
  EXPECT_TRUE(absl::StrContains(locker, "/locks/&lt;master&gt;")) << locker;
  EXPECT_TRUE(absl::StrContains(locker, "max=\"4000\" value=\"3000\"")) << locker;
  for (const char* path : {"/operations", "/locker"}) {
    const auto body = RenderStatusPage({path, {{"format", "json"}}}, snapshot).body;
    EXPECT_FALSE(nlohmann::json::parse(body, nullptr, false).is_discarded()) << body;
  }
}

TEST(StatusPages, OfATabletServerAlone) {
  CellSnapshot snapshot = HostileSnapshot();
  snapshot.view = nullptr;
  const net::HttpResponse page = RenderStatusPage({"/", {}}, snapshot);
  EXPECT_EQ(page.status, 200u);
  EXPECT_TRUE(absl::StrContains(page.body, "<svg class=\"ring\"")) << page.body;
  EXPECT_TRUE(absl::StrContains(page.body, "being written"));
  EXPECT_EQ(nlohmann::json::parse(RenderStatusPage({"/", {{"format", "json"}}}, snapshot).body,
                                  nullptr, false)["id"],
            "ts-1");
  EXPECT_EQ(RenderStatusPage({"/tables", {}}, snapshot).status, 404u);
  EXPECT_EQ(RenderStatusPage({"/readyz", {}}, snapshot).status, 200u);
  EXPECT_TRUE(absl::StrContains(RenderStatusPage({"/metrics", {}}, snapshot).body,
                                "stele_log_live_bytes{server=\"ts-1\"}"));
}

// Of every process, also of one that waits.
TEST(StatusPages, OptionsAndTheirSources) {
  CellSnapshot snapshot;
  snapshot.waiting = "this master stands by";
  EXPECT_EQ(RenderStatusPage({"/config", {}}, snapshot).status, 404u);
  snapshot.options = {{"memory-limit", "2g", "file", "/etc/<b>.conf:3", "1g", "128m ..", "bytes",
                       false, "resident memory"},
                      {"advertise", "", "default", "", "none", "host:port", "", true, "where"}};
  for (const bool active : {false, true}) {
    if (active) snapshot.view = HostileSnapshot().view;
    const net::HttpResponse page = RenderStatusPage({"/config", {}}, snapshot);
    EXPECT_EQ(page.status, 200u);
    EXPECT_FALSE(absl::StrContains(page.body, "<b>"));
    for (const char* part :
         {"memory-limit", "2g", "file: ", "128m ..", "bytes", "stele admin set"}) {
      EXPECT_TRUE(absl::StrContains(page.body, part)) << part;
    }
    const auto data = nlohmann::json::parse(
        RenderStatusPage({"/config", {{"format", "json"}}}, snapshot).body, nullptr, false);
    ASSERT_FALSE(data.is_discarded());
    const auto& first = data["options"][0];
    EXPECT_EQ(first["name"], "memory-limit");
    EXPECT_EQ(first["value"], "2g");
    EXPECT_EQ(first["source"], "file");
    EXPECT_EQ(first["default"], "1g");
    EXPECT_EQ(first["range"], "128m ..");
    EXPECT_EQ(first["unit"], "bytes");
    EXPECT_EQ(first["live"], false);
    EXPECT_EQ(data["options"][1]["live"], true);
  }
}

TEST(StatusPages, HealthIsToldInOneLine) {
  CellSnapshot snapshot = HostileSnapshot();
  auto view = std::make_shared<master::CellView>(*snapshot.view);
  view->status.ready = true;
  view->status.servers.emplace_back().server_id = "ts-1";
  view->status.servers[0].state = "live";
  snapshot.view = view;
  EXPECT_TRUE(absl::StrContains(RenderStatusPage({"/", {}}, snapshot).body,
                                "healthy: 1 tablets of 1 tables served by 1 server<"));
  view = std::make_shared<master::CellView>(*view);
  view->status.servers[0].state = "suspect";
  view->status.tablets[0].state = "opening";
  view->status.tablets[0].next_step = "waiting for ts-1";
  snapshot.view = view;
  const std::string body = RenderStatusPage({"/", {}}, snapshot).body;
  EXPECT_TRUE(absl::StrContains(body, "NOT healthy: 1 tablet does not serve; ts-1 is suspect<"));
  EXPECT_TRUE(absl::StrContains(body, "waiting for ts-1"));
}

TEST(StatusPages, MetricsArePrometheusText) {
  const net::HttpResponse metrics = RenderStatusPage({"/metrics", {}}, HostileSnapshot());
  EXPECT_TRUE(absl::StrContains(metrics.body, "stele_block_cache_hits_total{server=\"ts-1\"} 42"))
      << metrics.body;
  EXPECT_TRUE(absl::StrContains(metrics.body, "stele_tablets_not_serving 0")) << metrics.body;
}

// In base units, as Prometheus wants them; and of a process that has nothing else to tell.
TEST(StatusPages, MetricsAreInSecondsAndAlwaysThere) {
  CellSnapshot snapshot = HostileSnapshot();
  snapshot.servers[0].numbers.push_back({"writes.stalled_ms", 1'250});
  snapshot.servers[0].numbers.push_back({"lease.remaining_ms", -5});
  wire::TableTimes& times = snapshot.times["ts-1"].emplace_back();
  times.reads.assign(obs::kTimeClasses, 0);
  times.reads[obs::TimeClassOf(1'000'000)] = 3;  // below 2^20 ns
  auto view = std::make_shared<master::CellView>(*snapshot.view);
  view->trouble = "no room";
  wire::ServerSummary& server = view->status.servers.emplace_back();
  server.server_id = "ts-9";
  server.state = "suspect";
  server.last_report_age_ms = 2'500;
  view->status.tablets[0].state = "broken";
  snapshot.view = view;
  const std::string body = RenderStatusPage({"/metrics", {}}, snapshot).body;
  for (const char* line :
       {"stele_writes_stalled_seconds_total{server=\"ts-1\"} 1.25\n",
        "stele_lease_remaining_seconds{server=\"ts-1\"} -0.005\n", "stele_master_trouble 1\n",
        "stele_server_report_age_seconds{server=\"ts-9\"} 2.5\n",
        "stele_servers{state=\"suspect\"} 1\n", "stele_servers{state=\"recovering\"} 0\n",
        "stele_tablets_broken 1\n", "stele_master_active 1\n",
        "stele_request_duration_seconds_bucket{server=\"ts-1\",kind=\"read\",le=\"0.000524287\"} "
        "0\n",
        "stele_request_duration_seconds_bucket{server=\"ts-1\",kind=\"read\",le=\"0.001048575\"} "
        "3\n",
        "stele_request_duration_seconds_count{server=\"ts-1\",kind=\"write\"} 0\n"}) {
    EXPECT_TRUE(absl::StrContains(body, line)) << line << " is not in\n" << body;
  }
  EXPECT_FALSE(absl::StrContains(body, "milliseconds")) << body;

  CellSnapshot standby;
  standby.waiting = "this master stands by";
  const net::HttpResponse waits = RenderStatusPage({"/metrics", {}}, standby);
  EXPECT_EQ(waits.status, 200u);
  EXPECT_TRUE(absl::StrContains(waits.body, "stele_ready 0\n")) << waits.body;
  EXPECT_TRUE(absl::StrContains(waits.body, "stele_master_active 0\n")) << waits.body;
}

TEST(StatusPages, MetricsSayWhatTheyMeanAndTheirUnits) {
  const std::string body = RenderStatusPage({"/metrics", {}}, HostileSnapshot()).body;
  for (const char* line : {"# HELP stele_block_cache_hits_total SSTable blocks found in the cache.",
                           "# TYPE stele_block_cache_hits_total counter",
                           "stele_memory_used_bytes{server=\"ts-1\"} 3145728",
                           "stele_log_live_bytes{server=\"ts-1\"} 2097152",
                           "stele_log_limit_bytes{server=\"ts-1\"} 16777216",
                           "part=\"block_cache\"", "stele_of_tomorrow{server=\"ts-1\"} 5"}) {
    EXPECT_TRUE(absl::StrContains(body, line)) << line << " is not in\n" << body;
  }
  EXPECT_FALSE(absl::StrContains(body, "See the servers page"));
}

TEST(StatusPages, ShowTheRingAndMemory) {
  for (const char* path : {"/", "/servers"}) {
    const std::string body = RenderStatusPage({path, {}}, HostileSnapshot()).body;
    EXPECT_TRUE(absl::StrContains(body, "2.0 MiB needed for recovery, of at most 16.0 MiB"))
        << path;
    EXPECT_TRUE(absl::StrContains(body, "max=\"16777216\" value=\"2097152\"")) << path;
    EXPECT_TRUE(absl::StrContains(body, "3.0 MiB of 12.0 MiB")) << path;
  }
  EXPECT_TRUE(absl::StrContains(RenderStatusPage({"/servers", {}}, HostileSnapshot()).body,
                                "Tail kept by</b><span>tablets 20"));
}

TEST(StatusPages, SayThatTheDiskIsFull) {
  CellSnapshot snapshot = HostileSnapshot();
  wire::ServerStatusResponse& server = snapshot.servers[0];
  server.numbers.push_back({"disk.free_bytes", 5 << 20});
  server.numbers.push_back({"disk.reserve_bytes", 6 << 20});
  server.numbers.push_back({"disk.full", 0});
  for (const char* path : {"/", "/servers"}) {
    const std::string body = RenderStatusPage({path, {}}, snapshot).body;
    EXPECT_TRUE(absl::StrContains(body, "5.0 MiB free, 6.0 MiB kept in reserve")) << path;
    EXPECT_FALSE(absl::StrContains(body, "FULL")) << path;
  }
  server.numbers.back().value = 1;
  for (const char* path : {"/", "/servers"}) {
    EXPECT_TRUE(absl::StrContains(RenderStatusPage({path, {}}, snapshot).body,
                                  "FULL: writes are refused until there is room"))
        << path;
  }
  EXPECT_TRUE(absl::StrContains(RenderStatusPage({"/metrics", {}}, snapshot).body,
                                "stele_disk_full{server=\"ts-1\"} 1"));
}

TEST(StatusPages, TabletsNameTheirTable) {
  CellSnapshot snapshot = HostileSnapshot();
  const std::string unknown = RenderStatusPage({"/tablets", {}}, snapshot).body;
  EXPECT_TRUE(absl::StrContains(unknown, ">id 16<"));
  auto view = std::make_shared<master::CellView>(*snapshot.view);
  view->status.tables[0].schema.id = 16;
  snapshot.view = view;
  EXPECT_TRUE(absl::StrContains(RenderStatusPage({"/tablets", {}}, snapshot).body, ">pages<"));
}

TEST(StatusPages, ReadyIsWhoTakesCalls) {
  CellSnapshot snapshot = HostileSnapshot();
  EXPECT_EQ(RenderStatusPage({"/healthz", {}}, snapshot).status, 200u);
  EXPECT_EQ(RenderStatusPage({"/readyz", {}}, snapshot).status, 200u);
  auto view = std::make_shared<master::CellView>(*snapshot.view);
  view->ready = false;
  snapshot.view = view;
  EXPECT_EQ(RenderStatusPage({"/readyz", {}}, snapshot).status, 503u);
  CellSnapshot standby;
  standby.waiting = "this master stands by";
  const net::HttpResponse waits = RenderStatusPage({"/readyz", {}}, standby);
  EXPECT_EQ(waits.status, 503u);
  EXPECT_EQ(waits.body, "this master stands by\n");
  EXPECT_EQ(RenderStatusPage({"/healthz", {}}, standby).status, 200u);
  EXPECT_EQ(RenderStatusPage({"/", {}}, {}).status, 503u);
  EXPECT_EQ(RenderStatusPage({"/../etc", {}}, snapshot).status, 404u);
}

}  // namespace
}  // namespace stele::deploy
