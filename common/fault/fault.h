// Fault points: named places in the durability protocols where a test may crash, fail or pause the
// process. A point costs one relaxed load of a null pointer when nothing is installed. Names are
// the protocol's step names, for example "log.after_sync". Thread-safe.
//
//   RETURN_IF_ERROR(FaultPoint(faults, "flush.before_manifest"));
#pragma once

#include <functional>
#include <string>

#include "common/base/status.h"

namespace stele {

class FaultInjector {
 public:
  virtual ~FaultInjector() = default;
  // Called at each point; a non-OK status is returned by the step as if it had failed there. May
  // block, exit or throw away the state of a FaultFs.
  virtual Status At(Slice point) = 0;
};

// `injector` may be null (production).
inline Status FaultPoint(FaultInjector* injector, Slice point) {
  return injector == nullptr ? OkStatus() : injector->At(point);
}

}  // namespace stele
