#include "tabletserver/storage/disk_watch.h"

#include <algorithm>
#include <limits>

#include "common/base/check.h"
#include "common/base/log.h"
#include "tabletserver/storage/write_throttle.h"

namespace stele::storage {
namespace {
constexpr int64_t kLookEveryNs = 100'000'000;
constexpr int64_t kTellEveryNs = 5'000'000'000;
constexpr int64_t kRetryDelayMs = 500;
constexpr uint64_t kLeastReserve = 1u << 30;

bool Passed(int64_t since_ns, int64_t now_ns, int64_t length_ns) {
  return since_ns == INT64_MIN || now_ns - since_ns >= length_ns;
}
}  // namespace

uint64_t DefaultDiskReserve(uint64_t total_bytes) {
  return std::max(total_bytes / 100, std::min(kLeastReserve, total_bytes / 10));
}

DiskWatch::DiskWatch(BlobStore* store, Clock* clock, uint64_t reserve_bytes)
    : store_(store),
      clock_(clock),
      chosen_reserve_bytes_(reserve_bytes),
      free_bytes_(std::numeric_limits<uint64_t>::max()),
      reserve_bytes_(reserve_bytes) {}

bool DiskWatch::Look(bool at_once) {
  MutexLock lock(&mu_);
  const int64_t now = clock_->BootNanos();
  if (!at_once && !Passed(looked_ns_, now, kLookEveryNs)) return false;
  looked_ns_ = now;
  // First, so that what is written meanwhile counts twice, not never.
  uint64_t promised = 0;
  for (const Room* room : rooms_) promised += room->left();
  StatusOr<uint64_t> free = store_->FreeBytes();
  StatusOr<uint64_t> total = store_->TotalBytes();
  if (!free.ok() || !total.ok()) return false;  // what it was; real trouble shows where it matters
  const uint64_t chosen = chosen_reserve_bytes_;
  const uint64_t reserve = chosen != 0 ? chosen : DefaultDiskReserve(*total);
  free_bytes_ = *free;
  promised_bytes_ = promised;
  reserve_bytes_ = reserve;
  const bool was_full = full_;
  // A little more is wanted for the way back, so that the state does not flutter.
  const uint64_t more = std::min(reserve / 8, std::numeric_limits<uint64_t>::max() - reserve);
  low_ = *free < (low_ ? reserve + more : reserve);
  Judge();
  return was_full && !full_;
}

void DiskWatch::CountStuckFlushes(int change) {
  MutexLock lock(&mu_);
  stuck_flushes_ += change;
  CHECK_GE(stuck_flushes_, 0);
  Judge();
}

void DiskWatch::Judge() {
  full_ = low_ || stuck_flushes_ > 0;
  const int64_t now = clock_->BootNanos();
  if (full_ == told_full_ || !Passed(told_ns_, now, kTellEveryNs)) return;
  told_full_ = full_;
  told_ns_ = now;
  if (full_) {
    LOG(ERROR) << "the disk is full: " << free_bytes_ << " bytes are free, " << reserve_bytes_
               << " are kept in reserve, " << stuck_flushes_
               << " tablets cannot be flushed; writes are refused until there is room";
  } else {
    LOG(INFO) << "the disk has room again: " << free_bytes_ << " bytes are free, " << reserve_bytes_
              << " are kept in reserve; writes are taken";
  }
}

StatusOr<std::unique_ptr<DiskWatch::Room>> DiskWatch::TakeRoom(uint64_t bytes) {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(AdmitMerge(bytes));
  std::unique_ptr<Room> room(new Room(this, bytes));
  rooms_.insert(room.get());
  promised_bytes_ += bytes;
  return room;
}

DiskWatch::Room::~Room() {
  MutexLock lock(&watch_->mu_);
  watch_->rooms_.erase(this);
}

uint64_t DiskWatch::ForOthers() const {
  const uint64_t free = free_bytes_.load(std::memory_order_relaxed);
  return free - std::min<uint64_t>(free, promised_bytes_.load(std::memory_order_relaxed));
}

Status DiskWatch::AdmitWrite(uint64_t needed_bytes) {
  if (!full() && ForOthers() / 9 * 8 >= needed_bytes) return OkStatus();
  refused_.fetch_add(1, std::memory_order_relaxed);
  return RetryLaterError(
      absl::StrCat("the disk is full: ", free_bytes_.load(), " bytes are free, ",
                   reserve_bytes_.load(), " are kept in reserve, ", needed_bytes,
                   " are needed for what is not flushed, ", promised_bytes_.load(), " for merges"),
      kRetryDelayMs);
}

Status DiskWatch::AdmitMerge(uint64_t bytes) const {
  const uint64_t for_others = ForOthers(), reserve = reserve_bytes_;
  if (for_others >= reserve && for_others - reserve >= bytes) return OkStatus();
  return RetryLaterError(
      absl::StrCat("a compaction of ", bytes,
                   " bytes has no room on the disk: ", free_bytes_.load(), " bytes are free, ",
                   reserve, " are kept in reserve, ", promised_bytes_.load(), " for other merges"),
      kRetryDelayMs);
}

DiskStats DiskWatch::stats() const {
  return {.free_bytes = free_bytes_,
          .reserve_bytes = reserve_bytes_,
          .full = full(),
          .refused = refused_};
}

}  // namespace stele::storage
