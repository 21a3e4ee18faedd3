// Revision: the timestamps under which one master writes system rows: its lock's epoch above, a
// counter below. Of two writes to a row the one of the later master, and of one master the later
// one, is the newer cell, in whatever order they arrive: a delayed write of a past master or of a
// call that timed out cannot hide what came after it. Thread-compatible.
#pragma once

#include <cstdint>

#include "common/base/check.h"
#include "schema/model/model.h"

namespace stele::master {

class Revision {
 public:
  explicit Revision(Epoch master_epoch) : epoch_(master_epoch) { CHECK_LT(epoch_, kMaxEpoch); }

  // The epoch of the master that wrote under the timestamp.
  static uint64_t TermOf(int64_t timestamp_us) {
    return static_cast<uint64_t>(timestamp_us / kTimestampGranularityUs) >> kCounterBits;
  }

  int64_t NextTimestamp() {
    CHECK_LT(counter_, kMaxCounter);
    return static_cast<int64_t>((epoch_ << kCounterBits | counter_++)) * kTimestampGranularityUs;
  }

 private:
  static constexpr int kCounterBits = 30;
  static constexpr uint64_t kMaxCounter = uint64_t{1} << kCounterBits;
  static constexpr uint64_t kMaxEpoch = uint64_t{1} << 23;
  const uint64_t epoch_;
  uint64_t counter_ = 0;
};

}  // namespace stele::master
