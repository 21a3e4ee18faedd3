#include "master/load/load_history.h"

#include <algorithm>

namespace stele::master {
namespace {

constexpr int64_t kHourMs = static_cast<int64_t>(LoadHistory::kSteps) * LoadHistory::kStepMs;

float Millis(const obs::TimeCounts& times, double q) {
  return static_cast<float>(obs::QuantileNanos(times, q)) / 1e6f;
}

bool IsTable(const std::string& name) { return name.rfind("t/", 0) == 0; }

}  // namespace

LoadStep LoadHistory::StepOf(const Series& series) {
  LoadStep step;
  step.begin_ms = series.begin_ms;
  step.reads_per_s = static_cast<float>(series.reads) * 1000 / kStepMs;
  step.writes_per_s = static_cast<float>(series.writes) * 1000 / kStepMs;
  step.read_p50_ms = Millis(series.read_times, 0.5);
  step.read_p99_ms = Millis(series.read_times, 0.99);
  step.write_p50_ms = Millis(series.write_times, 0.5);
  step.write_p99_ms = Millis(series.write_times, 0.99);
  return step;
}

// For a table only a table goes that had no load for a whole step: else those with load would push
// each other out in turn.
bool LoadHistory::MakeRoom(int64_t begin_ms, bool for_table) {
  if (for_table && full_in_ms_ == begin_ms) return false;
  auto idle = series_.end();
  for (auto it = series_.begin(); it != series_.end(); ++it) {
    const int64_t idle_ms = begin_ms - it->second.begin_ms;
    const bool empty = idle_ms >= kHourMs;
    const bool may_go =
        IsTable(it->first) ? !for_table || idle_ms > kStepMs : empty && it->first != OfCell();
    if (!may_go) continue;
    if (idle == series_.end() || it->second.begin_ms < idle->second.begin_ms) idle = it;
  }
  if (idle == series_.end()) {
    if (for_table) full_in_ms_ = begin_ms;
    return false;
  }
  series_.erase(idle);
  return true;
}

LoadHistory::Series* LoadHistory::At(int64_t now_ms, const std::string& name) {
  const int64_t begin_ms = now_ms / kStepMs * kStepMs;
  auto found = series_.find(name);
  if (found == series_.end()) {
    if (series_.size() >= kMaxSeries && !MakeRoom(begin_ms, IsTable(name))) return nullptr;
    found = series_.try_emplace(name).first;
    found->second.begin_ms = begin_ms;
  }
  Series& series = found->second;
  if (series.begin_ms == begin_ms) return &series;
  series.steps.push_back(StepOf(series));
  while (series.steps.size() > kSteps || series.steps.front().begin_ms + kHourMs <= now_ms) {
    series.steps.pop_front();
    if (series.steps.empty()) break;
  }
  series.begin_ms = begin_ms;
  series.reads = series.writes = 0;
  series.read_times = series.write_times = {};
  return &series;
}

void LoadHistory::AddCounts(int64_t now_ms, const std::string& name, uint64_t reads,
                            uint64_t writes) {
  if (reads + writes == 0) return;
  Series* series = At(now_ms, name);
  if (series == nullptr) return;
  series->reads += reads;
  series->writes += writes;
}

void LoadHistory::AddTimes(int64_t now_ms, const std::string& name, const obs::TimeCounts& reads,
                           const obs::TimeCounts& writes) {
  if (obs::CountOf(reads) + obs::CountOf(writes) == 0) return;
  Series* series = At(now_ms, name);
  if (series == nullptr) return;
  for (size_t i = 0; i < obs::kTimeClasses; ++i) {
    series->read_times[i] += reads[i];
    series->write_times[i] += writes[i];
  }
}

std::vector<LoadStep> LoadHistory::Steps(int64_t now_ms, const std::string& name) const {
  std::vector<LoadStep> steps;
  auto found = series_.find(name);
  if (found == series_.end()) return steps;
  const Series& series = found->second;
  for (const LoadStep& step : series.steps) {
    if (step.begin_ms + kHourMs > now_ms) steps.push_back(step);
  }
  if (series.begin_ms + kStepMs <= now_ms && series.begin_ms + kHourMs > now_ms) {
    steps.push_back(StepOf(series));
  }
  return steps;
}

}  // namespace stele::master
