// SSTable: an immutable sorted file of cells (FORMAT.md beside this file). SSTableBuilder writes
// one through a BlobWriter; SSTable reads one. Blocks of about block_bytes begin on a row, or on a
// cell inside a row larger than a block; boundaries, codec and check live in the index. Every byte
// is checked (content + file id + offset) before it is used; damage is DataLoss naming the file,
// the offset and the key range it hits, and spoils only that range.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/store/blob_store.h"
#include "schema/model/model.h"
#include "tabletserver/storage/cache/cache.h"
#include "tabletserver/storage/iterator/iterator.h"

namespace stele::storage {

struct SSTableOptions {
  Codec codec = Codec::kLz4;
  uint32_t block_bytes = 64 * 1024;
  uint32_t bloom_bits_per_key = 10;
  bool bloom_columns = false;
  uint32_t index_partition_bytes = 16 * 1024;
  uint32_t filter_partition_keys = 32 * 1024;
};

// Statistics kept in the file, enough to skip it and to plan compactions.
struct SSTableProperties {
  uint64_t file_id = 0;  // random 64 bits, also in the name; part of every check
  uint64_t file_bytes = 0;
  uint64_t cells = 0, markers = 0, rows = 0;
  uint64_t key_value_bytes = 0;  // before compression
  uint64_t blocks = 0;
  Sequence min_sequence = 0, max_sequence = 0;
  int64_t min_timestamp_us = 0, max_timestamp_us = 0;  // of set cells
  std::string first_key, last_key;                     // whole cell keys
  uint64_t content_hash =
      0;  // order-independent sum of hash(key, value): verifies compaction outputs
};

// What one cell adds to content_hash (the sum wraps): for whoever hands cells to a builder and
// afterwards compares its own sum with the file's.
uint64_t CellContentHash(Slice key, Slice value);

class SSTableBuilder {
 public:
  // `out` is the new blob, not yet finished; file_id is written into every check.
  static std::unique_ptr<SSTableBuilder> Create(const SSTableOptions& options, uint64_t file_id,
                                                std::unique_ptr<BlobWriter> out);
  virtual ~SSTableBuilder() = default;
  // Keys strictly ascending (CHECK).
  virtual Status Add(Slice key, Slice value) = 0;
  virtual uint64_t estimated_bytes() const = 0;
  virtual uint64_t cells() const = 0;
  // Writes filter, index, properties and footer and finishes the blob: durable when it returns.
  // Once.
  virtual StatusOr<SSTableProperties> Finish() = 0;
};

// One index entry: a fence. The block holds the keys in [first_key, next fence's first_key).
struct BlockHandle {
  uint64_t offset = 0;
  uint32_t stored_bytes = 0;
  uint32_t raw_bytes = 0;
  uint32_t crc = 0;
  Codec codec = Codec::kNone;
};
struct Fence {
  std::string
      first_key;  // <= every key of the block, > every key of the block before; may be shortened
  BlockHandle handle;
};

// Thread-safe, immutable; pinned by shared_ptr.
class SSTable {
 public:
  struct OpenOptions {
    BlockCache* block_cache = nullptr;   // may be null
    BlockCache* filter_cache = nullptr;  // may be null
    bool preload = false;  // in-memory locality group: all blocks are read now and stay
  };
  // Reads and checks footer and properties.
  static StatusOr<std::shared_ptr<SSTable>> Open(std::shared_ptr<BlobReader> blob, std::string name,
                                                 const OpenOptions& options);
  virtual ~SSTable() = default;
  virtual const SSTableProperties& properties() const = 0;
  virtual const std::string& name() const = 0;

  // Reads the whole index (all partitions), for the tablet index. Fences ascending.
  virtual StatusOr<std::vector<Fence>> LoadFences() const = 0;

  // False only when no cell of the row (of the row and column, when the file has column hashes) is
  // in the file. encoded_row is EncodedRow() of a key; encoded_column EncodedColumn() or empty. A
  // damaged filter is DataLoss, never "false".
  virtual StatusOr<bool> MayContain(Slice encoded_row, Slice encoded_column) const = 0;

  // Reads one block, verified and decompressed, through the cache. fill_cache false for large scans
  // and compactions.
  virtual StatusOr<std::shared_ptr<const CachedBlock>> ReadBlock(const BlockHandle& handle,
                                                                 bool fill_cache) const = 0;
  // Whether the block is in memory already.
  virtual bool IsCached(const BlockHandle& handle) const = 0;

  // The whole file through its own index. The iterator pins the table's blocks, not the table.
  virtual std::unique_ptr<Iterator> NewIterator(bool fill_cache) const = 0;

  // Reads everything and compares with the properties; DataLoss naming the first damaged offset.
  virtual Status Verify() const = 0;
};

// An iterator over one decoded block. Pins it.
std::unique_ptr<Iterator> NewBlockIterator(std::shared_ptr<const CachedBlock> block);

}  // namespace stele::storage
