// Goal: events are numbered and timed, listed by each field, forward from a number or the newest
// first, and no more are kept than the limit; what is asked for again and again is told once.
// (That they outlive a master is tests/integration/events_test.cc.)
#include "master/events/event_log.h"

#include <gtest/gtest.h>

#include "common/testing/manual_clock.h"
#include "common/testing/status_asserts.h"
#include "master/events/cell_changes.h"
#include "master/events/order_text.h"
#include "schema/convert/codec.h"

namespace stele::master {
namespace {

constexpr size_t kMax = 8;

class EventLogTest : public ::testing::Test {
 protected:
  EventLogTest() {
    log_.Begin(/*term=*/3);
    log_.Load({});
  }
  void Add(const std::string& text, const char* kind = kTabletEvent, TabletId tablet = 0,
           const std::string& table = "", const std::string& server = "",
           const std::string& actor = "", bool once = false) {
    log_.Add({0, 0, kind, tablet, table, server, actor, text}, once);
    clock_.AdvanceMillis(1);
  }
  wire::ListEventsResponse List(const wire::ListEventsRequest& request) {
    return log_.List(request).value();
  }
  std::string Texts(const wire::ListEventsRequest& request) {
    std::string texts;
    for (const wire::Event& event : List(request).events) texts += event.text + " ";
    return texts;
  }

  ManualClock clock_;
  EventLog log_{&clock_, kMax};
};

TEST_F(EventLogTest, NumbersBearTheTermAndGrow) {
  Add("a");
  Add("b");
  const wire::ListEventsResponse all = List({});
  ASSERT_EQ(all.events.size(), 2u);
  EXPECT_EQ(all.events[0].number, (uint64_t{3} << 32) + 1);
  EXPECT_EQ(all.events[1].number, (uint64_t{3} << 32) + 2);
  EXPECT_EQ(all.events[0].time_us, ManualClock::kStartWallMicros);
  EXPECT_EQ(all.events[1].time_us, ManualClock::kStartWallMicros + 1000);
  EXPECT_EQ(all.last, all.events[1].number);
}

TEST_F(EventLogTest, EachFieldSelects) {
  Add("a", kTabletEvent, 7, "t", "ts-1");
  Add("b", kSplitEvent, 8, "t", "ts-2");
  Add("c", kTabletEvent, 8, "u", "ts-2");
  EXPECT_EQ(Texts({.kind = kTabletEvent}), "a c ");
  EXPECT_EQ(Texts({.tablet = 8}), "b c ");
  EXPECT_EQ(Texts({.table = "t"}), "a b ");
  EXPECT_EQ(Texts({.server = "ts-2"}), "b c ");
  EXPECT_EQ(Texts({.kind = kTabletEvent, .tablet = 8, .table = "u", .server = "ts-2"}), "c ");
  EXPECT_EQ(Texts({.kind = "no such"}), "");
  EXPECT_EQ(Texts({.since_us = ManualClock::kStartWallMicros + 1000}), "b c ");
}

TEST_F(EventLogTest, TheNewestOrWhatFollows) {
  for (const char* text : {"a", "b", "c", "d"}) Add(text);
  EXPECT_EQ(Texts({.limit = 2}), "c d ");
  EXPECT_EQ(Texts({.limit = 0}), "d ") << "at least one";
  const uint64_t first = List({}).events[0].number;
  EXPECT_EQ(Texts({.after = first, .limit = 2}), "b c ");
  EXPECT_EQ(List({.after = first, .limit = 2}).last, first + 2);
  EXPECT_EQ(Texts({.after = first + 3}), "");
  EXPECT_EQ(List({.after = first + 3}).last, first + 3);
  // What was passed over is not looked at again.
  EXPECT_EQ(List({.after = first, .kind = "none"}).last, first + 3);
}

TEST_F(EventLogTest, TheOldestGo) {
  for (int i = 0; i < 20; ++i) Add(std::to_string(i));
  EXPECT_EQ(Texts({}), "12 13 14 15 16 17 18 19 ");
}

TEST_F(EventLogTest, ALongTextIsCut) {
  Add(std::string(5000, 'x'));
  const wire::Event event = List({}).events.at(0);
  EXPECT_EQ(event.text.size(), wire::kMaxEventTextBytes);
  EXPECT_TRUE(event.text.ends_with("x..."));
}

TEST_F(EventLogTest, WhatIsAskedAgainAndAgainIsToldOnce) {
  auto once = [&](const char* text, const char* kind, const char* actor) {
    Add(text, kind, 0, "", "ts-1", actor, /*once=*/true);
  };
  once("drain", kOrderEvent, "me:1");
  Add("moved", kTabletEvent);
  once("drain", kOrderEvent, "me:1");
  once("drain", kOrderEvent, "another:1");
  once("no", kRefusedEvent, "me:1");
  once("no", kRefusedEvent, "me:1");
  Add("moved", kTabletEvent);  // really, once more
  EXPECT_EQ(Texts({}), "drain moved drain no moved ");
  Add("drop", kOrderEvent);
  Add("drop", kOrderEvent);  // another of that name
  EXPECT_EQ(Texts({.after = List({}).last - 2}), "drop drop ");
  clock_.AdvanceMillis(61'000);
  once("no", kRefusedEvent, "me:1");
  EXPECT_EQ(Texts({.kind = kRefusedEvent}), "no no ");
}

TEST_F(EventLogTest, ThePastIsReadBeforeItIsListed) {
  EventLog next(&clock_, kMax);
  next.Begin(4);
  next.Add({.kind = kMasterEvent, .text = "active"});
  EXPECT_STATUS(kUnavailable, "not read yet", next.List({}));
  Add("old", kTableEvent);
  wire::Event old = List({}).events[0];
  ASSERT_OK_AND_ASSIGN(const net::Buffer body, wire::Encode(old));
  next.Load({{old.number, std::string(body.bytes())}, {old.number + 1, "damaged"}});
  ASSERT_OK_AND_ASSIGN(const wire::ListEventsResponse all, next.List({}));
  ASSERT_EQ(all.events.size(), 2u);
  EXPECT_EQ(all.events[0], old);
  EXPECT_EQ(all.events[1].text, "active");
}

TEST_F(EventLogTest, ThousandsOfTabletsDoNotPushOutWhatWasOrdered) {
  Add("drop it", kOrderEvent);
  Add("no", kRefusedEvent);
  for (size_t i = 0; i < 10 * kMax; ++i) Add("serves", kTabletEvent);
  EXPECT_EQ(Texts({.kind = kOrderEvent}), "drop it ");
  EXPECT_EQ(Texts({.kind = kRefusedEvent}), "no ");
  EXPECT_EQ(List({.limit = 10 * kMax}).events.size(), kMax);
  // Nor the other way round.
  for (size_t i = 0; i < 10 * kMax; ++i) Add("order", kOrderEvent);
  EXPECT_EQ(List({.kind = kTabletEvent, .limit = kMax}).events.size(), kMax * 3 / 4);
  EXPECT_EQ(List({.kind = kOrderEvent, .limit = kMax}).events.size(), kMax / 4);
}

TEST_F(EventLogTest, NamesAreCut) {
  Add("text", kOrderEvent, 0, "t", std::string(70'000, 's'), std::string(200, 'a'));
  EXPECT_EQ(List({}).events[0].server.size(), 100u);
  EXPECT_EQ(List({}).events[0].actor.size(), 100u);
}

TEST(OrderTextTest, SaysWhatWasOrdered) {
  using wire::Method;
  auto text = [](Method method, const auto& order) { return OrderEvent(method, order).text; };
  wire::CreateTableRequest create;
  create.schema.name = "t";
  create.split_keys = {"m"};
  EXPECT_EQ(text(Method::kCreateTable, create), "CreateTable \"t\" with 2 tablets");
  EXPECT_EQ(text(Method::kAlterTable, wire::AlterTableRequest{.table = "t"}), "AlterTable \"t\"");
  EXPECT_EQ(text(Method::kDropTable, wire::TableNameRequest{"t"}), "DropTable \"t\"");
  EXPECT_EQ(text(Method::kDropRowRange, wire::DropRowRangeRequest{"t", "", true}),
            "DropRowRange \"t\", all rows");
  EXPECT_EQ(text(Method::kDropRowRange, wire::DropRowRangeRequest{"t", "p\n", false}),
            "DropRowRange \"t\", rows that begin with \"p\\n\"");
  const wire::TabletOrderRequest move{"", {7}, "", "ts-2"};
  EXPECT_EQ(text(Method::kMove, move), "Move tablet 7 to \"ts-2\"");
  EXPECT_EQ(OrderEvent(Method::kMove, move).tablet, 7u);
  EXPECT_EQ(OrderEvent(Method::kMove, move).server, "ts-2");
  EXPECT_EQ(text(Method::kSplit, wire::TabletOrderRequest{"", {7}, "k", ""}),
            "Split tablet 7 at row \"k\"");
  EXPECT_EQ(text(Method::kMerge, wire::TabletOrderRequest{"t", {}, "", ""}), "Merge table \"t\"");
  EXPECT_EQ(text(Method::kDrain, wire::TabletOrderRequest{"", {}, "", "ts-1"}), "Drain \"ts-1\"");
  EXPECT_EQ(text(Method::kCompactTablets,
                 wire::TabletOrderRequest{"", std::vector<TabletId>(25, 1), "", ""})
                .substr(0, 27),
            "CompactTablets tablets 1, 1");
  wire::Event refused =
      RefusedEvent(OrderEvent(Method::kMove, move), absl::NotFoundError("no such server"));
  EXPECT_EQ(refused.kind, kRefusedEvent);
  EXPECT_EQ(refused.text, "Move tablet 7 to \"ts-2\": no such server");
}

}  // namespace
}  // namespace stele::master
