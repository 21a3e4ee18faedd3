#include "master/placement/load_balance.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace stele::master {
namespace {

struct Server {
  std::string id;
  double load = 0;
  uint64_t tablets = 0;
  std::vector<size_t> movable;  // indices of the cell's tablets, by load
};

// One tablet to another server, or two that change places.
struct Step {
  size_t from = 0, to = 0;  // servers
  size_t tablet = 0;
  std::optional<size_t> back;
  double gain = 0;  // by how much the larger of the two loads gets smaller
  bool system = false;
};

std::string PerSecond(double load) { return absl::StrCat(std::llround(load), "/s"); }

class LoadPlan {
 public:
  LoadPlan(const WeighedCell& cell, const LoadRules& rules);
  double high() const { return high_; }
  const std::vector<Server>& servers() const { return servers_; }
  // How far the server's load is above the average, in shares of what is tolerated.
  double Excess(const Server& server) const {
    return slack_ <= 0 ? 0 : (server.load - (high_ - slack_)) / slack_;
  }
  bool CanRelieve(size_t server) const { return BestStep(server).has_value(); }
  std::vector<PlannedMove> Make();

 private:
  struct Move {
    size_t tablet = 0, from = 0, to = 0;
    std::string reason;
    bool dropped = false;
  };
  double LeastGain(size_t from) const;
  std::vector<size_t> ByLoad() const;
  std::optional<Step> BestStep(size_t from) const;
  std::optional<Step> BestMove(size_t from, size_t to) const;
  std::optional<Step> BestExchange(size_t from, size_t to) const;
  void Take(const Step& step);
  void Carry(size_t tablet, size_t from, size_t to);
  void DropNeedless();
  bool DoesAsWell(const std::vector<double>& limits) const;
  double Load(size_t tablet) const { return cell_.tablets[tablet].load; }

  const WeighedCell& cell_;
  std::vector<Server> servers_;
  TabletBounds bounds_;
  double high_ = 0, slack_ = 0;
  std::vector<Move> moves_;
};

LoadPlan::LoadPlan(const WeighedCell& cell, const LoadRules& rules) : cell_(cell) {
  std::map<std::string, size_t> index;
  for (const std::string& id : cell.servers) {
    index[id] = servers_.size();
    servers_.emplace_back().id = id;
  }
  double total = 0;
  uint64_t tablets = 0;
  for (size_t i = 0; i < cell.tablets.size(); ++i) {
    auto at = index.find(cell.tablets[i].server_id);
    if (at == index.end()) continue;
    Server& server = servers_[at->second];
    server.load += Load(i);
    ++server.tablets;
    total += Load(i);
    ++tablets;
    if (!cell.tablets[i].stays) server.movable.push_back(i);
  }
  if (servers_.empty()) return;
  for (Server& server : servers_) {
    std::sort(server.movable.begin(), server.movable.end(), [&](size_t a, size_t b) {
      return std::pair(Load(a), cell.tablets[a].tablet) <
             std::pair(Load(b), cell.tablets[b].tablet);
    });
  }
  const double mean = total / static_cast<double>(servers_.size());
  slack_ = std::max(mean * rules.tolerance, rules.min_load);
  high_ = mean + slack_;
  bounds_ = BoundsOf(tablets, servers_.size());
}

// So much that a quarter of the server's tablets, which is what its bounds let go, would make half
// of what matters: a server with one hot tablet does not get rid of all that have next to nothing.
double LoadPlan::LeastGain(size_t from) const {
  return std::min(slack_ / 2, 2 * slack_ / static_cast<double>(servers_[from].tablets));
}

// The most loaded first.
std::vector<size_t> LoadPlan::ByLoad() const {
  std::vector<size_t> order(servers_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::tie(servers_[b].load, servers_[a].id) < std::tie(servers_[a].load, servers_[b].id);
  });
  return order;
}

std::optional<Step> LoadPlan::BestMove(size_t from, size_t to) const {
  const double apart = servers_[from].load - servers_[to].load;
  if (servers_[from].tablets <= bounds_.least || servers_[to].tablets >= bounds_.most) return {};
  const double least = LeastGain(from);
  std::optional<Step> best;
  for (size_t tablet : servers_[from].movable) {
    const double gain = std::min(Load(tablet), apart - Load(tablet));
    const bool system = cell_.tablets[tablet].system;
    if (gain < least) continue;
    if (best && std::tuple(!system, gain) <= std::tuple(!best->system, best->gain)) continue;
    best = Step{from, to, tablet, std::nullopt, gain, system};
  }
  return best;
}

// With a tablet of little load coming back, where counts allow nothing else.
std::optional<Step> LoadPlan::BestExchange(size_t from, size_t to) const {
  const double apart = servers_[from].load - servers_[to].load;
  const double least = LeastGain(from);
  const std::vector<size_t>& others = servers_[to].movable;
  std::optional<Step> best;
  auto consider = [&](size_t tablet, size_t back) {
    const double more = Load(tablet) - Load(back), gain = std::min(more, apart - more);
    const bool system = cell_.tablets[tablet].system || cell_.tablets[back].system;
    if (gain < least) return;
    if (best && std::tuple(!system, gain) <= std::tuple(!best->system, best->gain)) return;
    best = Step{from, to, tablet, back, gain, system};
  };
  for (size_t tablet : servers_[from].movable) {
    const double wanted = Load(tablet) - apart / 2;
    auto next = std::lower_bound(others.begin(), others.end(), wanted,
                                 [&](size_t other, double load) { return Load(other) < load; });
    if (next != others.end()) consider(tablet, *next);
    if (next != others.begin()) consider(tablet, *std::prev(next));
  }
  return best;
}

// To the least loaded server that can take one; who has no room may change one for another.
std::optional<Step> LoadPlan::BestStep(size_t from) const {
  const std::vector<size_t> order = ByLoad();
  for (auto to = order.rbegin(); to != order.rend() && *to != from; ++to) {
    if (auto move = BestMove(from, *to)) return move;
  }
  return order.back() == from ? std::nullopt : BestExchange(from, order.back());
}

void LoadPlan::Carry(size_t tablet, size_t from, size_t to) {
  servers_[from].load -= Load(tablet);
  servers_[to].load += Load(tablet);
  --servers_[from].tablets;
  ++servers_[to].tablets;
}

void LoadPlan::Take(const Step& step) {
  auto take = [&](size_t tablet, size_t from, size_t to, const std::string& reason) {
    std::erase(servers_[from].movable, tablet);
    moves_.push_back({tablet, from, to, reason});
  };
  const Server &from = servers_[step.from], &to = servers_[step.to];
  const std::string reason =
      absl::StrCat(from.id, " has a load of ", PerSecond(from.load), ", ", to.id, " of ",
                   PerSecond(to.load), ", the tablet of ", PerSecond(Load(step.tablet)));
  take(step.tablet, step.from, step.to, reason);
  if (step.back.has_value()) {
    take(*step.back, step.to, step.from,
         absl::StrCat("in exchange for tablet ", cell_.tablets[step.tablet].tablet, ": ", reason));
    Carry(*step.back, step.to, step.from);
  }
  Carry(step.tablet, step.from, step.to);
}

bool LoadPlan::DoesAsWell(const std::vector<double>& limits) const {
  for (size_t i = 0; i < servers_.size(); ++i) {
    const Server& server = servers_[i];
    if (server.load > limits[i]) return false;
    if (server.tablets < bounds_.least || server.tablets > bounds_.most) return false;
  }
  return true;
}

// A later move may have made an earlier one needless. Each server is held to what the whole plan
// makes of itself: one that nothing relieves is no measure for the others.
void LoadPlan::DropNeedless() {
  std::vector<double> limits;
  for (const Server& server : servers_) limits.push_back(std::max(high_, server.load));
  bool dropped = true;
  while (std::exchange(dropped, false)) {
    for (Move& move : moves_) {
      if (move.dropped) continue;
      const double from = servers_[move.from].load, to = servers_[move.to].load;
      Carry(move.tablet, move.to, move.from);
      move.dropped = DoesAsWell(limits);
      dropped |= move.dropped;
      if (move.dropped) continue;
      Carry(move.tablet, move.from, move.to);
      servers_[move.from].load = from;  // without what was rounded
      servers_[move.to].load = to;
    }
  }
}

std::vector<PlannedMove> LoadPlan::Make() {
  bool found = true;
  while (std::exchange(found, false)) {
    for (size_t from : ByLoad()) {
      if (servers_[from].load <= high_) break;
      const std::optional<Step> step = BestStep(from);
      if (!step.has_value()) continue;
      Take(*step);
      found = true;
      break;
    }
  }
  DropNeedless();
  std::vector<PlannedMove> plan;
  for (Move& move : moves_) {
    if (move.dropped) continue;
    plan.push_back({cell_.tablets[move.tablet].tablet, servers_[move.from].id, servers_[move.to].id,
                    std::move(move.reason)});
  }
  return plan;
}

std::vector<ServerLoad> CountTablets(const WeighedCell& cell) {
  std::vector<ServerLoad> counts;
  std::map<std::string, size_t> index;
  for (const std::string& id : cell.servers) {
    index[id] = counts.size();
    counts.push_back({id, 0});
  }
  for (const WeighedTablet& tablet : cell.tablets) {
    auto at = index.find(tablet.server_id);
    if (at != index.end()) ++counts[at->second].tablets;
  }
  return counts;
}

}  // namespace

TabletBounds BoundsOf(uint64_t tablets, size_t servers) {
  return {tablets * 3 / (servers * 4), MaxTabletsPerServer(tablets, servers)};
}

double TotalLoad(const WeighedCell& cell) {
  double total = 0;
  for (const WeighedTablet& tablet : cell.tablets) total += tablet.load;
  return total;
}

bool CountsOutOfBounds(const WeighedCell& cell) {
  const std::vector<ServerLoad> counts = CountTablets(cell);
  uint64_t total = 0;
  for (const ServerLoad& server : counts) total += server.tablets;
  if (counts.empty()) return false;
  const TabletBounds bounds = BoundsOf(total, counts.size());
  return std::any_of(counts.begin(), counts.end(), [&](const ServerLoad& server) {
    return server.tablets < bounds.least || server.tablets > bounds.most;
  });
}

bool LoadOutOfBounds(const WeighedCell& cell, const LoadRules& rules) {
  const LoadPlan plan(cell, rules);
  return std::any_of(plan.servers().begin(), plan.servers().end(),
                     [&](const Server& server) { return server.load > plan.high(); });
}

std::map<std::string, double> ExcessLoads(const WeighedCell& cell, const LoadRules& rules) {
  const LoadPlan plan(cell, rules);
  std::map<std::string, double> excess;
  for (const Server& server : plan.servers()) excess[server.id] = plan.Excess(server);
  return excess;
}

bool CanRelieve(const WeighedCell& cell, const LoadRules& rules,
                const std::map<std::string, double>& limits) {
  if (cell.servers.size() < 2) return false;
  const LoadPlan plan(cell, rules);
  for (size_t i = 0; i < plan.servers().size(); ++i) {
    auto limit = limits.find(plan.servers()[i].id);
    const double most = limit == limits.end() ? 1 : limit->second;
    if (plan.Excess(plan.servers()[i]) > most && plan.CanRelieve(i)) return true;
  }
  return false;
}

std::vector<PlannedMove> PlanByCount(const WeighedCell& cell) {
  std::vector<PlacedTablet> of_users, of_system;
  for (const WeighedTablet& tablet : cell.tablets) {
    if (tablet.stays) continue;
    (tablet.system ? of_system : of_users).push_back({tablet.tablet, tablet.server_id});
  }
  std::vector<ServerLoad> counts = CountTablets(cell);
  std::vector<PlannedMove> plan = PlanBalance(of_users, counts);
  for (const PlannedMove& move : plan) {
    for (ServerLoad& server : counts) {
      if (server.server_id == move.from) --server.tablets;
      if (server.server_id == move.to) ++server.tablets;
    }
  }
  for (PlannedMove& move : PlanBalance(of_system, counts)) plan.push_back(std::move(move));
  return plan;
}

std::vector<PlannedMove> PlanByLoad(const WeighedCell& cell, const LoadRules& rules) {
  return cell.servers.size() < 2 ? std::vector<PlannedMove>() : LoadPlan(cell, rules).Make();
}

}  // namespace stele::master
