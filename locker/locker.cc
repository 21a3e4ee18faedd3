#include "locker/locker.h"

#include "absl/strings/cord.h"

namespace stele {
namespace {

constexpr char kAwayPayload[] = "stele.dev/locker-away";

}  // namespace

Status LockerAwayError(Slice message) {
  Status status = absl::UnavailableError(message);
  status.SetPayload(kAwayPayload, absl::Cord());
  return status;
}

bool IsLockerAway(const Status& status) { return status.GetPayload(kAwayPayload).has_value(); }

}  // namespace stele
