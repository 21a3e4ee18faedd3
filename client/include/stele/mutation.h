/// @file
/// RowMutationBuilder: the changes of one row, applied in the order given, all or none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "stele/model.h"

namespace stele {

/// Builds a RowMutation:
///
///     RowMutationBuilder("com.example/")
///         .Set("title", "", "Example")
///         .DeleteColumn("anchor", "org.example/")
///         .Build()
///
/// Bytes in, bytes kept: keys, qualifiers and values may hold any byte. Sizes are checked when the
/// mutation is applied. Thread-compatible.
class RowMutationBuilder {
 public:
  /// The changes of `row`, 1 .. 4096 bytes.
  explicit RowMutationBuilder(std::string_view row) { mutation_.row = std::string(row); }

  /// Writes a cell at the server's time: one for the whole mutation, strictly increasing in the
  /// row.
  RowMutationBuilder& Set(std::string_view family, std::string_view qualifier,
                          std::string_view value) {
    return SetAt(family, qualifier, kServerTime, value);
  }
  /// Writes a cell. timestamp_us: microseconds since 1970, >= 0, a multiple of 1000. An existing
  /// cell with it is replaced.
  RowMutationBuilder& SetAt(std::string_view family, std::string_view qualifier,
                            int64_t timestamp_us, std::string_view value) {
    return Add(
        SetCell{std::string(family), std::string(qualifier), timestamp_us, std::string(value)});
  }
  /// Combines `input` with the cell of an aggregate family, at the caller's timestamp_us.
  RowMutationBuilder& AddToAggregate(std::string_view family, std::string_view qualifier,
                                     int64_t timestamp_us, int64_t input) {
    return Add(AddToCell{std::string(family), std::string(qualifier), timestamp_us, input});
  }
  /// The same with another aggregate cell's state: its value, 8 bytes.
  RowMutationBuilder& MergeToAggregate(std::string_view family, std::string_view qualifier,
                                       int64_t timestamp_us, std::string_view state) {
    return Add(
        MergeToCell{std::string(family), std::string(qualifier), timestamp_us, std::string(state)});
  }
  /// Removes the cells of the column with start_us <= timestamp < end_us; 0 is open on that side.
  RowMutationBuilder& DeleteColumn(std::string_view family, std::string_view qualifier,
                                   int64_t start_us = 0, int64_t end_us = 0) {
    return Add(DeleteFromColumn{std::string(family), std::string(qualifier), start_us, end_us});
  }
  /// Removes the cells of the family.
  RowMutationBuilder& DeleteFamily(std::string_view family) {
    return Add(DeleteFromFamily{std::string(family)});
  }
  /// Removes all cells of the row.
  RowMutationBuilder& DeleteRow() { return Add(DeleteFromRow{}); }

  /// Changes so far.
  size_t size() const { return mutation_.mutations.size(); }
  /// What is built so far.
  const RowMutation& mutation() const { return mutation_; }
  /// Takes what was built; the builder is empty afterwards.
  RowMutation Build() { return std::move(mutation_); }

 private:
  RowMutationBuilder& Add(Mutation mutation) {
    mutation_.mutations.push_back(std::move(mutation));
    return *this;
  }

  RowMutation mutation_;
};

}  // namespace stele
