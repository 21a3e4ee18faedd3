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

}  // namespace

std::shared_ptr<ScanOp> ScanOp::Create(Core* core, Locator* locator, ScanSpec spec) {
  return std::shared_ptr<ScanOp>(new ScanOp(core, locator, std::move(spec)));
}

ScanOp::ScanOp(Core* core, Locator* locator, ScanSpec spec)
    : core_(core),
      locator_(locator),
      spec_(std::move(spec)),
      explainer_(spec_.explanation == nullptr
                     ? nullptr
                     : std::make_unique<ScanExplainer>(core, locator, spec_.explanation)) {}

void ScanOp::NextParts(int64_t deadline_ns, PartsDone done) {
  CHECK(!done_) << "a page was asked for before the last one came";
  if (Status s = core_->gate()->Enter(&pass_); !s.ok()) return done(s);
  {
    MutexLock lock(&mu_);
    busy_ = true;
  }
  deadline_ns_ = deadline_ns;
  done_ = std::move(done);
  attempt_ = 0;
  core_->budget()->OnCall();
  Attempt();
}

void ScanOp::NextPage(int64_t deadline_ns, Done done) {
  empty_pages_ = 0;
  CollectRows(deadline_ns, std::move(done));
}

void ScanOp::CollectRows(int64_t deadline_ns, Done done) {
  NextParts(deadline_ns, [self = shared_from_this(), deadline_ns,
                          done = std::move(done)](StatusOr<Parts> parts) mutable {
    if (!parts.ok()) return done(parts.status());
    Page page;
    page.last = parts->last;
    for (RowPart& part : parts->parts) {
      StatusOr<std::optional<Row>> row = self->assembler_.Add(std::move(part));
      if (!row.ok()) return done(row.status());
      if (row->has_value()) page.rows.push_back(**std::move(row));
    }
    if (!page.rows.empty() || page.last) return done(std::move(page));
    if (++self->empty_pages_ > kMaxEmptyPages) {
      return done(absl::InternalError("the server's pages do not come to an end"));
    }
    if (self->core_->LeftMs(deadline_ns) == 0) {
      return done(absl::DeadlineExceededError("deadline exceeded while reading"));
    }
    self->CollectRows(deadline_ns, std::move(done));
  });
}

void ScanOp::Attempt() {
  const bool enough = spec_.rows_limit > 0 && rows_given_ >= spec_.rows_limit;
  if (spec_.rows.empty() || enough) return Deliver();
  if (cancelled()) return Answer(absl::CancelledError("the scan was cancelled"));
  if (core_->gate()->closed()) return Answer(absl::CancelledError("the client is closed"));
  if (cursor_at_.has_value()) return Ask(*cursor_at_);
  const std::string row = NextRow();
  if (explainer_ != nullptr) explainer_->LookUpBegins(spec_.table, row);
  locator_->Locate(spec_.table, row, deadline_ns_,
                   [self = shared_from_this()](StatusOr<TabletLocation> location) {
                     if (self->explainer_ != nullptr) {
                       self->explainer_->LookUpEnds(self->spec_.table, self->NextRow(),
                                                    location.status());
                     }
                     if (!location.ok()) return self->Failed(NothingSent(location.status()));
                     self->Ask(*location);
                   });
}

std::string ScanOp::NextRow() const {
  if (spec_.reversed) return spec_.rows.LastRow();
  // The beginning of the table is no row; the least row is a zero byte.
  const std::string& front = spec_.rows.front();
  return front.empty() ? std::string(1, '\0') : front;
}

Status ScanOp::RowIsDone(const std::string& row) {
  const std::string& end = spec_.rows.end();
  const bool in_order = spec_.reversed ? end.empty() || row < end : row >= spec_.rows.front();
  if (!in_order) return CorruptError("the server's rows are not in order");
  spec_.reversed ? spec_.rows.DropFrom(row) : spec_.rows.DropThrough(row);
  return OkStatus();
}

void ScanOp::Ask(const TabletLocation& location) {
  wire::ReadRowsRequest request;
  request.table = spec_.table;
  request.tablet = location.tablet.id;
  RowRanges::Part part = spec_.reversed ? spec_.rows.ClipFromBack(location.tablet, kRunsPerRequest)
                                        : spec_.rows.Clip(location.tablet, kRunsPerRequest);
  request.rows = std::move(part.rows);
  asked_until_ = std::move(part.until);
  request.selection = spec_.selection;
  request.filter = spec_.filter;
  request.sample_seed = spec_.sample_seed;
  request.reversed = spec_.reversed;
  request.explain = explainer_ != nullptr;
  if (spec_.rows_limit > 0) request.rows_limit = spec_.rows_limit - rows_given_;
  request.max_bytes = core_->options().page_bytes;
  if (cursor_at_.has_value()) {
    request.cursor = cursor_;
    request.resume_after = cursor_resume_;
  }
  const int64_t timeout_ms =
      std::min(core_->LeftMs(deadline_ns_), core_->options().attempt_timeout_ms);
  if (explainer_ != nullptr) explainer_->RequestLeaves();
  uint64_t number = 0;
  {
    MutexLock lock(&mu_);
    number = ++requests_;
  }
  auto cancel = CancellableCall<wire::ReadRowsResponse>(
      core_, location.address, wire::Method::kReadRows, request, std::max<int64_t>(1, timeout_ms),
      [self = shared_from_this(), location](StatusOr<wire::ReadRowsResponse> reply) {
        self->OnPage(location, std::move(reply));
      });
  bool at_once = false;
  {
    MutexLock lock(&mu_);
    at_once = cancelled_;
    // Its answer may have come already, and another request be under way.
    if (number == requests_) cancel_request_ = cancel;
  }
  if (at_once) cancel();
}

void ScanOp::Cancel() {
  net::RpcClient::Canceller cancel;
  bool release = false;
  {
    MutexLock lock(&mu_);
    cancelled_ = true;
    if (busy_) {
      cancel = cancel_request_;
    } else {
      release = MustRelease();
    }
  }
  if (cancel) cancel();
  if (release) Release();
}

bool ScanOp::MustRelease() {
  if (!cancelled_ || released_ || !cursor_at_.has_value()) return false;
  return released_ = true;
}

// If this fails, the server gives up the read's state by itself, later.
void ScanOp::Release() {
  constexpr int64_t kTimeoutMs = 1000;
  auto pass = std::make_shared<Gate::Pass>();
  if (!core_->gate()->Enter(pass.get()).ok()) return;
  wire::ReadRowsRequest request;
  request.table = spec_.table;
  request.tablet = cursor_at_->tablet.id;
  request.cursor = cursor_;
  request.release = true;
  Call<wire::ReadRowsResponse>(core_, cursor_at_->address, wire::Method::kReadRows, request,
                               kTimeoutMs, [pass](const StatusOr<wire::ReadRowsResponse>&) {});
}

void ScanOp::OnPage(const TabletLocation& location, StatusOr<wire::ReadRowsResponse> reply) {
  if (explainer_ != nullptr) explainer_->AnswerCame(location, reply);
  if (!reply.ok()) {
    // The part of a row is lost with the server's state of it: the row begins anew.
    const bool lost_part = cursor_at_.has_value() && absl::IsNotFound(reply.status());
    open_row_.reset();
    if (!cancelled()) cursor_at_.reset();  // else the server may not have come to take it up
    locator_->Learn(location, reply.status());
    return Failed(lost_part ? absl::UnavailableError(reply.status().message()) : reply.status());
  }
  if (Status s = TakeIn(location, *std::move(reply)); !s.ok()) return Answer(s);
  Deliver();
}

// One row of a page, or a part; `cut`: its end comes later.
Status ScanOp::TakePart(Row row, bool cut) {
  const bool goes_on = open_row_.has_value() && *open_row_ == row.key;
  if (open_row_.has_value() && !goes_on && open_cells_ > 0) {
    return CorruptError("a row in parts went on as another row");
  }
  RowPart part{std::move(row.key), std::move(row.cells), !goes_on || open_cells_ == 0, !cut};
  open_cells_ = (goes_on ? open_cells_ : 0) + part.cells.size();
  open_row_.reset();
  if (cut) {
    open_row_ = part.key;
  } else {
    RETURN_IF_ERROR(RowIsDone(part.key));
    if (open_cells_ > 0) ++rows_given_;
  }
  const bool ends_row = part.last && open_cells_ > 0;
  if (!part.cells.empty() || ends_row) parts_.push_back(std::move(part));
  return OkStatus();
}

// Moves the page's rows to parts_ and the place forward.
Status ScanOp::TakeIn(const TabletLocation& location, wire::ReadRowsResponse reply) {
  const bool in_parts = reply.cursor.scanner_id != 0;
  if (in_parts && reply.rows.empty()) {
    return CorruptError("a page of a row in parts holds no part");
  }
  examined_.rows += reply.stats.rows_examined;
  examined_.cells += reply.stats.cells_examined;
  examined_.bytes += reply.stats.bytes_examined;
  for (size_t i = 0; i < reply.rows.size(); ++i) {
    if (spec_.rows.empty()) return CorruptError("the server gave a row that was not asked for");
    RETURN_IF_ERROR(TakePart(std::move(reply.rows[i]), in_parts && i + 1 == reply.rows.size()));
  }
  if (in_parts) {
    cursor_ = reply.cursor;
    cursor_at_ = location;
    cursor_resume_ = reply.resume_after;
    return OkStatus();
  }
  cursor_at_.reset();
  if (open_row_.has_value() && open_cells_ > 0) return CorruptError("a row in parts has no end");
  open_row_.reset();
  if (reply.done) {
    spec_.reversed ? spec_.rows.DropFrom(asked_until_) : spec_.rows.DropBefore(asked_until_);
  } else if (!reply.resume_after.empty()) {
    spec_.reversed ? spec_.rows.DropFrom(reply.resume_after)
                   : spec_.rows.DropThrough(reply.resume_after);
  }
  return OkStatus();
}

void ScanOp::Failed(const Status& status) {
  const bool again =
      MayTryAgain(spec_.retry, ++attempt_) && ReadIsRetriable(status) && !cancelled();
  if (!again || core_->LeftMs(deadline_ns_) == 0 || core_->gate()->closed()) {
    return Answer(status);
  }
  const CallTerms terms{deadline_ns_, spec_.retry};
  core_->RetryLater(attempt_ - 1, status, terms, [self = shared_from_this(), status] {
    if (self->core_->LeftMs(self->deadline_ns_) == 0) {
      return self->Answer(absl::DeadlineExceededError(
          absl::StrCat("deadline exceeded; the last attempt: ", status.message())));
    }
    self->Attempt();
  });
}

void ScanOp::Deliver() {
  Parts page;
  page.parts.swap(parts_);
  page.last = spec_.rows.empty() || (spec_.rows_limit > 0 && rows_given_ >= spec_.rows_limit);
  Answer(std::move(page));
}

void ScanOp::Answer(StatusOr<Parts> parts) {
  Gate::Pass pass = std::move(pass_);
  PartsDone done;
  done.swap(done_);
  bool release = false;
  {
    MutexLock lock(&mu_);
    busy_ = false;
    release = MustRelease();
  }
  if (release) Release();
  done(std::move(parts));
}

}  // namespace stele::routing
