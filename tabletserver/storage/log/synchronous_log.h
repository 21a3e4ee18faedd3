// The log without its threads, for the log's own tests: scan, replay, begin, write groups and grow,
// each when the test says so, over a MemoryLogDisk. Thread-compatible.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/bytes/crc32c.h"
#include "tabletserver/storage/log/log_recovery.h"
#include "tabletserver/storage/log/log_ring.h"
#include "tabletserver/storage/log/log_writer.h"
#include "tabletserver/storage/log/memory_log_store.h"

namespace stele::storage {

struct Found {
  Lsn lsn = 0;
  TabletId tablet = 0;
  std::string payload;
  Lsn original_lsn = 0;
  bool operator==(const Found&) const = default;
};

inline CommitLogOptions SmallRing(uint32_t initial, uint32_t max, uint64_t bytes = 1024) {
  CommitLogOptions options;
  options.segment_bytes = bytes;
  options.initial_segments = initial;
  options.max_segments = max;
  options.new_log_uuid = 0x1122334455667788;
  return options;
}

class SynchronousLog {
 public:
  SynchronousLog(MemoryLogDisk* disk, const CommitLogOptions& options,
                 FaultInjector* faults = nullptr)
      : options_(options),
        store_(disk),
        ring_(options),
        writer_(
            options, &ring_, [this] { return lease; }, faults) {}

  Status Scan() {
    ASSIGN_OR_RETURN(scan_, ScanLog(&store_, options_.new_log_uuid));
    return OkStatus();
  }
  Status ScanDamaged() {
    ASSIGN_OR_RETURN(scan_, ScanDamagedLog(&store_, options_.new_log_uuid));
    return OkStatus();
  }
  StatusOr<std::vector<Found>> Replay() {
    std::vector<Found> found;
    RETURN_IF_ERROR(ReplayLog(&scan_, [&](const RecoveredRecord& r) {
      found.push_back({r.lsn, r.tablet, std::string(r.payload), r.original_lsn});
      return OkStatus();
    }));
    return found;
  }
  Status Begin() { return writer_.Begin(&store_, &scan_); }
  Status Open() {
    RETURN_IF_ERROR(Scan());
    return Begin();
  }

  static PendingRecord Pending(TabletId tablet, std::string payload) {
    PendingRecord r;
    r.crc = Crc32c(payload);
    r.record.tablet = tablet;
    r.record.payload = std::move(payload);
    return r;
  }
  Status Write(std::vector<std::pair<TabletId, std::string>> records) {
    std::vector<PendingRecord> group;
    for (auto& [tablet, payload] : records) group.push_back(Pending(tablet, std::move(payload)));
    return writer_.WriteGroup(absl::MakeSpan(group));
  }
  // As admission and the growing thread would: false when there is no room.
  StatusOr<bool> WriteIfFits(TabletId tablet, std::string payload) {
    const uint64_t cost = ring_.Cost(payload.size());
    if (!ring_.Admit(tablet, cost)) return false;
    ring_.Leave(cost);
    while (ring_.FitsNow(tablet, cost) == LogRing::Fit::kAfterGrowth) Grow();
    if (ring_.FitsNow(tablet, cost) == LogRing::Fit::kAfterAdvance) {
      RETURN_IF_ERROR(writer_.SkipRestOfHead());
    }
    if (ring_.FitsNow(tablet, cost) != LogRing::Fit::kYes) return false;
    RETURN_IF_ERROR(Write({{tablet, std::move(payload)}}));
    return true;
  }
  void Grow() {
    const uint64_t index = ring_.NextIndex();
    auto segment = store_.Create(index, options_.segment_bytes, SpaceOf(options_));
    if (segment.ok()) {
      ring_.Grown(index, *std::move(segment));
    } else {
      ring_.GrowthFailed();
    }
  }
  LogRingStatus status() {
    LogRingStatus status;
    ring_.Fill(&status);
    return status;
  }
  LogRing& ring() { return ring_; }
  LogWriter& writer() { return writer_; }
  LogScan& scan() { return scan_; }
  uint64_t epoch() const { return store_.epoch(); }

  Status lease;  // what the lease check says

 private:
  const CommitLogOptions options_;
  MemoryLogStore store_;
  LogScan scan_;
  LogRing ring_;
  LogWriter writer_;
};

}  // namespace stele::storage
