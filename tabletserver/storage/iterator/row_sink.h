// RowSink: where the visible cells of rows go. Implemented by whoever answers a read; called by the
// row resolver on the reader's thread. Calls come as StartRow, AddCell (any number), EndRow; a row
// without a visible cell is not started. Slices live only for the call.
//
// wants() is read after StartRow, AddCell and EndRow: a sink that never sets it takes everything.
#pragma once

#include <cstdint>

#include "common/base/slice.h"

namespace stele::storage {

class RowSink {
 public:
  enum class Wants : uint8_t {
    kMore,
    kNextColumn,  // after AddCell: nothing more of this column
    kNextRow,     // after StartRow or AddCell: nothing more of this row; EndRow comes
    kPause,       // after AddCell: nothing more now; a cursor goes on behind this cell
    kAgain,       // after EndRow: the whole row once more, from the same state
  };

  virtual ~RowSink() = default;
  virtual void StartRow(Slice row) = 0;
  // Families ascending, qualifiers ascending, timestamps descending.
  virtual void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) = 0;
  // False stops the read.
  virtual bool EndRow() = 0;

  Wants wants() const { return wants_; }

 protected:
  Wants wants_ = Wants::kMore;
};

}  // namespace stele::storage
