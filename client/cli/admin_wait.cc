#include "client/cli/admin_wait.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "client/cli/bytes_text.h"
#include "client/cli/interrupt.h"
#include "common/base/mutex.h"

namespace stele::cli {
namespace {

constexpr std::chrono::milliseconds kPause{200};
constexpr int64_t kMaxDeadlineUs = 86'400'000'000;

bool MayHelp(const Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

void AdminWait::AddFlag(po::options_description* options, const char* by_default) {
  options->add_options()("deadline", po::value<std::string>()->default_value(by_default),
                         "how long to wait for the end, such as 30s or 10m; then exit code 7");
}

StatusOr<AdminWait> AdminWait::Start(const Invocation& call) {
  ASSIGN_OR_RETURN(const int64_t us, ParseDurationUs(call.Get<std::string>("deadline")));
  if (us < 1'000 || us > kMaxDeadlineUs) {
    return absl::InvalidArgumentError("--deadline is 1ms .. 1d");
  }
  return AdminWait(call, call.env->clock->BootNanos() + us * 1'000);
}

int64_t AdminWait::left_ms() const {
  return std::max<int64_t>(0, (deadline_boot_ns_ - call_->env->clock->BootNanos()) / 1'000'000);
}

bool AdminWait::Interrupted() const {
  return call_->env->interrupt != nullptr && call_->env->interrupt->Pending();
}

bool AdminWait::Pause() {
  if (left_ms() == 0 || Interrupted()) return false;
  Mutex mu;
  CondVar never;
  MutexLock lock(&mu);
  never.WaitFor(&mu, std::min(kPause, std::chrono::milliseconds(left_ms())));
  return !Interrupted();
}

void AdminWait::Say(const std::string& what) {
  if (!call_->env->progress || what == said_) return;
  said_ = what;
  *call_->env->err << Escape(what) << std::endl;
}

int AdminWait::GiveUp(const std::string& what) const {
  if (Interrupted()) return kInterrupted;
  *call_->env->err << "stele: not done by the deadline: " << Escape(what) << '\n';
  return kNotDone;
}

int AdminWait::UntilNothingIsLeft(const std::function<StatusOr<std::vector<std::string>>()>& left) {
  std::string missing = "no answer";
  do {
    auto steps = left();
    if (steps.ok() && steps->empty()) return kOk;
    if (!steps.ok() && !MayHelp(steps.status())) return Fail(*call_, steps.status());
    missing = steps.ok() ? steps->front() : ToStd(steps.status().message());
    if (steps.ok() && steps->size() > 1) {
      absl::StrAppend(&missing, " (and ", steps->size() - 1, " more)");
    }
    Say(missing);
  } while (Pause());
  return GiveUp(missing);
}

Status AdminWait::UntilAnswered(const std::function<Status()>& ask) {
  Status answer;
  do {
    answer = ask();
  } while (MayHelp(answer) && Pause());
  return answer;
}

StatusOr<std::shared_ptr<Client>> ConnectForAdmin(const Invocation& call, const AdminWait& wait) {
  ClientOptions options;
  options.admin_timeout_ms = std::max<int64_t>(1, wait.left_ms());
  options.connect_timeout_ms = std::min(options.connect_timeout_ms, options.admin_timeout_ms);
  return ConnectCell(call, options);
}

void PrintSteps(const Invocation& call, const std::vector<std::string>& steps, bool dry_run) {
  if (call.Has("json")) {
    *call.env->out << nlohmann::ordered_json({{"dry_run", dry_run}, {"steps", steps}}).dump()
                   << '\n';
    return;
  }
  for (const std::string& step : steps) {
    *call.env->out << (dry_run ? "would " : "done: ") << step << '\n';
  }
  if (steps.empty()) *call.env->out << "nothing to do\n";
}

}  // namespace stele::cli
