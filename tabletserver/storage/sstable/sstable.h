// SSTable: an immutable sorted file of cells (FORMAT.md beside this file). SSTableBuilder writes
// one through a BlobWriter; SSTable reads one. Blocks of about block_bytes begin on a row, or on a
// cell inside a row larger than a block; boundaries, codec and check live in the index. Every byte
// is checked (content + file id + offset) before it is used; damage is DataLoss naming the file,
// the offset and the rows it hits, and spoils only those. A builder is bound to one thread; an open
// SSTable is immutable, thread-safe and pinned by shared_ptr. A file counts only once Finish
// returned OK; after a crash before that it is garbage for file GC.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/store/blob_store.h"
#include "schema/model/model.h"
#include "tabletserver/storage/cache/cache.h"
#include "tabletserver/storage/iterator/iterator.h"
#include "tabletserver/storage/iterator/read_trace.h"

namespace stele::storage {

struct SSTableOptions {
  Codec codec = Codec::kLz4;
  uint32_t zstd_level = 1;           // 1..3
  uint32_t block_bytes = 64 * 1024;  // 64 bytes .. 16 MiB
  // A block is cut into pages of about so much, each read, checked and compressed alone: a point
  // read touches one. 0: as suits the codec. Blocks of less than two pages are not cut.
  uint32_t page_bytes = 0;
  uint32_t bloom_bits_per_key = 10;  // 0..64; 0: no filter
  bool bloom_columns = false;        // also hash row+column
  uint32_t index_partition_bytes = 16 * 1024;
  uint32_t filter_partition_keys = 32 * 1024;
};

// What of one family is in a file.
struct FamilyStatistics {
  std::string name;
  uint16_t id = 0;
  uint64_t cells = 0, markers = 0;
  uint64_t key_value_bytes = 0;
  int64_t min_timestamp_us = 0, max_timestamp_us = 0;  // of set cells
  bool operator==(const FamilyStatistics&) const = default;
};

// Statistics kept in the file, enough to skip it and to plan compactions.
struct SSTableProperties {
  uint64_t file_id = 0;  // random 64 bits, also in the name; part of every check
  uint64_t file_bytes = 0;
  uint64_t cells = 0;         // everything added, markers included
  uint64_t markers = 0;       // delete markers of any kind
  uint64_t wide_markers = 0;  // of those, row and family markers
  uint64_t rows = 0;
  uint64_t key_value_bytes = 0;  // before compression
  uint64_t blocks = 0;
  uint64_t raw_block_bytes = 0;  // data blocks decompressed: what preload keeps in memory
  Sequence min_sequence = 0, max_sequence = 0;
  int64_t min_timestamp_us = 0, max_timestamp_us = 0;  // of set cells
  std::string first_key, last_key;                     // whole cell keys
  uint64_t content_hash =
      0;  // sum of CellContentHash: order-independent, verifies compaction outputs
  Codec codec = Codec::kNone;  // asked for; a block that does not shrink is stored raw
  uint32_t block_bytes = 0;
  bool bloom_columns = false;
  std::vector<FamilyStatistics> families;  // in order of first appearance
  bool operator==(const SSTableProperties&) const = default;
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
  // Keys strictly ascending (CHECK) and valid. InvalidArgument for a value over kMaxValueBytes.
  // After an error of the blob every later call returns it.
  Status Add(Slice key, Slice value) { return Add(key, value, CellContentHash(key, value)); }
  // The same for who keeps a sum of its own: the file says what its callers' hashes make.
  virtual Status Add(Slice key, Slice value, uint64_t content_hash) = 0;
  virtual uint64_t estimated_bytes() const = 0;  // the file so far
  virtual uint64_t cells() const = 0;
  // Writes filter, index, properties and footer and finishes the blob: durable when it returns.
  // Once. A file without cells is an InvalidArgument.
  virtual StatusOr<SSTableProperties> Finish() = 0;
};

// Of one run of stored bytes under one check: a section, a plain block, a page. The handle of a
// block of pages is that of its directory, which stands behind them.
struct BlockHandle {
  uint64_t offset = 0;
  uint32_t stored_bytes = 0;
  uint32_t raw_bytes = 0;
  uint32_t crc = 0;  // masked
  Codec codec = Codec::kNone;
  uint32_t pages_bytes = 0;  // stored bytes of the pages in front; 0: not a directory
  bool operator==(const BlockHandle&) const = default;

  // Of the block with its pages.
  uint64_t begin() const { return offset - pages_bytes; }
  uint64_t end() const { return offset + stored_bytes; }
  uint64_t file_bytes() const { return end() - begin(); }
};

// One index entry. The block holds the keys in [first_key, next fence's first_key).
struct Fence {
  // <= every key of the block, > every key of the block before. EncodedRow of its first cell when
  // the block begins on a row, else the whole key of its first cell.
  std::string first_key;
  BlockHandle handle;
};

class SSTable {
 public:
  struct OpenOptions {
    BlockCache* block_cache = nullptr;  // may be null; outlives the table
    // Of filters, and of the directories of blocks of pages: what every read needs, and what pages
    // that are read but once must not push out. As the other, and may be it; directories go there
    // when this one keeps nothing.
    BlockCache* filter_cache = nullptr;
    bool preload = false;  // in-memory locality group: blocks and filters are read now and stay
    uint64_t expected_file_id = 0;  // DataLoss when the file has another; 0: any
  };
  // Reads and checks footer, top index and properties. DataLoss for damage, FailedPrecondition for
  // a newer format version, else the blob's own error.
  static StatusOr<std::shared_ptr<SSTable>> Open(std::shared_ptr<BlobReader> blob, std::string name,
                                                 const OpenOptions& options);
  virtual ~SSTable() = default;
  virtual const SSTableProperties& properties() const = 0;
  virtual const std::string& name() const = 0;
  // Held by the table itself, outside the caches (top index, preloaded blocks); constant, for the
  // caller to charge.
  virtual uint64_t memory_bytes() const = 0;

  // Reads the whole index (all partitions), for the tablet index. Fences ascending, blocks
  // adjacent.
  virtual StatusOr<std::vector<Fence>> LoadFences() const = 0;

  static uint64_t HashOf(Slice encoded_row);

  struct BlockRead {
    bool fill_cache = true;  // false for large scans and compactions
    bool may_block = true;   // false: Unavailable("would block...") for what is not in memory
    // Without may_block: so many bytes, as stored and decoded, may come from what the machine holds
    // in memory of the file; counts down. Null: none. Lives as long as the iterator.
    uint64_t* page_cache_bytes = nullptr;
    Slice end = {};  // no more is wanted from here on, and perhaps not shown; empty: open.
                     // Lives as long as the iterator
    ReadTrace::File* trace = nullptr;  // what is counted; null: nothing. Lives as long, too
  };
  // False only when the file holds nothing that concerns the row (or, when it has column hashes and
  // encoded_column is not empty, the column: its cells and markers, and the row and family markers
  // over it). encoded_row is EncodedRow() of a key, encoded_column EncodedColumn(). A damaged
  // filter is DataLoss, never "false". Of `read` only how it may block counts: Unavailable when it
  // would.
  StatusOr<bool> MayContain(Slice encoded_row, Slice encoded_column) const {
    return MayContain(encoded_row, HashOf(encoded_row), encoded_column, BlockRead());
  }
  // The same for who asks several files: the row's hash is computed once.
  virtual StatusOr<bool> MayContain(Slice encoded_row, uint64_t row_hash, Slice encoded_column,
                                    const BlockRead& read) const = 0;
  // The cells of one block, verified and decompressed, through the cache. A block of pages reads
  // each when the iterator first gets there: errors then come from the iterator. It pins what it
  // stands on, not the table.
  virtual StatusOr<std::unique_ptr<Iterator>> OpenBlock(const BlockHandle& handle,
                                                        const BlockRead& read) const = 0;
  // OpenBlock and Seek to the first key >= row in one, where that is short: all keys of the row
  // that the block may hold lie side by side, in memory or in one page that may be read. [row,
  // row_end) are the row's keys; what lies behind them is shown or not. Null where it is not so,
  // and for what OpenBlock would find damaged.
  virtual std::unique_ptr<Iterator> FindRow(const BlockHandle& handle, Slice row, Slice row_end,
                                            const BlockRead& read) const = 0;
  // Whether the whole block is in memory already.
  virtual bool IsCached(const BlockHandle& handle) const = 0;

  // The whole file through its own index. The iterator pins its block, not the table. After an
  // error it may Seek past the damage.
  virtual std::unique_ptr<Iterator> NewIterator(bool fill_cache) const = 0;
  // The same for who replaces the file by what it reads, past the caches: what it has passed leaves
  // the machine's memory behind it, which the new file then takes, until somebody else reads data
  // of the file from the blob.
  virtual std::unique_ptr<Iterator> NewReplacingIterator() const = 0;

  // Reads everything from the blob, past the caches, and compares with the properties; DataLoss
  // naming the first damaged offset.
  virtual Status Verify() const = 0;

  // A hint that nothing but reads under way wants it: see BlobReader::ReleaseCached.
  virtual void ReleaseCached() const = 0;
};

// An iterator over one decoded block. Pins it. Safe over any content.
std::unique_ptr<Iterator> NewBlockIterator(std::shared_ptr<const CachedBlock> block);

}  // namespace stele::storage
