#include "tabletserver/rpc/point_read.h"

#include <algorithm>
#include <utility>

namespace stele::tabletserver {

uint64_t PointBytes(const wire::PointRequest& point) {
  return point.max_bytes == 0 ? kMaxPointBytes : std::min(point.max_bytes, kMaxPointBytes);
}

PointTry TryPoint(storage::TabletStore* tablet, const wire::PointRequest& point, PointSink* sink,
                  wire::ReadStats* stats) {
  storage::ReadOptions options;
  options.selection = point.selection;
  options.max_row_bytes = UINT64_MAX;  // the sink pauses long before
  options.max_keys_examined = kMaxPointKeys;
  options.may_block = false;
  options.page_cache_bytes = kPointPageCacheBytes;
  const StatusOr<storage::ReadProgress> read = tablet->ReadRow(point.row, options, sink);
  if (absl::IsUnavailable(read.status())) return PointTry::kBlocked;
  if (!read.ok() || read->in_row) return PointTry::kNotTaken;
  if (!sink->cells().empty()) {
    stats->rows = 1;
    stats->cells = sink->cells().size();
    stats->bytes = point.row.size() + sink->bytes();
  }
  stats->rows_examined = read->rows_examined;
  stats->cells_examined = read->keys_examined;
  stats->bytes_examined = read->bytes;
  return PointTry::kRead;
}

}  // namespace stele::tabletserver
