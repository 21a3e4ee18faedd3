// What the methods carry that split, move, merge and recover tablets; see messages.h. Value types,
// thread-compatible.
#pragma once

#include <string>
#include <vector>

#include "schema/model/model.h"

namespace stele::wire {

inline constexpr size_t kMaxOrderedTablets = 10'000;  // of one Split, Move or Merge

// SplitTablet: -> Empty. FailedPrecondition: start_row is not the tablet's, the master is behind;
// nothing is to be cut (no two rows; one row has nearly all requests).
struct SplitTabletRequest {
  TabletId tablet = 0;
  Epoch epoch = 0;
  std::string start_row;
  TabletId child = 0;    // never used before
  std::string at;        // last row of the child; empty: the server chooses
  bool by_load = false;  // it chooses by the requests, not by the bytes
  bool operator==(const SplitTabletRequest&) const = default;
};
// MergeTablets, ForgetMerged: -> Empty. Idempotent.
struct MergeTabletsRequest {
  TabletId left = 0;
  Epoch left_epoch = 0;
  TabletId right = 0;
  Epoch right_epoch = 0;
  std::string right_start_row;
  bool operator==(const MergeTabletsRequest&) const = default;
};

// RecoverLog: -> Empty when the log of this past incarnation is in SSTables. Idempotent.
// FailedPrecondition: it still holds its lock. Unavailable: try again, perhaps elsewhere. DataLoss:
// with system_only, which is to be asked without it.
struct RecoverLogRequest {
  std::string server_id;
  uint64_t incarnation = 0;
  bool system_only = false;  // the system's tablets alone; the log stays
  bool operator==(const RecoverLogRequest&) const = default;
};

// Split, Move, Merge, FlushTablets, CompactTablets: TabletOrderRequest -> TabletOrderResponse when
// it is done. Drain, Undrain, Balance: at once; the steps are what is left to be done.
struct TabletOrderRequest {
  std::string table;              // empty: the tablets say which
  std::vector<TabletId> tablets;  // empty: all of the table, as far as it makes sense
  std::string at;                 // Split: the last row of the lower part; empty: near the middle
  std::string server;             // Move: the new owner; Drain, Undrain: which
  bool dry_run = false;
  bool operator==(const TabletOrderRequest&) const = default;
};
struct TabletOrderResponse {
  std::vector<std::string> steps;  // what was done or, in a dry run, would be
  bool operator==(const TabletOrderResponse&) const = default;
};

}  // namespace stele::wire
