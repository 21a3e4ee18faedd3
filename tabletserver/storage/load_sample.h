// LoadSample: which rows a tablet was asked for lately: the rows of the last kMaxRows requests out
// of those it takes, about one in kOneIn of all. What a split by load is decided on. Long rows are
// kept by their beginnings. Who draws the load over time asks for the newest, and whether each was
// written. What it takes is charged. Owned by the tablet; thread-safe, and cheap for who is not
// taken.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "schema/model/model.h"
#include "tabletserver/storage/cache/cache.h"

namespace stele::storage {

class LoadSample {
 public:
  static constexpr size_t kMaxRows = 128;
  static constexpr size_t kMaxRowBytes = 256;
  static constexpr uint64_t kOneIn = 8;

  explicit LoadSample(MemoryTracker* memory) : memory_(memory) {}  // outlives it
  ~LoadSample();
  LoadSample(const LoadSample&) = delete;
  LoadSample& operator=(const LoadSample&) = delete;

  struct Request {
    std::string row;
    bool write = false;
  };
  struct Newest {
    uint64_t taken = 0;             // since the tablet was opened; of them
    std::vector<Request> requests;  // the newest, in order
  };

  // A request that begins at the row.
  void Add(Slice row, bool write = false);
  std::vector<std::string> Rows() const;
  Newest ReadNewest(size_t most) const;

 private:
  MemoryTracker* const memory_;
  std::atomic<uint64_t> requests_{0};
  mutable Mutex mu_;
  int64_t charged_ GUARDED_BY(mu_) = 0;
  size_t next_ GUARDED_BY(mu_) = 0;
  uint64_t taken_ GUARDED_BY(mu_) = 0;
  std::vector<Request> sampled_ GUARDED_BY(mu_);  // a ring
};

// The row that halves the load: about as many of the sampled rows are at or before it as behind it.
// FailedPrecondition: there are too few, or one row has so many of them that no cut would help.
StatusOr<std::string> ChooseLoadSplitRow(const TabletDescriptor& tablet,
                                         std::vector<std::string> rows);

}  // namespace stele::storage
