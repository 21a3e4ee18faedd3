#include "schema/convert/error_payload.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"

namespace stele::wire {

Status NotServedError(Slice message, const TabletLocation* moved) {
  Status status = absl::UnavailableError(message);
  status.SetPayload(kNotServedPayload,
                    absl::Cord(moved == nullptr ? "" : EncodeTabletLocation(*moved)));
  return status;
}

bool IsNotServed(const Status& status) { return status.GetPayload(kNotServedPayload).has_value(); }

std::optional<TabletLocation> MovedTo(const Status& status) {
  const auto payload = status.GetPayload(kNotServedPayload);
  if (!payload.has_value() || payload->empty()) return std::nullopt;
  auto location = DecodeTabletLocation(std::string(*payload));
  if (!location.ok()) return std::nullopt;  // only a hint: without it the client looks it up
  return *std::move(location);
}

Status OverloadedError(Slice message, int64_t retry_delay_ms) {
  Status status = absl::ResourceExhaustedError(message);
  status.SetPayload(kRetryDelayPayload, absl::Cord(absl::StrCat(retry_delay_ms)));
  return status;
}

int64_t RetryDelayMs(const Status& status) {
  constexpr int64_t kMaxDelayMs = 60'000;
  const auto payload = status.GetPayload(kRetryDelayPayload);
  int64_t delay_ms = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &delay_ms)) return 0;
  return std::clamp<int64_t>(delay_ms, 0, kMaxDelayMs);
}

}  // namespace stele::wire
