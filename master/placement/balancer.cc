#include "master/placement/balancer.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace stele::master {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr int64_t kSmoothedMs = 60'000;  // for who is never balanced by itself
// Of the load at its last move, by which a tablet's load must have changed.
constexpr double kChanged = 0.5;
constexpr int64_t kAcceptedFor = 10;  // times the wait before a plan

}  // namespace

Balancer::Balancer(const BalanceOptions& options)
    : options_(options),
      rules_{static_cast<double>(options.tolerance_percent) / 100,
             static_cast<double>(options.min_load_per_s)},
      meter_((options.after_ms == 0 ? kSmoothedMs : options.after_ms / 3) * kNanosPerMilli) {}

void Balancer::Weigh(WeighedCell* cell) const {
  for (WeighedTablet& tablet : cell->tablets) tablet.load = meter_.PerSecond(tablet.tablet);
}

// A tablet that was moved for its load may be again, for another load or among other servers.
void Balancer::ForgetWhatChanged(const WeighedCell& cell) {
  if (servers_ != cell.servers) {
    moved_.clear();
    accepted_skew_ = 0;
  }
  servers_ = cell.servers;
  std::set<TabletId> there;
  for (const WeighedTablet& tablet : cell.tablets) there.insert(tablet.tablet);
  std::erase_if(moved_, [&](const auto& moved) {
    const double changed = std::abs(meter_.PerSecond(moved.first) - moved.second);
    return !there.contains(moved.first) ||
           changed > std::max(moved.second * kChanged, rules_.min_load);
  });
}

std::vector<PlannedMove> Balancer::Plan(WeighedCell cell) const {
  Weigh(&cell);
  const bool loaded = TotalLoad(cell) >= rules_.min_load;
  if (!loaded || CountsOutOfBounds(cell)) {
    std::vector<PlannedMove> plan = PlanByCount(cell);
    if (!plan.empty() || !loaded) return plan;
  }
  for (WeighedTablet& tablet : cell.tablets) tablet.stays |= moved_.contains(tablet.tablet);
  return PlanByLoad(cell, rules_);
}

// A load that has become more even is what is held to be reached, but not because of a moment.
bool Balancer::IsOut(const WeighedCell& cell, int64_t now_ns) {
  const double skew = LoadSkew(cell);
  const double passed = static_cast<double>(now_ns - looked_ns_) /
                        static_cast<double>(kAcceptedFor * options_.after_ms * kNanosPerMilli);
  looked_ns_ = now_ns;
  if (skew < accepted_skew_) accepted_skew_ -= (accepted_skew_ - skew) * std::min(1.0, passed);
  if (CountsOutOfBounds(cell)) return true;
  return skew > accepted_skew_ + rules_.tolerance / 2 && LoadOutOfBounds(cell, rules_);
}

std::vector<PlannedMove> Balancer::TakeDue(WeighedCell cell, int64_t now_ns) {
  Weigh(&cell);
  ForgetWhatChanged(cell);
  if (options_.after_ms == 0) return {};
  if (!IsOut(cell, now_ns)) {
    out_since_ns_ = -1;
    return {};
  }
  if (out_since_ns_ < 0) out_since_ns_ = now_ns;
  if (now_ns - out_since_ns_ < options_.after_ms * kNanosPerMilli) return {};
  out_since_ns_ = now_ns;
  std::vector<PlannedMove> plan = Plan(cell);
  for (const PlannedMove& move : plan) {
    for (WeighedTablet& tablet : cell.tablets) {
      if (tablet.tablet == move.tablet) tablet.server_id = move.to;
    }
  }
  accepted_skew_ = LoadSkew(cell);
  return plan;
}

void Balancer::Begin(const std::vector<PlannedMove>& moves) {
  for (const PlannedMove& move : moves) moved_[move.tablet] = meter_.PerSecond(move.tablet);
}

}  // namespace stele::master
