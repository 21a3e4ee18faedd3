// Shows an SSTable as text, for `stele debug sstable FILE`. Keys are escaped; values are shown only
// when asked for. Stateless.
#pragma once

#include <cstdint>
#include <functional>

#include "tabletserver/storage/sstable/sstable.h"

namespace stele::storage {

struct SSTableDumpOptions {
  bool properties = true;
  bool fences = false;
  bool cells = false;
  bool values = false;     // the first 64 bytes of each value, escaped
  uint64_t max_cells = 0;  // 0: all
  bool verify = false;
};

// Hands each line (without a line end) to `line`. Damage inside the cells is shown as a line and
// the dump goes on behind it; the first error is returned at the end.
Status DumpSSTable(const SSTable& table, const SSTableDumpOptions& options,
                   const std::function<void(Slice line)>& line);

}  // namespace stele::storage
