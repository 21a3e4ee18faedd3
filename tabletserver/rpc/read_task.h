// ReadTask: one page of one read, resumable: Run(false) on an io thread does what memory allows;
// when a block is missing, Run(true) on the disk pool goes on where it stopped. What was finished
// is kept; a row that was half read is read again, so each row is one state that it really had.
//
// A row larger than a page is read whole (at most kMaxRowReadBytes, else FailedPrecondition naming
// it), pinned, and handed out in parts. Bound to one thread at a time; pins the tablet.
#pragma once

#include <memory>
#include <vector>

#include "schema/convert/messages.h"
#include "tabletserver/rpc/pinned_rows.h"
#include "tabletserver/storage/engine.h"

namespace stele::tabletserver {

class ReadTask {
 public:
  static constexpr uint64_t kDefaultPageBytes = 1u << 20;
  static constexpr uint64_t kMaxPageBytes = 16u << 20;

  // `pinned` outlives the task. The request is valid.
  ReadTask(std::shared_ptr<storage::TabletStore> tablet, wire::ReadRowsRequest request,
           PinnedRows* pinned);

  // True: finished, the answer is in response(). False (only without may_block): call Run(true).
  StatusOr<bool> Run(bool may_block);

  const wire::ReadRowsResponse& response() const { return response_; }

 private:
  class PageSink;
  // Reads from the front range of the plan. True: the page or the plan is at its end.
  StatusOr<bool> Step(bool may_block);
  Status ReadLargeRow(const std::string& row);
  uint64_t RowsLeft() const;

  const std::shared_ptr<storage::TabletStore> tablet_;
  const wire::ReadRowsRequest request_;
  PinnedRows* const pinned_;
  const uint64_t page_bytes_;
  std::vector<RowRange> plan_;
  size_t next_range_ = 0;
  wire::ReadRowsResponse response_;
};

}  // namespace stele::tabletserver
