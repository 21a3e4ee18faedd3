/// @file
/// ReadModifyWriteBuilder and CheckAndMutateBuilder: changes that depend on what the row holds,
/// each one atomic step of its row.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/filter.h"
#include "stele/model.h"
#include "stele/mutation.h"

namespace stele {

/// What Table::ReadModifyWrite takes.
struct ReadModifyWriteRow {
  std::string row;                         ///< 1 .. 4096 bytes
  std::vector<ReadModifyWriteRule> rules;  ///< applied in order; 1 .. 100 000
};

/// Builds a ReadModifyWriteRow:
///
///     ReadModifyWriteBuilder("com.example/").Increment("stats", "visits", 1).Build()
///
/// Each rule acts on the newest cell of its column and writes one with the later of the server's
/// time and that cell's. Thread-compatible.
class ReadModifyWriteBuilder {
 public:
  /// The changes of `row`.
  explicit ReadModifyWriteBuilder(std::string_view row) { change_.row = std::string(row); }

  /// The value gets `value` at its end; a missing one counts as empty.
  ReadModifyWriteBuilder& Append(std::string_view family, std::string_view qualifier,
                                 std::string_view value) {
    change_.rules.push_back(
        AppendToValue{std::string(family), std::string(qualifier), std::string(value)});
    return *this;
  }
  /// The value, 8 bytes big-endian signed, grows by `amount` and wraps; a missing one counts as 0.
  ReadModifyWriteBuilder& Increment(std::string_view family, std::string_view qualifier,
                                    int64_t amount) {
    change_.rules.push_back(IncrementValue{std::string(family), std::string(qualifier), amount});
    return *this;
  }
  /// Takes what was built; the builder is empty afterwards.
  ReadModifyWriteRow Build() { return std::move(change_); }

 private:
  ReadModifyWriteRow change_;
};

/// What Table::CheckAndMutate takes.
struct CheckAndMutateRow {
  std::string row;                 ///< 1 .. 4096 bytes
  Filter predicate;                ///< kNone: whether the row has a cell
  std::vector<Mutation> if_true;   ///< when the predicate leaves a cell; at most 100 000
  std::vector<Mutation> if_false;  ///< else; at most 100 000, and not both lists empty
};

/// Builds a CheckAndMutateRow:
///
///     CheckAndMutateBuilder("com.example/")
///         .If(Filter::ValueRegex("old"))
///         .Then(RowMutationBuilder("com.example/").Set("title", "", "new"))
///         .Build()
///
/// Thread-compatible.
class CheckAndMutateBuilder {
 public:
  /// A change of `row`.
  explicit CheckAndMutateBuilder(std::string_view row) { change_.row = std::string(row); }

  /// The condition; without one: whether the row has a cell.
  CheckAndMutateBuilder& If(Filter predicate) {
    change_.predicate = std::move(predicate);
    return *this;
  }
  /// The changes when the predicate leaves a cell of the row. The builder's row does not count.
  CheckAndMutateBuilder& Then(RowMutationBuilder& changes) {
    change_.if_true = changes.Build().mutations;
    return *this;
  }
  /// The same with a temporary builder.
  CheckAndMutateBuilder& Then(RowMutationBuilder&& changes) { return Then(changes); }
  /// The changes when it leaves none. The builder's row does not count.
  CheckAndMutateBuilder& Else(RowMutationBuilder& changes) {
    change_.if_false = changes.Build().mutations;
    return *this;
  }
  /// The same with a temporary builder.
  CheckAndMutateBuilder& Else(RowMutationBuilder&& changes) { return Else(changes); }
  /// Takes what was built; the builder is empty afterwards.
  CheckAndMutateRow Build() { return std::move(change_); }

 private:
  CheckAndMutateRow change_;
};

}  // namespace stele
