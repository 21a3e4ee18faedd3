// A read of one small row whose blocks are in memory, which most reads are: without the state that
// a read over pages keeps (ReadTask). Whatever is not so, errors too, is left to that, which begins
// anew: one place tells of errors, parks what is large and gives up what nobody waits for.
// Thread-compatible.
#pragma once

#include <cstring>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "common/bytes/arena.h"
#include "schema/convert/point_codec.h"
#include "tabletserver/storage/engine.h"
#include "tabletserver/storage/iterator/row_sink.h"

namespace stele::tabletserver {

// Copies the cells of a row out of the engine; a small row without an allocation.
class PointSink : public storage::RowSink {
 public:
  // Pauses at the cell that makes it that many bytes, or more; that one is not kept.
  explicit PointSink(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  void StartRow(Slice) override {}
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
    bytes_ += family.size() + qualifier.size() + value.size() + sizeof(timestamp_us);
    if (bytes_ >= max_bytes_) {
      wants_ = Wants::kPause;
      return;
    }
    const bool same_family = !cells_.empty() && cells_.back().family == family;
    cells_.push_back({same_family ? cells_.back().family : Keep(family), Keep(qualifier),
                      timestamp_us, Keep(value)});
  }
  bool EndRow() override { return false; }

  // As pages count them.
  uint64_t bytes() const { return bytes_; }
  // Valid as long as the sink.
  absl::Span<const wire::CellSlices> cells() const { return cells_; }

 private:
  Slice Keep(Slice bytes) {
    if (bytes.empty()) return {};
    char* to = small_ + small_used_;
    if (bytes.size() <= sizeof(small_) - small_used_) {
      small_used_ += bytes.size();
    } else {
      to = large_.Allocate(bytes.size());
    }
    std::memcpy(to, bytes.data(), bytes.size());
    return {to, bytes.size()};
  }

  const uint64_t max_bytes_;
  uint64_t bytes_ = 0;
  absl::InlinedVector<wire::CellSlices, 4> cells_;
  Arena large_;
  size_t small_used_ = 0;
  char small_[2048];
};

inline constexpr uint64_t kMaxPointBytes = 64 * 1024;  // of cells
inline constexpr uint64_t kMaxPointKeys = 512;         // looked at
// So many bytes, as stored and decoded, an io thread takes out of the page cache for one read; a
// tenth of a millisecond or two. More, and every other kind of read, is the disk pool's.
inline constexpr uint64_t kPointPageCacheBytes = 512 * 1024;

enum class PointTry {
  kRead,      // `sink` has the row's cells, or the row has none
  kNotTaken,  // too large, too much to look at, or an error: for a ReadTask
  kBlocked,   // on a block that is not in memory; likewise
};
// Never blocks. REQUIRES: the row is in the tablet.
PointTry TryPoint(storage::TabletStore* tablet, const wire::PointRequest& point, PointSink* sink,
                  wire::ReadStats* stats);
// What the sink may take of it.
uint64_t PointBytes(const wire::PointRequest& point);

}  // namespace stele::tabletserver
