// The table of the cases that go through a cell, and how a row is written to it. Pure functions.
#pragma once

#include <string>

#include "schema/model/model.h"
#include "tests/bench/rows.h"

namespace stele::bench {

inline constexpr char kBenchTable[] = "bench";

inline TableSchema BenchTable() {
  TableSchema schema;
  schema.name = kBenchTable;
  schema.groups = {{.name = "default", .codec = Codec::kNone}};
  GcRule one{.kind = GcRule::Kind::kMaxVersions, .max_versions = 1};
  schema.families = {{.name = "f", .gc = one}};
  return schema;
}

inline RowMutation PutRow(const Rows& rows, uint64_t row) {
  return {std::string(Key(row).view()),
          {SetCell{.family = "f", .value = std::string(rows.Value(row))}}};
}

}  // namespace stele::bench
