// Iterator over (cell key, value) pairs in key order (schema/model/cell_key.h). Memtables, SSTables
// and merges offer it. key() and value() are valid until the next move. An error ends the
// iteration: Valid() turns false and status() tells why; callers must look at status() after every
// loop. Thread-compatible: one iterator, one thread.
#pragma once

#include "common/base/status.h"

namespace stele::storage {

class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual bool Valid() const = 0;
  virtual void SeekToFirst() = 0;
  virtual void Seek(Slice target) = 0;  // first key >= target
  virtual void Next() = 0;              // REQUIRES Valid()
  virtual Slice key() const = 0;        // REQUIRES Valid()
  virtual Slice value() const = 0;      // REQUIRES Valid()
  virtual Status status() const = 0;
};

}  // namespace stele::storage
