// Goal: every page and its JSON render, hostile names and keys are escaped, health follows the
// tablets, an unknown path is not found.
#include "deploy/cell/status_pages.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"

namespace stele::deploy {
namespace {

CellSnapshot HostileSnapshot() {
  auto view = std::make_shared<master::CellView>();
  view->status.cell_name = "<script>alert(1)</script>";
  view->all_serving = true;
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

TEST(StatusPages, MetricsArePrometheusText) {
  const net::HttpResponse metrics = RenderStatusPage({"/metrics", {}}, HostileSnapshot());
  EXPECT_TRUE(absl::StrContains(metrics.body, "stele_block_cache_hits_total{server=\"ts-1\"} 42"))
      << metrics.body;
  EXPECT_TRUE(absl::StrContains(metrics.body, "stele_tablets_not_serving 0")) << metrics.body;
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

TEST(StatusPages, HealthFollowsTheTablets) {
  CellSnapshot snapshot = HostileSnapshot();
  EXPECT_EQ(RenderStatusPage({"/healthz", {}}, snapshot).status, 200u);
  auto view = std::make_shared<master::CellView>(*snapshot.view);
  view->all_serving = false;
  snapshot.view = view;
  EXPECT_EQ(RenderStatusPage({"/healthz", {}}, snapshot).status, 503u);
  EXPECT_EQ(RenderStatusPage({"/healthz", {}}, {}).status, 503u);
  EXPECT_EQ(RenderStatusPage({"/", {}}, {}).status, 503u);
  EXPECT_EQ(RenderStatusPage({"/../etc", {}}, snapshot).status, 404u);
}

}  // namespace
}  // namespace stele::deploy
