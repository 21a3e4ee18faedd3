/// @file
/// ReadExplanation: how a read came to its answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace stele {

/// What a read did, step by step; filled while it goes on, to be looked at when it is over. Given
/// with CallOptions. Times are microseconds. It holds no value of a cell.
struct ReadExplanation {
  static constexpr size_t kMaxAttempts = 1'000;  ///< told; later ones are counted

  /// One level of the tree of locations, from the root down.
  struct Step {
    std::string what;     ///< "root tablet", "METADATA tablet", "tablet"
    uint64_t tablet = 0;  ///< its id; 0: not known
    bool cached = false;  ///< this client knew it; else it was looked up
    std::string server;   ///< its owner's id; empty: not known
    std::string address;  ///< its owner's host:port
  };
  /// One SSTable that may have held some of the rows.
  struct File {
    std::string name;            ///< in the store
    std::string filter;          ///< "may hold", "holds not", "not asked" (more than one row)
    uint64_t blocks_cached = 0;  ///< blocks, or pages of them, that were in memory
    uint64_t blocks_read = 0;    ///< that were read from the disk
    uint64_t bytes_read = 0;     ///< as stored
    uint64_t cells = 0;          ///< looked at, delete markers included
    int64_t read_us = 0;         ///< for what was read
  };
  /// One request to a tablet server: a page of the answer, or a failure.
  struct Attempt {
    uint64_t tablet = 0;              ///< its id; 0: it was not found
    std::string server;               ///< its owner's id
    std::string address;              ///< its owner's host:port
    absl::Status status;              ///< what came of it
    int64_t locate_us = 0;            ///< to find the tablet
    int64_t total_us = 0;             ///< from the request to its answer, as the client saw it
    bool traced = false;              ///< the server told what follows; else it is zero
    int64_t prepare_us = 0;           ///< on the server: decoding, admission, finding the tablet
    int64_t memory_us = 0;            ///< then: from memory alone
    int64_t wait_us = 0;              ///< then: for a thread that may wait for the disk
    int64_t disk_us = 0;              ///< then: on that one
    uint64_t memtables = 0;           ///< looked at
    uint64_t memtable_cells = 0;      ///< looked at in them
    uint64_t files_out_of_reach = 0;  ///< SSTables that keys or timestamps excluded
    std::vector<File> files;          ///< the other SSTables
    uint64_t rows = 0;                ///< that came
    uint64_t cells = 0;               ///< that came
    uint64_t bytes = 0;               ///< that came, of keys and values
    uint64_t rows_examined = 0;       ///< looked at for them
    uint64_t cells_examined = 0;      ///< looked at for them, delete markers included
  };

  std::vector<Step> steps;         ///< of the look-ups, in their order
  std::vector<Attempt> attempts;   ///< in their order
  uint64_t attempts_left_out = 0;  ///< beyond kMaxAttempts
};

}  // namespace stele
