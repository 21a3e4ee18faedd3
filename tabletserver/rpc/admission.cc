#include "tabletserver/rpc/admission.h"

#include "schema/convert/error_payload.h"

namespace stele::tabletserver {
namespace {

constexpr int64_t kRetryDelayMs = 50;

}  // namespace

StatusOr<Admission::Ticket> Admission::Admit(uint64_t bytes) {
  const uint64_t before =
      in_flight_.fetch_add(kOneRequest + bytes, std::memory_order_relaxed) % kOneRequest;
  if (before != 0 && before + bytes > limit_) {
    in_flight_.fetch_sub(kOneRequest + bytes, std::memory_order_relaxed);
    refused_.fetch_add(1, std::memory_order_relaxed);
    return wire::OverloadedError(
        absl::StrCat("requests of ", before, " bytes are in flight; limit ", limit_),
        kRetryDelayMs);
  }
  return Ticket(this, bytes);
}

}  // namespace stele::tabletserver
