#include "locker/lease.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/log.h"

namespace stele {
namespace {

constexpr int kRenewalsPerTimeout = 5;
constexpr int64_t kMaxRenewPeriodNs = 1'000'000'000;

}  // namespace

Lease::Lease(LockerSession* session, std::string path, uint64_t epoch, Clock* clock,
             const LeaseOptions& options, Hooks hooks)
    : session_(session),
      path_(std::move(path)),
      epoch_(epoch),
      clock_(clock),
      options_(options),
      hooks_(std::move(hooks)) {}

Lease::~Lease() { Stop(); }

Status Lease::Start() {
  RETURN_IF_ERROR(Renew());
  thread_ = std::thread([this] { Run(); });
  return OkStatus();
}

void Lease::Stop() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    wake_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

Status Lease::Over() const {
  return FencedError(absl::StrCat("the lease of ", path_, " (epoch ", epoch_, ") is over"));
}

Status Lease::Renew() {
  if (hooks_.progress) RETURN_IF_ERROR(hooks_.progress());
  // The time before the request is sent, not after its answer: the Locker counts from some moment
  // between the two.
  const int64_t sent_boot_ns = clock_->BootNanos();
  Status renewed = session_->Renew(path_, epoch_);
  if (IsFenced(renewed)) deadline_boot_ns_.store(0, std::memory_order_release);
  RETURN_IF_ERROR(renewed);
  // Read anew: after a reconnection the Locker may grant another timeout.
  const int64_t margin_ns = std::max(options_.margin_ns, session_->lease_margin_ns());
  deadline_boot_ns_.store(sent_boot_ns + session_->session_timeout_ns() - margin_ns,
                          std::memory_order_release);
  return OkStatus();
}

bool Lease::StopRequested(int64_t wait_ns) {
  MutexLock lock(&mu_);
  if (!stopping_) wake_.WaitFor(&mu_, std::chrono::nanoseconds(wait_ns));
  return stopping_;
}

void Lease::Run() {
  const int64_t period_ns =
      std::min(session_->session_timeout_ns() / kRenewalsPerTimeout, kMaxRenewPeriodNs);
  while (!StopRequested(period_ns)) {
    Status renewed = Renew();
    if (renewed.ok()) continue;
    LOG(WARNING) << "lease not renewed: " << renewed.ToString();
    // A stuck data path ends the server now, while its lease still keeps others out.
    const bool stalled = renewed.code() == absl::StatusCode::kDeadlineExceeded;
    Status over = stalled ? renewed : Check();
    if (over.ok()) continue;
    if (hooks_.on_lost) hooks_.on_lost(over);
    return;
  }
}

}  // namespace stele
