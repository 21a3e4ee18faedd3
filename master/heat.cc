#include "master/heat.h"

#include <utility>

namespace stele::master {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kShortestNs = kNanosPerSecond / 5;  // between reports that are compared

}  // namespace

const Heat::Entry* Heat::Find(TabletId tablet) const {
  auto found = entries_.find(tablet);
  return found == entries_.end() ? nullptr : &found->second;
}

void Heat::Look(const TabletView& view) {
  const wire::TabletReport& report = *view.report;
  const uint64_t requests = report.counters.reads + report.counters.writes;
  const int64_t at = view.server->reported_boot_ns;
  auto [it, added] = entries_.try_emplace(report.tablet.id);
  Entry& entry = it->second;
  if (added || requests < entry.requests || report.epoch != entry.epoch) {
    entry = Entry();
    entry.requests = requests;
    entry.reported_ns = at;
    entry.epoch = report.epoch;
    return;
  }
  entry.seen = true;
  const int64_t passed = at - entry.reported_ns;
  if (passed < kShortestNs) return;
  entry.per_second = static_cast<uint64_t>(static_cast<double>(requests - entry.requests) *
                                           kNanosPerSecond / static_cast<double>(passed));
  if (entry.per_second < limit_per_s_) {
    entry.hot_since_ns = 0;
    entry.why.clear();
    entry.not_before_ns = 0;
  } else if (entry.hot_since_ns == 0) {
    entry.hot_since_ns = entry.reported_ns;
  }
  entry.requests = requests;
  entry.reported_ns = at;
}

void Heat::EndRound() {
  std::erase_if(entries_, [](const auto& entry) { return !entry.second.seen; });
  for (auto& [id, entry] : entries_) entry.seen = false;
}

uint64_t Heat::PerSecond(TabletId tablet) const {
  const Entry* entry = Find(tablet);
  return entry == nullptr ? 0 : entry->per_second;
}

int64_t Heat::HotForNs(TabletId tablet) const {
  const Entry* entry = Find(tablet);
  if (entry == nullptr || entry->hot_since_ns == 0) return -1;
  return entry->reported_ns - entry->hot_since_ns;
}

void Heat::NoteOrder(TabletId tablet) { entries_[tablet].ordered = true; }

bool Heat::Ordered(TabletId tablet) const {
  const Entry* entry = Find(tablet);
  return entry != nullptr && entry->ordered;
}

void Heat::NoteFailure(TabletId tablet, std::string why, int64_t not_before_ns) {
  Entry& entry = entries_[tablet];
  entry.ordered = false;
  entry.why = std::move(why);
  entry.not_before_ns = not_before_ns;
}

bool Heat::MayTry(TabletId tablet, int64_t now_ns) const {
  const Entry* entry = Find(tablet);
  return entry != nullptr && !entry->ordered && now_ns >= entry->not_before_ns;
}

std::string Heat::Why(TabletId tablet) const {
  const Entry* entry = Find(tablet);
  return entry == nullptr ? "" : entry->why;
}

}  // namespace stele::master
