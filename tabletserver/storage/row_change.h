// RowChange: one change of one row that depends on what the row holds, from its arrival to its
// answer. What it does to the row is decided here, from cells to cells; when it may look at the row
// and how the result gets into the log is the tablet's business (tablet_conditional.cc).
//
// Owned by the tablet's queue for the row, then by the log's record. Thread-compatible: one thread
// at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "schema/model/conditional.h"
#include "tabletserver/storage/request_memory.h"
#include "tabletserver/storage/row_predicate.h"

namespace stele::storage {

class RowChange {
 public:
  struct Plan {
    std::vector<Mutation> mutations;  // empty: nothing is written
    ChangeOutcome outcome;
    int64_t server_time_us = 0;  // was used; 0: not yet chosen
  };

  virtual ~RowChange() = default;
  // Whether Decide reads; a change that does not may be decided at any time.
  virtual bool Reads() const { return true; }
  // About how much it adds to the log.
  virtual uint64_t bytes() const = 0;
  // May be called again when its plan was not carried out. now_us: the server's time for the row.
  virtual StatusOr<Plan> Decide(RowState* state, int64_t now_us) = 0;

  std::string row;
  std::shared_ptr<const TableSchema> schema;  // it was validated against
  RequestId id;
  int64_t deadline_boot_ns = 0;  // 0: none
  ChangeDone done;
};

// REQUIRES, for each: validated against the schema that is set in the change afterwards.
std::unique_ptr<RowChange> NewWrite(std::vector<Mutation> mutations);
std::unique_ptr<RowChange> NewReadModifyWrite(std::vector<ReadModifyWriteRule> rules);
// Without a predicate: whether the row has a cell.
std::unique_ptr<RowChange> NewCheckAndMutate(std::shared_ptr<RowPredicate> predicate,
                                             std::vector<Mutation> if_true,
                                             std::vector<Mutation> if_false);

// About what the mutations take in the log and in memory.
uint64_t SizeOf(const std::vector<Mutation>& mutations);

}  // namespace stele::storage
