// CurrentVersion: where reads take the version of their tablet, and where they are counted. Every
// core has a place of its own, with its lock, its reference count and its counters: reads on
// different cores write to nothing in common. Thread-safe. Nothing here outlives a crash.
//
// All places change at one moment: who has seen a version is never followed by one who is given an
// older one.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "common/base/mutex.h"
#include "tabletserver/storage/tablet_version.h"

namespace stele::storage {

class CurrentVersion {
 public:
  struct Counts {
    uint64_t reads = 0, rows = 0, bytes = 0;
  };

  std::shared_ptr<const TabletVersion> Get() const;
  void Set(const std::shared_ptr<const TabletVersion>& next);

  // A read that gave so much.
  void Count(uint64_t rows, uint64_t bytes);
  Counts counts() const;

 private:
  static constexpr size_t kPlaces = 4;

  struct alignas(64) Place {
    mutable Mutex mu;
    std::shared_ptr<const TabletVersion> version GUARDED_BY(mu);
    std::atomic<uint64_t> reads{0}, rows{0}, bytes{0};
  };

  static size_t Here();
  // In this place and those behind it, all of which are then locked.
  void SetFrom(size_t at, const std::shared_ptr<const TabletVersion>& next);

  std::array<Place, kPlaces> places_;
};

}  // namespace stele::storage
