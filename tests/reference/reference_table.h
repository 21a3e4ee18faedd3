// ReferenceTable: what a table must answer, computed in the plainest way from the mutations in the
// order of their sequences. The model that the engine's random walks are compared with; it shares
// no code with the engine. Thread-compatible.
//
// GC rules mean what tabletserver/storage/iterator/gc_policy.h says: max_versions is applied after
// every mutation, max_age at the read, strictly older.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "schema/model/model.h"

namespace stele {

class ReferenceTable {
 public:
  explicit ReferenceTable(TableSchema schema) : schema_(std::move(schema)) {}

  // REQUIRES: valid, with decided timestamps; the rules of aggregate families keep everything.
  // Later calls are later sequences.
  void Apply(const RowMutation& mutation);
  // What the rules would write to the row at now_us; an error when they cannot be applied.
  StatusOr<RowMutation> Modified(const std::string& row,
                                 const std::vector<ReadModifyWriteRule>& rules,
                                 int64_t now_us) const;

  // The same in all that may ever be read.
  bool operator==(const ReferenceTable&) const = default;

  // Every row of the range is empty now.
  void DropRows(const RowRange& range);

  // Families may come and go. Versions that a rule has already collected stay so; the new rule
  // counts from here on, which is all that the engine promises after a change.
  void AlterSchema(TableSchema schema) { schema_ = std::move(schema); }

  // The rows that have a cell for the selection, ascending.
  std::vector<Row> Read(const RowRange& range, const ReadSelection& selection,
                        int64_t now_us) const;
  // No cells: the row is absent.
  Row ReadRow(const std::string& row, const ReadSelection& selection, int64_t now_us) const;

 private:
  struct Version {
    std::string value;
    std::set<int32_t> surplus_for;  // the n of max_versions(n) that have collected it
    bool operator==(const Version&) const = default;
  };
  using Column = std::map<int64_t, Version, std::greater<>>;  // newest first
  using Family = std::map<std::string, Column>;
  struct FamilyKey {
    std::string name;
    uint16_t id;
    auto operator<=>(const FamilyKey&) const = default;
  };
  using RowState = std::map<FamilyKey, Family>;

  void ApplyOne(RowState* row, const Mutation& mutation);
  void Add(RowState* row, const std::string& family, const std::string& qualifier,
           int64_t timestamp_us, int64_t input);
  Family* FindFamily(RowState* row, const std::string& name);
  Row Select(const std::string& key, const RowState& row, const ReadSelection& selection,
             int64_t now_us) const;

  TableSchema schema_;
  std::map<std::string, RowState> rows_;
};

}  // namespace stele
