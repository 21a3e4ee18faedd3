// PageSource: the rows of a ScanOp, with the next page fetched while this one is consumed. Not part
// of the SDK's face. Next from one thread at a time; at most two pages in memory. Destroyed, it
// cancels what is under way.
#pragma once

#include <memory>
#include <vector>

#include "client/routing/scan_op.h"
#include "client/routing/wait.h"
#include "stele/row_reader.h"

namespace stele {

class PageSource : public RowReader::Source {
 public:
  PageSource(routing::Core* core, std::shared_ptr<routing::ScanOp> scan, int64_t timeout_ms,
             int64_t scan_deadline_ns);  // INT64_MAX: none
  ~PageSource() override { scan_->Cancel(); }
  StatusOr<std::optional<Row>> Next() override;
  StatusOr<std::optional<RowPart>> NextPart() override;
  ScanProgress progress() const override EXCLUDES(progress_mu_) {
    MutexLock lock(&progress_mu_);
    return progress_;
  }
  void Cancel() override { scan_->Cancel(); }

 private:
  using Page = routing::ScanOp::Parts;
  void Fetch();

  routing::Core* const core_;
  const std::shared_ptr<routing::ScanOp> scan_;
  const int64_t timeout_ms_;
  const int64_t scan_deadline_ns_;
  int64_t deadline_ns_ = 0;                                     // of the page under way
  std::shared_ptr<routing::Waiter<StatusOr<Page>>> under_way_;  // null: none asked for
  Page page_;
  size_t next_part_ = 0;
  mutable Mutex progress_mu_;
  ScanProgress progress_ GUARDED_BY(progress_mu_);
  routing::RowAssembler assembler_;
};

}  // namespace stele
