// Gathers what SSTableProperties say about the cells of a file, cell by cell: for the builder that
// writes them and for the check that compares. Bound to one thread; the properties belong to the
// caller and outlive it.
#pragma once

#include <string>

#include "schema/model/cell_key.h"
#include "tabletserver/storage/sstable/sstable.h"

namespace stele::storage {

class CellStatistics {
 public:
  explicit CellStatistics(SSTableProperties* properties) : p_(properties) {}
  // `row` is the encoded row of `key`; keys come in order and are well formed. `content_hash`: what
  // CellContentHash says of the cell.
  void Add(Slice row, bool new_row, Slice key, size_t value_bytes, uint64_t content_hash);

 private:
  void AddToFamily(Slice rest, CellKind kind, uint64_t bytes);
  void EnterFamily(Slice rest);

  SSTableProperties* const p_;
  size_t last_family_ = 0;
  std::string last_family_key_;  // as its keys have it behind their rows; empty: none yet
};

}  // namespace stele::storage
