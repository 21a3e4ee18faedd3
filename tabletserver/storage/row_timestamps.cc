#include "tabletserver/storage/row_timestamps.h"

#include <algorithm>
#include <functional>

#include "schema/model/limits.h"

namespace stele::storage {

RowTimestamps::RowTimestamps(Clock* clock, int64_t floor_us)
    : clock_(clock),
      max_us_(std::max<int64_t>(0, floor_us - floor_us % kTimestampGranularityUs)),
      last_us_(kStripes, max_us_) {}

int64_t RowTimestamps::Next(Slice row) { return Give(row, kTimestampGranularityUs); }

int64_t RowTimestamps::Now(Slice row) { return Give(row, 0); }

int64_t RowTimestamps::Give(Slice row, int64_t above_last_us) {
  int64_t now = std::max<int64_t>(0, clock_->WallMicros());
  now -= now % kTimestampGranularityUs;
  int64_t& last = last_us_[std::hash<std::string_view>()(ToStd(row)) % kStripes];
  last = std::max(now, last + above_last_us);
  max_us_ = std::max(max_us_, last);
  return last;
}

}  // namespace stele::storage
