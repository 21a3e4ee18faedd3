// Memtable: the in-memory, append-only, sorted buffer of one tablet: a B+-tree in an arena over
// cells that each hold key and value. A change never edits in place: a delete is a marker, a
// rewrite is a newer sequence. Owned by shared_ptr so that readers pin it. Volatile: the commit log
// holds the same cells until they are flushed.
//
// Threads: one writer at a time (who has the log's turn), any number of readers without a lock.
// Readers see a node that is being changed by its version and look again (tree_node.h); a cell is
// complete before a node points to it, so whoever meets a key meets its whole value; nothing is
// freed before the table is destroyed. An iterator walks a copy of one leaf's pointers after the
// other.
#pragma once

#include <cstdint>
#include <memory>

#include "tabletserver/storage/iterator/iterator.h"

namespace stele::storage {

class Memtable {
 public:
  Memtable();
  ~Memtable();
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  // Copies key and value into the arena. Single writer. REQUIRES: key (it holds the sequence) was
  // never added before.
  void Add(Slice key, Slice value);

  // Bytes taken from the system for this table, including the index over the cells. Any thread.
  size_t memory_bytes() const;
  uint64_t cell_count() const;
  bool empty() const { return cell_count() == 0; }

  // Reads everything published before the call and possibly more; filter by sequence. The iterator
  // does not pin the table.
  std::unique_ptr<Iterator> NewIterator() const;

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace stele::storage
