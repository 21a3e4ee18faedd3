#include "tabletserver/rpc/parked_reads.h"

#include <algorithm>
#include <unordered_map>
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

// What some reads keep in memory together: a memtable that several pin counts once.
class KeptMemory {
 public:
  void Add(const storage::ReadCursor& cursor) {
    bytes_ += cursor.memory_bytes();
    for (const storage::PinnedMemory& pinned : cursor.pinned()) {
      auto [it, first] = memtables_.try_emplace(pinned.memtable, Memtable{pinned.bytes, 0});
      ++it->second.readers;
      if (first) bytes_ += pinned.bytes;
    }
  }
  // REQUIRES that it was added. What was flushed since then does not count.
  void Remove(const storage::ReadCursor& cursor) {
    bytes_ -= std::min(bytes_, cursor.memory_bytes());
    for (const storage::PinnedMemory& pinned : cursor.pinned()) {
      auto it = memtables_.find(pinned.memtable);
      if (it == memtables_.end() || --it->second.readers > 0) continue;
      bytes_ -= std::min(bytes_, it->second.bytes);
      memtables_.erase(it);
    }
  }
  uint64_t bytes() const { return bytes_; }

 private:
  struct Memtable {
    uint64_t bytes = 0;
    uint32_t readers = 0;
  };
  std::unordered_map<const void*, Memtable> memtables_;
  uint64_t bytes_ = 0;
};

}  // namespace

ParkedReads::Map::iterator ParkedReads::Erase(Map::iterator it, std::vector<RowStream>* gone) {
  auto peer = per_peer_.find(it->second.reader.peer);
  if (--peer->second == 0) per_peer_.erase(peer);
  gone->push_back(std::move(it->second.stream));
  return reads_.erase(it);
}

void ParkedReads::ExpireLocked(std::vector<RowStream>* gone) {
  const int64_t now = clock_->BootNanos();
  for (auto it = reads_.begin(); it != reads_.end();) {
    const Parked& parked = it->second;
    const bool over = parked.deadline_boot_ns <= now || parked.reader.watch.connection_closed();
    it = over ? Erase(it, gone) : std::next(it);
  }
}

void ParkedReads::Expire() {
  std::vector<RowStream> gone;  // destroyed without the lock
  MutexLock lock(&mu_);
  ExpireLocked(&gone);
}

// One look at a time is scheduled, and none without a read.
void ParkedReads::LookLater() {
  if (look_scheduled_ || reads_.empty()) return;
  look_scheduled_ = true;
  timers_->RunAfter(kLookEveryMs, [this] {
    Expire();
    MutexLock lock(&mu_);
    look_scheduled_ = false;
    LookLater();
  });
}

// The longest unused go first, but not the one that just came.
void ParkedReads::ShrinkTo(uint64_t max_bytes, uint64_t spared_id, std::vector<RowStream>* gone) {
  KeptMemory kept;
  for (const auto& [id, parked] : reads_) kept.Add(*parked.stream.cursor);
  for (auto it = reads_.begin(); kept.bytes() > max_bytes && it->first != spared_id;) {
    kept.Remove(*it->second.stream.cursor);
    it = Erase(it, gone);
  }
}

StatusOr<uint64_t> ParkedReads::Park(TabletId tablet, const ParkedReader& reader,
                                     RowStream stream) {
  std::vector<RowStream> gone;
  MutexLock lock(&mu_);
  ExpireLocked(&gone);
  uint32_t& count = per_peer_[reader.peer];
  if (count >= options_.max_per_peer) {
    return wire::OverloadedError(
        absl::StrCat(count, " large rows are being read by one connection; limit ",
                     options_.max_per_peer),
        kRetryDelayMs);
  }
  ++count;
  const uint64_t id = next_id_++;
  const int64_t deadline = clock_->BootNanos() + options_.time_to_live_ns;
  reads_.emplace(id, Parked{tablet, reader, std::move(stream), deadline});
  ShrinkTo(options_.max_bytes, id, &gone);
  LookLater();
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

void ParkedReads::Drop(TabletId tablet, const wire::RowCursor& cursor) {
  std::vector<RowStream> gone;
  MutexLock lock(&mu_);
  auto it = reads_.find(cursor.scanner_id);
  if (it != reads_.end() && it->second.tablet == tablet) Erase(it, &gone);
}

uint64_t ParkedReads::bytes() const {
  MutexLock lock(&mu_);
  KeptMemory kept;
  for (const auto& [id, parked] : reads_) kept.Add(*parked.stream.cursor);
  return kept.bytes();
}

size_t ParkedReads::size() const {
  MutexLock lock(&mu_);
  return reads_.size();
}

}  // namespace stele::tabletserver
