// A cache-line-blocked Bloom filter: every key has one line of 512 bits, chosen by its hash, and
// all its probes fall into that line, so that a look-up touches one cache line. The builder is
// owned by an SSTable under construction, the reader borrows verified bytes; layout in
// sstable/FORMAT.md. Thread-compatible; BloomFilter is immutable.
//
// (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007.)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/slice.h"

namespace stele::storage {

// The hash of everything that is put into a filter or looked up in one. Part of the format.
uint64_t BloomHash(Slice key);

class BloomFilterBuilder {
 public:
  // bits_per_key 1..64.
  explicit BloomFilterBuilder(uint32_t bits_per_key);
  // A hash equal to the one before is counted once.
  void Add(uint64_t hash);
  size_t keys() const { return hashes_.size(); }
  // The filter over all hashes since the last call; starts anew.
  std::string Finish();

 private:
  const uint32_t bits_per_key_;
  const uint32_t probes_;
  std::vector<uint64_t> hashes_;
};

class BloomFilter {
 public:
  // False when `bytes` are not a filter of this layout.
  bool Init(Slice bytes);
  // REQUIRES: Init returned true and its bytes are still there.
  bool MayContain(uint64_t hash) const;
  uint32_t keys() const { return keys_; }

 private:
  const char* lines_ = nullptr;
  uint32_t line_count_ = 0;
  uint32_t probes_ = 0;
  uint32_t keys_ = 0;
};

}  // namespace stele::storage
