// Balancer: when tablets change places so that the servers are even, and which. First by count: a
// server out of its bounds is what is mended, then all are even. Then, where there is load, by load
// (load_balance.h), and only within those bounds.
//
// So that nothing oscillates: loads are smoothed (load_meter.h); what is out of balance must have
// been so for a while, which begins anew after every plan; a plan aims at the average but begins
// only beyond the tolerance; and a tablet that was moved for its load stays where it is until its
// load has changed by half, or other servers are there; a server that a plan brought no lower is
// relieved again only when it is worse by half the tolerance. A server that no move relieves is no
// reason to act, and none not to act for the others. A move that came to nothing is forgotten: the
// tablet does not stay. What it remembers is of one master: the next one measures anew. Bound to
// the master thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "master/placement/load_balance.h"
#include "master/placement/load_meter.h"

namespace stele::master {

struct BalanceOptions {
  int64_t after_ms = 300'000;  // 0: only when it is asked for
  uint64_t tolerance_percent = 25;
  uint64_t min_load_per_s = 100;
};

class Balancer {
 public:
  explicit Balancer(const BalanceOptions& options);

  // From now on; what was out of balance must be so for a while again, by the new rules.
  void Retune(const BalanceOptions& options);

  LoadMeter& meter() { return meter_; }
  const LoadMeter& meter() const { return meter_; }

  // What an operator would be told, now; the loads of `cell` are not read but measured.
  std::vector<PlannedMove> Plan(WeighedCell cell) const;
  // What is to be done by itself: empty unless it is due.
  std::vector<PlannedMove> TakeDue(WeighedCell cell, int64_t now_ns);
  // These are carried out.
  void Begin(const std::vector<PlannedMove>& moves);
  // It may not look now: what was out of balance must be so for a while again.
  void Pause(int64_t now_ns);

 private:
  struct Moved {
    double load = 0;  // what it had then
    std::string to;
  };
  void Weigh(WeighedCell* cell) const;
  // What was moved stays.
  void HoldMoved(WeighedCell* cell) const;
  void ForgetWhatChanged(const WeighedCell& cell);
  void Accept(const WeighedCell& cell, int64_t now_ns);
  bool IsOut(WeighedCell cell) const;

  BalanceOptions options_;
  LoadRules rules_;
  LoadMeter meter_;
  int64_t out_since_ns_ = -1;  // -1: it is not out of balance
  std::vector<std::string> servers_;
  std::map<TabletId, Moved> moved_;
  std::map<std::string, double> accepted_;  // each server's excess that the last plan left
  int64_t looked_ns_ = 0;
};

}  // namespace stele::master
