// Goal: whoever goes through a list part by part, while it changes, meets each entry that stays,
// once and in order; a part of 10,000 tablets costs little; links carry keys of any bytes.
#include "deploy/cell/paging.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "deploy/cell/status_pages.h"

namespace stele::deploy {
namespace {

using nlohmann::json;

// The request that a link leads to.
net::HttpRequest Follow(const std::string& link) {
  auto request = net::ParseHttpTarget(link);
  EXPECT_TRUE(request.ok()) << link;
  return *std::move(request);
}

// `count` tablets of table 16, one of each other; keys of hostile bytes. In the order of ids, which
// is not that of the rows.
CellSnapshot ManyTablets(int count) {
  auto view = std::make_shared<master::CellView>();
  view->ready = true;
  auto row = [](int i) { return absl::StrCat("\xff<&'", absl::Dec(i, absl::kZeroPad6), "\n"); };
  for (TableId id = 16; id < 18; ++id) {
    wire::TableSummary& table = view->status.tables.emplace_back();
    table.schema.id = id;
    table.schema.name = absl::StrCat("t", id);
    table.tablets = static_cast<uint64_t>(count);
  }
  for (int i = count; i-- > 0;) {
    wire::TabletSummary& tablet = view->status.tablets.emplace_back();
    tablet.location.tablet = {static_cast<TabletId>(1000 + count - i), 16, i == 0 ? "" : row(i),
                              i + 1 == count ? "" : row(i + 1)};
    tablet.location.server_id = i % 2 == 0 ? "ts-1" : "ts-2";
    tablet.state = "serving";
  }
  wire::TabletSummary& other = view->status.tablets.emplace_back();
  other.location.tablet = {7, 17, "", ""};
  other.location.server_id = "ts-1";
  other.state = "serving";
  for (const char* id : {"ts-1", "ts-2"}) {
    wire::ServerSummary& server = view->status.servers.emplace_back();
    server.server_id = id;
    server.state = "live";
  }
  CellSnapshot snapshot;
  snapshot.view = view;
  return snapshot;
}

// All ids that the JSON parts give, from the first on.
std::vector<TabletId> Walk(const CellSnapshot& snapshot, net::HttpRequest request,
                           const char* list) {
  std::vector<TabletId> ids;
  for (int parts = 0; parts < 1'000; ++parts) {
    const net::HttpResponse answer = RenderStatusPage(request, snapshot);
    EXPECT_EQ(answer.status, 200u) << answer.body;
    const json part = json::parse(answer.body, nullptr, false);
    for (const json& tablet : part[list]) ids.push_back(tablet["id"].get<TabletId>());
    if (!part["part"].contains("next")) return ids;
    request = Follow(part["part"]["next"].get<std::string>());
  }
  ADD_FAILURE() << "no end";
  return ids;
}

TEST(Paging, EachTabletOnceInTheOrderOfRows) {
  const CellSnapshot snapshot = ManyTablets(53);
  std::vector<TabletId> wanted;
  for (TabletId id = 1053; id > 1000; --id) wanted.push_back(id);
  for (const char* limit : {"1", "7", "53", "1000"}) {
    const net::HttpRequest table{"/table", {{"name", "t16"}, {"limit", limit}, {"format", "json"}}};
    EXPECT_EQ(Walk(snapshot, table, "tablet_list"), wanted) << limit;
    auto all = wanted;
    all.push_back(7);
    const net::HttpRequest tablets{"/tablets", {{"limit", limit}, {"format", "json"}}};
    EXPECT_EQ(Walk(snapshot, tablets, "tablets"), all) << limit;
    const net::HttpRequest server{"/server",
                                  {{"id", "ts-2"}, {"limit", limit}, {"format", "json"}}};
    EXPECT_EQ(Walk(snapshot, server, "tablet_list").size(), 26u) << limit;
  }
}

TEST(Paging, ALinkSurvivesTheTabletThatItNames) {
  const CellSnapshot before = ManyTablets(20);
  const net::HttpRequest first{"/tablets", {{"limit", "5"}, {"format", "json"}}};
  const json part = json::parse(RenderStatusPage(first, before).body);
  ASSERT_EQ(part["tablets"].size(), 5u);
  // The last one that was shown is merged away; the next one is split.
  auto view = std::make_shared<master::CellView>(*before.view);
  auto& tablets = view->status.tablets;
  std::erase_if(tablets, [](const auto& tablet) { return tablet.location.tablet.id == 1016; });
  CellSnapshot after = before;
  after.view = view;
  const json next =
      json::parse(RenderStatusPage(Follow(part["part"]["next"].get<std::string>()), after).body);
  EXPECT_EQ(next["tablets"][0]["id"], 1015);
  EXPECT_EQ(next["part"]["first"], 4);
}

TEST(Paging, PagesSayWhereTheyAreAndLinkOn) {
  const CellSnapshot snapshot = ManyTablets(450);
  const std::string page = RenderStatusPage({"/tablets", {}}, snapshot).body;
  EXPECT_TRUE(absl::StrContains(page, "1 to 200 of 451")) << page.substr(0, 4000);
  EXPECT_TRUE(absl::StrContains(page, ">Next</a>"));
  EXPECT_FALSE(absl::StrContains(page, ">First</a>"));
  EXPECT_FALSE(absl::StrContains(page, "after=0000000016:\xff")) << "raw bytes in a link";
  const net::HttpRequest last{"/table", {{"name", "t16"}, {"after", "\xff<&'000449\n"}}};
  const std::string end = RenderStatusPage(last, snapshot).body;
  EXPECT_TRUE(absl::StrContains(end, "450 to 450 of 450")) << end.substr(0, 4000);
  EXPECT_TRUE(absl::StrContains(end, "href=\"/table?name=t16\">First</a>"));
  EXPECT_FALSE(absl::StrContains(end, ">Next</a>"));
  const std::string short_list = RenderStatusPage({"/servers", {}}, snapshot).body;
  EXPECT_FALSE(absl::StrContains(short_list, " of 2")) << "a list that is whole needs no links";
  for (const char* limit : {"0", "1001", "x"}) {
    EXPECT_EQ(RenderStatusPage({"/tablets", {{"limit", limit}}}, snapshot).status, 400u) << limit;
  }
}

TEST(Paging, TablesAndServersComeInParts) {
  const CellSnapshot snapshot = ManyTablets(3);
  for (const auto& [path, list] : std::vector<std::pair<std::string, std::string>>{
           {"/tables", "tables"}, {"/servers", "servers"}}) {
    net::HttpRequest request{path, {{"limit", "1"}, {"format", "json"}}};
    const json first = json::parse(RenderStatusPage(request, snapshot).body);
    ASSERT_EQ(first[list].size(), 1u);
    const json second = json::parse(
        RenderStatusPage(Follow(first["part"]["next"].get<std::string>()), snapshot).body);
    ASSERT_EQ(second[list].size(), 1u);
    EXPECT_NE(first[list][0], second[list][0]);
    EXPECT_FALSE(second["part"].contains("next"));
  }
}

// A page does not grow with the cell.
TEST(Paging, APartOfTenThousandTabletsIsSmall) {
  const CellSnapshot snapshot = ManyTablets(10'000);
  for (const char* path : {"/", "/tablets", "/servers", "/operations"}) {
    EXPECT_LT(RenderStatusPage({path, {}}, snapshot).body.size(), 300'000u) << path;
    EXPECT_LT(RenderStatusPage({path, {{"format", "json"}}}, snapshot).body.size(), 300'000u)
        << path;
  }
  EXPECT_LT(RenderStatusPage({"/table", {{"name", "t16"}}}, snapshot).body.size(), 300'000u);
  EXPECT_EQ(Walk(snapshot, {"/tablets", {{"limit", "1000"}, {"format", "json"}}}, "tablets").size(),
            10'001u);
}

}  // namespace
}  // namespace stele::deploy
