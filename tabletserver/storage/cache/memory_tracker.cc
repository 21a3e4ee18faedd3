#include "common/base/check.h"
#include "tabletserver/storage/cache/cache.h"

namespace stele::storage {

MemoryTracker::MemoryTracker(std::string name, int64_t limit_bytes, MemoryTracker* parent)
    : name_(std::move(name)), limit_(limit_bytes), parent_(parent) {
  CHECK_GE(limit_bytes, 0) << name_;
}

MemoryTracker::~MemoryTracker() { DCHECK(used() == 0) << name_ << " still holds " << used(); }

void MemoryTracker::NotePeak(int64_t used) {
  int64_t peak = peak_.load(std::memory_order_relaxed);
  while (used > peak && !peak_.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
}

bool MemoryTracker::TryCharge(int64_t bytes) {
  DCHECK(bytes >= 0);
  for (MemoryTracker* t = this; t != nullptr; t = t->parent_) {
    int64_t used = t->used_.load(std::memory_order_relaxed);
    bool fits;
    do {
      fits = t->limit_ == 0 || bytes <= t->limit_ - used;
    } while (fits &&
             !t->used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    if (!fits) {
      for (MemoryTracker* u = this; u != t; u = u->parent_) {
        u->used_.fetch_sub(bytes, std::memory_order_relaxed);
      }
      return false;
    }
    t->NotePeak(used + bytes);
  }
  return true;
}

void MemoryTracker::Charge(int64_t bytes) {
  DCHECK(bytes >= 0);
  for (MemoryTracker* t = this; t != nullptr; t = t->parent_) {
    t->NotePeak(t->used_.fetch_add(bytes, std::memory_order_relaxed) + bytes);
  }
}

void MemoryTracker::Release(int64_t bytes) {
  for (MemoryTracker* t = this; t != nullptr; t = t->parent_) {
    int64_t before = t->used_.fetch_sub(bytes, std::memory_order_relaxed);
    DCHECK(before >= bytes) << t->name_ << " releases " << bytes << " of " << before;
  }
}

}  // namespace stele::storage
