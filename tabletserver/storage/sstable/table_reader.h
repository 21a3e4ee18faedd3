// TableReader: the SSTable behind Open. The only place that reads bytes of a file: each section is
// range-checked, read, verified, expanded and walked before anyone sees it. Immutable after Open
// and thread-safe; owns the blob and what it preloaded, borrows the caches.
#pragma once

#include <atomic>
#include <functional>
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
  // A directory lies among the data, but holds handles as an index does.
  enum class Section { kData, kDirectory, kIndex, kFilter, kProperties };

  TableReader(std::shared_ptr<BlobReader> blob, std::string name, const OpenOptions& options);
  ~TableReader() override;
  Status Load();

  const SSTableProperties& properties() const override { return properties_; }
  const std::string& name() const override { return name_; }
  uint64_t memory_bytes() const override { return memory_bytes_; }
  StatusOr<std::vector<Fence>> LoadFences() const override;
  using SSTable::MayContain;
  StatusOr<bool> MayContain(Slice encoded_row, uint64_t row_hash, Slice encoded_column,
                            const BlockRead& read) const override;
  StatusOr<std::unique_ptr<Iterator>> OpenBlock(const BlockHandle& handle,
                                                const BlockRead& read) const override;
  std::unique_ptr<Iterator> FindRow(const BlockHandle& handle, Slice row, Slice row_end,
                                    const BlockRead& read) const override;
  bool IsCached(const BlockHandle& handle) const override;
  std::unique_ptr<Iterator> NewIterator(bool fill_cache) const override;
  Status Verify() const override;
  std::unique_ptr<Iterator> NewReplacingIterator() const override;
  void ReleaseCached() const override { ReleaseCached(0, blob_->size()); }
  void ReleaseCached(uint64_t offset, uint64_t n) const { blob_->ReleaseCached(offset, n); }

  const BlockPtr& top_index() const { return top_index_; }
  const BlockPtr& filter_index() const { return filter_index_; }  // null without a filter
  const Footer& footer() const { return footer_; }
  uint64_t footer_offset() const { return footer_offset_; }

  // What the cache counts. An access is a plain block, a page or a whole that a read takes its
  // cells from: found it is a hit, read it is a miss. Nothing else counts: directories, looks
  // that find nothing, and the reads of whoever does not fill the cache (compactions).
  enum class Counts { kNothing, kAccess };
  static Counts CountsOf(bool fill_cache) {
    return fill_cache ? Counts::kAccess : Counts::kNothing;
  }
  // The plain block or page if it is in memory.
  BlockPtr FindBlock(const BlockHandle& handle, Counts counts) const;
  // The directory of a block of pages if it is in memory by itself.
  BlockPtr FindDirectory(const BlockHandle& handle) const;
  // A plain block or a page, through the cache.
  StatusOr<BlockPtr> ReadBlock(const BlockHandle& handle, bool fill_cache) const;
  // The same for who has not found it in the cache. Who may not block gets it from what the machine
  // holds in memory, as far as the read's page_cache_bytes go, and WouldBlock() for everything
  // else, what does not verify included: whoever may block finds out.
  StatusOr<BlockPtr> LoadBlock(const BlockHandle& handle, const BlockRead& read) const;
  // The same. Null: it would block, or it is damaged.
  BlockPtr FindOrLoad(const BlockHandle& handle, const BlockRead& read, bool* loaded) const;
  // The directory of a block of pages, through the cache; its pages adjoin, from the block's begin.
  StatusOr<BlockPtr> ReadDirectory(const BlockHandle& handle, const BlockRead& read) const;
  // The same past the cache, and from stored bytes.
  StatusOr<BlockPtr> LoadDirectory(const BlockHandle& handle, const BlockRead& read) const;
  StatusOr<BlockPtr> DecodeDirectory(const BlockHandle& handle, Slice stored) const;
  // A block of pages as one WholeBlock (paged_block.h): from the cache; from the blob, in place of
  // what the cache has of its pages.
  BlockPtr FindWhole(const BlockHandle& handle, Counts counts) const;
  StatusOr<BlockPtr> ReadWhole(const BlockHandle& handle, Counts counts,
                               const BlockRead& read) const;
  // Whether more than half of the pages are in the cache.
  bool HasMostPages(const BlockHandle& handle, const BlockPtr& directory) const;
  // Puts what was read into the cache; what is there now.
  BlockPtr Keep(const BlockHandle& handle, BlockPtr block) const;
  Status WouldBlock() const;
  // Reads a section from the blob, past the caches.
  StatusOr<BlockPtr> ReadSection(const BlockHandle& handle, Section section) const {
    return ReadSection(handle, section, BlockRead());
  }
  // What ReadSection does once it has the stored bytes. REQUIRES: CheckPlace was OK; so all below.
  StatusOr<BlockPtr> DecodeSection(const BlockHandle& handle, Section section, Slice stored) const {
    return DecodeSection(handle, section, stored, BlockRead());
  }
  // The same of a plain block or a page for who keeps `stored` while he looks at it: what is not
  // compressed stays where it is, the rest is expanded into *room, for the next one to use again.
  StatusOr<Slice> DecodeInPlace(const BlockHandle& handle, Slice stored, std::string* room) const;
  Status CheckPlace(const BlockHandle& handle, Section section) const;
  Status ReadBytes(uint64_t offset, size_t n, char* buffer) const;
  // How often data was read from the blob, but not by ReadBytes.
  uint64_t data_reads() const { return data_reads_.load(std::memory_order_relaxed); }
  // An index partition, through the cache.
  StatusOr<BlockPtr> ReadIndexPartition(Slice handle, bool fill_cache) const;
  // DataLoss that names the file, the offset and, for data, the rows that the damage hits.
  Status Damage(uint64_t offset, Slice what) const;

 private:
  Status LoadFooter();
  Status Preload();
  Status CheckDirectory(const BlockHandle& handle, const BlockPtr& holder, Slice directory,
                        const BlockRead& read) const;
  // Of a WholeBlock, in the cache and among what is preloaded. No section is there.
  static constexpr uint64_t kWhole = uint64_t{1} << 63;
  BlockPtr Find(uint64_t place, Counts counts) const;
  StatusOr<BlockPtr> ReadSection(const BlockHandle& handle, Section section,
                                 const BlockRead& read) const;
  StatusOr<BlockPtr> DecodeSection(const BlockHandle& handle, Section section, Slice stored,
                                   const BlockRead& read) const;
  // Every stored byte goes through it: its check, `room` for what is compressed, the walk. What
  // stands there lies in `stored` or in the room.
  StatusOr<Slice> Decode(const BlockHandle& handle, Section section, Slice stored,
                         const BlockRead& read, const std::function<char*()>& room) const;
  // Unverified; who may not block spends n on it, and what it decodes to besides.
  StatusOr<std::shared_ptr<CachedBlock>> ReadStored(uint64_t offset, size_t n,
                                                    const BlockRead& read) const;
  // Damage, which reads the index: whoever may not block leaves it to be found by who may.
  Status Broken(uint64_t offset, Slice what, const BlockRead& read) const;
  void CountMiss(uint64_t place, Counts counts) const;
  bool IsInMemory(uint64_t place) const;
  // What CheckBlock says of it, and where.
  Status Walk(const BlockHandle& handle, Section section, Slice raw, const BlockRead& read) const;
  Status AppendFences(const BlockHandle& partition, std::vector<Fence>* fences) const;
  Status LoadFilterIndex();
  StatusOr<bool> ProbeFilter(Slice key, uint64_t hash, const BlockRead& read) const;
  StatusOr<BlockPtr> ReadFilterPartition(const BlockHandle& handle, const BlockRead& read) const;
  // ", rows 'a' to 'b'" for the block at this offset; empty when the index cannot tell.
  std::string RowsAt(uint64_t offset) const;

  const std::shared_ptr<BlobReader> blob_;
  const std::string name_;
  const OpenOptions options_;
  const uint64_t block_cache_id_;  // this table's file number in each cache
  const uint64_t filter_cache_id_;
  BlockCache* const directory_cache_;  // one of the two, or null
  const uint64_t directory_cache_id_;
  uint64_t footer_offset_ = 0;
  uint64_t memory_bytes_ = 0;
  mutable std::atomic<uint64_t> data_reads_{0};
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

std::unique_ptr<Iterator> NewTableIterator(const TableReader* table, bool fill_cache,
                                           bool replaces);

}  // namespace stele::storage
