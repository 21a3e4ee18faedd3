#include "tabletserver/tablet/progress_watch.h"

namespace stele::tabletserver {

Status ProgressWatch::Check() {
  const uint64_t ended = ended_.load(std::memory_order_acquire);
  const bool waiting = begun_.load(std::memory_order_relaxed) > ended;
  const int64_t now = clock_->BootNanos();
  if (!waiting) {
    unmoved_since_ns_ = 0;
  } else if (unmoved_since_ns_ == 0 || ended != seen_ended_) {
    unmoved_since_ns_ = now;
  }
  seen_ended_ = ended;
  if (unmoved_since_ns_ != 0 && now - unmoved_since_ns_ >= limit_ns_) {
    return absl::DeadlineExceededError(absl::StrCat("the log has completed no write for ",
                                                    (now - unmoved_since_ns_) / 1'000'000,
                                                    " ms; limit ", limit_ns_ / 1'000'000));
  }
  return OkStatus();
}

}  // namespace stele::tabletserver
