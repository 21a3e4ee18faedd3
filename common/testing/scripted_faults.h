// ScriptedFaults: the FaultInjector of tests. It counts every fault point that is passed and, at
// the nth passing of a named one, fails it, runs a function (for example FaultFs::CutPower), ends
// the process or holds the thread. Thread-safe.
//
//   ScriptedFaults faults;
//   faults.FailAt("flush.before_manifest", 1, absl::InternalError("stop"));
//   faults.RunAt("log.after_sync", 3, [&] { fs.CutPower(); return absl::InternalError("cut"); });
//
// Every passing before the nth and after it goes through.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "common/base/mutex.h"
#include "common/fault/fault.h"

namespace stele {

class ScriptedFaults : public FaultInjector {
 public:
  using Action = std::function<Status()>;

  Status At(Slice point) override;

  // `nth` counts from the construction on, beginning with 1.
  void RunAt(Slice point, uint64_t nth, Action action);
  void FailAt(Slice point, uint64_t nth, Status status);
  // Ends the process at once, as a kill would: nothing is flushed or destroyed.
  void ExitAt(Slice point, uint64_t nth, int exit_code);

  // Holds the thread that passes there until Resume, or at most a minute.
  void PauseAt(Slice point, uint64_t nth);
  // True as soon as a thread is held at the point; false when none came within a minute.
  bool WaitUntilPaused(Slice point);
  void Resume(Slice point);

  uint64_t hits(Slice point) const;
  // All points passed so far and how often.
  std::map<std::string, uint64_t> AllHits() const;

 private:
  Status Hold(const std::string& point);

  mutable Mutex mu_;
  CondVar changed_;
  std::map<std::string, uint64_t> hits_ GUARDED_BY(mu_);
  std::map<std::pair<std::string, uint64_t>, Action> actions_ GUARDED_BY(mu_);
  // Points where a thread is held now.
  std::map<std::string, bool> paused_ GUARDED_BY(mu_);
};

}  // namespace stele
