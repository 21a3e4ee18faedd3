#include "common/net/frame.h"

#include "common/bytes/crc32c.h"

namespace stele::net {

void EncodeFrameHeader(const FrameHeader& header, Slice prefix, Slice body,
                       char out[kFrameHeaderBytes]) {
  EncodeFixed32(out, kFrameMagic);
  out[4] = static_cast<char>(kFrameVersion);
  out[5] = static_cast<char>(header.kind);
  std::memcpy(out + 6, &header.flags, 2);
  std::memcpy(out + 8, &header.method, 2);
  std::memset(out + 10, 0, 2);
  EncodeFixed32(out + 12, header.request_id);
  EncodeFixed32(out + 16, static_cast<uint32_t>(prefix.size() + body.size()));
  uint32_t crc = Crc32c(Slice(out, kFrameCrcOffset));
  crc = ExtendCrc32c(crc, prefix);
  crc = ExtendCrc32c(crc, body);
  EncodeFixed32(out + kFrameCrcOffset, crc);
}

Status DecodeFrameHeader(const char in[kFrameHeaderBytes], uint32_t max_body, FrameHeader* out) {
  if (DecodeFixed32(in) != kFrameMagic) return absl::InvalidArgumentError("frame: wrong magic");
  if (static_cast<uint8_t>(in[4]) != kFrameVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame: version ", static_cast<uint8_t>(in[4]), ", not ", kFrameVersion));
  }
  const uint8_t kind = static_cast<uint8_t>(in[5]);
  if (kind < static_cast<uint8_t>(FrameKind::kRequest) ||
      kind > static_cast<uint8_t>(FrameKind::kCancel)) {
    return absl::InvalidArgumentError(absl::StrCat("frame: unknown kind ", kind));
  }
  uint16_t reserved;
  std::memcpy(&reserved, in + 10, 2);
  out->kind = static_cast<FrameKind>(kind);
  std::memcpy(&out->flags, in + 6, 2);
  std::memcpy(&out->method, in + 8, 2);
  out->request_id = DecodeFixed32(in + 12);
  out->length = DecodeFixed32(in + 16);
  out->crc = DecodeFixed32(in + kFrameCrcOffset);
  const bool request = out->kind == FrameKind::kRequest;
  const bool goaway = out->kind == FrameKind::kGoaway;
  const uint16_t flags = goaway ? kGoawayRefused : request ? kRequestHasKey | kRequestHasTerm : 0;
  const bool unknown_flags =
      (out->flags & ~flags) != 0 || (request && out->flags == kRequestHasTerm);
  if (reserved != 0 || unknown_flags || (!request && out->method != 0)) {
    return absl::InvalidArgumentError("frame: reserved fields are set");
  }
  if (out->length > max_body) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame: body of ", out->length, " bytes, limit ", max_body));
  }
  const bool bare = goaway || out->kind == FrameKind::kCancel;
  const size_t least = !request ? 0
                                : kRequestPrefixBytes +
                                      ((out->flags & kRequestHasKey) != 0 ? kCellKeyBytes : 0) +
                                      ((out->flags & kRequestHasTerm) != 0 ? kTermBytes : 0);
  if (out->length < least || (bare && out->length != 0)) {
    return absl::InvalidArgumentError("frame: a body of this length is not of this kind");
  }
  return OkStatus();
}

bool FrameCrcMatches(const char in[kFrameHeaderBytes], Slice body) {
  return ExtendCrc32c(Crc32c(Slice(in, kFrameCrcOffset)), body) ==
         DecodeFixed32(in + kFrameCrcOffset);
}

}  // namespace stele::net
