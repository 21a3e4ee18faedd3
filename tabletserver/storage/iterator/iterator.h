// Iterator over (cell key, value) pairs in key order (schema/model/cell_key.h). Memtables, SSTables
// and merges offer it. key() and value() are valid until the next move. An error ends the
// iteration: Valid() turns false and status() tells why; callers must look at status() after every
// loop. Thread-compatible: one iterator, one thread.
#pragma once

#include "common/base/check.h"
#include "common/base/status.h"

namespace stele::storage {

class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual bool Valid() const = 0;
  virtual void SeekToFirst() = 0;
  virtual void Seek(Slice target) = 0;  // first key >= target
  // The last key < target; an empty target: the last key. Afterwards key() and Seek only. Offered
  // by what reversed reads look at: memtables, the tablet index, blocks.
  virtual void SeekBefore(Slice) { CHECK(false) << " not an iterator that goes backward"; }
  virtual void Next() = 0;          // REQUIRES Valid()
  virtual Slice key() const = 0;    // REQUIRES Valid()
  virtual Slice value() const = 0;  // REQUIRES Valid()
  virtual Status status() const = 0;
  // Next, and what it leads to: in one for who walks far. False when that is not Valid().
  // REQUIRES Valid().
  virtual bool Step(Slice* to_key, Slice* to_value) {
    Next();
    if (!Valid()) return false;
    *to_key = key();
    *to_value = value();
    return true;
  }
};

}  // namespace stele::storage
