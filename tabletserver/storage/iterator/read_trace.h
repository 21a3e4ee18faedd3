// ReadTrace: what one read looked at, for those who ask why it took so long (`stele read
// --explain`, the slowest requests of a server). The read path takes a pointer to one, null for
// nearly all reads: then nothing is counted and no clock is read. Owned by whoever asks, outlives
// the calls that it is given to; bound to one thread at a time. It holds no key and no value.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/time/clock.h"
#include "tabletserver/storage/iterator/iterator.h"

namespace stele::storage {

struct ReadTrace {
  static constexpr size_t kMaxFiles = 64;  // told apart; what others did is counted as one

  enum class Filter : uint8_t { kNotAsked, kMayHold, kHoldsNot };
  struct File {
    std::string name;
    Filter filter = Filter::kNotAsked;
    // A block, or the page of one, that was in memory; that had to be read.
    uint64_t blocks_cached = 0, blocks_read = 0;
    uint64_t bytes_read = 0;  // as stored
    uint64_t cells = 0;       // that the read stood on, markers included
    int64_t read_ns = 0;      // for what had to be read
    Clock* clock = nullptr;
  };

  explicit ReadTrace(Clock* c) : clock(c) {}  // outlives it
  // Stays where it is.
  File* Of(Slice name) {
    for (File& file : files) {
      if (Slice(file.name) == name) return &file;
    }
    if (files.size() > kMaxFiles) return &files.back();
    File& file = files.emplace_back();
    file.name = files.size() > kMaxFiles ? "(others)" : std::string(name);
    file.clock = clock;
    return &file;
  }

  Clock* const clock;
  uint64_t memtables = 0, memtable_cells = 0;  // the most at once; all
  // Files that keys, sequences or timestamps excluded before their filters were asked; likewise.
  uint64_t files_out_of_reach = 0;
  std::deque<File> files;
};

// Counts a read of the file from here on, once Of has seen it succeed; of null: nothing.
class TracedFileRead {
 public:
  TracedFileRead(ReadTrace::File* file, uint64_t bytes) : file_(file), bytes_(bytes) {
    if (file_ != nullptr) begun_ns_ = file_->clock->BootNanos();
  }
  template <typename T>
  StatusOr<T> Of(StatusOr<T> read) {
    if (file_ == nullptr || !read.ok()) return read;
    ++file_->blocks_read;
    file_->bytes_read += bytes_;
    file_->read_ns += file_->clock->BootNanos() - begun_ns_;
    return read;
  }
  TracedFileRead(const TracedFileRead&) = delete;
  TracedFileRead& operator=(const TracedFileRead&) = delete;

 private:
  ReadTrace::File* const file_;
  const uint64_t bytes_;
  int64_t begun_ns_ = 0;
};

// Another iterator, with the cells that it stands on counted.
class CountingIterator final : public Iterator {
 public:
  CountingIterator(std::unique_ptr<Iterator> of, uint64_t* count)
      : of_(std::move(of)), count_(count) {}
  bool Valid() const override { return of_->Valid(); }
  void SeekToFirst() override {
    of_->SeekToFirst();
    Count();
  }
  void Seek(Slice target) override {
    of_->Seek(target);
    Count();
  }
  void SeekBefore(Slice target) override {
    of_->SeekBefore(target);
    Count();
  }
  void Next() override {
    of_->Next();
    Count();
  }
  Slice key() const override { return of_->key(); }
  Slice value() const override { return of_->value(); }
  Status status() const override { return of_->status(); }

 private:
  void Count() { *count_ += of_->Valid() ? 1 : 0; }

  const std::unique_ptr<Iterator> of_;
  uint64_t* const count_;  // outlives it
};

}  // namespace stele::storage
