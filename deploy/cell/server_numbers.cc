#include "deploy/cell/server_numbers.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/obs/page.h"

namespace stele::deploy {
namespace {

struct Known {
  const char* name;
  const char* metric;
  const char* unit;
  bool counter;
  const char* help;
};

constexpr bool kCounter = true;
constexpr bool kGauge = false;

constexpr Known kKnown[] = {
    {"memory.used", "memory_used", "bytes", kGauge, "Memory that the engine accounts for."},
    {"memory.limit", "memory_limit", "bytes", kGauge,
     "Memory that the engine keeps within; writes are slowed when it comes near."},
    {"block_cache.hits", "block_cache_hits", "", kCounter, "SSTable blocks found in the cache."},
    {"block_cache.misses", "block_cache_misses", "", kCounter,
     "SSTable blocks that had to be read from the store."},
    {"block_cache.evictions", "block_cache_evictions", "", kCounter,
     "SSTable blocks that left the cache to make room."},
    {"block_cache.bytes", "block_cache_used", "bytes", kGauge, "SSTable blocks in the cache."},
    {"block_cache.entries", "block_cache_entries", "", kGauge,
     "SSTable blocks, and pages of them, in the cache."},
    {"block_cache.capacity", "block_cache_capacity", "bytes", kGauge,
     "Room for SSTable blocks in the cache."},
    {"filter_cache.hits", "filter_cache_hits", "", kCounter, "Filter parts found in the cache."},
    {"filter_cache.misses", "filter_cache_misses", "", kCounter,
     "Filter parts that had to be read from the store."},
    {"filter_cache.evictions", "filter_cache_evictions", "", kCounter,
     "Filter parts and directories of blocks that left their cache to make room."},
    {"filter_cache.entries", "filter_cache_entries", "", kGauge,
     "Filter parts and directories of blocks in their cache."},
    {"filter_cache.bytes", "filter_cache_used", "bytes", kGauge,
     "Filter parts and directories of blocks in their cache."},
    {"filter_cache.capacity", "filter_cache_capacity", "bytes", kGauge,
     "Room for filter parts and directories of blocks."},
    {"maintenance.flushes", "flushes", "", kCounter, "Memtables written to SSTables."},
    {"maintenance.merges", "merging_compactions", "", kCounter,
     "Compactions of some of a tablet's SSTables."},
    {"maintenance.majors", "major_compactions", "", kCounter,
     "Compactions of all of a tablet's SSTables, which drop deleted cells."},
    {"maintenance.bytes_written", "maintenance_written", "bytes", kCounter,
     "Bytes that flushes and compactions wrote."},
    {"maintenance.files_deleted", "files_deleted", "", kCounter,
     "Files that no manifest named any more and that were deleted."},
    {"writes.stalled_ms", "writes_stalled", "milliseconds", kCounter,
     "Time for which writes were slowed because flushing fell behind."},
    {"disk.free_bytes", "disk_free", "bytes", kGauge, "Free bytes of the data directory's disk."},
    {"disk.reserve_bytes", "disk_reserve", "bytes", kGauge,
     "Below so many free bytes the disk counts as full."},
    {"disk.full", "disk_full", "", kGauge,
     "1 while writes are refused because the disk is full, else 0."},
    {"disk.refused_writes", "disk_refused_writes", "", kCounter,
     "Writes refused because the disk was full."},
    {"log.syncs", "log_syncs", "", kCounter, "Groups of writes that the commit log synced."},
    {"log.slow_syncs", "log_slow_syncs", "", kCounter,
     "Groups whose write and sync took longer than a second."},
    {"writes.in_flight", "writes_in_flight", "", kGauge,
     "Writes that wait for the commit log's sync."},
    {"requests.in_flight", "requests_being_worked_on", "", kGauge,
     "Requests that are being worked on."},
    {"requests.in_flight_bytes", "requests_in_flight", "bytes", kGauge,
     "Requests that are being worked on."},
    {"requests.refused", "requests_refused", "", kCounter,
     "Requests refused because too many bytes were in flight."},
    {"reads.queued_for_disk", "reads_queued_for_disk", "", kGauge,
     "Reads that wait for a thread that may block on the disk."},
    {"reads.parked", "reads_parked", "", kGauge,
     "Reads that wait inside a large row for their client to ask for the next part."},
    {"reads.dropped", "reads_dropped", "", kCounter,
     "Reads given up because their client cancelled them or went away, or their time was over."},
    {"recovery.notice_ms", "recovery_notice", "milliseconds", kGauge,
     "Time after which the server's death would be noticed."},
    {"recovery.open_ms", "recovery_open", "milliseconds", kGauge,
     "Time that others would need to open its tablets, after the sorting of its log."},
    {"lease.remaining_ms", "lease_remaining", "milliseconds", kGauge,
     "Time left of the server's lease; at 0 it must not acknowledge anything."},
};

// "block cache" becomes block_cache.
std::string MetricPart(const std::string& name) {
  std::string out;
  for (char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    out.push_back(plain ? c : '_');
  }
  return out;
}

}  // namespace

ServerNumber DescribeServerNumber(const std::string& name) {
  for (const Known& known : kKnown) {
    if (name != known.name) continue;
    return {absl::StrCat("stele_", known.metric), known.help, known.unit, known.counter, {}};
  }
  constexpr char kMemory[] = "memory.";
  if (absl::StartsWith(name, kMemory)) {
    return {"stele_memory_part",
            "Memory of one part of the engine.",
            "bytes",
            false,
            {{"part", MetricPart(name.substr(sizeof(kMemory) - 1))}}};
  }
  return {absl::StrCat("stele_", MetricPart(name)),
          absl::StrCat("The number ", name, " of a tablet server."),
          "",
          false,
          {}};
}

std::string FormatServerNumber(const ServerNumber& number, int64_t value) {
  if (number.unit == "milliseconds") return obs::FormatDurationMs(value);
  const auto size = static_cast<uint64_t>(std::max<int64_t>(value, 0));
  return number.unit == "bytes" ? obs::FormatBytes(size) : obs::FormatCount(size);
}

}  // namespace stele::deploy
