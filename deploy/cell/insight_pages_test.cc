// Goal: a tablet server's own pages show its memory tree, caches, compactions, requests and
// tablets, as HTML and JSON; keys are escaped and cut; what is not there is not found.
#include "deploy/cell/insight_pages.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "deploy/cell/status_pages.h"

namespace stele::deploy {
namespace {

using nlohmann::json;
using tabletserver::ServerInsight;
using tabletserver::SlowRequest;

ServerInsight AnInsight() {
  ServerInsight insight;
  insight.engine.memory = {{"engine", 0, 600 << 20, 1 << 30, 700 << 20},
                           {"memtables", 1, 20 << 20, 0, 40 << 20}};
  insight.engine.block_cache = {.hits = 90,
                                .misses = 10,
                                .insertions = 10,
                                .evictions = 3,
                                .bytes = 1 << 20,
                                .entries = 7,
                                .capacity = 2 << 20};
  insight.engine.running = {{.tablet = 20,
                             .kind = "merge",
                             .group = "default",
                             .files = 4,
                             .input_bytes = 8 << 20,
                             .input_cells = 1000,
                             .done_cells = 250,
                             .output_bytes = 1 << 20,
                             .running_ms = 1500},
                            {.tablet = 21,
                             .kind = "flush",
                             .input_bytes = 64 << 20,
                             .input_cells = 1000,
                             .done_cells = 400,
                             .output_bytes = 2 << 20,
                             .running_ms = 500}};
  insight.waiting = {{21, "flush", "a full memtable"}};
  for (TabletId id : {20, 21}) {
    wire::TabletReport& tablet = insight.tablets.emplace_back();
    tablet.tablet = {id, 16, id == 20 ? "" : "<b>\xff", id == 20 ? "<b>\xff" : ""};
    tablet.state = wire::TabletState::kOpen;
    tablet.counters.files = 4;
    tablet.counters.index_blocks = 70;
    tablet.counters.compaction_debt_bytes = id == 20 ? 5 << 20 : 0;
  }
  insight.in_flight.requests = 3;
  insight.in_flight.limit_bytes = 1 << 20;
  SlowRequest& slow = insight.slow.emplace_back();
  slow.total_ns = 42'000'000;
  slow.row = "<script>\xfe" + std::string(100, 'k');
  slow.tablet = 20;
  slow.outcome = "OK";
  slow.trace.disk_ns = 40'000'000;
  slow.trace.memtables = 1;
  slow.trace.files = {{.name = "f.sst", .blocks_cached = 2, .blocks_read = 5, .bytes_read = 40960}};
  SlowRequest write = slow;
  write.kind = SlowRequest::Kind::kWrite;
  write.trace = {.prepare_ns = 1'000'000, .wait_ns = 41'000'000};
  insight.slow.push_back(std::move(write));
  return insight;
}

CellSnapshot AServer() {
  CellSnapshot snapshot;
  snapshot.servers.emplace_back().server_id = "ts-1";
  snapshot.insight = [](const std::string& id) -> StatusOr<ServerInsight> {
    EXPECT_EQ(id, "ts-1");
    return AnInsight();
  };
  return snapshot;
}

std::string Get(const char* path, std::map<std::string, std::string> query = {}) {
  const bool html = !query.contains("format");
  const net::HttpResponse answer = RenderStatusPage({path, std::move(query)}, AServer());
  EXPECT_EQ(answer.status, 200u) << path << ": " << answer.body;
  if (!html) return answer.body;
  EXPECT_FALSE(absl::StrContains(answer.body, "<script>")) << path;
  EXPECT_FALSE(absl::StrContains(answer.body, "<b>\xff")) << path;
  return answer.body;
}

void ExpectShown(const std::string& page, const std::vector<const char*>& parts) {
  for (const char* part : parts) {
    EXPECT_TRUE(absl::StrContains(page, part)) << part << " is not in\n" << page;
  }
}

TEST(InsightPages, ShowWhatTheServerTells) {
  ExpectShown(Get("/"), {"/memory?server=ts-1", "/compactions?server=ts-1"});
  ExpectShown(Get("/memory"),
              {"engine", "1.0 GiB", "700.0 MiB", "memtables", "its parent", "90.0 %", "Evictions"});
  ExpectShown(Get("/compactions"),
              {"merge of tablet 20, group default", "25.0 %", "5.0 MiB", "flush of tablet 21",
               "a memtable of 64.0 MiB; 40.0 % of 1,000", "a full memtable", "Tablets in debt: 1"});
  ExpectShown(Get("/requests"), {"42.00 ms", "with the disk 40.00 ms", "5 read (40.0 KiB",
                                 "&lt;script&gt;\\xfe", "bytes)", "log and memtable 41.00 ms"});
  const std::string writes = Get("/requests", {{"kind", "write"}});
  EXPECT_FALSE(absl::StrContains(writes, "with the disk"));
  ExpectShown(Get("/own-tablets"), {"&lt;b&gt;\\xff", "/own-tablet?id=20"});
  ExpectShown(Get("/own-tablets", {{"limit", "1"}}), {"1 to 1 of 2", ">Next</a>"});
  ExpectShown(Get("/own-tablet", {{"id", "20"}}),
              {"3 anchors, then 70 blocks of 4 files", "5.0 MiB are due",
               "merge of 8.0 MiB, 25.0 % done", "Its slowest requests"});
}

TEST(InsightPages, EachAlsoAsJson) {
  auto parse = [](const char* path, std::map<std::string, std::string> query = {}) {
    query["format"] = "json";
    return json::parse(Get(path, std::move(query)), nullptr, false);
  };
  EXPECT_EQ(parse("/memory")["memory"][1]["peak"], 40 << 20);
  EXPECT_EQ(parse("/memory")["block_cache"]["hits"], 90);
  EXPECT_EQ(parse("/compactions")["debt"][0]["tablet"], 20);
  EXPECT_EQ(parse("/compactions")["running"][0]["done_cells"], 250);
  EXPECT_EQ(parse("/compactions")["running"][1]["input_cells"], 1000);
  EXPECT_EQ(parse("/requests")["slow"][0]["files"][0]["blocks_read"], 5);
  EXPECT_EQ(parse("/requests")["in_flight"]["requests"], 3);
  const json part = parse("/own-tablets", {{"limit", "1"}});
  EXPECT_EQ(part["tablets"][0]["id"], 20);
  auto next = net::ParseHttpTarget(part["part"]["next"].get<std::string>());
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(parse("/own-tablets", next->query)["tablets"][0]["id"], 21);
  EXPECT_EQ(parse("/own-tablet", {{"id", "21"}})["index_blocks"], 70);
}

TEST(InsightPages, WhatIsNotThereIsNotFound) {
  const CellSnapshot snapshot = AServer();
  auto status = [&](const char* path, std::map<std::string, std::string> query) {
    return RenderStatusPage({path, std::move(query)}, snapshot).status;
  };
  EXPECT_EQ(status("/own-tablet", {{"id", "22"}}), 404u);
  EXPECT_EQ(status("/own-tablet", {{"id", "x"}}), 400u);
  EXPECT_EQ(status("/memory", {{"server", "ts-2"}}), 404u);
  EXPECT_EQ(status("/own-tablets", {{"limit", "0"}}), 400u);
  EXPECT_EQ(status("/tables", {}), 404u) << "the cell's pages are the masters'";
  CellSnapshot silent = snapshot;
  silent.insight = nullptr;
  EXPECT_EQ(RenderStatusPage({"/memory", {}}, silent).status, 503u);
}

}  // namespace
}  // namespace stele::deploy
