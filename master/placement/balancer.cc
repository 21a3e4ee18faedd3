#include "master/placement/balancer.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace stele::master {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr int64_t kSmoothedMs = 60'000;  // for who is never balanced by itself
// Of the load at its last move, by which a tablet's load must have changed.
constexpr double kChanged = 0.5;
constexpr int64_t kAcceptedFor = 10;  // times the wait before a plan
constexpr double kWorse = 0.5;        // of what is tolerated

LoadRules RulesOf(const BalanceOptions& options) {
  return {static_cast<double>(options.tolerance_percent) / 100,
          static_cast<double>(options.min_load_per_s)};
}

int64_t SmoothingOf(const BalanceOptions& options) {
  return (options.after_ms == 0 ? kSmoothedMs : options.after_ms / 3) * kNanosPerMilli;
}

}  // namespace

Balancer::Balancer(const BalanceOptions& options)
    : options_(options), rules_(RulesOf(options)), meter_(SmoothingOf(options)) {}

void Balancer::Retune(const BalanceOptions& options) {
  options_ = options;
  rules_ = RulesOf(options);
  meter_.SetSmoothing(SmoothingOf(options));
  accepted_.clear();  // was measured by other rules
  out_since_ns_ = -1;
}

void Balancer::Weigh(WeighedCell* cell) const {
  for (WeighedTablet& tablet : cell->tablets) tablet.load = meter_.PerSecond(tablet.tablet);
}

// A tablet that was moved for its load may be again, for another load or among other servers; one
// whose move came to nothing was not moved.
void Balancer::ForgetWhatChanged(const WeighedCell& cell) {
  if (servers_ != cell.servers) {
    moved_.clear();
    accepted_.clear();
    out_since_ns_ = -1;
  }
  servers_ = cell.servers;
  std::map<TabletId, std::string> where;
  for (const WeighedTablet& tablet : cell.tablets) where[tablet.tablet] = tablet.server_id;
  const auto failed = std::erase_if(moved_, [&](const auto& entry) {
    auto at = where.find(entry.first);
    return at != where.end() && at->second != entry.second.to;
  });
  if (failed != 0) accepted_.clear();
  std::erase_if(moved_, [&](const auto& entry) {
    const auto& [tablet, moved] = entry;
    const double changed = std::abs(meter_.PerSecond(tablet) - moved.load);
    return !where.contains(tablet) || changed > std::max(moved.load * kChanged, rules_.min_load);
  });
}

void Balancer::HoldMoved(WeighedCell* cell) const {
  for (WeighedTablet& tablet : cell->tablets) {
    auto moved = moved_.find(tablet.tablet);
    tablet.stays |= moved != moved_.end() && moved->second.to == tablet.server_id;
  }
}

std::vector<PlannedMove> Balancer::Plan(WeighedCell cell) const {
  Weigh(&cell);
  const bool loaded = TotalLoad(cell) >= rules_.min_load;
  if (!loaded || CountsOutOfBounds(cell)) {
    std::vector<PlannedMove> plan = PlanByCount(cell);
    if (!plan.empty() || !loaded) return plan;
  }
  HoldMoved(&cell);
  return PlanByLoad(cell, rules_);
}

// What has become more even is what is held to be reached, but not because of a moment.
void Balancer::Accept(const WeighedCell& cell, int64_t now_ns) {
  const double passed = static_cast<double>(now_ns - looked_ns_) /
                        static_cast<double>(kAcceptedFor * options_.after_ms * kNanosPerMilli);
  looked_ns_ = now_ns;
  for (const auto& [server, excess] : ExcessLoads(cell, rules_)) {
    double& accepted = accepted_[server];
    if (excess < accepted) accepted -= (accepted - excess) * std::min(1.0, passed);
  }
}

// Only for what a plan would mend: a server that nothing relieves hides no other, in time either.
bool Balancer::IsOut(WeighedCell cell) const {
  if (CountsOutOfBounds(cell)) return true;
  std::map<std::string, double> limits;
  for (const auto& [server, accepted] : accepted_) {
    limits[server] = std::max(1.0, std::min(1.0, accepted) + kWorse);
  }
  HoldMoved(&cell);
  return CanRelieve(cell, rules_, limits);
}

std::vector<PlannedMove> Balancer::TakeDue(WeighedCell cell, int64_t now_ns) {
  Weigh(&cell);
  ForgetWhatChanged(cell);
  if (options_.after_ms == 0) return {};
  Accept(cell, now_ns);
  if (!IsOut(cell)) {
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
  accepted_ = ExcessLoads(cell, rules_);
  return plan;
}

void Balancer::Pause(int64_t now_ns) {
  out_since_ns_ = -1;
  looked_ns_ = now_ns;
}

void Balancer::Begin(const std::vector<PlannedMove>& moves) {
  for (const PlannedMove& move : moves) {
    moved_[move.tablet] = {meter_.PerSecond(move.tablet), move.to};
  }
}

}  // namespace stele::master
