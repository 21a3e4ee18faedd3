// TableReader: the SSTable behind Open. The only place that reads bytes of a file: each section is
// range-checked, read, verified, expanded and walked before anyone sees it. Immutable after Open
// and thread-safe; owns the blob and what it preloaded, borrows the caches.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tabletserver/storage/sstable/block.h"
#include "tabletserver/storage/sstable/sstable.h"
#include "tabletserver/storage/sstable/sstable_format.h"

namespace stele::storage {

using BlockPtr = std::shared_ptr<const CachedBlock>;

class TableReader final : public SSTable {
 public:
  enum class Section { kData, kIndex, kFilter, kProperties };

  TableReader(std::shared_ptr<BlobReader> blob, std::string name, const OpenOptions& options);
  ~TableReader() override;
  Status Load();

  const SSTableProperties& properties() const override { return properties_; }
  const std::string& name() const override { return name_; }
  uint64_t memory_bytes() const override { return memory_bytes_; }
  StatusOr<std::vector<Fence>> LoadFences() const override;
  using SSTable::MayContain;
  StatusOr<bool> MayContain(Slice encoded_row, uint64_t row_hash, Slice encoded_column,
                            bool may_block) const override;
  StatusOr<BlockPtr> ReadBlock(const BlockHandle& handle, bool fill_cache) const override;
  bool IsCached(const BlockHandle& handle) const override;
  std::unique_ptr<Iterator> NewIterator(bool fill_cache) const override;
  Status Verify() const override;

  const BlockPtr& top_index() const { return top_index_; }
  const BlockPtr& filter_index() const { return filter_index_; }  // null without a filter
  const Footer& footer() const { return footer_; }
  uint64_t footer_offset() const { return footer_offset_; }

  // The block if it is in memory.
  BlockPtr FindBlock(const BlockHandle& handle) const;
  // Reads a section from the blob, past the caches.
  StatusOr<BlockPtr> ReadSection(const BlockHandle& handle, Section section) const;
  // What ReadSection does once it has the stored bytes.
  StatusOr<BlockPtr> DecodeSection(const BlockHandle& handle, Section section, Slice stored) const;
  Status CheckPlace(const BlockHandle& handle, Section section) const;
  Status ReadBytes(uint64_t offset, size_t n, char* buffer) const;
  // An index partition, through the cache.
  StatusOr<BlockPtr> ReadIndexPartition(Slice handle, bool fill_cache) const;
  // DataLoss that names the file, the offset and, for data, the rows that the damage hits.
  Status Damage(uint64_t offset, Slice what) const;

 private:
  Status LoadFooter();
  Status Preload();
  Status AppendFences(const BlockHandle& partition, std::vector<Fence>* fences) const;
  Status LoadFilterIndex();
  StatusOr<bool> ProbeFilter(Slice key, uint64_t hash, bool may_block) const;
  StatusOr<BlockPtr> ReadFilterPartition(const BlockHandle& handle, bool may_block) const;
  // ", rows 'a' to 'b'" for the block at this offset; empty when the index cannot tell.
  std::string RowsAt(uint64_t offset) const;

  const std::shared_ptr<BlobReader> blob_;
  const std::string name_;
  const OpenOptions options_;
  const uint64_t block_cache_id_;  // this table's file number in each cache
  const uint64_t filter_cache_id_;
  uint64_t footer_offset_ = 0;
  uint64_t memory_bytes_ = 0;
  Footer footer_;
  SSTableProperties properties_;
  BlockPtr top_index_;
  BlockPtr filter_index_;
  struct FilterPartition {
    std::string first_key;
    BlockHandle handle;
  };
  std::vector<FilterPartition> filters_;              // as filter_index_ says
  std::unordered_map<uint64_t, BlockPtr> preloaded_;  // by offset
};

// A row (encoded) or a fence as text: quoted, escaped, at most 64 bytes of it.
std::string PrintableRow(Slice key);

std::unique_ptr<Iterator> NewTableIterator(const TableReader* table, bool fill_cache);

}  // namespace stele::storage
