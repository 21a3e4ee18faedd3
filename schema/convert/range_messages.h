// Messages about runs of rows: drops, and samples of the keys. Part of messages.h in all but the
// file: value types, thread-compatible, sizes checked on decoding.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/model/model.h"

namespace stele::wire {

inline constexpr size_t kMaxRowKeySamples = 10'000;  // of one tablet

// DropRowRange: -> Empty, when every tablet has dropped the rows.
struct DropRowRangeRequest {
  std::string table;
  std::string prefix;  // with all: empty, without: not empty
  bool all = false;
  bool operator==(const DropRowRangeRequest&) const = default;
};
// DropTabletRows: -> Empty, when it is durable. Orders of a table are numbered ascending; one up to
// the last that the tablet has carried out is success.
struct DropTabletRowsRequest {
  TabletId tablet = 0;
  Epoch epoch = 0;
  RowRange range;
  uint64_t order = 0;
  bool operator==(const DropTabletRowsRequest&) const = default;
};

// SampleRowKeys: one tablet.
struct SampleRowKeysRequest {
  TableId table = 0;
  TabletId tablet = 0;
  uint64_t step_bytes = 0;  // about that far apart; 0: the server's choice
  std::string after;        // the tablet holds the rows that follow this one, or does not serve
  bool operator==(const SampleRowKeysRequest&) const = default;
};
struct RowKeySample {
  std::string row;
  uint64_t bytes = 0, rows = 0;  // about: of the tablet's rows up to and including `row`
  bool operator==(const RowKeySample&) const = default;
};
struct SampleRowKeysResponse {
  std::vector<RowKeySample> samples;  // ascending; the last is the tablet's end, with the totals
  bool operator==(const SampleRowKeysResponse&) const = default;
};

}  // namespace stele::wire
