// LoadHistory: how much the cell, each server and each table did, and how long it took, in steps of
// ten seconds over the last hour. What comes in are differences of counts; a step that is over is
// kept as seven numbers. Time is the caller's, in milliseconds of the boot clock.
//
// Bounds: kMaxSeries series of kSteps steps, 30 bytes each: 10 MiB. The table that was idle for the
// longest makes room for another that has load, but one with load stays: when all have, a further
// table is not kept. Servers make room when they have nothing of the last hour, the cell never.
// Thread-compatible; owned by LoadWatch.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "common/obs/time_classes.h"
#include "schema/model/model.h"

namespace stele::master {

struct LoadStep {
  int64_t begin_ms = 0;                     // LoadHistory::kStepMs long
  float reads_per_s = 0, writes_per_s = 0;  // pages that were read, rows that were changed
  float read_p50_ms = 0, read_p99_ms = 0;   // of requests, by their servers; 0: there were none
  float write_p50_ms = 0, write_p99_ms = 0;
};

class LoadHistory {
 public:
  static constexpr int64_t kStepMs = 10'000;
  static constexpr size_t kSteps = 360;
  static constexpr size_t kMaxSeries = 1'000;

  // "" is the cell; servers and tables have keys of their own.
  static std::string OfCell() { return ""; }
  static std::string OfServer(const std::string& id) { return "s/" + id; }
  static std::string OfTable(TableId table) { return absl::StrCat("t/", table); }

  void AddCounts(int64_t now_ms, const std::string& series, uint64_t reads, uint64_t writes);
  void AddTimes(int64_t now_ms, const std::string& series, const obs::TimeCounts& reads,
                const obs::TimeCounts& writes);
  // Ascending; times without load are left out. The step that is not over yet is not there.
  std::vector<LoadStep> Steps(int64_t now_ms, const std::string& series) const;

 private:
  struct Series {
    int64_t begin_ms = 0;  // of the step under way
    uint64_t reads = 0, writes = 0;
    obs::TimeCounts read_times{}, write_times{};
    std::deque<LoadStep> steps;
  };
  Series* At(int64_t now_ms, const std::string& series);  // null: there is no room
  bool MakeRoom(int64_t begin_ms, bool for_table);
  static LoadStep StepOf(const Series& series);

  std::map<std::string, Series> series_;
  int64_t full_in_ms_ = -1;  // the step in which there was no room for a table
};

}  // namespace stele::master
