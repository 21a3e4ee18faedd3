// What a page of a read looked at and how long each stage took: part of ReadRows when it was asked
// for, and of a server's slowest requests. Holds no key and no value. See messages.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stele::wire {

inline constexpr size_t kMaxTracedFiles = 128;

struct TracedFile {
  enum class Filter : uint8_t { kNotAsked, kMayHold, kHoldsNot };
  std::string name;
  Filter filter = Filter::kNotAsked;
  uint64_t blocks_cached = 0, blocks_read = 0;  // or pages of them
  uint64_t bytes_read = 0;                      // as stored
  uint64_t cells = 0;                           // stood on, markers included
  int64_t read_ns = 0;
  bool operator==(const TracedFile&) const = default;
};
// The stages follow each other; those that a page had no need of are 0.
struct PageTrace {
  int64_t prepare_ns = 0;  // decoding, admission, finding the tablet
  int64_t memory_ns = 0;   // on the thread of the connection, from memory alone
  int64_t wait_ns = 0;     // for a thread that may wait for the disk
  int64_t disk_ns = 0;     // on that one
  uint64_t memtables = 0, memtable_cells = 0;
  uint64_t files_out_of_reach = 0;  // by their keys, sequences or timestamps
  std::vector<TracedFile> files;    // those in reach
  bool operator==(const PageTrace&) const = default;
};

}  // namespace stele::wire
