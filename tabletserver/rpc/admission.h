// Admission: bounds the bytes of requests that a server works on. A request that does not fit is
// refused at once with a retry delay instead of waiting in a queue. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "common/base/status.h"

namespace stele::tabletserver {

class Admission {
 public:
  // Gives its bytes back when destroyed. Must not outlive the Admission.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), bytes_(other.bytes_) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Ticket() {
      if (owner_ == nullptr) return;
      owner_->in_flight_.fetch_sub(kOneRequest + bytes_, std::memory_order_relaxed);
    }

   private:
    friend class Admission;
    Ticket(Admission* owner, uint64_t bytes) : owner_(owner), bytes_(bytes) {}
    Admission* owner_ = nullptr;
    uint64_t bytes_ = 0;
  };

  explicit Admission(uint64_t max_in_flight_bytes) : limit_(max_in_flight_bytes) {}

  // ResourceExhausted with kRetryDelayPayload. A request larger than the whole limit is admitted
  // when nothing else is in flight, or it could never be.
  StatusOr<Ticket> Admit(uint64_t bytes);

  uint64_t in_flight_bytes() const {
    return in_flight_.load(std::memory_order_relaxed) % kOneRequest;
  }
  uint64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed) / kOneRequest; }
  uint64_t limit_bytes() const { return limit_; }
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  // Requests above the bytes, in one number: to count both costs no more than one.
  static constexpr uint64_t kOneRequest = uint64_t{1} << 44;

  const uint64_t limit_;
  std::atomic<uint64_t> in_flight_{0};
  std::atomic<uint64_t> refused_{0};
};

}  // namespace stele::tabletserver
