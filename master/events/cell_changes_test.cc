// Goal: each kind of change between two looks at a cell becomes one event that says it, and no
// change becomes none.
#include "master/events/cell_changes.h"

#include <gtest/gtest.h>

#include "common/testing/seeded_random.h"

namespace stele::master {
namespace {

constexpr TableId kTable = kFirstUserTable;

wire::ServerSummary Server(const std::string& id, uint64_t incarnation = 1) {
  wire::ServerSummary server;
  server.server_id = id;
  server.incarnation = incarnation;
  server.address = id + ":1";
  server.state = "live";
  return server;
}

wire::TabletSummary Tablet(TabletId id, const std::string& start, const std::string& end,
                           const std::string& server = "ts-1") {
  wire::TabletSummary tablet;
  tablet.location.tablet = {id, kTable, start, end};
  tablet.location.assignment = TabletAssignment::kAssigned;
  tablet.location.server_id = server;
  tablet.location.incarnation = 1;
  tablet.location.epoch = 3;
  tablet.state = "serving";
  return tablet;
}

class CellChangesTest : public ::testing::Test {
 protected:
  CellChangesTest() {
    before_.servers = {Server("ts-1"), Server("ts-2")};
    before_.tables.resize(1);
    before_.tables[0].schema.id = kTable;
    before_.tables[0].schema.name = "t";
    before_.tables[0].schema.version = 4;
    before_.tables[0].schema.families = {FamilySchema{.name = "f"}, FamilySchema{.name = "g"}};
    before_.tables[0].state = "serving";
    before_.tables[0].tablets = 2;
    before_.tablets = {Tablet(100, "", "m"), Tablet(101, "m", "")};
    after_ = before_;
  }

  // "kind|tablet|table|server|text" of each.
  std::vector<std::string> Found() const {
    std::vector<std::string> found;
    for (const wire::Event& event : FindChanges(before_, after_, why_moved_)) {
      found.push_back(event.kind + "|" + std::to_string(event.tablet) + "|" + event.table + "|" +
                      event.server + "|" + event.text);
    }
    return found;
  }
  using Texts = std::vector<std::string>;

  wire::CellStatusResponse before_, after_;
  std::map<TabletId, std::string> why_moved_;
};

TEST_F(CellChangesTest, NothingChanged) {
  after_.servers[0].last_report_age_ms = 7;
  after_.tablets[0].counters.bytes = 9;
  after_.tablets[0].reason = "other words";
  EXPECT_EQ(Found(), Texts());
}

TEST_F(CellChangesTest, AMoveThatWasPlannedHasItsReason) {
  after_.tablets[0].location.server_id = "ts-2";
  after_.tablets[0].location.epoch = 4;
  why_moved_ = {{100, "ts-1 has a load of 9/s"}, {101, "not yet moved"}};
  EXPECT_EQ(Found(),
            (Texts{"assign|100|t|ts-2|tablet 100 goes from ts-1 to ts-2, epoch 4: ts-1 has "
                   "a load of 9/s"}));
}

TEST_F(CellChangesTest, WhatDiedTogetherWithTheMasterIsToldByTheNext) {
  std::map<TabletId, TabletLocation> found;
  for (const wire::TabletSummary& tablet : before_.tablets) {
    found[tablet.location.tablet.id] = tablet.location;
  }
  found[101].server_id = "ts-2";
  after_.tablets[1].location.server_id = "ts-2";
  after_.servers.push_back(Server("ts-3"));  // without tablets: nothing is known of it
  before_ = LastSeen(found, after_);
  EXPECT_EQ(Found(), Texts());

  // ts-1 is dead; ts-2 has been started again.
  after_.servers = {Server("ts-2", 2), Server("ts-3"), Server("ts-1")};
  after_.servers[2].state = "recovering";
  after_.tablets[0].state = "unassigned";
  after_.tablets[0].reason = "its owner ts-1 is gone";
  after_.tablets[1].location.incarnation = 2;
  before_ = LastSeen(found, after_);
  EXPECT_EQ(Found(),
            (Texts{"recovery|0||ts-1|ts-1, incarnation 1, is gone; its log is to be recovered",
                   "server|0||ts-2|ts-2 joined at ts-2:1",
                   "tablet|100|t|ts-1|tablet 100 is unassigned: its owner ts-1 is gone",
                   "assign|101|t|ts-2|tablet 101 goes back to ts-2, which was started again, epoch "
                   "3"}));

  // ts-1 is recovered already, its tablet elsewhere.
  after_.servers = {Server("ts-2"), Server("ts-3")};
  after_.tablets = {Tablet(100, "", "m", "ts-3"), Tablet(101, "m", "", "ts-2")};
  before_ = LastSeen(found, after_);
  EXPECT_EQ(Found(), (Texts{"server|0||ts-1|ts-1 is gone",
                            "assign|100|t|ts-3|tablet 100 goes from ts-1 to ts-3, epoch 3"}));
}

TEST_F(CellChangesTest, ServersComeAndGo) {
  after_.servers = {Server("ts-2", 2), Server("ts-3")};
  EXPECT_EQ(Found(), (Texts{"server|0||ts-1|ts-1 is gone", "server|0||ts-2|ts-2 joined at ts-2:1",
                            "server|0||ts-3|ts-3 joined at ts-3:1"}));
}

TEST_F(CellChangesTest, AServerIsSilentAndReportsAgain) {
  after_.servers[0].state = "suspect";
  after_.servers[0].note = "timed out";
  EXPECT_EQ(Found(), Texts{"server|0||ts-1|ts-1 does not report: timed out"});
  std::swap(before_, after_);
  EXPECT_EQ(Found(), Texts{"server|0||ts-1|ts-1 reports again"});
}

TEST_F(CellChangesTest, ALogIsRecovered) {
  after_.servers[0].state = "recovering";
  after_.servers[0].address.clear();
  after_.servers[0].note = "ts-2 sorts it";
  EXPECT_EQ(Found(), Texts{"recovery|0||ts-1|ts-1, incarnation 1, is gone; its log is to be "
                           "recovered: ts-2 sorts it"});
  before_ = after_;
  after_.servers.erase(after_.servers.begin());
  EXPECT_EQ(Found(), Texts{"recovery|0||ts-1|the log of ts-1, incarnation 1, is recovered"});
  // It is back before its past log is recovered: the list has it twice.
  after_ = before_;
  after_.servers.push_back(Server("ts-1", 2));
  EXPECT_EQ(Found(), Texts{"server|0||ts-1|ts-1 joined at ts-1:1"});
  before_ = after_;
  after_.servers.erase(after_.servers.begin());
  EXPECT_EQ(Found(), Texts{"recovery|0||ts-1|the log of ts-1, incarnation 1, is recovered"});
}

TEST_F(CellChangesTest, AServerIsBackWithinOneLook) {
  after_.servers[0].state = "recovering";
  after_.servers.push_back(Server("ts-1", 2));
  EXPECT_EQ(Found(), (Texts{"recovery|0||ts-1|ts-1, incarnation 1, is gone; its log is to be "
                            "recovered",
                            "server|0||ts-1|ts-1 joined at ts-1:1"}));
}

TEST_F(CellChangesTest, WhoIsOnlyRememberedToBeDrainedDoesNotGo) {
  before_.servers[0].state = "dead";
  before_.servers[0].draining = true;
  after_.servers.erase(after_.servers.begin());
  EXPECT_EQ(Found(), Texts());
}

TEST_F(CellChangesTest, AServerDrains) {
  after_.servers[1].draining = true;
  EXPECT_EQ(Found(), Texts{"server|0||ts-2|ts-2 drains"});
  std::swap(before_, after_);
  EXPECT_EQ(Found(), Texts{"server|0||ts-2|ts-2 takes tablets again"});
}

TEST_F(CellChangesTest, ATableIsMadeChangedAndDropped) {
  wire::TableSummary made = before_.tables[0];
  made.schema.id = kTable + 1;
  made.schema.name = "new";
  made.state = "creating";
  made.tablets = 1;
  after_.tables.push_back(made);
  after_.tablets.push_back(Tablet(200, "", ""));
  after_.tablets[2].location.tablet.table = kTable + 1;
  EXPECT_EQ(Found(), Texts{"table|0|new||table new is being created"});
  before_ = after_;
  after_.tables[1].state = "serving";
  EXPECT_EQ(Found(), Texts{"table|0|new||table new is created with 1 tablet"});
  before_ = after_;
  after_.tables[1].schema.version = 5;
  after_.tables[1].schema.families = {FamilySchema{.name = "g", .gc = {.max_versions = 1}},
                                      FamilySchema{.name = "h"}};
  after_.tables[1].schema.split_bytes = before_.tables[1].schema.split_bytes + 1;
  after_.tables[1].schema.deletion_protection = true;
  const std::string size = std::to_string(before_.tables[1].schema.split_bytes);
  EXPECT_EQ(Found(),
            Texts{"table|0|new||table new has schema version 5: family g changed, family h added, "
                  "family f dropped, split size " +
                  size + " -> " + std::to_string(after_.tables[1].schema.split_bytes) +
                  ", protected from deletion"});
  before_ = after_;
  after_.tables[1].state = "dropping";
  EXPECT_EQ(Found(), Texts{"table|0|new||table new is being dropped"});
  before_ = after_;
  after_.tables.pop_back();
  after_.tablets.pop_back();
  EXPECT_EQ(Found(), Texts{"table|0|new||table new is dropped"});
}

TEST_F(CellChangesTest, ATabletIsSplitAndMerged) {
  after_.tablets[0].location.tablet.start_row = std::string("c\0\xff", 3);
  after_.tablets.push_back(Tablet(102, "", std::string("c\0\xff", 3)));
  EXPECT_EQ(Found(),
            Texts{"split|102|t|ts-1|tablet 102 was split off tablet 100 at row \"c\\x00\\xff\""});
  std::swap(before_, after_);
  EXPECT_EQ(Found(), Texts{"merge|102|t|ts-1|tablet 102 was merged into tablet 100"});
}

TEST_F(CellChangesTest, ATabletGetsAnotherOwner) {
  after_.tablets[1].location.server_id = "ts-2";
  after_.tablets[1].location.epoch = 4;
  EXPECT_EQ(Found(), Texts{"assign|101|t|ts-2|tablet 101 goes from ts-1 to ts-2, epoch 4"});
  before_.tablets[1].state = after_.tablets[1].state = "unassigned";
  before_.tablets[1].reason = "its owner is gone";
  EXPECT_EQ(Found(), Texts{"assign|101|t|ts-2|tablet 101 goes from ts-1 to ts-2, epoch 4: its "
                           "owner is gone"});
  after_.tablets[1].location.server_id = "ts-1";
  after_.tablets[1].location.incarnation = 2;
  EXPECT_EQ(Found(), Texts{"assign|101|t|ts-1|tablet 101 goes back to ts-1, which was started "
                           "again, epoch 4: its owner is gone"});
}

TEST_F(CellChangesTest, ATabletServesNoMoreAndAgain) {
  after_.tablets[0].state = "unassigned";
  after_.tablets[0].reason = "its owner ts-1 is gone";
  EXPECT_EQ(Found(), Texts{"tablet|100|t|ts-1|tablet 100 is unassigned: its owner ts-1 is gone"});
  before_ = after_;
  after_.tablets[0].state = "opening";  // on the way
  EXPECT_EQ(Found(), Texts());
  after_.tablets[0].state = "broken";
  after_.tablets[0].reason = "a file is missing";
  EXPECT_EQ(Found(), Texts{"tablet|100|t|ts-1|tablet 100 is broken: a file is missing"});
  before_ = after_;
  before_.tablets[0].state_age_ms = 70;
  after_.tablets[0].state = "serving";
  EXPECT_EQ(Found(), Texts{"tablet|100|t|ts-1|tablet 100 serves at ts-1, after 70 ms broken"});
}

}  // namespace
}  // namespace stele::master
