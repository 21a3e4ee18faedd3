// ReadTask: one page of one read, resumable: Run(false) on an io thread does what memory allows and
// a short time; Run(true) on the disk pool goes on where it stopped. Nothing is read twice, and
// each row is one state that it really had.
//
// A page ends when it is full, when the limit is reached, and when its time or what it has looked
// at is spent, also without a row: so a reader sees progress however little comes through its
// filter. A row larger than a page ends its page and is parked with its state. Memory: one page and
// one cell. Bound to one thread at a time; pins the tablet.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "schema/convert/messages.h"
#include "tabletserver/filter/push_down.h"
#include "tabletserver/rpc/parked_reads.h"
#include "tabletserver/storage/engine.h"

namespace stele::tabletserver {

struct ReadTaskParts {
  ParkedReads* parked = nullptr;  // outlives the task
  Clock* clock = nullptr;         // outlives the task
  ParkedReader reader;            // whose read it is; once its watch says so, nobody waits for it
  int64_t deadline_boot_ns = 0;   // from then on neither; 0: none
};

class ReadTask {
 public:
  static constexpr uint64_t kDefaultPageBytes = 1u << 20;
  static constexpr uint64_t kMaxPageBytes = 16u << 20;
  static constexpr int64_t kPageTimeNs = 1'000'000'000;
  static constexpr int64_t kIoThreadTimeNs = 10'000'000;
  // Of one page, before the filter.
  static constexpr uint64_t kMaxExaminedBytes = 64u << 20, kMaxExaminedRows = 65536,
                            kMaxExaminedCells = 1u << 20;

  // The request is valid and outlives the task; `filter` is its own, compiled, or null.
  ReadTask(std::shared_ptr<storage::TabletStore> tablet, const wire::ReadRowsRequest* request,
           std::shared_ptr<const RowFilter> filter, ReadTaskParts parts);

  // True: finished, the answer is in response(). False (only without may_block): call Run(true).
  // Cancelled when it was dropped.
  StatusOr<bool> Run(bool may_block);
  // For Run(false) where that is known to meet a block that is not in memory: somebody tried at
  // `tried_ns`. False, unless the read was dropped meanwhile.
  StatusOr<bool> Blocked(int64_t tried_ns);

  const wire::ReadRowsResponse& response() const { return response_; }
  const net::CallWatch& watch() const { return parts_.reader.watch; }

  // After the last Run. What it looked at and the time of each stage, from `begun_ns` on: known of
  // a read that asks for it, and of one that went to the disk pool from there on; else but times.
  wire::PageTrace Trace(int64_t begun_ns, int64_t ended_ns) const;
  // The trace goes with the answer, when the request asks for it.
  void AnswerWithTrace(int64_t begun_ns, int64_t ended_ns) {
    if (request_.explain) response_.trace = Trace(begun_ns, ended_ns);
  }

 private:
  // The rows left to visit behind `after`.
  std::vector<RowRange> PlanAfter(const std::string& after) const;
  Status OpenStream();
  StatusOr<bool> Work(bool may_block);
  storage::ReadBudget MakeBudget(bool may_block);
  void TakeIn(const storage::ReadProgress& progress);
  StatusOr<bool> EndInsideRow();
  void EndRange();
  bool PageIsFull() const;
  bool IsSpent() const;  // time, or what may be looked at for one page
  bool IsDropped() const {
    return parts_.reader.watch.cancelled() ||
           (parts_.deadline_boot_ns != 0 && parts_.clock->BootNanos() >= parts_.deadline_boot_ns);
  }
  // What the engine is asked for.
  const ReadSelection& selection() const {
    return push_down_.has_value() ? push_down_->selection : request_.selection;
  }
  uint64_t RowsLeft() const;

  const std::shared_ptr<storage::TabletStore> tablet_;
  const wire::ReadRowsRequest& request_;
  const std::shared_ptr<const RowFilter> filter_;
  const std::optional<PushDown> push_down_;  // with a filter
  const ReadTaskParts parts_;
  const uint64_t page_bytes_;
  std::vector<RowRange> plan_;
  size_t next_range_ = 0;
  RowStream stream_;          // over the range at next_range_, or the rest of a row
  bool take_parked_ = false;  // stream_ comes from where the last page left it
  bool in_parked_ = false;    // stream_ is that, up to the row's end
  int64_t started_ns_ = 0, stop_at_ns_ = 0;
  int64_t handed_ns_ = 0, pool_ns_ = 0;        // over to the disk pool; begun there
  std::unique_ptr<storage::ReadTrace> trace_;  // null: nobody asks, and it is fast so far
  bool out_of_time_ = false;
  wire::ReadRowsResponse response_;
};

}  // namespace stele::tabletserver
