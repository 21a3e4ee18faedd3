// RowOp: one change of one row, conditional or not: found, sent, tried again as its fate allows
// (retry_policy.h), answered once. Attempts carry one id, so that the server does it once however
// often it is asked; without ids nothing is repeated after an unknown outcome. Lives as long as its
// callbacks; used by one call chain at a time.
//
// The final status as BatchOp says: OK, Unknown (all or nothing), or no effect, ever; and
// AlreadyExists: an earlier attempt did it, and its answer is not kept.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "client/routing/locator.h"
#include "schema/convert/error_payload.h"

namespace stele::routing {

// What the messages of changes say, by whatever name.
template <typename Request>
const std::string& RowOf(const Request& request) {
  return request.row;
}
template <typename Request>
void SetId(const RequestId& id, Request* request) {
  request->id = id;
}
template <typename Response>
const wire::RowResult* ResultOf(const Response& response) {
  return &response.result;
}
// Of one row.
inline const std::string& RowOf(const wire::MutateRowsRequest& request) {
  return request.rows[0].row;
}
inline void SetId(const RequestId& id, wire::MutateRowsRequest* request) {
  request->client_id = id.client_id;
  request->first_incomplete = id.first_incomplete;
  request->sequences.assign(id.client_id == 0 ? 0 : 1, id.sequence);
}
inline const wire::RowResult* ResultOf(const wire::MutateRowsResponse& response) {
  return response.results.size() == 1 ? &response.results[0] : nullptr;
}

template <typename Request, typename Response>
class RowOp : public std::enable_shared_from_this<RowOp<Request, Response>> {
 public:
  using Done = absl::AnyInvocable<void(StatusOr<Response>)>;
  // `request`: with table and row; tablet and id are set here.
  static void Start(Core* core, Locator* locator, wire::Method method, Request request,
                    const CallTerms& terms, Done done) {
    std::shared_ptr<RowOp> op(
        new RowOp(core, locator, method, std::move(request), terms, std::move(done)));
    if (Status s = core->gate()->Enter(&op->pass_); !s.ok()) return op->done_(s);
    op->sequence_ = core->ids()->Begin();
    op->Attempt();
  }

 private:
  RowOp(Core* core, Locator* locator, wire::Method method, Request request, const CallTerms& terms,
        Done done)
      : core_(core),
        locator_(locator),
        method_(method),
        terms_(terms),
        request_(std::move(request)),
        done_(std::move(done)) {}

  void Attempt() {
    location_ = locator_->Cached(request_.table, RowOf(request_));
    if (location_ != nullptr) return Send();
    locator_->Locate(request_.table, RowOf(request_), terms_.deadline_ns,
                     [self = this->shared_from_this()](StatusOr<TabletLocation> location) {
                       self->Located(std::move(location));
                     });
  }

  void Located(StatusOr<TabletLocation> location) {
    if (!location.ok()) {
      // A look-up has no effect, so it may always be made again.
      const bool retriable = ReadIsRetriable(location.status());
      return Failed(NothingSent(location.status()), retriable ? Fate::kNoEffect : Fate::kFinal);
    }
    location_ = std::make_shared<const TabletLocation>(*std::move(location));
    Send();
  }

  void Send() {
    if (Over()) return Finish(Expired(absl::DeadlineExceededError("it was not sent")));
    request_.tablet = location_->tablet.id;
    SetId(core_->ids()->Id(sequence_), &request_);
    if (first_sent_ns_ == 0) first_sent_ns_ = core_->NowNanos();
    core_->budget()->OnCall();
    StatusOr<net::Buffer> body = EncodeCounted(core_, request_);
    if (!body.ok()) return Answered(body.status());
    core_->rpc()->Call(location_->address, static_cast<uint16_t>(method_), *std::move(body),
                       core_->AttemptMs(terms_, sequence_ != 0),
                       [self = this->shared_from_this()](const StatusOr<net::Buffer>& answer) {
                         self->Answered(DecodeCounted<Response>(self->core_, answer));
                       });
  }

  void Answered(StatusOr<Response> answer) {
    Status status = answer.status();
    Fate fate = FateOfCall(status);
    if (answer.ok() && ResultOf(*answer) == nullptr) {
      status = CorruptError("the server answered for another number of rows than were sent");
      fate = FateOfCall(status);
    } else if (answer.ok()) {
      const wire::RowResult& result = *ResultOf(*answer);
      if (result.status.ok() && !result.outcome_unknown) return Finish(std::move(answer));
      status = result.status.ok() ? absl::UnknownError("no reason given") : result.status;
      fate = FateOfRow(status, result.outcome_unknown);
      if (result.retry_delay_ms > 0 && absl::IsResourceExhausted(status)) {
        status = wire::OverloadedError(status.message(), result.retry_delay_ms);
      }
    }
    if (LocationIsSuspect(status)) locator_->Learn(*location_, status);
    Failed(status, fate);
  }

  void Failed(const Status& status, Fate fate) {
    if (fate == Fate::kUnknown) maybe_done_ = true;
    const bool safe = fate == Fate::kNoEffect ||
                      (fate == Fate::kUnknown &&
                       core_->MayRepeatUnknown(terms_.retry, sequence_, first_sent_ns_));
    if (safe && core_->gate()->closed()) return Finish(Expired(status));
    if (!safe || !MayTryAgain(terms_.retry, ++attempts_) || Over()) return Finish(status);
    core_->RetryLater(attempts_ - 1, status, terms_, [self = this->shared_from_this(), status] {
      self->Over() ? self->Finish(self->Expired(status)) : self->Attempt();
    });
  }

  // What the servers refused it for, not that we gave up, is what the caller can act on.
  Status Expired(const Status& last) const {
    const bool closed = core_->gate()->closed();
    if (absl::IsResourceExhausted(last) && !closed) return last;
    return Status(closed ? absl::StatusCode::kCancelled : absl::StatusCode::kDeadlineExceeded,
                  absl::StrCat(closed ? "the client is closed" : "deadline exceeded",
                               "; the last attempt: ", last.message()));
  }

  bool Over() const { return core_->LeftMs(terms_.deadline_ns) == 0 || core_->gate()->closed(); }

  void Finish(StatusOr<Response> answer) {
    core_->ids()->End(sequence_);
    // An earlier attempt may have been done: a later one's certain failure does not undo it. But
    // AlreadyExists says that it was done, and that its answer is gone.
    const bool known = absl::IsUnknown(answer.status()) || absl::IsAlreadyExists(answer.status());
    if (!answer.ok() && maybe_done_ && !known) {
      answer = absl::UnknownError(
          absl::StrCat("outcome unknown: ", absl::StatusCodeToString(answer.status().code()), ": ",
                       answer.status().message()));
    }
    done_(std::move(answer));
  }

  Core* const core_;
  Locator* const locator_;
  const wire::Method method_;
  const CallTerms terms_;
  Gate::Pass pass_;
  Request request_;
  LocationCache::Found location_;  // of the attempt
  uint64_t sequence_ = 0;
  int64_t first_sent_ns_ = 0;
  uint32_t attempts_ = 0;
  bool maybe_done_ = false;
  Done done_;
};

}  // namespace stele::routing
