// RowSink: where the visible cells of rows go. Implemented by whoever answers a read; called by the
// row resolver on the reader's thread. Calls come as StartRow, AddCell (one or more), EndRow; a row
// without a visible cell is not started. Slices live only for the call.
#pragma once

#include <cstdint>

#include "common/base/slice.h"

namespace stele::storage {

class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void StartRow(Slice row) = 0;
  // Families ascending, qualifiers ascending, timestamps descending.
  virtual void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) = 0;
  // False stops the read.
  virtual bool EndRow() = 0;
};

}  // namespace stele::storage
