// What a tablet server says of itself; see messages.h. Value types, thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/model/model.h"

namespace stele::wire {

// ServerStatus: Empty -> ServerStatusResponse.
struct RingStatus {
  uint64_t epoch = 0;
  uint64_t segments = 0, max_segments = 0, segment_bytes = 0;
  uint64_t head_segment = 0, tail_segment = 0, head_offset = 0;
  uint64_t live_bytes = 0, next_lsn = 0, wraps = 0;
  std::vector<TabletId> pinning;
  bool operator==(const RingStatus&) const = default;
};
struct NamedNumber {
  std::string name;  // "memory.memtables"
  int64_t value = 0;
  bool operator==(const NamedNumber&) const = default;
};
struct ServerStatusResponse {
  std::string server_id;
  uint64_t incarnation = 0;
  std::string address, http_address;
  std::string state;  // "serving", "draining"
  uint64_t tablets = 0;
  RingStatus ring;
  std::vector<NamedNumber> numbers;  // memory, caches, maintenance
  bool operator==(const ServerStatusResponse&) const = default;
};

// VerifyTablet: TabletRequest -> VerifyTabletResponse.
inline constexpr size_t kMaxDamageReports = 1'000;
struct VerifyTabletResponse {
  uint64_t files = 0, bytes = 0;    // that were read
  std::vector<std::string> damage;  // a sentence each; empty: all is well
  bool operator==(const VerifyTabletResponse&) const = default;
};

}  // namespace stele::wire
