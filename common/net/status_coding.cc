#include "common/net/status_coding.h"

#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "common/bytes/coding.h"

namespace stele::net {

std::string EncodeStatus(const Status& status) {
  std::string out;
  if (status.ok()) return out;
  PutVarint64(&out, static_cast<uint64_t>(status.code()));
  PutLengthPrefixed(&out, status.message().substr(0, kMaxStatusMessageBytes));
  std::vector<std::pair<std::string, std::string>> payloads;
  status.ForEachPayload([&](Slice url, const absl::Cord& value) {
    if (payloads.size() == kMaxStatusPayloads) return;
    if (url.size() + value.size() > kMaxStatusPayloadBytes) return;
    payloads.emplace_back(std::string(url), std::string(value));
  });
  PutVarint64(&out, payloads.size());
  for (const auto& [url, value] : payloads) {
    PutLengthPrefixed(&out, url);
    PutLengthPrefixed(&out, value);
  }
  return out;
}

bool DecodeStatus(Slice encoded, Status* status) {
  *status = OkStatus();
  if (encoded.empty()) return true;
  uint64_t code, payloads;
  Slice message;
  if (!GetVarint64(&encoded, &code) || !GetLengthPrefixed(&encoded, &message) ||
      !GetVarint64(&encoded, &payloads) || message.size() > kMaxStatusMessageBytes ||
      payloads > kMaxStatusPayloads || code == 0) {
    return false;
  }
  if (code > static_cast<uint64_t>(absl::StatusCode::kUnauthenticated)) {
    code = static_cast<uint64_t>(absl::StatusCode::kUnknown);
  }
  *status = Status(static_cast<absl::StatusCode>(code), message);
  for (; payloads > 0; payloads--) {
    Slice url, value;
    if (!GetLengthPrefixed(&encoded, &url) || !GetLengthPrefixed(&encoded, &value) ||
        url.size() + value.size() > kMaxStatusPayloadBytes) {
      return false;
    }
    status->SetPayload(url, absl::Cord(value));
  }
  return encoded.empty();
}

}  // namespace stele::net
