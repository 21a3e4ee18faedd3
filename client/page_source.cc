#include "client/page_source.h"

#include <algorithm>

namespace stele {

PageSource::PageSource(routing::Core* core, std::shared_ptr<routing::ScanOp> scan,
                       int64_t timeout_ms, int64_t scan_deadline_ns)
    : core_(core),
      scan_(std::move(scan)),
      timeout_ms_(timeout_ms),
      scan_deadline_ns_(scan_deadline_ns) {
  Fetch();
}

void PageSource::Fetch() {
  deadline_ns_ = std::min(core_->DeadlineAfterMs(timeout_ms_), scan_deadline_ns_);
  under_way_ = std::make_shared<routing::Waiter<StatusOr<Page>>>();
  scan_->NextParts(deadline_ns_,
                   [waiter = under_way_](StatusOr<Page> page) { waiter->Set(std::move(page)); });
}

StatusOr<std::optional<RowPart>> PageSource::NextPart() {
  while (next_part_ == page_.parts.size()) {
    if (under_way_ == nullptr) return std::optional<RowPart>();
    std::optional<StatusOr<Page>> page = under_way_->Wait(core_, deadline_ns_);
    under_way_.reset();
    if (!page.has_value()) return absl::DeadlineExceededError("no page came by the deadline");
    if (!page->ok()) return page->status();
    page_ = **std::move(page);
    next_part_ = 0;
    {
      MutexLock lock(&progress_mu_);
      progress_ = scan_->examined();
    }
    if (page_.last) continue;
    // Each page has its own time: a scan that finds nothing goes on for as long as it gets on.
    if (core_->LeftMs(scan_deadline_ns_) == 0) {
      return absl::DeadlineExceededError("the scan was not finished by its deadline");
    }
    Fetch();
  }
  return std::optional<RowPart>(std::move(page_.parts[next_part_++]));
}

StatusOr<std::optional<Row>> PageSource::Next() {
  for (;;) {
    ASSIGN_OR_RETURN(std::optional<RowPart> part, NextPart());
    if (!part.has_value()) return std::optional<Row>();
    ASSIGN_OR_RETURN(std::optional<Row> row, assembler_.Add(*std::move(part)));
    if (row.has_value()) return row;
  }
}

}  // namespace stele
