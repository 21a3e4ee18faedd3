#include "client/async_scan.h"

#include <algorithm>

namespace stele::internal {

void AsyncScan::Start(std::shared_ptr<Session> session, std::shared_ptr<routing::ScanOp> scan,
                      OnRow row, Done done, const CallOptions& call) {
  std::shared_ptr<AsyncScan> self(
      new AsyncScan(std::move(session), std::move(scan), std::move(row), std::move(done), call));
  self->Fetch();
}

AsyncScan::AsyncScan(std::shared_ptr<Session> session, std::shared_ptr<routing::ScanOp> scan,
                     OnRow row, Done done, const CallOptions& call)
    : session_(std::move(session)),
      scan_(std::move(scan)),
      row_(std::move(row)),
      done_(std::move(done)),
      timeout_ms_(session_->TimeoutMs(call)),
      scan_deadline_ns_(session_->ScanDeadline(call)),
      recorded_(session_->calls()->Start(CallKind::kReadRows)) {}

void AsyncScan::Fetch() {
  const int64_t deadline_ns =
      std::min(session_->core()->DeadlineAfterMs(timeout_ms_), scan_deadline_ns_);
  scan_->NextPage(deadline_ns, [self = shared_from_this()](StatusOr<routing::ScanOp::Page> page) {
    self->OnPage(std::move(page));
  });
}

void AsyncScan::OnPage(StatusOr<routing::ScanOp::Page> page) {
  if (!page.ok()) return Finish(page.status());
  for (Row& row : page->rows) {
    if (!row_(std::move(row))) return Finish(OkStatus());
  }
  if (page->last) return Finish(OkStatus());
  Fetch();
}

void AsyncScan::Finish(const Status& status) {
  scan_->Cancel();
  recorded_.End(status);
  done_(status);
}

}  // namespace stele::internal
