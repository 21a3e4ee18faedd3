// A Cap'n Proto message as an RPC body: a flat array of exactly one segment. Internal to this
// folder: codec.h is the interface. Pure functions and short-lived objects of one thread.
//
// Reading is bounded: the segment table must be the one-segment form and fit the body exactly, a
// traversal may see at most twice the body's words, and lists are checked against what the body
// could hold. kj's exceptions become a Status here and in no other place.
#pragma once

// clang-format off: kj_operators.h goes first
#include "schema/convert/kj_operators.h"
// clang-format on

#include <capnp/message.h>
#include <kj/exception.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/net/rpc.h"
#include "schema/model/limits.h"

namespace stele::wire {

using ::capnp::Data;
using ::capnp::List;

// Builds in place: the first segment lies in the body itself. What does not fit goes into further
// segments, and Finish copies everything together.
class BodyBuilder : public ::capnp::MessageBuilder {
 public:
  explicit BodyBuilder(size_t expected_bytes);
  ~BodyBuilder() noexcept(false) override;
  ::kj::ArrayPtr<::capnp::word> allocateSegment(uint minimum_words) override;
  // Call once, at the end. ResourceExhausted when it is over the limit of a body.
  template <typename Root>
  StatusOr<net::Buffer> Finish();

 private:
  StatusOr<net::Buffer> TakeSingleSegment();
  net::Buffer body_;
  bool first_given_ = false;
  std::vector<std::unique_ptr<uint64_t[]>> more_;
};

template <typename Root>
StatusOr<net::Buffer> BodyBuilder::Finish() {
  if (more_.empty()) return TakeSingleSegment();
  const size_t bytes = sizeInWords() * sizeof(::capnp::word);
  if (bytes > kMaxFrameBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("message of ", bytes, " bytes, limit ", kMaxFrameBytes));
  }
  // Copying drops the far pointers between segments and never grows the message.
  BodyBuilder whole(bytes);
  whole.setRoot(getRoot<Root>().asReader());
  return whole.TakeSingleSegment();
}

// StatusOr<Buffer> of a message whose root `fill` sets.
template <typename Root, typename Fill>
StatusOr<net::Buffer> WriteBody(size_t expected_bytes, Fill fill) {
  if (expected_bytes > kMaxFrameBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("message of about ", expected_bytes, " bytes, limit ", kMaxFrameBytes));
  }
  try {
    BodyBuilder builder(expected_bytes);
    fill(builder.initRoot<Root>());
    return builder.Finish<Root>();
  } catch (const ::kj::Exception& e) {
    return absl::ResourceExhaustedError(
        absl::StrCat("message too large: ", e.getDescription().cStr()));
  }
}

// What reading one body has to keep to.
class ReadLimits {
 public:
  explicit ReadLimits(size_t words) : words_(words) {}
  // An error unless a list of `count` T may be there; `what` names it.
  template <typename T>
  Status CheckList(size_t count, size_t limit, const char* what) const {
    // Peers of another version may send smaller elements, not ones of half the size.
    const size_t element_words =
        std::max<size_t>(1, (T::_capnpPrivate::dataWordSize + T::_capnpPrivate::pointerCount) / 2);
    return CheckCount(count, std::min(limit, words_ / element_words), what);
  }
  // The same for a list of Data or of 8-byte numbers.
  Status CheckPlainList(size_t count, size_t limit, const char* what) const {
    return CheckCount(count, std::min(limit, words_), what);
  }

 private:
  static Status CheckCount(size_t count, size_t limit, const char* what);
  const size_t words_;
};

inline Slice ToSlice(Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}
inline Data::Reader ToData(Slice s) {
  return Data::Reader(reinterpret_cast<const ::kj::byte*>(s.data()), s.size());
}
// InvalidArgument naming `what`, the size and the limit.
Status CheckDataSize(Data::Reader data, size_t limit, const char* what);
// Copies after checking the size.
Status CopyData(Data::Reader data, size_t limit, const char* what, std::string* out);

namespace internal {
Status CheckFrame(Slice body);
Status Rewrap(const Status& status, absl::StatusCode code);
}  // namespace internal

// Calls fill(root, limits) for a body; whatever is wrong with it becomes an error of `code`.
template <typename Root, typename Fill>
Status ReadBody(const net::Buffer& body, absl::StatusCode code, Fill fill) {
  const Slice bytes = body.bytes();
  if (Status frame = internal::CheckFrame(bytes); !frame.ok()) return internal::Rewrap(frame, code);
  const size_t words = bytes.size() / sizeof(::capnp::word) - 1;
  const auto* segment = reinterpret_cast<const ::capnp::word*>(bytes.data()) + 1;
  try {
    const ::kj::ArrayPtr<const ::capnp::word> segments[] = {::kj::arrayPtr(segment, words)};
    ::capnp::ReaderOptions options;
    options.traversalLimitInWords = 2 * words + 64;
    options.nestingLimit = 64;
    ::capnp::SegmentArrayMessageReader reader(::kj::arrayPtr(segments, 1), options);
    return internal::Rewrap(fill(reader.getRoot<Root>(), ReadLimits(words)), code);
  } catch (const ::kj::Exception& e) {
    return Status(code, absl::StrCat("malformed message: ", e.getDescription().cStr()));
  }
}

inline constexpr absl::StatusCode kBadRequest = absl::StatusCode::kInvalidArgument;
inline constexpr absl::StatusCode kBadResponse = absl::StatusCode::kDataLoss;

}  // namespace stele::wire
