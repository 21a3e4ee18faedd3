// LocationCache: which server serves which tablet, as far as this client knows. Keyed by (table,
// end row), so that one ordered look-up finds the tablet of a row; bounded, the oldest entries
// leave first. Thread-safe.
//
// Invariants: entries of one table never overlap: a newer location (higher epoch) evicts what it
// overlaps, an older one is not taken in. What the cache says is only a hint: the server refuses
// what it does not serve.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "common/base/mutex.h"
#include "schema/metadata/metadata.h"

namespace stele::routing {

class LocationCache {
 public:
  explicit LocationCache(size_t max_entries) : max_entries_(max_entries) {}

  using Found = std::shared_ptr<const TabletLocation>;  // null: not known
  Found Find(TableId table, Slice row) const;
  // Ignored when it has no owner or the cache knows a higher epoch of the same tablet.
  void Insert(const TabletLocation& location);
  // Forgets the tablet, unless the cache has learnt a newer epoch of it meanwhile.
  void Invalidate(const TabletLocation& location);
  void InvalidateTable(TableId table);
  size_t size() const;

 private:
  // The unbounded last tablet of a table sorts after every end row.
  struct EndKey {
    TableId table;
    bool last;
    std::string end_row;
  };
  struct EndPlace {  // to look one up
    TableId table;
    bool last;
    Slice end_row;
  };
  struct EndOrder {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return std::make_tuple(a.table, a.last, Slice(a.end_row)) <
             std::make_tuple(b.table, b.last, Slice(b.end_row));
    }
  };
  struct Entry {
    Found location;
    uint64_t inserted = 0;  // order of arrival
  };
  using Map = std::map<EndKey, Entry, EndOrder>;

  static EndKey KeyOf(const TabletDescriptor& tablet) {
    return {tablet.table, tablet.end_row.empty(), tablet.end_row};
  }
  void Erase(Map::iterator it) REQUIRES(mu_);

  const size_t max_entries_;
  mutable Mutex mu_;
  Map entries_ GUARDED_BY(mu_);
  std::map<uint64_t, EndKey> by_age_ GUARDED_BY(mu_);
  uint64_t next_insert_ GUARDED_BY(mu_) = 1;
};

}  // namespace stele::routing
