#include "master/tablet_moves.h"

#include <algorithm>

#include "common/base/log.h"

namespace stele::master {
namespace {

constexpr int kMaxMovesAtOnce = 4;

// Without these no location can be written, and no tablet of a user be moved.
bool SystemServes(const ProcedureContext& context) {
  return std::all_of(context.tablets->all().begin(), context.tablets->all().end(),
                     [&](const auto& entry) {
                       return entry.second.tablet.table >= kFirstUserTable ||
                              context.servers->IsServing(entry.second);
                     });
}

}  // namespace

void TabletMoves::Add(const PlannedMove& move) {
  if (move.to.empty()) return;
  moves_.try_emplace({IsSystemTablet(move.tablet), move.tablet},
                     Entry{move, TabletMove(move.tablet, move.to)});
}

void TabletMoves::GiveUpFrom(const std::string& server_id) {
  std::erase_if(moves_, [&](const auto& one) {
    return one.second.move.from == server_id && !one.second.way.written();
  });
}

std::vector<PlannedMove> TabletMoves::moves() const {
  std::vector<PlannedMove> all;
  for (const auto& [key, entry] : moves_) all.push_back(entry.move);
  return all;
}

bool TabletMoves::MayStart(const Key& key, const Started& started) {
  if (started.of_system != 0) return false;
  return key.first ? started.all == 0 : started.all < kMaxMovesAtOnce;
}

bool TabletMoves::AdvanceOne(const ProcedureContext& context, Entry* entry) {
  const TabletLocation* location = context.tablets->Find(entry->move.tablet);
  if (location == nullptr) return false;
  if (!entry->way.written()) {
    // Another plan is due when either end is not what it was.
    auto to = context.servers->servers().find(entry->move.to);
    if (location->server_id != entry->move.from) return false;
    if (to == context.servers->servers().end()) return false;
    if (IsDraining(*context.catalog, to->second)) return false;
  }
  auto done = entry->way.Advance(context);
  if (done.ok()) return !*done;
  LOG(WARNING) << DescribeMove(entry->move) << ": " << done.status().ToString();
  return false;
}

void TabletMoves::Advance(const ProcedureContext& context) {
  for (const PlannedMove& move : PlanDrains(context, "")) Add(move);
  const bool system_serves = SystemServes(context);
  Started started;
  auto count = [&](const Key& key, int by) {
    started.all += by;
    started.of_system += key.first ? by : 0;
  };
  for (const auto& [key, entry] : moves_) count(key, entry.started ? 1 : 0);
  for (auto it = moves_.begin(); it != moves_.end();) {
    const auto& [key, entry] = *it;
    const bool waits = !entry.started && (!system_serves || !MayStart(key, started));
    // What is started but not written yet would be written through the system's tablets too.
    if (waits || (!system_serves && !entry.way.written())) {
      ++it;
      continue;
    }
    if (!std::exchange(it->second.started, true)) count(key, 1);
    const bool goes_on = AdvanceOne(context, &it->second);
    if (!goes_on) count(key, -1);
    it = goes_on ? std::next(it) : moves_.erase(it);
    // A write that failed leaves what was read in doubt.
    if (!context.tablets->tablets_loaded() || !context.catalog->loaded()) return;
  }
}

}  // namespace stele::master
