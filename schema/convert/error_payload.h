// What a Status tells a client besides its code: that the tablet is served elsewhere, and when to
// try again. The payloads travel with the Status in RPC errors. Pure functions.
//
// Codes (DATA_MODEL): unknown table or family NotFound; exists AlreadyExists; the caller's fault
// InvalidArgument; protection or a row too large FailedPrecondition; tablet moving or without owner
// Unavailable with kNotServedPayload; overload ResourceExhausted with kRetryDelayPayload; deadline
// DeadlineExceeded; corrupt data DataLoss; outcome not known Unknown.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/status.h"
#include "schema/metadata/metadata.h"

namespace stele::wire {

inline constexpr char kNotServedPayload[] = "stele.dev/not-served";
inline constexpr char kRetryDelayPayload[] = "stele.dev/retry-delay-ms";  // decimal text

// Unavailable: this server does not serve the tablet. `moved` may be null: where it went is not
// known.
Status NotServedError(Slice message, const TabletLocation* moved);
bool IsNotServed(const Status& status);
// The new location that came with it, if it did and is well formed.
std::optional<TabletLocation> MovedTo(const Status& status);

// ResourceExhausted with a delay.
Status OverloadedError(Slice message, int64_t retry_delay_ms);
// 0 when there is none; at most one minute, whatever the peer says.
int64_t RetryDelayMs(const Status& status);

}  // namespace stele::wire
