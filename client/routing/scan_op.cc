#include "client/routing/scan_op.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "common/base/check.h"
#include "schema/convert/error_payload.h"

namespace stele::routing {
namespace {

constexpr size_t kRunsPerRequest = 1000;
// A server that answers so often without a row and without an end does not move.
constexpr uint32_t kMaxEmptyPages = 1'000'000;

size_t CellBytes(const Cell& cell) {
  return cell.family.size() + cell.qualifier.size() + cell.value.size();
}

}  // namespace

std::shared_ptr<ScanOp> ScanOp::Create(Core* core, Locator* locator, ScanSpec spec) {
  return std::shared_ptr<ScanOp>(new ScanOp(core, locator, std::move(spec)));
}

ScanOp::ScanOp(Core* core, Locator* locator, ScanSpec spec)
    : core_(core), locator_(locator), spec_(std::move(spec)) {}

void ScanOp::NextPage(int64_t deadline_ns, Done done) {
  CHECK(!done_) << "a page was asked for before the last one came";
  if (Status s = core_->gate()->Enter(&pass_); !s.ok()) return done(s);
  deadline_ns_ = deadline_ns;
  done_ = std::move(done);
  attempt_ = 0;
  core_->budget()->OnCall();
  Attempt();
}

void ScanOp::Attempt() {
  const bool enough = spec_.rows_limit > 0 && rows_given_ >= spec_.rows_limit;
  if (spec_.rows.empty() || enough) return Deliver();
  if (core_->gate()->closed()) return Answer(absl::CancelledError("the client is closed"));
  if (cursor_at_.has_value()) return Ask(*cursor_at_);
  // The beginning of the table is no row; the least row is a zero byte.
  const std::string& front = spec_.rows.front();
  locator_->Locate(spec_.table, front.empty() ? std::string(1, '\0') : front, deadline_ns_,
                   [self = shared_from_this()](StatusOr<TabletLocation> location) {
                     if (!location.ok()) return self->Failed(NothingSent(location.status()));
                     self->Ask(*location);
                   });
}

void ScanOp::Ask(const TabletLocation& location) {
  wire::ReadRowsRequest request;
  request.table = spec_.table;
  request.tablet = location.tablet.id;
  RowRanges::Part part = spec_.rows.Clip(location.tablet, kRunsPerRequest);
  request.rows = std::move(part.rows);
  asked_until_ = std::move(part.until);
  request.selection = spec_.selection;
  request.filter = spec_.filter;
  request.sample_seed = spec_.sample_seed;
  if (spec_.rows_limit > 0) request.rows_limit = spec_.rows_limit - rows_given_;
  request.max_bytes = core_->options().page_bytes;
  if (cursor_at_.has_value()) {
    request.cursor = cursor_;
    request.resume_after = cursor_resume_;
  }
  const int64_t timeout_ms =
      std::min(core_->LeftMs(deadline_ns_), core_->options().attempt_timeout_ms);
  Call<wire::ReadRowsResponse>(
      core_, location.address, wire::Method::kReadRows, request, std::max<int64_t>(1, timeout_ms),
      [self = shared_from_this(), location](StatusOr<wire::ReadRowsResponse> reply) {
        self->OnPage(location, std::move(reply));
      });
}

void ScanOp::OnPage(const TabletLocation& location, StatusOr<wire::ReadRowsResponse> reply) {
  if (!reply.ok()) {
    // The part of a row is lost with the server's state of it.
    const bool lost_part = cursor_at_.has_value() && !ReadIsRetriable(reply.status());
    part_.reset();
    cursor_at_.reset();
    locator_->Learn(location, reply.status());
    return Failed(lost_part ? absl::UnavailableError(reply.status().message()) : reply.status());
  }
  if (Status s = TakeIn(location, *std::move(reply)); !s.ok()) return Answer(s);
  if (!whole_rows_.empty()) return Deliver();
  if (++empty_pages_ > kMaxEmptyPages) {
    return Answer(absl::InternalError("the server's pages do not come to an end"));
  }
  if (core_->LeftMs(deadline_ns_) == 0) {
    return Answer(absl::DeadlineExceededError("deadline exceeded while reading"));
  }
  Attempt();
}

// Moves the page's whole rows to whole_rows_ and the place forward.
Status ScanOp::TakeIn(const TabletLocation& location, wire::ReadRowsResponse reply) {
  const bool in_parts = reply.cursor.scanner_id != 0;
  if (in_parts && reply.rows.empty()) {
    return CorruptError("a page of a row in parts holds no part");
  }
  for (size_t i = 0; i < reply.rows.size(); ++i) {
    Row& row = reply.rows[i];
    if (part_.has_value() && i == 0) {
      if (part_->key != row.key) return CorruptError("a row in parts went on as another row");
      for (Cell& cell : row.cells) part_->cells.push_back(std::move(cell));
      row = *std::move(part_);
      part_.reset();
    }
    if (in_parts && i + 1 == reply.rows.size()) {
      part_ = std::move(row);
      break;
    }
    if (row.key < spec_.rows.front()) return CorruptError("the server's rows are not in order");
    spec_.rows.DropThrough(row.key);
    whole_rows_.push_back(std::move(row));
    ++rows_given_;
    if (spec_.rows.empty() && i + 1 < reply.rows.size()) {
      return CorruptError("the server gave a row that was not asked for");
    }
  }
  if (in_parts) {
    part_bytes_ = 0;
    for (const Cell& cell : part_->cells) part_bytes_ += CellBytes(cell);
    if (part_bytes_ > kMaxRowReadBytes) {
      return absl::FailedPreconditionError(absl::StrCat("row \"", absl::CHexEscape(part_->key),
                                                        "\" is larger than ", kMaxRowReadBytes,
                                                        " bytes and cannot be read whole"));
    }
    cursor_ = reply.cursor;
    cursor_at_ = location;
    cursor_resume_ = reply.resume_after;
    return OkStatus();
  }
  cursor_at_.reset();
  if (part_.has_value()) return CorruptError("a row in parts has no end");
  if (reply.done) {
    spec_.rows.DropBefore(asked_until_);
  } else if (!reply.resume_after.empty()) {
    spec_.rows.DropThrough(reply.resume_after);
  }
  return OkStatus();
}

void ScanOp::Failed(const Status& status) {
  const bool again = core_->options().retry.retry && ReadIsRetriable(status);
  if (!again || core_->LeftMs(deadline_ns_) == 0 || core_->gate()->closed()) {
    return Answer(status);
  }
  core_->RetryLater(attempt_++, status, deadline_ns_, [self = shared_from_this(), status] {
    if (self->core_->LeftMs(self->deadline_ns_) == 0) {
      return self->Answer(absl::DeadlineExceededError(
          absl::StrCat("deadline exceeded; the last attempt: ", status.message())));
    }
    self->Attempt();
  });
}

void ScanOp::Deliver() {
  Page page;
  page.rows.swap(whole_rows_);
  page.last = spec_.rows.empty() || (spec_.rows_limit > 0 && rows_given_ >= spec_.rows_limit);
  Answer(std::move(page));
}

void ScanOp::Answer(StatusOr<Page> page) {
  Gate::Pass pass = std::move(pass_);
  Done done;
  done.swap(done_);
  done(std::move(page));
}

}  // namespace stele::routing
