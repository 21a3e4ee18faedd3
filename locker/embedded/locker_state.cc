#include "locker/embedded/locker_state.h"

#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"

namespace stele {
namespace {

constexpr char kStateVersion = 1;
constexpr size_t kCrcBytes = 4;

}  // namespace

std::string EncodeLockerState(const LockerState& state) {
  std::string out(1, kStateVersion);
  PutVarint64(&out, state.counter);
  PutVarint64(&out, state.values.size());
  for (const auto& [path, value] : state.values) {
    PutLengthPrefixed(&out, path);
    PutLengthPrefixed(&out, value.value);
    PutVarint64(&out, value.version);
  }
  PutFixed32(&out, MaskCrc(Crc32c(out)));
  return out;
}

StatusOr<LockerState> DecodeLockerState(Slice encoded) {
  if (encoded.size() < 1 + kCrcBytes) return CorruptError("locker state is too short");
  const Slice body = encoded.substr(0, encoded.size() - kCrcBytes);
  if (DecodeFixed32(encoded.data() + body.size()) != MaskCrc(Crc32c(body))) {
    return CorruptError("locker state has a wrong check sum");
  }
  if (body[0] != kStateVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("locker state has format version ", static_cast<int>(body[0]),
                     "; this program knows ", static_cast<int>(kStateVersion)));
  }
  Slice input = body.substr(1);
  LockerState state;
  uint64_t count = 0;
  bool good = GetVarint64(&input, &state.counter) && GetVarint64(&input, &count);
  for (uint64_t i = 0; good && i < count; ++i) {
    Slice path, value;
    uint64_t version = 0;
    good = GetLengthPrefixed(&input, &path) && GetLengthPrefixed(&input, &value) &&
           GetVarint64(&input, &version);
    if (good) state.values[std::string(path)] = {std::string(value), version};
  }
  if (!good || !input.empty()) return CorruptError("locker state is malformed");
  return state;
}

}  // namespace stele
