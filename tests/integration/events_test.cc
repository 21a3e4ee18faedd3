// Goal: what happens in a real cell of three servers is told by events, with who asked for it and
// why something was refused; they outlive the master, and the catalog holds no more than the limit.
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "deploy/cell/cell.h"
#include "stele/client.h"

namespace stele {
namespace {

constexpr size_t kMaxEvents = 60;

class EventsTest : public ::testing::Test {
 protected:
  void SetUp() override { Start(); }
  void TearDown() override { client_.reset(); }
  void Start() {
    client_.reset();
    cell_.reset();
    deploy::CellOptions options;
    options.data_dir = dir_.path();
    options.tablet_servers = 3;
    options.reshape.merge_small_after_ms = 0;
    options.max_events = kMaxEvents;
    auto cell = deploy::Cell::Start(options);
    ASSERT_OK(cell.status());
    cell_ = *std::move(cell);
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_->address()));
  }
  Admin& admin() { return client_->admin(); }

  // The events of the query, once there is one with `text`; a change is told by the pass that made
  // it, after its caller may have been answered.
  std::vector<Event> Await(const std::string& text, const EventQuery& query = {}) {
    for (int i = 0; i < 10'000; ++i) {
      auto list = admin().ListEvents(query);
      EXPECT_OK(list);
      if (!list.ok()) break;
      const bool there = std::any_of(list->events.begin(), list->events.end(), [&](const Event& e) {
        return absl::StrContains(e.text, text);
      });
      if (there) return list->events;
    }
    ADD_FAILURE() << "no event says \"" << text << "\"";
    return {};
  }
  static const Event* Find(const std::vector<Event>& events, const std::string& kind,
                           const std::string& text) {
    for (const Event& event : events) {
      if (event.kind == kind && absl::StrContains(event.text, text)) return &event;
    }
    return nullptr;
  }
  void MakeTable(const std::string& name) {
    TableSchema schema;
    schema.name = name;
    schema.families.emplace_back().name = "f";
    ASSERT_OK(admin().CreateTable(schema));
  }

  TempDir dir_;
  std::unique_ptr<deploy::Cell> cell_;
  std::unique_ptr<Client> client_;
};

TEST_F(EventsTest, TellWhatHappenedAndWhoAskedForIt) {
  MakeTable("t");
  ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
  for (const char* row : {"a", "b", "c", "d"}) {
    ASSERT_OK(table.Apply(RowMutationBuilder(row).Set("f", "q", "v").Build()));
  }
  TabletOrder split{.table = "t", .at = "b"};
  ASSERT_OK(admin().Split(split));
  TabletOrder nowhere{.table = "t", .server = "ts-9"};
  EXPECT_STATUS(kNotFound, "ts-9", admin().Move(nowhere));
  ASSERT_OK_AND_ASSIGN(TableDescription description, admin().DescribeTable("t"));
  TabletOrder move;
  move.tablets = {description.tablets[0].id};
  move.server = description.tablets[0].server_id == "ts-1" ? "ts-2" : "ts-1";
  ASSERT_OK(admin().Move(move));
  move.dry_run = true;
  ASSERT_OK(admin().Move(move));
  ASSERT_OK(admin().FlushTable("t"));
  ASSERT_OK(admin().DropTable("t"));

  const std::vector<Event> events = Await("table t is dropped");
  const Event* active = Find(events, "master", "is active in term");
  ASSERT_NE(active, nullptr);
  const Event* made = Find(events, "table", "table t is created with 1 tablet");
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->table, "t");
  const Event* order = Find(events, "order", "CreateTable \"t\"");
  ASSERT_NE(order, nullptr);
  EXPECT_TRUE(absl::StartsWith(order->actor, "127.0.0.1:")) << order->actor;
  EXPECT_LT(order->number, made->number);
  const Event* cut = Find(events, "split", "at row \"b\"");
  ASSERT_NE(cut, nullptr);
  EXPECT_EQ(cut->tablet, description.tablets[0].id);
  const Event* refused = Find(events, "refused", "Move table \"t\" to \"ts-9\": ");
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->server, "ts-9");
  const Event* moved = Find(events, "assign", absl::StrCat(" to ", move.server, ", epoch "));
  ASSERT_NE(moved, nullptr);
  EXPECT_EQ(moved->tablet, move.tablets[0]);
  EXPECT_NE(Find(events, "tablet", absl::StrCat(" serves at ", move.server)), nullptr);
  EXPECT_NE(Find(events, "order", "FlushTable \"t\""), nullptr);
  EXPECT_EQ(std::count_if(events.begin(), events.end(),
                          [](const Event& e) {
                            return e.kind == "order" && absl::StartsWith(e.text, "Move tablet");
                          }),
            1)
      << "a dry run is no order";
  // By tablet, and what comes behind a number.
  for (const Event& event : Await("serves at", {.tablet = move.tablets[0]})) {
    EXPECT_EQ(event.tablet, move.tablets[0]);
  }
  ASSERT_OK_AND_ASSIGN(EventList later, admin().ListEvents({.after = moved->number}));
  for (const Event& event : later.events) EXPECT_GT(event.number, moved->number);
  EXPECT_NE(Find(later.events, "table", "table t is dropped"), nullptr);
}

TEST_F(EventsTest, OutliveTheMasterWithinTheirLimit) {
  MakeTable("first");
  Await("first is created");
  // Each is an order that is refused, by another name.
  for (size_t i = 0; i < kMaxEvents; ++i) {
    EXPECT_STATUS(kNotFound, "", admin().DropTable(absl::StrCat("none", i)));
  }
  MakeTable("last");
  const std::vector<Event> before = Await("last is created", {.limit = 10'000});
  EXPECT_EQ(before.size(), kMaxEvents);
  EXPECT_EQ(Find(before, "table", "first is created"), nullptr);
  Start();
  const std::vector<Event> after = Await("last is created", {.limit = 10'000});
  EXPECT_LE(after.size(), kMaxEvents);
  const Event *old = Find(before, "table", "last is created"),
              *kept = Find(after, "table", "last is created");
  ASSERT_NE(old, nullptr);
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(kept->number, old->number);
  EXPECT_EQ(kept->time_us, old->time_us);
  EXPECT_TRUE(std::is_sorted(after.begin(), after.end(),
                             [](const Event& a, const Event& b) { return a.number < b.number; }));
  ASSERT_OK_AND_ASSIGN(Table catalog, client_->OpenTable("_CATALOG"));
  size_t rows = 0;
  for (StatusOr<Row>& row : catalog.ReadRows(ReadQuery().Prefix("e/"))) {
    ASSERT_OK(row);
    ++rows;
  }
  EXPECT_LE(rows, kMaxEvents);
  EXPECT_GT(rows, 0u);
}

}  // namespace
}  // namespace stele
