// Blocks of pages (FORMAT.md, Pages) in memory, and the iterator over them.
//
// A point read takes the block's directory, a block whose keys are the pages' fences, and the one
// page that it needs; both are cached by themselves, in the caches that SSTable names. Who walks
// on, or begins at the first page, is served from the whole block, read at once and cached as one:
// a WholeBlock. When the cache holds most pages of a block one by one, the whole takes their place.
//
// Everything in a WholeBlock went through the gates of TableReader before. The iterator borrows the
// table, pins what it stands on, and is bound to one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tabletserver/storage/sstable/block.h"
#include "tabletserver/storage/sstable/table_reader.h"

namespace stele::storage {

// Pages, decompressed, then their directory, of as many bytes as the CachedBlock's note says. The
// handles in the directory place the pages at offset - note.place.
class WholeBlock {
 public:
  // Of what was read of the file: pages that are not compressed, and the directory.
  static BlockPtr AsStored(std::shared_ptr<CachedBlock> block, const BlockHandle& handle);

  // Of pages that are, one after the other.
  class Builder {
   public:
    Builder(const BlockHandle& handle,
            const std::vector<std::pair<std::string, BlockHandle>>& pages);
    void Add(Slice page);
    BlockPtr Finish();

   private:
    BlockBuilder directory_builder_;
    Slice directory_;
    std::shared_ptr<CachedBlock> block_;
    size_t used_ = 0;
  };

  explicit WholeBlock(const CachedBlock& block);
  Slice directory() const { return directory_; }
  Slice Page(const BlockHandle& page) const {
    return bytes_.substr(page.offset - base_, page.raw_bytes);
  }

 private:
  Slice bytes_, directory_;
  uint64_t base_ = 0;
};

class PagedBlock final : public Iterator {
 public:
  // Unavailable when it may not block and neither the whole nor the directory is in memory.
  static StatusOr<std::unique_ptr<Iterator>> Open(const TableReader* table,
                                                  const BlockHandle& handle,
                                                  const SSTable::BlockRead& read);
  // As SSTable::FindRow.
  static std::unique_ptr<Iterator> FindRow(const TableReader* table, const BlockHandle& handle,
                                           Slice row, Slice row_end,
                                           const SSTable::BlockRead& read);
  PagedBlock(const TableReader* table, const BlockHandle& handle, const SSTable::BlockRead& read)
      : table_(table),
        handle_(handle),
        read_(read),
        counts_(TableReader::CountsOf(read.fill_cache)) {}

  bool Valid() const override { return page_.has_value() && page_->Valid(); }
  void SeekToFirst() override;
  void Seek(Slice target) override;
  void SeekBefore(Slice target) override;
  void Next() override;
  Slice key() const override { return page_->key(); }
  Slice value() const override { return page_->value(); }
  Status status() const override { return status_; }
  bool Step(Slice* to_key, Slice* to_value) override {
    if (page_->Step(to_key, to_value)) return true;
    return StepOverPages(to_key, to_value);
  }

 private:
  void UseWhole(BlockPtr whole);
  void UseDirectory(BlockPtr directory);
  // Opens the page that directory_ stands on. False after an error.
  bool OpenPage(bool goes_on);
  // From now on the whole block, at the page that directory_ stands on; false when it cannot be
  // had.
  bool BecomeWhole(TableReader::Counts counts);
  StatusOr<BlockPtr> ReadPage(const BlockHandle& handle);
  void LeaveFinishedPage();
  bool StepOverPages(Slice* to_key, Slice* to_value);
  void Fail(Status status);

  const TableReader* const table_;
  const BlockHandle handle_;
  const SSTable::BlockRead read_;
  const TableReader::Counts counts_;
  BlockPtr holder_;                  // of directory_
  std::optional<WholeBlock> whole_;  // of holder_
  std::optional<BlockIterator> directory_;
  std::optional<BlockIterator> page_;
  bool in_whole_ = false;      // page_ lies in whole_
  uint64_t page_offset_ = 0;   // of page_, as its handle has it
  int left_ = 0;               // pages that were walked through since the last seek
  bool whole_failed_ = false;  // could not be read since then
  Status status_;
};

}  // namespace stele::storage
