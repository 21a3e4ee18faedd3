// LockerState: the durable part of the embedded Locker and its coding. A value type.
//
//   state = version:1 counter:varint64 n:varint64 (path value version:varint64)*n crc32c:fixed32
//   (masked over everything before it; path and value are length-prefixed)
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/base/status.h"
#include "locker/locker.h"

namespace stele {

struct LockerState {
  uint64_t counter = 0;  // the last number given out as a version or an epoch
  std::map<std::string, LockerValue> values;
};

std::string EncodeLockerState(const LockerState& state);
// DataLoss when damaged, FailedPrecondition when of a newer format.
StatusOr<LockerState> DecodeLockerState(Slice encoded);

}  // namespace stele
