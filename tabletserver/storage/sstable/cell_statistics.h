// Gathers what SSTableProperties say about the cells of a file, cell by cell: for the builder that
// writes them and for the check that compares. Bound to one thread; the properties belong to the
// caller and outlive it.
#pragma once

#include "tabletserver/storage/sstable/sstable.h"

namespace stele::storage {

class CellStatistics {
 public:
  explicit CellStatistics(SSTableProperties* properties) : p_(properties) {}
  // `row` is the encoded row of `key`; keys come in order and are well formed. `content_hash`: what
  // CellContentHash says of the cell.
  void Add(Slice row, bool new_row, Slice key, size_t value_bytes, uint64_t content_hash);

 private:
  void AddToFamily(Slice rest, Slice key, uint64_t bytes);
  FamilyStatistics& Find(Slice name, uint16_t id);

  SSTableProperties* const p_;
  size_t last_family_ = 0;
};

}  // namespace stele::storage
