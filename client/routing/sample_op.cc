#include "client/routing/sample_op.h"

#include <algorithm>
#include <utility>

namespace stele::routing {

void SampleOp::Start(Core* core, Locator* locator, TableId table, uint64_t step_bytes,
                     const CallTerms& terms, Done done) {
  std::shared_ptr<SampleOp> op(
      new SampleOp(core, locator, table, step_bytes, terms, std::move(done)));
  if (Status s = core->gate()->Enter(&op->pass_); !s.ok()) return op->done_(s);
  core->budget()->OnCall();
  op->Attempt();
}

SampleOp::SampleOp(Core* core, Locator* locator, TableId table, uint64_t step_bytes,
                   const CallTerms& terms, Done done)
    : core_(core),
      locator_(locator),
      table_(table),
      step_bytes_(step_bytes),
      terms_(terms),
      done_(std::move(done)) {}

void SampleOp::Attempt() {
  if (core_->gate()->closed()) return Answer(absl::CancelledError("the client is closed"));
  const std::string after = samples_.empty() ? "" : samples_.back().row;
  locator_->Locate(table_, after + '\0', terms_.deadline_ns,
                   [self = shared_from_this()](StatusOr<TabletLocation> location) {
                     if (!location.ok()) return self->Failed(NothingSent(location.status()));
                     self->Ask(*location);
                   });
}

void SampleOp::Ask(const TabletLocation& location) {
  wire::SampleRowKeysRequest request;
  request.table = table_;
  request.tablet = location.tablet.id;
  request.step_bytes = step_bytes_;
  if (!samples_.empty()) request.after = samples_.back().row;
  const int64_t timeout_ms =
      std::min(core_->LeftMs(terms_.deadline_ns), core_->options().attempt_timeout_ms);
  Call<wire::SampleRowKeysResponse>(
      core_, location.address, wire::Method::kSampleRowKeys, request,
      std::max<int64_t>(1, timeout_ms),
      [self = shared_from_this(), location](StatusOr<wire::SampleRowKeysResponse> answer) {
        self->OnAnswer(location, std::move(answer));
      });
}

void SampleOp::OnAnswer(const TabletLocation& location,
                        StatusOr<wire::SampleRowKeysResponse> answer) {
  if (!answer.ok()) {
    locator_->Learn(location, answer.status());
    return Failed(answer.status());
  }
  if (Status s = TakeIn(*std::move(answer)); !s.ok()) return Answer(s);
  attempt_ = 0;
  if (samples_.back().row.empty()) return Answer(std::move(samples_));
  Attempt();
}

// Sums go on where the tablet before ended. Of a tablet that begins earlier than that (it was
// merged meanwhile) only the rows behind count.
Status SampleOp::TakeIn(wire::SampleRowKeysResponse answer) {
  const std::string after = samples_.empty() ? "" : samples_.back().row;
  const wire::RowKeySample sum = samples_.empty() ? wire::RowKeySample() : samples_.back();
  wire::RowKeySample known;
  bool ended = answer.samples.empty();
  std::string last = after;
  for (size_t i = 0; i < answer.samples.size(); ++i) {
    wire::RowKeySample& sample = answer.samples[i];
    const bool is_last = i + 1 == answer.samples.size();
    if (!(is_last && sample.row.empty()) && sample.row <= after) {
      ended = is_last;
      known = sample;
      continue;
    }
    const bool ascending = sample.row.empty() ? is_last : sample.row > last;
    if (!ascending || sample.bytes < known.bytes || sample.rows < known.rows) {
      return CorruptError("the server's samples are not in order");
    }
    last = sample.row;
    sample.bytes = sum.bytes + (sample.bytes - known.bytes);
    sample.rows = sum.rows + (sample.rows - known.rows);
    samples_.push_back(std::move(sample));
  }
  return ended ? CorruptError("a tablet's samples end before its rows") : OkStatus();
}

void SampleOp::Failed(const Status& status) {
  const bool again = MayTryAgain(terms_.retry, ++attempt_) && ReadIsRetriable(status);
  if (!again || core_->LeftMs(terms_.deadline_ns) == 0 || core_->gate()->closed()) {
    return Answer(status);
  }
  core_->RetryLater(attempt_ - 1, status, terms_, [self = shared_from_this(), status] {
    if (self->core_->LeftMs(self->terms_.deadline_ns) == 0) {
      return self->Answer(absl::DeadlineExceededError(
          absl::StrCat("deadline exceeded; the last attempt: ", status.message())));
    }
    self->Attempt();
  });
}

void SampleOp::Answer(StatusOr<std::vector<wire::RowKeySample>> result) {
  Gate::Pass pass = std::move(pass_);
  Done done;
  done.swap(done_);
  done(std::move(result));
}

}  // namespace stele::routing
