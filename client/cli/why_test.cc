// Goal: from what is seen the right cause is named first, and of what is well none.
#include "client/cli/why.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace stele::cli {
namespace {

constexpr uint64_t kTablet = 17;

// Two servers; tablet 17 of table 16 serves at ts-1.
WhyEvidence Healthy() {
  WhyEvidence evidence;
  CellStatus& cell = evidence.cell;
  cell.ready = true;
  for (const char* id : {"ts-1", "ts-2"}) {
    ServerSummary& server = cell.servers.emplace_back();
    server.server_id = id;
    server.state = "live";
    server.tablets = 3;
  }
  TableSummary& table = cell.tables.emplace_back();
  table.schema.id = 16;
  table.schema.name = "t";
  table.schema.split_bytes = 1'000;
  for (uint64_t id : {kTablet, kTablet + 1}) {
    TabletSummary& tablet = cell.tablets.emplace_back();
    tablet.tablet.id = id;
    tablet.tablet.table = 16;
    tablet.tablet.server_id = "ts-1";
    tablet.state = "serving";
    tablet.bytes = 500;
    evidence.earlier[id] = 0;
  }
  evidence.apart_ms = 1'000;
  ServerProbe& probe = evidence.probes["ts-1"];
  probe.state = "serving";
  probe.apart_ms = 1'000;
  probe.first = probe.last = {{"lease.remaining_ms", 4'000}, {"writes.stalled_ms", 70}};
  return evidence;
}

std::string First(const WhyEvidence& evidence, const WhySubject& subject) {
  const auto causes = FindCauses(subject, evidence);
  if (causes.empty()) return "none";
  EXPECT_FALSE(causes[0].sentence.empty());
  EXPECT_FALSE(causes[0].next.empty());
  EXPECT_FALSE(causes[0].evidence.empty());
  return causes[0].id;
}
std::string OfTablet(const WhyEvidence& evidence) { return First(evidence, {kTablet, ""}); }
std::string OfServer(const WhyEvidence& evidence) { return First(evidence, {{}, "ts-1"}); }

TEST(WhyTest, OfWhatIsWellThereIsNoCauseButNotes) {
  EXPECT_EQ(OfTablet(Healthy()), "none");
  EXPECT_EQ(OfServer(Healthy()), "none");
  EXPECT_EQ(FindNotes({kTablet, ""}, Healthy()).size(), 3u);
}

TEST(WhyTest, WhyTheBalanceWaitsIsANote) {
  const auto told = [](const WhyEvidence& evidence, const std::string& words) {
    const auto notes = FindNotes({kTablet, ""}, evidence);
    return std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
      return note.find(words) != std::string::npos;
    });
  };
  WhyEvidence evidence = Healthy();
  EXPECT_FALSE(told(evidence, "by itself it waits"));
  ServerSummary& server = evidence.cell.servers.back();
  server.draining = true;
  EXPECT_TRUE(told(evidence, "waits, " + server.server_id + " drains and still has tablets"));
  server.tablets = 0;
  EXPECT_FALSE(told(evidence, "by itself it waits")) << "a drained one does not matter";
  server.state = "suspect";
  EXPECT_TRUE(told(evidence, "waits, " + server.server_id + " does not report"));
}

TEST(WhyTest, NobodyAnswers) {
  WhyEvidence evidence = Healthy();
  evidence.master = absl::UnavailableError("connection refused");
  EXPECT_EQ(OfTablet(evidence), "master-unreachable");
  evidence.by_locker = true;
  evidence.master = absl::UnavailableError("ZooKeeper at 1.2.3.4 does not answer");
  EXPECT_EQ(OfServer(evidence), "zookeeper-unreachable");
}

TEST(WhyTest, TheMasterIsInTrouble) {
  WhyEvidence evidence = Healthy();
  evidence.cell.trouble = "ZooKeeper: connection loss";
  EXPECT_EQ(OfTablet(evidence), "zookeeper-unreachable");
  evidence.cell.trouble = "the catalog cannot be read";
  EXPECT_EQ(OfTablet(evidence), "master-in-trouble");
}

TEST(WhyTest, DeadSilentAndFencedAreToldApart) {
  WhyEvidence evidence = Healthy();
  evidence.cell.servers[0].state = "suspect";
  evidence.probes["ts-1"].answer = absl::UnavailableError("1.2.3.4:5: Connection refused");
  EXPECT_EQ(OfServer(evidence), "server-dead");
  EXPECT_EQ(OfTablet(evidence), "server-dead");
  evidence.probes["ts-1"].answer = absl::DeadlineExceededError("no answer");
  EXPECT_EQ(OfServer(evidence), "server-silent");
  evidence.cell.servers[0].state = "recovering";
  EXPECT_EQ(OfServer(evidence), "lease-lost");
  evidence = Healthy();
  evidence.probes["ts-1"].last["lease.remaining_ms"] = -5;
  EXPECT_EQ(OfTablet(evidence), "lease-lost");
  evidence = Healthy();
  evidence.cell.servers.erase(evidence.cell.servers.begin());
  evidence.probes.clear();
  evidence.last_events = {"ts-1 is gone"};
  EXPECT_EQ(First(evidence, {{}, "ts-1"}), "server-dead") << "known by an event alone";
}

TEST(WhyTest, ATabletThatIsAway) {
  WhyEvidence evidence = Healthy();
  TabletSummary& tablet = evidence.cell.tablets[0];
  tablet.state = "unassigned";
  tablet.reason = "its owner is gone";
  tablet.next_step = "it gets another";
  EXPECT_EQ(OfTablet(evidence), "tablet-unassigned");
  evidence.cell.servers[1].state = "recovering";
  EXPECT_EQ(OfTablet(evidence), "tablet-recovering");
  evidence = Healthy();
  evidence.cell.tablets[0].state = "broken";
  evidence.cell.tablets[0].reason = "file 7 is damaged at offset 12";
  EXPECT_EQ(OfTablet(evidence), "corrupt-file");
}

TEST(WhyTest, DamageIsNamedBeforeOtherThings) {
  WhyEvidence evidence = Healthy();
  evidence.probes["ts-1"].last["disk.full"] = 1;
  EXPECT_EQ(OfTablet(evidence), "disk-full");
  evidence.read = absl::DataLossError("block 3");
  EXPECT_EQ(OfTablet(evidence), "corrupt-file");
  evidence.read = absl::UnavailableError("not now");
  evidence.verified = TabletVerification{1, 2, {"file x"}};
  EXPECT_EQ(OfTablet(evidence), "corrupt-file");
}

TEST(WhyTest, SlowAndFull) {
  WhyEvidence evidence = Healthy();
  evidence.probes["ts-1"].last["writes.stalled_ms"] = 900;
  EXPECT_EQ(OfServer(evidence), "write-stall");
  evidence.probes["ts-1"].first.clear();  // it answered once: nothing is known of a difference
  EXPECT_EQ(OfServer(evidence), "none");
  evidence = Healthy();
  evidence.probes["ts-1"].last["requests.refused"] = 3;
  EXPECT_EQ(OfServer(evidence), "none") << "the first look did not have it";
  evidence.probes["ts-1"].first["requests.refused"] = 1;
  EXPECT_EQ(OfServer(evidence), "overloaded");
}

TEST(WhyTest, HotAndHuge) {
  WhyEvidence evidence = Healthy();
  evidence.cell.tablets[0].reads = 5'000;
  EXPECT_EQ(OfTablet(evidence), "range-too-hot");
  evidence.cell.tablets[1].reads = 50'000;
  EXPECT_EQ(OfTablet(evidence), "none");
  evidence.cell.tablets[0].reason = "one hot row: \"a\" has 97 % of the requests";
  EXPECT_EQ(OfTablet(evidence), "range-too-hot");
}

TEST(WhyTest, OnlyALargeTabletWithoutTwoRowsIsOneHugeRow) {
  WhyEvidence evidence = Healthy();
  TabletSummary& tablet = evidence.cell.tablets[0];
  uint64_t& split_bytes = evidence.cell.tables[0].schema.split_bytes;
  tablet.reason = "not split or merged: tablet 17 has no two rows with data to split between";
  EXPECT_EQ(OfTablet(evidence), "reshape-refused") << "it is small: somebody asked for the split";
  tablet.bytes = 1'001;
  EXPECT_EQ(OfTablet(evidence), "one-huge-row");
  split_bytes = 0;
  EXPECT_EQ(OfTablet(evidence), "reshape-refused") << "it is never split by size";
  split_bytes = 1'000;
  tablet.reason = "not split or merged: tablets 17 and 18 are on two servers, drop no row";
  const auto causes = FindCauses({kTablet, ""}, evidence);
  ASSERT_EQ(causes.size(), 1u);
  EXPECT_EQ(causes[0].id, "reshape-refused");
  EXPECT_EQ(causes[0].evidence, std::vector<std::string>{tablet.reason});
}

TEST(WhyTest, ADrainIsTold) {
  WhyEvidence evidence = Healthy();
  evidence.cell.servers[0].draining = true;
  EXPECT_EQ(OfServer(evidence), "drain-in-progress");
  evidence.cell.servers[0].state = "dead";
  evidence.cell.servers[0].tablets = 0;
  evidence.probes.clear();
  EXPECT_EQ(OfServer(evidence), "drain-in-progress");
}

}  // namespace
}  // namespace stele::cli
