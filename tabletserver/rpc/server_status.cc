#include "tabletserver/rpc/server_status.h"

namespace stele::tabletserver {
namespace {

void AddCache(const std::string& name, const storage::CacheStats& stats,
              wire::ServerStatusResponse* response) {
  auto add = [&](const char* what, uint64_t value) {
    response->numbers.push_back({name + "." + what, static_cast<int64_t>(value)});
  };
  add("hits", stats.hits);
  add("misses", stats.misses);
  add("evictions", stats.evictions);
  add("bytes", stats.bytes);
  add("capacity", stats.capacity);
  add("entries", stats.entries);
}

}  // namespace

wire::ServerStatusResponse DescribeEngine(const storage::EngineStats& stats) {
  wire::ServerStatusResponse response;
  const storage::LogRingStatus& ring = stats.ring;
  response.ring.epoch = ring.epoch;
  response.ring.segments = ring.segments;
  response.ring.max_segments = ring.max_segments;
  response.ring.segment_bytes = ring.segment_bytes;
  response.ring.head_segment = ring.head_segment;
  response.ring.tail_segment = ring.tail_segment;
  response.ring.head_offset = ring.head_offset;
  response.ring.live_bytes = ring.live_bytes;
  response.ring.next_lsn = ring.next_lsn;
  response.ring.wraps = ring.wraps;
  response.ring.pinning = ring.pinning;
  auto add = [&](const std::string& name, uint64_t value) {
    response.numbers.push_back({name, static_cast<int64_t>(value)});
  };
  add("log.syncs", ring.syncs);
  add("log.slow_syncs", ring.slow_syncs);
  response.numbers.push_back({"memory.used", stats.memory_used});
  response.numbers.push_back({"memory.limit", stats.memory_limit});
  for (const storage::MemoryUse& use : stats.memory) {
    if (use.depth > 0) response.numbers.push_back({"memory." + use.name, use.used});
  }
  AddCache("block_cache", stats.block_cache, &response);
  AddCache("filter_cache", stats.filter_cache, &response);
  add("maintenance.flushes", stats.flushes);
  add("maintenance.merges", stats.merges);
  add("maintenance.majors", stats.majors);
  add("maintenance.bytes_written", stats.compaction_bytes_written);
  add("maintenance.files_deleted", stats.files_deleted);
  add("writes.stalled_ms", stats.write_stalls_ms);
  add("disk.free_bytes", stats.disk.free_bytes);
  add("disk.reserve_bytes", stats.disk.reserve_bytes);
  add("disk.full", stats.disk.full ? 1 : 0);
  add("disk.refused_writes", stats.disk.refused);
  return response;
}

}  // namespace stele::tabletserver
