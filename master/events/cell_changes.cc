#include "master/events/cell_changes.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "schema/model/model.h"

namespace stele::master {
namespace {

class Changes {
 public:
  Changes(const wire::CellStatusResponse& before, const wire::CellStatusResponse& after,
          const std::map<TabletId, std::string>& why_moved);
  std::vector<wire::Event> Find();

 private:
  struct Cell {
    std::map<std::string, const wire::ServerSummary*> servers;  // but for those recovered
    // Past incarnations whose logs are to be recovered; one that is back has another.
    std::map<std::pair<std::string, uint64_t>, const wire::ServerSummary*> recovering;
    std::map<TableId, const wire::TableSummary*> tables;
    std::map<TabletId, const wire::TabletSummary*> tablets;
  };
  static Cell Index(const wire::CellStatusResponse& status);

  void Recovery(const std::pair<std::string, uint64_t>& of);
  void Server(const std::string& id);
  void Table(TableId id);
  void Tablet(TabletId id);
  void NewTablet(const wire::TabletSummary& is);
  void LostTablet(const wire::TabletSummary& was);
  void Owner(const wire::TabletSummary& was, const wire::TabletSummary& is);
  wire::Event* Add(const char* kind, std::string text);
  wire::Event* AddTablet(const char* kind, const TabletLocation& tablet, std::string text);
  std::string NameOf(TableId table) const;

  const Cell before_, after_;
  const std::map<TabletId, std::string>& why_moved_;
  std::vector<wire::Event> events_;
};

// A key as a sentence can hold it.
std::string Row(const std::string& key) {
  constexpr size_t kShown = 60;
  if (key.size() <= kShown) return absl::StrCat("\"", absl::CHexEscape(key), "\"");
  return absl::StrCat("\"", absl::CHexEscape(key.substr(0, kShown)), "\"...");
}

std::string Because(const std::string& reason) {
  return reason.empty() ? "" : absl::StrCat(": ", reason);
}

// The one of these tablets that has all rows of `tablet`; null when there is none.
template <typename Tablets>
const wire::TabletSummary* Covering(const Tablets& tablets, const TabletDescriptor& tablet) {
  for (const auto& [id, other] : tablets) {
    const TabletDescriptor& wide = other->location.tablet;
    if (wide.table != tablet.table || id == tablet.id) continue;
    const bool end =
        wide.end_row.empty() || (!tablet.end_row.empty() && !(tablet.end_row > wide.end_row));
    if (end && !(wide.start_row > tablet.start_row)) return other;
  }
  return nullptr;
}

// "family f added, family g dropped, split size 1 -> 2".
std::string Difference(const TableSchema& was, const TableSchema& is) {
  std::vector<std::string> parts;
  for (const FamilySchema& family : is.families) {
    const FamilySchema* old = was.FindFamily(family.name);
    if (old == nullptr) {
      parts.push_back(absl::StrCat("family ", family.name, " added"));
    } else if (!(*old == family)) {
      parts.push_back(absl::StrCat("family ", family.name, " changed"));
    }
  }
  for (const FamilySchema& family : was.families) {
    if (is.FindFamily(family.name) == nullptr) {
      parts.push_back(absl::StrCat("family ", family.name, " dropped"));
    }
  }
  if (!(was.groups == is.groups)) parts.push_back("locality groups changed");
  if (was.split_bytes != is.split_bytes) {
    parts.push_back(absl::StrCat("split size ", was.split_bytes, " -> ", is.split_bytes));
  }
  if (was.deletion_protection != is.deletion_protection) {
    parts.push_back(is.deletion_protection ? "protected from deletion" : "not protected any more");
  }
  return absl::StrJoin(parts, ", ");
}

Changes::Cell Changes::Index(const wire::CellStatusResponse& status) {
  Cell cell;
  for (const wire::ServerSummary& server : status.servers) {
    if (server.state == "recovering") {
      cell.recovering[{server.server_id, server.incarnation}] = &server;
    } else {
      cell.servers[server.server_id] = &server;
    }
  }
  for (const wire::TableSummary& table : status.tables) cell.tables[table.schema.id] = &table;
  for (const wire::TabletSummary& tablet : status.tablets) {
    cell.tablets[tablet.location.tablet.id] = &tablet;
  }
  return cell;
}

Changes::Changes(const wire::CellStatusResponse& before, const wire::CellStatusResponse& after,
                 const std::map<TabletId, std::string>& why_moved)
    : before_(Index(before)), after_(Index(after)), why_moved_(why_moved) {}

template <typename Map>
auto KeysOf(const Map& a, const Map& b) {
  std::set<typename Map::key_type> keys;
  for (const Map* map : {&a, &b}) {
    for (const auto& [key, value] : *map) keys.insert(key);
  }
  return keys;
}

template <typename Map>
typename Map::mapped_type FindIn(const Map& map, const typename Map::key_type& key) {
  auto found = map.find(key);
  return found == map.end() ? nullptr : found->second;
}

std::vector<wire::Event> Changes::Find() {
  for (const auto& of : KeysOf(before_.recovering, after_.recovering)) Recovery(of);
  for (const std::string& id : KeysOf(before_.servers, after_.servers)) Server(id);
  for (TableId id : KeysOf(before_.tables, after_.tables)) Table(id);
  for (TabletId id : KeysOf(before_.tablets, after_.tablets)) Tablet(id);
  return std::move(events_);
}

wire::Event* Changes::Add(const char* kind, std::string text) {
  wire::Event& event = events_.emplace_back();
  event.kind = kind;
  event.text = std::move(text);
  return &event;
}

wire::Event* Changes::AddTablet(const char* kind, const TabletLocation& tablet, std::string text) {
  wire::Event* event = Add(kind, std::move(text));
  event->tablet = tablet.tablet.id;
  event->table = NameOf(tablet.tablet.table);
  event->server = tablet.server_id;
  return event;
}

std::string Changes::NameOf(TableId table) const {
  const wire::TableSummary* found = FindIn(after_.tables, table);
  if (found == nullptr) found = FindIn(before_.tables, table);
  return found == nullptr ? "" : found->schema.name;
}

void Changes::Recovery(const std::pair<std::string, uint64_t>& of) {
  const wire::ServerSummary* was = FindIn(before_.recovering, of);
  const wire::ServerSummary* is = FindIn(after_.recovering, of);
  if (was != nullptr && is != nullptr) return;
  Add(kRecoveryEvent,
      is == nullptr
          ? absl::StrCat("the log of ", of.first, ", incarnation ", of.second, ", is recovered")
          : absl::StrCat(of.first, ", incarnation ", of.second,
                         ", is gone; its log is to be recovered", Because(is->note)))
      ->server = of.first;
}

void Changes::Server(const std::string& id) {
  const wire::ServerSummary* was = FindIn(before_.servers, id);
  const wire::ServerSummary* is = FindIn(after_.servers, id);
  auto add = [&](std::string text) { Add(kServerEvent, absl::StrCat(id, text))->server = id; };
  auto lives = [](const wire::ServerSummary* server) {  // others are only remembered to be drained
    return server != nullptr && (server->state == "live" || server->state == "suspect");
  };
  if (lives(was) && !lives(is)) {
    // Else its recovery says so.
    if (!after_.recovering.contains({id, was->incarnation})) add(" is gone");
  } else if (lives(is) && (!lives(was) || was->incarnation != is->incarnation)) {
    add(absl::StrCat(" joined at ", is->address));
  } else if (lives(is) && was->state != is->state) {
    add(is->state == "live" ? " reports again"
                            : absl::StrCat(" does not report", Because(is->note)));
  }
  const bool drained = was != nullptr && was->draining, drains = is != nullptr && is->draining;
  if (drained != drains && is != nullptr) add(drains ? " drains" : " takes tablets again");
}

void Changes::Table(TableId id) {
  const wire::TableSummary* was = FindIn(before_.tables, id);
  const wire::TableSummary* is = FindIn(after_.tables, id);
  const std::string name = NameOf(id);
  auto add = [&](std::string text) {
    Add(kTableEvent, absl::StrCat("table ", name, " ", text))->table = name;
  };
  if (is == nullptr) return add("is dropped");
  if (was == nullptr || was->state != is->state) {
    if (is->state == "serving") {
      add(absl::StrCat("is created with ", is->tablets, is->tablets == 1 ? " tablet" : " tablets"));
    } else {
      add(is->state == "creating" ? "is being created" : "is being dropped");
    }
  }
  if (was != nullptr && was->schema.version != is->schema.version) {
    add(absl::StrCat("has schema version ", is->schema.version,
                     Because(Difference(was->schema, is->schema))));
  }
}

void Changes::NewTablet(const wire::TabletSummary& is) {
  const TabletDescriptor& tablet = is.location.tablet;
  if (!before_.tables.contains(tablet.table)) return;  // of a new table
  const wire::TabletSummary* parent = Covering(before_.tablets, tablet);
  if (parent == nullptr) return;
  AddTablet(kSplitEvent, is.location,
            absl::StrCat("tablet ", tablet.id, " was split off tablet ", parent->location.tablet.id,
                         " at row ", Row(tablet.end_row)));
}

void Changes::LostTablet(const wire::TabletSummary& was) {
  const TabletDescriptor& tablet = was.location.tablet;
  if (!after_.tables.contains(tablet.table)) return;  // of a table that is dropped
  const wire::TabletSummary* whole = Covering(after_.tablets, tablet);
  if (whole == nullptr) return;
  AddTablet(
      kMergeEvent, was.location,
      absl::StrCat("tablet ", tablet.id, " was merged into tablet ", whole->location.tablet.id));
}

void Changes::Owner(const wire::TabletSummary& was, const wire::TabletSummary& is) {
  const std::string& from = was.location.server_id;
  const std::string& to = is.location.server_id;
  if (from == to && was.location.incarnation == is.location.incarnation) return;
  std::string text = absl::StrCat("tablet ", is.location.tablet.id, " goes ");
  if (from == to) {
    absl::StrAppend(&text, "back to ", to, ", which was started again");
  } else {
    if (!from.empty()) absl::StrAppend(&text, "from ", from, " ");
    absl::StrAppend(&text, "to ", to);
  }
  auto moved = why_moved_.find(is.location.tablet.id);
  const std::string why = moved != why_moved_.end() ? moved->second
                          : was.state == "serving"  ? std::string()
                                                    : was.reason;
  AddTablet(kAssignEvent, is.location,
            absl::StrCat(text, ", epoch ", is.location.epoch, Because(why)));
}

void Changes::Tablet(TabletId id) {
  const wire::TabletSummary* was = FindIn(before_.tablets, id);
  const wire::TabletSummary* is = FindIn(after_.tablets, id);
  if (is == nullptr) return LostTablet(*was);
  if (was == nullptr) return NewTablet(*is);
  Owner(*was, *is);
  if (was->state == is->state || is->location.assignment == TabletAssignment::kClosing) return;
  if (is->state == "serving") {
    AddTablet(kTabletEvent, is->location,
              absl::StrCat("tablet ", id, " serves at ", is->location.server_id, ", after ",
                           was->state_age_ms, " ms ", was->state));
  } else if (was->state == "serving" || is->state == "broken") {
    AddTablet(kTabletEvent, is->location,
              absl::StrCat("tablet ", id, " is ", is->state, Because(is->reason)));
  }
}

}  // namespace

wire::CellStatusResponse LastSeen(const std::map<TabletId, TabletLocation>& found,
                                  const wire::CellStatusResponse& now) {
  wire::CellStatusResponse past;
  past.tables = now.tables;
  std::map<TabletId, const wire::TabletSummary*> tablets;
  for (const wire::TabletSummary& tablet : now.tablets) {
    tablets[tablet.location.tablet.id] = &tablet;
  }
  std::map<std::string, uint64_t> incarnations;  // the last ones that had tablets
  for (const auto& [id, location] : found) {
    if (location.server_id.empty()) continue;
    wire::TabletSummary& tablet = past.tablets.emplace_back();
    tablet.location = location;
    tablet.state = "serving";
    uint64_t& incarnation = incarnations[location.server_id];
    incarnation = std::max(incarnation, location.incarnation);
    tablets.erase(id);
  }
  for (const auto& [id, tablet] : tablets) {
    if (found.contains(id)) past.tablets.push_back(*tablet);
  }
  std::set<std::string> drained;
  for (const wire::ServerSummary& server : now.servers) {
    if (server.draining) drained.insert(server.server_id);
    auto had = incarnations.find(server.server_id);
    const bool same = had != incarnations.end() && had->second == server.incarnation;
    if (same && server.state == "recovering") continue;  // it lived
    if (had != incarnations.end() && !same && server.state != "recovering") continue;
    past.servers.push_back(server);
    if (same) incarnations.erase(had);
  }
  for (const auto& [id, incarnation] : incarnations) {
    wire::ServerSummary& server = past.servers.emplace_back();
    server.server_id = id;
    server.incarnation = incarnation;
    server.state = "live";
    server.draining = drained.contains(id);
  }
  return past;
}

std::vector<wire::Event> FindChanges(const wire::CellStatusResponse& before,
                                     const wire::CellStatusResponse& after,
                                     const std::map<TabletId, std::string>& why_moved) {
  return Changes(before, after, why_moved).Find();
}

}  // namespace stele::master
