// AdminWait: an order that takes a while: asked for again until nothing of it is left, at most
// until
// --deadline. What the cell cannot answer at the moment (a master changes) is asked again. Used by
// one thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "client/cli/verb.h"

namespace stele::cli {

class AdminWait {
 public:
  // --deadline, with what it is when nothing is said ("10m").
  static void AddFlag(po::options_description* options, const char* by_default);
  static StatusOr<AdminWait> Start(const Invocation& call);  // InvalidArgument

  int64_t left_ms() const;
  // False when the deadline has passed or Ctrl-C came.
  bool Pause();
  // Tells a terminal what is waited for, when that is news.
  void Say(const std::string& what);
  // Says what is not done; the exit code.
  int GiveUp(const std::string& what) const;

  // Calls until `left` says that nothing is; the exit code.
  int UntilNothingIsLeft(const std::function<StatusOr<std::vector<std::string>>()>& left);
  // Calls until it gives a status that asking again does not help.
  Status UntilAnswered(const std::function<Status()>& ask);

 private:
  AdminWait(const Invocation& call, int64_t deadline_boot_ns)
      : call_(&call), deadline_boot_ns_(deadline_boot_ns) {}
  bool Interrupted() const;

  const Invocation* call_;
  int64_t deadline_boot_ns_;
  std::string said_;
};

// What was done or, in a dry run, would be; text or JSON.
void PrintSteps(const Invocation& call, const std::vector<std::string>& steps, bool dry_run);

// "healthy: 17 tablets of 4 tables served by 3 servers", or what is wrong.
std::string HealthLine(const CellStatus& cell);

// The cell, whose calls may each take all the time that is left.
StatusOr<std::shared_ptr<Client>> ConnectForAdmin(const Invocation& call, const AdminWait& wait);

}  // namespace stele::cli
