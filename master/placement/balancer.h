// Balancer: when tablets change places so that the servers are even, and which. First by count: a
// server out of its bounds is what is mended, then all are even. Then, where there is load, by load
// (load_balance.h), and only within those bounds.
//
// So that nothing oscillates: loads are smoothed (load_meter.h); what is out of balance must have
// been so for a while, which begins anew after every plan; a plan aims at the average but begins
// only beyond the tolerance; and a tablet that was moved for its load stays where it is until its
// load has changed by half, or other servers are there; what a plan cannot mend is put up with
// until it is worse by half the tolerance. What it remembers is of one master: the next one
// measures anew. Bound to the master thread.
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

  LoadMeter& meter() { return meter_; }
  const LoadMeter& meter() const { return meter_; }

  // What an operator would be told, now; the loads of `cell` are not read but measured.
  std::vector<PlannedMove> Plan(WeighedCell cell) const;
  // What is to be done by itself: empty unless it is due.
  std::vector<PlannedMove> TakeDue(WeighedCell cell, int64_t now_ns);
  // These are carried out.
  void Begin(const std::vector<PlannedMove>& moves);

 private:
  // Loads, and what stays because it was moved.
  void Weigh(WeighedCell* cell) const;
  void ForgetWhatChanged(const WeighedCell& cell);
  bool IsOut(const WeighedCell& cell, int64_t now_ns);

  const BalanceOptions options_;
  const LoadRules rules_;
  LoadMeter meter_;
  int64_t out_since_ns_ = -1;  // -1: it is not out of balance
  std::vector<std::string> servers_;
  std::map<TabletId, double> moved_;  // with the load it had then
  double accepted_skew_ = 0;          // what the last plan left
  int64_t looked_ns_ = 0;
};

}  // namespace stele::master
