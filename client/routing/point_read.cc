#include "client/routing/point_read.h"

#include <algorithm>
#include <utility>

namespace stele::routing {
namespace {

// A server that answers so often without a row and without an end does not move.
constexpr uint32_t kMaxEmptyPages = 1'000'000;

}  // namespace

void PointRead::Start(Core* core, Locator* locator, PointReadSpec&& spec, const CallTerms& terms,
                      Done done) {
  auto read = std::make_shared<PointRead>(core, locator, std::move(spec), terms, std::move(done));
  if (Status s = core->gate()->Enter(&read->pass_); !s.ok()) return read->Finish(s);
  core->budget()->OnCall();
  read->Attempt();
}

PointRead::PointRead(Core* core, Locator* locator, PointReadSpec&& spec, const CallTerms& terms,
                     Done done)
    : core_(core), locator_(locator), terms_(terms), done_(std::move(done)) {
  request_.table = spec.table;
  request_.rows.keys.push_back(std::move(spec.row));
  request_.selection = spec.selection;
  if (!spec.filter.empty()) request_.filter = spec.filter;
  request_.sample_seed = spec.sample_seed;
  request_.rows_limit = 1;
  request_.max_bytes = core->options().page_bytes;
}

void PointRead::Attempt() {
  if (core_->gate()->closed()) return Finish(absl::CancelledError("the client is closed"));
  if (in_row_) return Ask();
  const std::string& row = request_.rows.keys[0];
  location_ = locator_->Cached(request_.table, row);
  if (location_ != nullptr) return Ask();
  locator_->Locate(request_.table, row, terms_.deadline_ns,
                   [self = shared_from_this()](StatusOr<TabletLocation> location) {
                     if (!location.ok()) return self->Failed(NothingSent(location.status()));
                     self->location_ = std::make_shared<const TabletLocation>(*std::move(location));
                     self->Ask();
                   });
}

void PointRead::Ask() {
  request_.tablet = location_->tablet.id;
  const int64_t timeout_ms =
      std::min(core_->LeftMs(terms_.deadline_ns), core_->options().attempt_timeout_ms);
  StatusOr<net::Buffer> body = EncodeCounted(core_, request_);
  if (!body.ok()) return Failed(body.status());
  core_->rpc()->Call(location_->address, static_cast<uint16_t>(wire::Method::kReadRows),
                     *std::move(body), std::max<int64_t>(1, timeout_ms),
                     [self = shared_from_this()](StatusOr<net::Buffer> answer) {
                       self->Answered(std::move(answer));
                     });
}

void PointRead::Answered(StatusOr<net::Buffer> answer) {
  StatusOr<wire::ReadRowsResponse> page = DecodeCounted<wire::ReadRowsResponse>(core_, answer);
  if (!page.ok()) return Lost(page.status());
  bool ended = false;
  StatusOr<std::optional<Row>> row = TakeIn(&*page, answer->size(), &ended);
  if (!row.ok() || ended) return Finish(std::move(row));
  if (core_->LeftMs(terms_.deadline_ns) == 0) {
    return Finish(absl::DeadlineExceededError("deadline exceeded while reading"));
  }
  Attempt();
}

// What came of the row is lost with the server's state of it: it begins anew.
void PointRead::Lost(const Status& status) {
  const bool lost_part = std::exchange(in_row_, false) && absl::IsNotFound(status);
  request_.cursor = {};
  request_.resume_after.clear();
  locator_->Learn(*location_, status);
  Failed(lost_part ? absl::UnavailableError(status.message()) : status);
}

StatusOr<std::optional<Row>> PointRead::TakeIn(wire::ReadRowsResponse* page, size_t response_bytes,
                                               bool* ended) {
  const bool in_parts = page->cursor.scanner_id != 0;
  if (page->rows.size() > 1 || (in_parts && page->rows.empty())) {
    return CorruptError("a page of one row holds another number of rows");
  }
  std::optional<Row> row;
  if (!page->rows.empty()) {
    Row& part = page->rows[0];
    if (part.key != request_.rows.keys[0]) {
      return CorruptError("the server gave a row that was not asked for");
    }
    const bool whole = !in_row_ && !in_parts;
    // Nothing to put together; what a page says is less than four times its size.
    if (whole && response_bytes <= kMaxRowReadBytes / 4) {
      row = std::move(part);
    } else {
      row_cells_ = (in_row_ ? row_cells_ : 0) + part.cells.size();
      ASSIGN_OR_RETURN(
          row, assembler_.Add({std::move(part.key), std::move(part.cells), !in_row_, !in_parts}));
    }
    if (row.has_value() && row->cells.empty()) row.reset();
  } else if (in_row_ && row_cells_ > 0) {  // of one that a filter left nothing of no end comes
    return CorruptError("a row in parts has no end");
  }
  in_row_ = in_parts;
  request_.cursor = page->cursor;
  request_.resume_after = in_parts ? std::move(page->resume_after) : std::string();
  // Its end, or the end of what was asked for.
  *ended = !in_parts && (row.has_value() || page->done || !page->resume_after.empty());
  if (!*ended && !in_parts && ++empty_pages_ > kMaxEmptyPages) {
    return absl::InternalError("the server's pages do not come to an end");
  }
  return row;
}

void PointRead::Failed(const Status& status) {
  const bool again = MayTryAgain(terms_.retry, ++attempts_) && ReadIsRetriable(status);
  if (!again || core_->LeftMs(terms_.deadline_ns) == 0 || core_->gate()->closed()) {
    return Finish(status);
  }
  core_->RetryLater(attempts_ - 1, status, terms_, [self = shared_from_this(), status] {
    if (self->core_->LeftMs(self->terms_.deadline_ns) == 0) {
      return self->Finish(absl::DeadlineExceededError(
          absl::StrCat("deadline exceeded; the last attempt: ", status.message())));
    }
    self->Attempt();
  });
}

void PointRead::Finish(StatusOr<std::optional<Row>> row) {
  const Gate::Pass pass = std::move(pass_);  // until `done` returns
  Done done = std::move(done_);
  done(std::move(row));
}

}  // namespace stele::routing
