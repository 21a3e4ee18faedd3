// Points in time as text: RFC 3339 or microseconds since 1970. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/status.h"

namespace stele {

// "2024-01-31T12:00:00Z", "2024-01-31T12:00:00.25+02:00", or a number of microseconds. A fraction
// has up to 6 digits. InvalidArgument also for what lies before 1970.
StatusOr<int64_t> ParseTimeUs(Slice text);
// RFC 3339 in UTC when the year has four digits and ParseTimeUs gives the number back, else the
// number.
std::string FormatTimeUs(int64_t us);

}  // namespace stele
