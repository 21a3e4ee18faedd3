// What the method ReportLoad carries: what a tablet server is asked for, and how long that takes.
// See messages.h. Value types, thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/model/model.h"

namespace stele::wire {

inline constexpr size_t kMaxSampledRows = 1'000;  // of one tablet
inline constexpr size_t kMaxTimeClasses = 1'000;

struct SampledRow {
  std::string row;  // or its beginning
  bool write = false;
  bool operator==(const SampledRow&) const = default;
};
struct TabletLoad {
  TabletDescriptor tablet;
  Epoch epoch = 0;
  uint64_t reads = 0, writes = 0;  // as of TabletCounters
  uint64_t samples_taken = 0;      // since it was opened; of them
  std::vector<SampledRow> newest;  // the newest, in order
  bool operator==(const TabletLoad&) const = default;
};
// Requests since the server started, by how long they took: common/obs/time_classes.h, without the
// last classes when those are empty.
struct TableTimes {
  TableId table = 0;  // 0: all tables for which there was no room
  std::vector<uint64_t> reads, writes;
  bool operator==(const TableTimes&) const = default;
};
// ReportLoad: Empty -> ReportLoadResponse.
struct ReportLoadResponse {
  std::string server_id;
  uint64_t incarnation = 0;
  std::vector<TabletLoad> tablets;  // those that were ever asked for something
  std::vector<TableTimes> times;
  bool operator==(const ReportLoadResponse&) const = default;
};

}  // namespace stele::wire
