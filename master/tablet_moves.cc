#include "master/tablet_moves.h"

#include <algorithm>

#include "common/base/log.h"

namespace stele::master {
namespace {

constexpr size_t kMaxStarted = 64;  // nearly all of them are flushed, or have been
constexpr size_t kMaxMovesAtOnce = 16;

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
  return key.first ? started.all == 0 : started.all < kMaxStarted;
}

TabletMoves::Started TabletMoves::CountStarted() const {
  Started started;
  for (const auto& [key, entry] : moves_) {
    if (!entry.started) continue;
    ++started.all;
    started.of_system += key.first ? 1 : 0;
    started.written += entry.way.written() ? 1 : 0;
  }
  return started;
}

bool TabletMoves::AdvanceOne(const ProcedureContext& context, Entry* entry,
                             std::optional<TabletLocation>* write) {
  const TabletLocation* location = context.tablets->Find(entry->move.tablet);
  if (location == nullptr) return false;
  if (!entry->way.written()) {
    // Another plan is due when either end is not what it was.
    auto to = context.servers->servers().find(entry->move.to);
    if (location->server_id != entry->move.from) return false;
    if (to == context.servers->servers().end()) return false;
    if (IsDraining(*context.catalog, to->second)) return false;
  }
  auto done = entry->way.Advance(context, write);
  if (done.ok()) return !*done;
  LOG(WARNING) << DescribeMove(entry->move) << ": " << done.status().ToString();
  return false;
}

void TabletMoves::Write(const ProcedureContext& context,
                        const std::vector<TabletLocation>& writes) {
  if (writes.empty()) return;
  const Status written = WriteMoves(context, writes);
  // What is in doubt is read anew: those that are not where they were are forgotten then.
  const bool again = absl::IsUnavailable(written) || absl::IsDeadlineExceeded(written);
  if (!written.ok()) {
    LOG(WARNING) << writes.size() << " tablets do not move yet: " << written.ToString();
  }
  for (const TabletLocation& location : writes) {
    auto at = moves_.find({IsSystemTablet(location.tablet.id), location.tablet.id});
    if (written.ok()) at->second.way.Written();
    if (!written.ok() && !again) moves_.erase(at);
  }
}

void TabletMoves::Advance(const ProcedureContext& context) {
  for (const PlannedMove& move : PlanDrains(context, "")) Add(move);
  const bool system_serves = SystemServes(context);
  Started started = CountStarted();
  std::vector<TabletLocation> writes;
  for (auto it = moves_.begin(); it != moves_.end();) {
    const Key& key = it->first;
    Entry& entry = it->second;
    const bool waits = !entry.started && (!system_serves || !MayStart(key, started));
    // What is started but not written yet would be written through the system's tablets too.
    if (waits || (!system_serves && !entry.way.written())) {
      ++it;
      continue;
    }
    if (!std::exchange(entry.started, true)) {
      ++started.all;
      started.of_system += key.first ? 1 : 0;
    }
    std::optional<TabletLocation> write;
    if (AdvanceOne(context, &entry, &write)) {
      if (write.has_value() && started.written + writes.size() < kMaxMovesAtOnce) {
        writes.push_back(*std::move(write));
      }
      ++it;
      continue;
    }
    --started.all;
    started.of_system -= key.first ? 1 : 0;
    started.written -= entry.way.written() ? 1 : 0;
    it = moves_.erase(it);
  }
  Write(context, writes);
}

}  // namespace stele::master
