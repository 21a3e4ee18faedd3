#include "client/routing/location_cache.h"

namespace stele::routing {

LocationCache::Found LocationCache::Find(TableId table, Slice row) const {
  MutexLock lock(&mu_);
  auto it = entries_.lower_bound(EndPlace{table, false, row});
  if (it == entries_.end() || it->first.table != table) return nullptr;
  if (!it->second.location->tablet.Contains(row)) return nullptr;
  return it->second.location;
}

void LocationCache::Insert(const TabletLocation& location) {
  if (location.assignment != TabletAssignment::kAssigned || location.address.empty()) return;
  const TabletDescriptor& tablet = location.tablet;
  MutexLock lock(&mu_);
  // Everything that ends after our start, until one begins at or after our end.
  auto first = entries_.upper_bound(EndKey{tablet.table, false, tablet.start_row});
  auto overlaps = [&](Map::iterator it) REQUIRES(mu_) {
    return it != entries_.end() && it->first.table == tablet.table &&
           (tablet.end_row.empty() || it->second.location->tablet.start_row < tablet.end_row);
  };
  for (auto it = first; overlaps(it); ++it) {
    const TabletLocation& known = *it->second.location;
    if (known.tablet.id == tablet.id && known.epoch > location.epoch) return;
  }
  for (auto it = first; overlaps(it);) {
    auto gone = it++;
    Erase(gone);
  }
  while (entries_.size() >= max_entries_ && !by_age_.empty()) {
    Erase(entries_.find(by_age_.begin()->second));
  }
  const EndKey key = KeyOf(tablet);
  entries_[key] = Entry{std::make_shared<const TabletLocation>(location), next_insert_};
  by_age_[next_insert_++] = key;
}

void LocationCache::Invalidate(const TabletLocation& location) {
  MutexLock lock(&mu_);
  auto it = entries_.find(KeyOf(location.tablet));
  if (it == entries_.end() || it->second.location->tablet.id != location.tablet.id) return;
  if (it->second.location->epoch > location.epoch) return;
  Erase(it);
}

void LocationCache::InvalidateTable(TableId table) {
  MutexLock lock(&mu_);
  for (auto it = entries_.lower_bound(EndKey{table, false, ""});
       it != entries_.end() && it->first.table == table;) {
    auto gone = it++;
    Erase(gone);
  }
}

size_t LocationCache::size() const {
  MutexLock lock(&mu_);
  return entries_.size();
}

void LocationCache::Erase(Map::iterator it) {
  by_age_.erase(it->second.inserted);
  entries_.erase(it);
}

}  // namespace stele::routing
