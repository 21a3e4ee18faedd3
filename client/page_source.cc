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
  scan_->NextPage(deadline_ns_,
                  [waiter = under_way_](StatusOr<Page> page) { waiter->Set(std::move(page)); });
}

StatusOr<std::optional<Row>> PageSource::Next() {
  while (next_row_ == page_.rows.size()) {
    if (under_way_ == nullptr) return std::optional<Row>();
    std::optional<StatusOr<Page>> page = under_way_->Wait(core_, deadline_ns_);
    under_way_.reset();
    if (!page.has_value()) return absl::DeadlineExceededError("no page came by the deadline");
    if (!page->ok()) return page->status();
    page_ = **std::move(page);
    next_row_ = 0;
    if (!page_.last) Fetch();
  }
  return std::optional<Row>(std::move(page_.rows[next_row_++]));
}

}  // namespace stele
