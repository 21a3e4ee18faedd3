// LiveOptions: the options of a process while it runs: what rpc and status pages list, and changes
// of those that the table says can be changed live. A change is checked like an option of the
// start, together with all others; it is told to what runs, and lasts until the process ends:
// nothing is written down.
//
// Owned by who starts the process; outlives its servers. Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/time/clock.h"
#include "deploy/config/settings.h"
#include "master/placement/balancer.h"
#include "master/reshaper.h"
#include "schema/convert/process_messages.h"
#include "tabletserver/storage/engine.h"

namespace stele::bin {

class LiveOptions {
 public:
  // What runs; a role has one of them or both.
  struct Hooks {
    std::function<void(const master::ReshapeOptions&, const master::BalanceOptions&)> master;
    std::function<void(const storage::EngineTuning&)> servers;
    std::function<StatusOr<uint64_t>()> disk_bytes;  // free or not; of a role with `servers`
  };

  // `settings` outlives it.
  LiveOptions(config::Settings* settings, Clock* clock);

  // From now on changes arrive somewhere; before and after they are Unavailable.
  void Attach(Hooks hooks) EXCLUDES(mu_);
  void Detach() EXCLUDES(mu_);

  // For the roles of the process; lives as long as this.
  const wire::ProcessOptions* door() const { return &door_; }

  std::vector<wire::OptionValue> List() const;
  // InvalidArgument (no such option, a bad value, a disk-reserve that this disk cannot have),
  // FailedPrecondition (only a restart changes it), Unavailable.
  StatusOr<std::string> Set(const wire::SetOptionRequest& request) EXCLUDES(mu_);

 private:
  // The settings as they would be; OK: they go together.
  Status CheckChange(const config::Option& option, const std::string& value) const REQUIRES(mu_);
  void Tell() REQUIRES(mu_);

  config::Settings* const settings_;
  wire::ProcessOptions door_;
  mutable Mutex mu_;
  bool attached_ GUARDED_BY(mu_) = false;
  Hooks hooks_ GUARDED_BY(mu_);
};

}  // namespace stele::bin
