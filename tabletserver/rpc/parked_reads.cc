#include "tabletserver/rpc/parked_reads.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "schema/convert/error_payload.h"

namespace stele::tabletserver {
namespace {

constexpr int64_t kRetryDelayMs = 1000;

Status Lost() {
  return absl::NotFoundError(
      "the rest of the large row is no longer kept by the server; read the row again");
}

}  // namespace

ParkedReads::Map::iterator ParkedReads::Erase(Map::iterator it, std::vector<RowStream>* gone) {
  auto peer = per_peer_.find(it->second.peer);
  if (--peer->second == 0) per_peer_.erase(peer);
  gone->push_back(std::move(it->second.stream));
  return reads_.erase(it);
}

// In the order of their ids they end: all have the same time to live.
void ParkedReads::ExpireLocked(std::vector<RowStream>* gone) {
  const int64_t now = clock_->BootNanos();
  auto it = reads_.begin();
  while (it != reads_.end() && it->second.deadline_boot_ns <= now) it = Erase(it, gone);
}

void ParkedReads::Expire() {
  std::vector<RowStream> gone;  // destroyed without the lock
  MutexLock lock(&mu_);
  ExpireLocked(&gone);
}

StatusOr<uint64_t> ParkedReads::Park(TabletId tablet, const std::string& peer, RowStream stream) {
  std::vector<RowStream> gone;
  MutexLock lock(&mu_);
  ExpireLocked(&gone);
  uint32_t& count = per_peer_[peer];
  if (count >= options_.max_per_peer) {
    return wire::OverloadedError(
        absl::StrCat(count, " large rows are being read by one connection; limit ",
                     options_.max_per_peer),
        kRetryDelayMs);
  }
  ++count;
  const uint64_t id = next_id_++;
  reads_.emplace(
      id, Parked{tablet, peer, std::move(stream), clock_->BootNanos() + options_.time_to_live_ns});
  uint64_t bytes = 0;
  for (const auto& [other, parked] : reads_) {
    bytes += parked.stream.cursor->pinned_bytes() + parked.stream.cursor->memory_bytes();
  }
  for (auto it = reads_.begin(); bytes > options_.max_bytes && it->first != id;) {
    const storage::ReadCursor& cursor = *it->second.stream.cursor;
    bytes -= std::min(bytes, cursor.pinned_bytes() + cursor.memory_bytes());
    it = Erase(it, &gone);
  }
  return id;
}

StatusOr<RowStream> ParkedReads::Take(TabletId tablet, const wire::RowCursor& cursor) {
  std::vector<RowStream> gone;
  MutexLock lock(&mu_);
  ExpireLocked(&gone);
  auto it = reads_.find(cursor.scanner_id);
  if (it == reads_.end() || it->second.tablet != tablet) return Lost();
  const bool agrees = it->second.stream.sink->row_cells() == cursor.cell_offset;
  Erase(it, &gone);
  if (!agrees) return Lost();
  RowStream stream = std::move(gone.back());
  gone.pop_back();
  return stream;
}

uint64_t ParkedReads::bytes() const {
  MutexLock lock(&mu_);
  uint64_t bytes = 0;
  for (const auto& [id, parked] : reads_) {
    bytes += parked.stream.cursor->pinned_bytes() + parked.stream.cursor->memory_bytes();
  }
  return bytes;
}

size_t ParkedReads::size() const {
  MutexLock lock(&mu_);
  return reads_.size();
}

}  // namespace stele::tabletserver
