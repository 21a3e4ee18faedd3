// SlowRequests: the slowest requests of a server lately, each with what is known of why: of every
// kind of request the kKept slowest of each minute, for an hour. So memory is bounded (about
// 1.5 MiB at most) and the slow minute of half an hour ago can still be looked at. Values of cells
// are never kept, keys cut.
//
// A request that is not among the slowest so far costs two loads and reads no clock of its own.
// Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "schema/convert/trace_messages.h"
#include "schema/model/model.h"

namespace stele::tabletserver {

struct SlowRequest {
  enum class Kind : uint8_t { kRead, kScan, kWrite, kConditional };
  Kind kind = Kind::kRead;
  int64_t ended_us = 0;  // wall clock
  int64_t total_ns = 0;  // from when it was decoded until its answer was handed over
  TableId table = 0;
  TabletId tablet = 0;
  std::string row;      // its first, or the beginning of it
  uint64_t rows = 0;    // of a change; of a read those that it gave
  std::string outcome;  // "OK", or the code of its status
  // Of a read; of a change prepare_ns is until it was queued for the log, wait_ns the rest: the
  // log's write, sync and the memtable.
  wire::PageTrace trace;
};
const char* NameOf(SlowRequest::Kind kind);  // "read"

class SlowRequests {
 public:
  static constexpr size_t kKinds = 4, kKept = 5, kMinutes = 60;
  static constexpr size_t kMaxRowBytes = 128, kMaxFiles = 16;

  // Whether Add would keep one of this kind that took so long and ended now.
  bool Wants(SlowRequest::Kind kind, int64_t total_ns, int64_t now_ns) const {
    return total_ns > least_ns_[static_cast<size_t>(kind)].load(std::memory_order_relaxed) ||
           now_ns >= minute_ends_ns_.load(std::memory_order_relaxed);
  }
  void Add(SlowRequest request, int64_t now_ns) EXCLUDES(mu_);
  // Of the last hour, the slowest first.
  std::vector<SlowRequest> Report(int64_t now_ns) const EXCLUDES(mu_);

 private:
  struct Minute {
    int64_t number = 0;
    std::array<std::vector<SlowRequest>, kKinds> slowest;
  };
  void Turn(int64_t minute) REQUIRES(mu_);

  std::array<std::atomic<int64_t>, kKinds> least_ns_{};  // that is kept of this minute when full
  std::atomic<int64_t> minute_ends_ns_{0};
  mutable Mutex mu_;
  std::deque<Minute> minutes_ GUARDED_BY(mu_);  // the last one is under way
};

}  // namespace stele::tabletserver
