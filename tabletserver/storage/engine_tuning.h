// What of an engine's options can be changed while it runs; absent: as it is. Value type.
#pragma once

#include <cstdint>
#include <optional>

namespace stele::storage {

struct EngineTuning {
  std::optional<uint64_t> compaction_bytes_per_second;  // 0: no limit
  std::optional<uint64_t> disk_reserve_bytes;           // from the next look at the disk on
};

}  // namespace stele::storage
