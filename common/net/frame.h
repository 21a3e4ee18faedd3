// The 24-byte header of a frame (FORMAT.md beside this file). Internal to this folder. Pure
// functions.
#pragma once

#include <cstdint>

#include "common/base/status.h"
#include "common/bytes/coding.h"
#include "common/net/rpc.h"

namespace stele::net {

inline constexpr uint32_t kFrameMagic = 0x314c5453;  // "STL1"
inline constexpr uint8_t kFrameVersion = 1;
inline constexpr size_t kFrameHeaderBytes = 24;
inline constexpr size_t kFrameCrcOffset = 20;
inline constexpr size_t kRequestPrefixBytes = 8;  // remaining microseconds, before the message

enum class FrameKind : uint8_t { kRequest = 1, kReply = 2, kError = 3, kGoaway = 4, kCancel = 5 };
inline constexpr uint16_t kPingMethod = 0;  // of a request that the connection answers
inline constexpr uint32_t kNoRequest = 0;   // the id of a ping, and of an answer to nothing
inline constexpr uint16_t kGoawayRefused = 1;
inline constexpr uint16_t kRequestHasKey = 1;   // the cell's key stands behind the prefix
inline constexpr uint16_t kRequestHasTerm = 2;  // only with key: the master's term, behind it
inline constexpr size_t kTermBytes = 8;

struct FrameHeader {
  FrameKind kind = FrameKind::kRequest;
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t request_id = 0;
  uint32_t length = 0;
  uint32_t crc = 0;
};

// Writes the header of a frame whose body is `prefix` followed by `body`; `length` and `crc` of
// `header` are computed.
void EncodeFrameHeader(const FrameHeader& header, Slice prefix, Slice body,
                       char out[kFrameHeaderBytes]);
// InvalidArgument for anything but a header of this version with length <= max_body.
Status DecodeFrameHeader(const char in[kFrameHeaderBytes], uint32_t max_body, FrameHeader* out);
// Whether the crc of the 24 bytes at `in` is right for this body.
bool FrameCrcMatches(const char in[kFrameHeaderBytes], Slice body);

}  // namespace stele::net
