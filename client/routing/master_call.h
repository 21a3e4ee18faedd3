// MasterCall: one call to the cell's master, wherever it is at the moment, tried again as its fate
// allows (retry_policy.h). A repeatable call (a read, a flush) is also tried again after an unknown
// outcome; another then ends with the code Unknown. Lives as long as its callbacks; used by one
// call chain at a time.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "client/routing/locator.h"

namespace stele::routing {

template <typename Response, typename Request>
class MasterCall : public std::enable_shared_from_this<MasterCall<Response, Request>> {
 public:
  using Done = std::function<void(StatusOr<Response>)>;
  static void Start(Core* core, Locator* locator, wire::Method method, Request request,
                    bool repeatable, int64_t deadline_ns, Done done) {
    std::shared_ptr<MasterCall> call(new MasterCall(core, locator, method, std::move(request),
                                                    repeatable, deadline_ns, std::move(done)));
    if (Status s = core->gate()->Enter(&call->pass_); !s.ok()) return call->done_(s);
    core->budget()->OnCall();
    call->Attempt();
  }

 private:
  MasterCall(Core* core, Locator* locator, wire::Method method, Request request, bool repeatable,
             int64_t deadline_ns, Done done)
      : core_(core),
        locator_(locator),
        method_(method),
        request_(std::move(request)),
        repeatable_(repeatable),
        terms_{deadline_ns, core->options().retry},
        done_(std::move(done)) {}

  void Attempt() {
    auto self = this->shared_from_this();
    locator_->GetCell(terms_.deadline_ns, [self](StatusOr<wire::GetRootResponse> cell) {
      if (cell.ok() && cell->master_address.empty()) {
        cell = absl::UnavailableError("the cell has no master at the moment");
      }
      if (!cell.ok()) {
        self->locator_->ForgetCell();
        const bool retriable = ReadIsRetriable(cell.status());
        return self->Failed(NothingSent(cell.status()), retriable ? Fate::kNoEffect : Fate::kFinal);
      }
      Call<Response>(self->core_, cell->master_address, self->method_, self->request_,
                     std::max<int64_t>(1, self->core_->LeftMs(self->terms_.deadline_ns)),
                     [self](StatusOr<Response> answer) {
                       if (answer.ok()) return self->done_(std::move(answer));
                       if (LocationIsSuspect(answer.status())) self->locator_->ForgetCell();
                       self->Failed(answer.status(), FateOfCall(answer.status()));
                     });
    });
  }

  void Failed(const Status& status, Fate fate) {
    const bool safe = fate == Fate::kNoEffect ||
                      (fate == Fate::kUnknown && repeatable_ && ReadIsRetriable(status));
    const bool can =
        terms_.retry.retry && core_->LeftMs(terms_.deadline_ns) > 0 && !core_->gate()->closed();
    if (safe && can) {
      core_->RetryLater(attempt_++, status, terms_,
                        [self = this->shared_from_this(), status, fate] {
                          if (self->core_->LeftMs(self->terms_.deadline_ns) == 0) {
                            return self->Failed(status, fate);
                          }
                          self->Attempt();
                        });
      return;
    }
    if (fate == Fate::kUnknown && !repeatable_) {
      return done_(absl::UnknownError(absl::StrCat("outcome unknown: ", status.message())));
    }
    done_(status);
  }

  Core* const core_;
  Locator* const locator_;
  const wire::Method method_;
  const Request request_;
  const bool repeatable_;
  const CallTerms terms_;
  Gate::Pass pass_;
  uint32_t attempt_ = 0;
  Done done_;
};

}  // namespace stele::routing
