#include "common/testing/scripted_faults.h"

#include <unistd.h>

namespace stele {
namespace {

constexpr int kWaitTries = 600;
constexpr std::chrono::milliseconds kWaitStep{100};

}  // namespace

Status ScriptedFaults::At(Slice point) {
  Action action;
  {
    MutexLock lock(&mu_);
    const std::string name(point);
    const uint64_t nth = ++hits_[name];
    auto it = actions_.find({name, nth});
    if (it != actions_.end()) action = it->second;
  }
  return action ? action() : OkStatus();  // outside the lock: it may block or pass other points
}

void ScriptedFaults::RunAt(Slice point, uint64_t nth, Action action) {
  MutexLock lock(&mu_);
  actions_[{std::string(point), nth}] = std::move(action);
}

void ScriptedFaults::FailAt(Slice point, uint64_t nth, Status status) {
  RunAt(point, nth, [status] { return status; });
}

void ScriptedFaults::ExitAt(Slice point, uint64_t nth, int exit_code) {
  RunAt(point, nth, [exit_code]() -> Status { ::_exit(exit_code); });
}

void ScriptedFaults::PauseAt(Slice point, uint64_t nth) {
  RunAt(point, nth, [this, name = std::string(point)] { return Hold(name); });
}

Status ScriptedFaults::Hold(const std::string& point) {
  MutexLock lock(&mu_);
  paused_[point] = true;
  changed_.SignalAll();
  for (int i = 0; i < kWaitTries && paused_[point]; ++i) changed_.WaitFor(&mu_, kWaitStep);
  if (!paused_[point]) return OkStatus();
  return absl::DeadlineExceededError(absl::StrCat("fault point ", point, ": never resumed"));
}

bool ScriptedFaults::WaitUntilPaused(Slice point) {
  MutexLock lock(&mu_);
  const std::string name(point);
  for (int i = 0; i < kWaitTries && !paused_[name]; ++i) changed_.WaitFor(&mu_, kWaitStep);
  return paused_[name];
}

void ScriptedFaults::Resume(Slice point) {
  MutexLock lock(&mu_);
  paused_[std::string(point)] = false;
  changed_.SignalAll();
}

uint64_t ScriptedFaults::hits(Slice point) const {
  MutexLock lock(&mu_);
  auto it = hits_.find(std::string(point));
  return it == hits_.end() ? 0 : it->second;
}

std::map<std::string, uint64_t> ScriptedFaults::AllHits() const {
  MutexLock lock(&mu_);
  return hits_;
}

}  // namespace stele
