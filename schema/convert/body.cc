#include "schema/convert/body.h"

#include <cstring>
#include <utility>

#include "common/bytes/coding.h"
#include "schema/model/limits.h"

namespace stele::wire {

namespace {
constexpr size_t kTableBytes = 8;  // the segment table of one segment: count - 1, size in words
constexpr size_t kMinFirstBytes = 256;
}  // namespace

BodyBuilder::BodyBuilder(size_t expected_bytes)
    : body_(kTableBytes + (std::max(expected_bytes, kMinFirstBytes) + 7) / 8 * 8) {
  std::memset(body_.mutable_data(), 0, body_.size());
}

BodyBuilder::~BodyBuilder() noexcept(false) = default;

::kj::ArrayPtr<::capnp::word> BodyBuilder::allocateSegment(uint minimum_words) {
  const size_t first_words = (body_.size() - kTableBytes) / 8;
  if (!first_given_ && minimum_words <= first_words) {
    first_given_ = true;
    return ::kj::arrayPtr(reinterpret_cast<::capnp::word*>(body_.mutable_data() + kTableBytes),
                          first_words);
  }
  const size_t words =
      std::max<size_t>(minimum_words, first_words << std::min<size_t>(more_.size(), 8));
  more_.push_back(std::make_unique<uint64_t[]>(words));  // zeroed
  return ::kj::arrayPtr(reinterpret_cast<::capnp::word*>(more_.back().get()), words);
}

StatusOr<net::Buffer> BodyBuilder::TakeSingleSegment() {
  const auto segments = getSegmentsForOutput();
  KJ_REQUIRE(more_.empty() && segments.size() == 1, "message does not fit its own size");
  const size_t words = segments[0].size();
  if (kTableBytes + words * 8 > kMaxFrameBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("message of ", words * 8, " bytes, limit ", kMaxFrameBytes));
  }
  EncodeFixed32(body_.mutable_data(), 0);
  EncodeFixed32(body_.mutable_data() + 4, static_cast<uint32_t>(words));
  net::Buffer result = std::move(body_);
  result.Truncate(kTableBytes + words * 8);
  return result;
}

Status ReadLimits::CheckCount(size_t count, size_t limit, const char* what) {
  if (count <= limit) return OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", count, " entries, limit ", limit));
}

Status CheckDataSize(Data::Reader data, size_t limit, const char* what) {
  if (data.size() <= limit) return OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", data.size(), " bytes, limit ", limit));
}

Status CopyData(Data::Reader data, size_t limit, const char* what, std::string* out) {
  RETURN_IF_ERROR(CheckDataSize(data, limit, what));
  const Slice bytes = ToSlice(data);
  if (bytes.size() <= out->capacity()) {
    out->assign(bytes.data(), bytes.size());
  } else {  // one that grows costs more than one that is made
    *out = std::string(bytes);
  }
  return OkStatus();
}

namespace internal {

Status CheckFrame(Slice body) {
  if (body.size() < kTableBytes + 8 || body.size() % 8 != 0 || body.size() > kMaxFrameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("malformed message: a body of ", body.size(), " bytes"));
  }
  if (DecodeFixed32(body.data()) != 0 ||
      uint64_t{DecodeFixed32(body.data() + 4)} * 8 + kTableBytes != body.size()) {
    return absl::InvalidArgumentError("malformed message: not one segment that fills the body");
  }
  return OkStatus();
}

Status Rewrap(const Status& status, absl::StatusCode code) {
  if (status.ok() || status.code() == code) return status;
  return Status(code, status.message());
}

}  // namespace internal
}  // namespace stele::wire
