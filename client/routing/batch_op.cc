#include "client/routing/batch_op.h"

#include <algorithm>

#include "common/base/check.h"
#include "schema/convert/error_payload.h"

namespace stele::routing {
namespace {

constexpr size_t kBytesPerMutation = 48;  // of the message, besides its strings

size_t MessageBytes(const RowMutation& row) {
  size_t bytes = row.row.size();
  for (const Mutation& mutation : row.mutations) {
    bytes += kBytesPerMutation;
    if (const auto* set = std::get_if<SetCell>(&mutation)) {
      bytes += set->family.size() + set->qualifier.size() + set->value.size();
    } else if (const auto* column = std::get_if<DeleteFromColumn>(&mutation)) {
      bytes += column->family.size() + column->qualifier.size();
    } else if (const auto* family = std::get_if<DeleteFromFamily>(&mutation)) {
      bytes += family->family.size();
    } else if (const auto* add = std::get_if<AddToCell>(&mutation)) {
      bytes += add->family.size() + add->qualifier.size();
    } else if (const auto* merge = std::get_if<MergeToCell>(&mutation)) {
      bytes += merge->family.size() + merge->qualifier.size() + merge->state.size();
    }
  }
  return bytes;
}

}  // namespace

void BatchOp::Start(Core* core, Locator* locator, TableId table, std::vector<RowMutation> rows,
                    const CallTerms& terms, Done done) {
  Gate::Pass pass;
  Status open = core->gate()->Enter(&pass);
  if (!open.ok() || rows.empty()) return done(std::vector<Status>(rows.size(), open));
  std::shared_ptr<BatchOp> op(
      new BatchOp(core, locator, table, std::move(rows), terms, std::move(done)));
  op->pass_ = std::move(pass);
  {
    MutexLock lock(&op->mu_);
    std::vector<size_t> ready;
    ready.reserve(op->rows_.size());
    for (size_t i = 0; i < op->rows_.size(); ++i) {
      // What the server would refuse is not sent.
      Status valid = ValidateRowMutation(op->rows_[i], nullptr);
      if (valid.ok()) {
        ready.push_back(i);
      } else {
        op->Finish(i, valid);
      }
    }
    op->MakeReady(ready);
  }
  op->Pump();
}

BatchOp::BatchOp(Core* core, Locator* locator, TableId table, std::vector<RowMutation> rows,
                 const CallTerms& terms, Done done)
    : core_(core),
      locator_(locator),
      table_(table),
      rows_(std::move(rows)),
      terms_(terms),
      done_(std::move(done)),
      entries_(rows_.size()),
      unfinished_(rows_.size()) {}

void BatchOp::Pump() {
  std::vector<Request> requests;
  std::string locate_row;
  bool locate = false;
  Done done;
  std::vector<Status> results;
  {
    MutexLock lock(&mu_);
    if (core_->gate()->closed()) {
      ExpireWaiting(absl::CancelledError("the client is closed"));
    } else if (core_->LeftMs(terms_.deadline_ns) == 0) {
      ExpireWaiting(absl::DeadlineExceededError("deadline exceeded before the row was applied"));
    }
    requests = TakeRequests();
    in_flight_ += static_cast<uint32_t>(requests.size());
    if (!unlocated_.empty() && !locating_) {
      locating_ = locate = true;
      locate_row = rows_[unlocated_.front()].row;
    }
    if (unfinished_ == 0 && done_) {
      done.swap(done_);
      for (Entry& entry : entries_) results.push_back(std::move(entry.status));
    }
  }
  if (done) return done(std::move(results));
  for (Request& request : requests) Send(std::move(request));
  if (!locate) return;
  locator_->Locate(table_, locate_row, terms_.deadline_ns,
                   [self = shared_from_this()](StatusOr<TabletLocation> location) {
                     self->OnLocated(std::move(location));
                   });
}

std::vector<BatchOp::Request> BatchOp::TakeRequests() {
  std::vector<Request> requests;
  while (!ready_.empty() && in_flight_ + requests.size() < core_->options().requests_in_flight) {
    const size_t first = ready_.back();
    LocationCache::Found location = locator_->Cached(table_, rows_[first].row);
    if (location != nullptr) {
      requests.push_back(TakeRequest(std::move(location)));
    } else {
      unlocated_.push_back(first);
      ready_.pop_back();
    }
  }
  return requests;
}

// The first ready rows that are in the tablet, as many as fit.
BatchOp::Request BatchOp::TakeRequest(LocationCache::Found location) {
  Request request;
  request.message.table = table_;
  request.message.tablet = location->tablet.id;
  size_t bytes = 0, mutations = 0;
  const int64_t now_ns = core_->NowNanos();
  while (!ready_.empty()) {
    const size_t i = ready_.back();
    RowMutation& row = rows_[i];
    if (!location->tablet.Contains(row.row)) break;
    const size_t more = MessageBytes(row);
    const bool fits = bytes + more <= core_->options().request_bytes &&
                      mutations + row.mutations.size() <= kMaxMutationsPerBatch;
    if (!request.entries.empty() && !fits) break;
    bytes += more;
    mutations += row.mutations.size();
    request.entries.push_back(i);
    if (core_->ids()->enabled()) {
      request.message.sequences.push_back(SequenceOf(&entries_[i], now_ns));
    }
    ready_.pop_back();
    request.message.rows.push_back(std::move(row));  // until Send has its bytes
  }
  CHECK(!request.entries.empty()) << "the cache gave a tablet that does not hold the row";
  request.message.client_id = core_->ids()->client_id();
  request.message.first_incomplete = core_->ids()->first_incomplete();
  request.location = std::move(location);
  return request;
}

// By row, so that the rows of one tablet stand together; most batches come so.
void BatchOp::MakeReady(const std::vector<size_t>& entries) {
  ready_.insert(ready_.end(), entries.rbegin(), entries.rend());
  const auto behind = [this](size_t a, size_t b) {
    const int order = rows_[a].row.compare(rows_[b].row);
    return order != 0 ? order > 0 : a > b;
  };
  if (!std::is_sorted(ready_.begin(), ready_.end(), behind)) {
    std::sort(ready_.begin(), ready_.end(), behind);
  }
}

uint64_t BatchOp::SequenceOf(Entry* entry, int64_t now_ns) {
  if (entry->sequence == 0) {
    entry->sequence = core_->ids()->Begin();
    entry->first_sent_ns = now_ns;
  }
  return entry->sequence;
}

void BatchOp::Send(Request request) {
  core_->budget()->OnCall();
  StatusOr<net::Buffer> body = EncodeCounted(core_, request.message);
  {
    MutexLock lock(&mu_);
    for (size_t i = 0; i < request.entries.size(); ++i) {
      rows_[request.entries[i]] = std::move(request.message.rows[i]);
    }
  }
  request.message = {};
  if (!body.ok()) return OnReply(request, body.status());
  auto shared = std::make_shared<Request>(std::move(request));
  core_->rpc()->Call(
      shared->location->address, static_cast<uint16_t>(wire::Method::kMutateRows), *std::move(body),
      core_->AttemptMs(terms_, core_->ids()->enabled()),
      Decoding<wire::MutateRowsResponse>(
          core_, [self = shared_from_this(), shared](StatusOr<wire::MutateRowsResponse> reply) {
            self->OnReply(*shared, std::move(reply));
          }));
}

void BatchOp::OnReply(Request& request, StatusOr<wire::MutateRowsResponse> reply) {
  if (reply.ok() && reply->results.size() != request.entries.size()) {
    reply = CorruptError("the server answered for another number of rows than were sent");
  }
  std::vector<size_t> again;
  Status suspicion, refusal;
  {
    MutexLock lock(&mu_);
    --in_flight_;
    for (size_t i = 0; i < request.entries.size(); ++i) {
      if (!reply.ok()) {
        CallFailed(request.entries[i], reply.status(), &again);
        continue;
      }
      const wire::RowResult& result = reply->results[i];
      RowAnswered(request.entries[i], result, &again);
      if (result.retry_delay_ms > wire::RetryDelayMs(refusal)) {
        refusal = wire::OverloadedError(result.status.message(), result.retry_delay_ms);
      }
      if (LocationIsSuspect(result.status)) suspicion = result.status;
    }
  }
  if (!reply.ok()) {
    suspicion = refusal = reply.status();
  }
  if (!suspicion.ok()) locator_->Learn(*request.location, suspicion);
  Continue(std::move(again), refusal);
}

void BatchOp::OnLocated(StatusOr<TabletLocation> location) {
  std::vector<size_t> again;
  {
    MutexLock lock(&mu_);
    locating_ = false;
    if (location.ok()) {
      MakeReady(unlocated_);
    } else {
      // A look-up has no effect, so it may always be made again.
      const Fate fate = ReadIsRetriable(location.status()) ? Fate::kNoEffect : Fate::kFinal;
      for (size_t i : unlocated_) Settle(i, location.status(), fate, &again);
    }
    unlocated_.clear();
  }
  Continue(std::move(again), NothingSent(location.status()));
}

void BatchOp::CallFailed(size_t entry, const Status& status, std::vector<size_t>* again) {
  Settle(entry, status, FateOfCall(status), again);
}

void BatchOp::RowAnswered(size_t entry, const wire::RowResult& result, std::vector<size_t>* again) {
  if (result.status.ok() && !result.outcome_unknown) return Finish(entry, OkStatus());
  Status status = result.status.ok() ? absl::UnknownError("no reason given") : result.status;
  Settle(entry, status, FateOfRow(status, result.outcome_unknown), again);
}

void BatchOp::Settle(size_t i, const Status& status, Fate fate, std::vector<size_t>* again) {
  Entry& entry = entries_[i];
  entry.status = status;
  if (fate == Fate::kUnknown) entry.maybe_applied = true;
  const bool safe = fate == Fate::kNoEffect ||
                    (fate == Fate::kUnknown &&
                     core_->MayRepeatUnknown(terms_.retry, entry.sequence, entry.first_sent_ns));
  ++entry.attempts;
  if (safe && MayTryAgain(terms_.retry, entry.attempts) && core_->LeftMs(terms_.deadline_ns) > 0) {
    again->push_back(i);
  } else {
    Finish(i, status);
  }
}

void BatchOp::Finish(size_t i, const Status& status) {
  Entry& entry = entries_[i];
  CHECK(!entry.finished) << "a row was answered twice";
  entry.finished = true;
  core_->ids()->End(entry.sequence);
  entry.status = status;
  if (!status.ok() && entry.maybe_applied && !absl::IsUnknown(status)) {
    entry.status = absl::UnknownError(absl::StrCat(
        "outcome unknown: ", absl::StatusCodeToString(status.code()), ": ", status.message()));
  }
  --unfinished_;
}

// Finishes the rows that no answer is awaited for.
void BatchOp::ExpireWaiting(const Status& status) {
  auto expire = [&](size_t i) REQUIRES(mu_) {
    const Status& last = entries_[i].status;
    if (last.ok()) return Finish(i, status);
    // What the servers refused it for, not that we gave up, is what the caller can act on.
    const bool definite = absl::IsDeadlineExceeded(status) && absl::IsResourceExhausted(last);
    Finish(i, Status(definite ? last.code() : status.code(),
                     absl::StrCat(status.message(), "; the last attempt: ", last.message())));
  };
  for (size_t i : ready_) expire(i);
  ready_.clear();
  if (locating_) return;  // OnLocated comes by the deadline
  for (size_t i : unlocated_) expire(i);
  unlocated_.clear();
}

void BatchOp::Continue(std::vector<size_t> again, const Status& failure) {
  if (!again.empty()) {
    uint32_t attempts = 0;
    {
      MutexLock lock(&mu_);
      for (size_t i : again) attempts = std::max(attempts, entries_[i].attempts);
    }
    core_->RetryLater(attempts - 1, failure, terms_,
                      [self = shared_from_this(), again = std::move(again)] {
                        {
                          MutexLock lock(&self->mu_);
                          self->MakeReady(again);
                        }
                        self->Pump();
                      });
  }
  Pump();
}

}  // namespace stele::routing
