#include "tabletserver/storage/sstable/sstable_format.h"

#define XXH_DISPATCH_DISABLE_REPLACE
#include <xxh_x86dispatch.h>
#include <xxhash.h>

#include <bit>

#include "common/base/check.h"
#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"

namespace stele::storage {
namespace {

constexpr size_t kFixedHandleBytes = 24;
constexpr size_t kHandleEndBytes = 5;     // crc:4 codec:1
constexpr size_t kFooterCrcFromEnd = 12;  // crc:4 magic:8
constexpr uint8_t kPagedCodec = 4;        // of the handle of a directory

void AppendFixedHandle(std::string* out, const BlockHandle& handle) {
  PutFixed64(out, handle.offset);
  PutFixed32(out, handle.stored_bytes);
  PutFixed32(out, handle.raw_bytes);
  PutFixed32(out, handle.crc);
  PutFixed32(out, static_cast<uint32_t>(handle.codec));
}

bool ParseCodec(uint32_t value, Codec* codec) {
  if (value > static_cast<uint32_t>(Codec::kZstd)) return false;
  *codec = static_cast<Codec>(value);
  return true;
}

bool ParseFixedHandle(Slice* input, BlockHandle* handle) {
  uint32_t codec;
  return GetFixed64(input, &handle->offset) && GetFixed32(input, &handle->stored_bytes) &&
         GetFixed32(input, &handle->raw_bytes) && GetFixed32(input, &handle->crc) &&
         GetFixed32(input, &codec) && ParseCodec(codec, &handle->codec);
}

// GetVarint64, all bytes of a short one at once.
bool TakeOffset(Slice* input, uint64_t* v) {
  constexpr uint64_t kGoesOn = 0x8080808080808080u;
  if (input->size() < sizeof(*v)) return GetVarint64(input, v);
  const uint64_t bytes = DecodeFixed64(input->data());
  const uint64_t ends = ~bytes & kGoesOn, last = ends & -ends;
  if (last == 0) return GetVarint64(input, v);
  uint64_t x = bytes & (last - 1) & ~kGoesOn;  // seven bits of each byte, moved together
  x = (x & 0x007f007f007f007fu) | (x & 0x7f007f007f007f00u) >> 1;
  x = (x & 0x00003fff00003fffu) | (x & 0x3fff00003fff0000u) >> 2;
  *v = (x & 0x000000000fffffffu) | (x & 0x0fffffff00000000u) >> 4;
  input->remove_prefix(static_cast<size_t>(std::countr_zero(last)) / 8 + 1);
  return true;
}

// GetVarint32, one of two bytes at once.
bool TakeSize(Slice* input, uint32_t* v) {
  if (input->size() < 2) return GetVarint32(input, v);
  const auto* const p = reinterpret_cast<const uint8_t*>(input->data());
  if (p[0] < 0x80 || p[1] >= 0x80) return GetVarint32(input, v);
  *v = (p[0] & 0x7fu) | uint32_t{p[1]} << 7;
  input->remove_prefix(2);
  return true;
}

}  // namespace

uint64_t CellContentHash(Slice key, Slice value) {
  // The widest vectors that the machine has: the library's plain calls are built for any.
  return XXH3_64bits_withSeed_dispatch(value.data(), value.size(),
                                       XXH3_64bits(key.data(), key.size()));
}

uint32_t SectionCheck(Slice stored, uint64_t file_id, uint64_t offset) {
  char place[16];
  EncodeFixed64(place, file_id);
  EncodeFixed64(place + 8, offset);
  return MaskCrc(ExtendCrc32c(Crc32c(stored), Slice(place, sizeof(place))));
}

void AppendHandle(std::string* out, const BlockHandle& handle) {
  const bool paged = handle.pages_bytes != 0;
  PutVarint64(out, handle.offset);
  PutVarint64(out, handle.stored_bytes);
  PutVarint64(out, paged ? handle.pages_bytes : handle.raw_bytes);
  PutFixed32(out, handle.crc);
  out->push_back(static_cast<char>(paged ? kPagedCodec : static_cast<uint8_t>(handle.codec)));
}

bool ParseHandle(Slice input, BlockHandle* handle) {
  if (!TakeOffset(&input, &handle->offset) || !TakeSize(&input, &handle->stored_bytes) ||
      !TakeSize(&input, &handle->raw_bytes) || input.size() != kHandleEndBytes) {
    return false;
  }
  handle->crc = DecodeFixed32(input.data());
  handle->pages_bytes = 0;
  const auto codec = static_cast<uint8_t>(input.back());
  if (codec != kPagedCodec) return ParseCodec(codec, &handle->codec);
  handle->pages_bytes = handle->raw_bytes;
  handle->raw_bytes = handle->stored_bytes;
  handle->codec = Codec::kNone;
  return handle->pages_bytes != 0 && handle->pages_bytes <= handle->offset;
}

std::string EncodeFooter(const Footer& footer, uint64_t offset) {
  std::string out;
  AppendFixedHandle(&out, footer.top_index);
  AppendFixedHandle(&out, footer.filter_index);
  AppendFixedHandle(&out, footer.properties);
  PutFixed64(&out, footer.data_end);
  PutFixed64(&out, footer.file_id);
  PutFixed32(&out, footer.version);
  PutFixed32(&out, kFooterBytes);
  PutFixed32(&out, 0);
  PutFixed32(&out, SectionCheck(out, footer.file_id, offset));
  PutFixed64(&out, kSSTableMagic);
  CHECK_EQ(out.size(), kFooterBytes);
  return out;
}

StatusOr<uint32_t> FooterSize(Slice tail) {
  CHECK_EQ(tail.size(), kFooterTailBytes);
  if (DecodeFixed64(tail.data() + 24) != kSSTableMagic) {
    return CorruptError("no footer at the end: cut short or not an SSTable");
  }
  uint32_t size = DecodeFixed32(tail.data() + 12);
  if (size < kFooterTailBytes || size > kMaxFooterBytes) return CorruptError("footer of bad size");
  return size;
}

StatusOr<Footer> DecodeFooter(Slice bytes, uint64_t offset) {
  CHECK_GE(bytes.size(), kFooterTailBytes);
  Slice tail = bytes.substr(bytes.size() - kFooterTailBytes);
  Slice covered = bytes.substr(0, bytes.size() - kFooterCrcFromEnd);
  Footer footer;
  footer.file_id = DecodeFixed64(tail.data());
  uint32_t version = DecodeFixed32(tail.data() + 8);
  if (SectionCheck(covered, footer.file_id, offset) != DecodeFixed32(tail.data() + 20)) {
    return CorruptError("footer check failed");
  }
  if (version > kSSTableVersion) {
    return absl::FailedPreconditionError(absl::StrCat("format version ", version, " is newer than ",
                                                      kSSTableVersion,
                                                      ", the newest this build reads"));
  }
  footer.version = version;
  if (version == 0 || bytes.size() != kFooterBytes) {
    return CorruptError("footer of an unknown layout");
  }
  static_assert(kFooterBytes == 3 * kFixedHandleBytes + 8 + kFooterTailBytes);
  if (!ParseFixedHandle(&bytes, &footer.top_index) ||
      !ParseFixedHandle(&bytes, &footer.filter_index) ||
      !ParseFixedHandle(&bytes, &footer.properties) || !GetFixed64(&bytes, &footer.data_end)) {
    return CorruptError("malformed handle in the footer");
  }
  return footer;
}

}  // namespace stele::storage
