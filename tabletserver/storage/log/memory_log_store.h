// A LogStore for the log's own tests: bytes in memory, with what was synced and what was only
// written kept apart, so that a test can cut the power at will and fail any call. The disk outlives
// its stores. Bound to one thread at a time by the callers' own order (a mutex guards it all).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/store/blob_store.h"

namespace stele::storage {

class MemoryLogDisk {
 public:
  struct Segment {
    std::string durable;
    std::string current;
    std::vector<std::pair<uint64_t, std::string>> unsynced;  // writes in order
    bool poisoned = false;
  };

  // Every call of a store or segment counts; the one with this number (from 1) fails. 0: none.
  void FailCall(uint64_t number, Status error) {
    MutexLock lock(&mu_);
    calls_ = 0;
    fail_call_ = number;
    error_ = std::move(error);
  }
  uint64_t calls() {
    MutexLock lock(&mu_);
    return calls_;
  }
  void FailCreates(Status error) {
    MutexLock lock(&mu_);
    create_error_ = std::move(error);
  }
  // The power goes: `survives(unsynced write, byte)` says which bytes of unsynced writes are kept.
  void CutPower(const std::function<bool(size_t write, size_t byte)>& survives) {
    MutexLock lock(&mu_);
    for (auto& [index, s] : segments_) {
      for (size_t w = 0; w < s.unsynced.size(); ++w) {
        const auto& [offset, bytes] = s.unsynced[w];
        for (size_t b = 0; b < bytes.size(); ++b) {
          if (survives(w, b)) s.durable[offset + b] = bytes[b];
        }
      }
      s.unsynced.clear();
      s.current = s.durable;
      s.poisoned = false;
    }
    fail_call_ = 0;
  }
  // The process ends, the machine goes on: what was written is still there, synced or not.
  void KillProcess() {
    MutexLock lock(&mu_);
    for (auto& [index, s] : segments_) s.poisoned = false;
    fail_call_ = 0;
  }
  // Both what is synced and what is read, for tests that damage or restore bytes.
  std::map<uint64_t, std::string> Image() {
    MutexLock lock(&mu_);
    std::map<uint64_t, std::string> image;
    for (auto& [index, s] : segments_) image[index] = s.current;
    return image;
  }
  void SetImage(const std::map<uint64_t, std::string>& image) {
    MutexLock lock(&mu_);
    segments_.clear();
    for (const auto& [index, bytes] : image) {
      segments_[index].durable = segments_[index].current = bytes;
    }
  }

 private:
  friend class MemoryLogSegment;
  friend class MemoryLogStore;
  Status Count() REQUIRES(mu_) { return ++calls_ == fail_call_ ? error_ : OkStatus(); }

  Mutex mu_;
  std::map<uint64_t, Segment> segments_ GUARDED_BY(mu_);
  uint64_t epoch_ GUARDED_BY(mu_) = 0;
  uint64_t calls_ GUARDED_BY(mu_) = 0;
  uint64_t fail_call_ GUARDED_BY(mu_) = 0;
  Status error_ GUARDED_BY(mu_);
  Status create_error_ GUARDED_BY(mu_);
};

class MemoryLogSegment : public LogSegment {
 public:
  MemoryLogSegment(MemoryLogDisk* disk, uint64_t index) : disk_(disk), index_(index) {}
  Status Write(uint64_t offset, absl::Span<const Slice> parts, bool sync) override {
    std::string bytes;
    for (Slice part : parts) bytes.append(part.data(), part.size());
    {
      MutexLock lock(&disk_->mu_);
      MemoryLogDisk::Segment& s = disk_->segments_[index_];
      if (s.poisoned) return absl::InternalError("poisoned");
      Status status = disk_->Count();
      if (offset + bytes.size() > s.current.size()) return absl::InvalidArgumentError("too long");
      if (!status.ok()) bytes.resize(bytes.size() / 2);  // a failed write may leave a part
      s.current.replace(offset, bytes.size(), bytes);
      s.unsynced.emplace_back(offset, bytes);
      s.poisoned = !status.ok();
      if (!status.ok()) return status;
    }
    return sync ? Sync() : OkStatus();
  }
  Status Sync() override {
    MutexLock lock(&disk_->mu_);
    MemoryLogDisk::Segment& s = disk_->segments_[index_];
    if (s.poisoned) return absl::InternalError("poisoned");
    Status status = disk_->Count();
    s.poisoned = !status.ok();
    if (!status.ok()) return status;
    s.durable = s.current;
    s.unsynced.clear();
    return OkStatus();
  }
  StatusOr<size_t> Read(uint64_t offset, size_t n, char* buffer) const override {
    MutexLock lock(&disk_->mu_);
    RETURN_IF_ERROR(disk_->Count());
    const std::string& bytes = disk_->segments_[index_].current;
    if (offset >= bytes.size()) return size_t{0};
    return bytes.copy(buffer, n, offset);
  }
  uint64_t capacity() const override {
    MutexLock lock(&disk_->mu_);
    return disk_->segments_[index_].current.size();
  }

 private:
  MemoryLogDisk* const disk_;
  const uint64_t index_;
};

class MemoryLogStore : public LogStore {
 public:
  explicit MemoryLogStore(MemoryLogDisk* disk) : disk_(disk) {
    MutexLock lock(&disk_->mu_);
    epoch_ = ++disk_->epoch_;
  }
  StatusOr<std::vector<SegmentInfo>> List() override {
    MutexLock lock(&disk_->mu_);
    RETURN_IF_ERROR(disk_->Count());
    std::vector<SegmentInfo> infos;
    for (const auto& [index, s] : disk_->segments_) infos.push_back({index, s.current.size()});
    return infos;
  }
  StatusOr<std::unique_ptr<LogSegment>> Create(uint64_t index, uint64_t capacity, Space) override {
    MutexLock lock(&disk_->mu_);
    RETURN_IF_ERROR(disk_->Count());
    RETURN_IF_ERROR(disk_->create_error_);
    if (disk_->segments_.count(index) != 0) return absl::AlreadyExistsError("segment");
    MemoryLogDisk::Segment& s = disk_->segments_[index];
    s.durable = s.current = std::string(capacity, '\0');
    return std::unique_ptr<LogSegment>(std::make_unique<MemoryLogSegment>(disk_, index));
  }
  StatusOr<std::unique_ptr<LogSegment>> Open(uint64_t index) override {
    MutexLock lock(&disk_->mu_);
    RETURN_IF_ERROR(disk_->Count());
    if (disk_->segments_.count(index) == 0) return absl::NotFoundError("segment");
    return std::unique_ptr<LogSegment>(std::make_unique<MemoryLogSegment>(disk_, index));
  }
  Status Remove(uint64_t index) override {
    MutexLock lock(&disk_->mu_);
    return disk_->segments_.erase(index) != 0 ? OkStatus() : absl::NotFoundError("segment");
  }
  uint64_t epoch() const override { return epoch_; }

 private:
  MemoryLogDisk* const disk_;
  uint64_t epoch_ = 0;
};

}  // namespace stele::storage
