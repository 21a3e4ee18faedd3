// RequestTimes: how long this server took for reads and for changes, by table, since it started.
// The first kMaxTables tables are told apart, the others are counted together as table 0. At most
// 0.4 MiB. Thread-safe; counting waits for nothing once a table is known, or
// there is room for no other.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "common/base/mutex.h"
#include "common/obs/time_classes.h"
#include "schema/convert/load_messages.h"

namespace stele::tabletserver {

class RequestTimes {
 public:
  enum class Kind { kRead, kWrite };
  static constexpr size_t kMaxTables = 256;

  void Add(TableId table, Kind kind, int64_t nanos);
  std::vector<wire::TableTimes> Report() const;  // by table

 private:
  using Counts = std::array<std::atomic<uint64_t>, obs::kTimeClasses>;
  struct Entry {
    explicit Entry(TableId t) : table(t) {}
    const TableId table;
    Counts reads{}, writes{};
  };
  // Twice as many places as tables: a table is at its own place or soon behind it.
  static constexpr size_t kPlaces = 2 * kMaxTables;
  Entry* Find(TableId table);

  std::array<std::atomic<Entry*>, kPlaces> places_{};
  Entry others_{0};
  std::atomic<bool> full_{false};  // set after the last place was filled
  mutable Mutex mu_;
  std::vector<std::unique_ptr<Entry>> entries_ GUARDED_BY(mu_);
};

}  // namespace stele::tabletserver
