#include "tabletserver/storage/current_version.h"

#include <sched.h>

#include <utility>

namespace stele::storage {

size_t CurrentVersion::Here() {
  const int core = sched_getcpu();  // -1 where it is not known
  return static_cast<size_t>(core) % kPlaces;
}

std::shared_ptr<const TabletVersion> CurrentVersion::Get() const {
  const Place& place = places_[Here()];
  MutexLock lock(&place.mu);
  return place.version;
}

void CurrentVersion::Set(const std::shared_ptr<const TabletVersion>& next) { SetFrom(0, next); }

void CurrentVersion::SetFrom(size_t at, const std::shared_ptr<const TabletVersion>& next) {
  if (at == kPlaces) return;
  // Pins the version by a count of its own.
  std::shared_ptr<const TabletVersion> own(next.get(), [next](const TabletVersion*) {});
  Place& place = places_[at];
  MutexLock lock(&place.mu);
  std::swap(place.version, own);
  SetFrom(at + 1, next);
}

void CurrentVersion::Count(uint64_t rows, uint64_t bytes) {
  Place& place = places_[Here()];
  place.reads.fetch_add(1, std::memory_order_relaxed);
  place.rows.fetch_add(rows, std::memory_order_relaxed);
  place.bytes.fetch_add(bytes, std::memory_order_relaxed);
}

CurrentVersion::Counts CurrentVersion::counts() const {
  Counts all;
  for (const Place& place : places_) {
    all.reads += place.reads.load(std::memory_order_relaxed);
    all.rows += place.rows.load(std::memory_order_relaxed);
    all.bytes += place.bytes.load(std::memory_order_relaxed);
  }
  return all;
}

}  // namespace stele::storage
