// RowPredicate: the condition of a check-and-mutate, as the engine sees it: it looks at a row and
// says yes or no. RowState: the row that it looks at. Implemented above the engine and by it; used
// by one thread at a time.
#pragma once

#include "schema/model/model.h"
#include "tabletserver/storage/iterator/row_sink.h"

namespace stele::storage {

// A row as one change finds it: all that was queued before the change, durable or not. It may be
// read several times and is the same each time.
class RowState {
 public:
  virtual ~RowState() = default;
  // The selected cells; a row without any is not started.
  virtual Status Read(const ReadSelection& selection, RowSink* sink) = 0;
};

class RowPredicate {
 public:
  virtual ~RowPredicate() = default;
  // Errors are those of state->Read, and must be passed on. May be called several times.
  virtual StatusOr<bool> Matches(Slice row, RowState* state) = 0;
};

}  // namespace stele::storage
