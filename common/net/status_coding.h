// The one coding of a Status on the wire: in error frames, and inside messages.
//
//   code:varint64 message:length-prefixed count:varint64 (url value):length-prefixed each
//
// OK is the empty string. Pure functions.
#pragma once

#include <string>

#include "common/base/status.h"

namespace stele::net {

inline constexpr size_t kMaxStatusMessageBytes = 8 * 1024;  // longer ones are cut
inline constexpr size_t kMaxStatusPayloads = 16;            // more, or larger ones, are left out
inline constexpr size_t kMaxStatusPayloadBytes = 16 * 1024;

std::string EncodeStatus(const Status& status);
// False when malformed or over a limit. A code that this version does not know becomes Unknown.
bool DecodeStatus(Slice encoded, Status* status);

}  // namespace stele::net
