#include "tabletserver/storage/sstable/paged_block.h"

#include <cstring>

#include "common/base/check.h"
#include "common/bytes/key_head.h"

namespace stele::storage {

BlockPtr WholeBlock::AsStored(std::shared_ptr<CachedBlock> block, const BlockHandle& handle) {
  block->set_note({.place = handle.begin(), .bytes = handle.stored_bytes});
  return block;
}

WholeBlock::Builder::Builder(const BlockHandle& handle,
                             const std::vector<std::pair<std::string, BlockHandle>>& pages)
    : directory_builder_(1, kRestartBytes) {
  size_t offset = 0;
  for (const auto& [fence, page] : pages) {
    BlockHandle placed;
    placed.offset = offset;
    placed.stored_bytes = placed.raw_bytes = page.raw_bytes;
    std::string value;
    AppendHandle(&value, placed);
    directory_builder_.Add(fence, value);
    offset += page.raw_bytes;
  }
  directory_ = directory_builder_.Finish();
  block_ = CachedBlock::Allocate(offset + directory_.size());
}

void WholeBlock::Builder::Add(Slice page) {
  std::memcpy(block_->mutable_data() + used_, page.data(), page.size());
  used_ += page.size();
}

BlockPtr WholeBlock::Builder::Finish() {
  Add(directory_);
  CHECK_EQ(used_, block_->data().size());
  block_->set_note({.place = 0, .bytes = static_cast<uint32_t>(directory_.size())});
  return std::move(block_);
}

WholeBlock::WholeBlock(const CachedBlock& block)
    : bytes_(block.data()),
      directory_(bytes_.substr(bytes_.size() - block.note().bytes)),
      base_(block.note().place) {}

namespace {

// Asked by each that has read a page; looked at now and then, for it walks the directory.
bool HasReadMost(const TableReader* table, const BlockHandle& handle, const BlockPtr& directory) {
  constexpr uint32_t kReadsBetweenLooks = 8;
  return directory->Count() % kReadsBetweenLooks == kReadsBetweenLooks - 1 &&
         table->HasMostPages(handle, directory);
}

}  // namespace

StatusOr<std::unique_ptr<Iterator>> PagedBlock::Open(const TableReader* table,
                                                     const BlockHandle& handle,
                                                     const SSTable::BlockRead& read) {
  auto block = std::make_unique<PagedBlock>(table, handle, read);
  const auto counts = TableReader::CountsOf(read.fill_cache);
  if (BlockPtr whole = table->FindWhole(handle, counts); whole != nullptr) {
    if (read.trace != nullptr) ++read.trace->blocks_cached;
    block->UseWhole(std::move(whole));
    return std::unique_ptr<Iterator>(std::move(block));
  }
  BlockPtr directory = table->FindDirectory(handle);
  if (directory == nullptr) {
    TracedFileRead traced(read.trace, handle.stored_bytes);
    ASSIGN_OR_RETURN(directory, traced.Of(table->ReadDirectory(handle, read)));
  }
  block->UseDirectory(std::move(directory));
  return std::unique_ptr<Iterator>(std::move(block));
}

std::unique_ptr<Iterator> PagedBlock::FindRow(const TableReader* table, const BlockHandle& handle,
                                              Slice row, Slice row_end,
                                              const SSTable::BlockRead& read) {
  BlockPtr holder = table->FindWhole(handle, TableReader::CountsOf(read.fill_cache));
  std::optional<WholeBlock> whole;
  if (holder != nullptr) {
    if (read.trace != nullptr) ++read.trace->blocks_cached;
    whole.emplace(*holder);
  } else {
    holder = table->FindDirectory(handle);
    if (holder == nullptr) return nullptr;
  }
  constexpr size_t kSearchedBytes = 2048;
  const Slice searched = whole.has_value() ? whole->directory() : holder->data();
  Prefetch(searched, kSearchedBytes);
  BlockIterator directory(nullptr, searched);
  directory.SeekFloor(row);
  BlockHandle page;
  if (!directory.Valid() || !ParseHandle(directory.value(), &page)) return nullptr;
  directory.Next();
  const bool goes_on = directory.Valid() && directory.key() < row_end;
  std::unique_ptr<BlockIterator> cells;
  if (!whole.has_value()) {
    if (goes_on) return nullptr;
    bool loaded = false;
    BlockPtr block = table->FindOrLoad(page, read, &loaded);
    if (block == nullptr) return nullptr;
    if (loaded && read.fill_cache && HasReadMost(table, handle, holder)) {
      TracedFileRead traced(read.trace, handle.file_bytes());
      traced.Of(table->ReadWhole(handle, TableReader::Counts::kNothing, read))
          .status()
          .IgnoreError();  // the page is enough
    }
    cells = std::make_unique<BlockIterator>(std::move(block));
  } else if (goes_on) {
    auto block = std::make_unique<PagedBlock>(table, handle, read);
    block->UseWhole(std::move(holder));
    block->Seek(row);
    return block;
  } else {
    const Slice bytes = whole->Page(page);
    cells = std::make_unique<BlockIterator>(std::move(holder), bytes);
  }
  cells->Seek(row);
  return cells;
}

void PagedBlock::UseWhole(BlockPtr whole) {
  page_.reset();
  holder_ = std::move(whole);
  whole_.emplace(*holder_);
  directory_.emplace(holder_, whole_->directory());
}

void PagedBlock::UseDirectory(BlockPtr directory) {
  holder_ = std::move(directory);
  directory_.emplace(holder_);
}

void PagedBlock::Fail(Status status) {
  status_ = std::move(status);
  page_.reset();
}

bool PagedBlock::OpenPage(bool goes_on) {
  BlockHandle handle;
  if (!directory_->Valid() || !ParseHandle(directory_->value(), &handle)) {
    Fail(table_->Damage(handle_.offset, "malformed directory"));
    return false;
  }
  if (page_.has_value() && page_offset_ == handle.offset) return true;
  if (!whole_.has_value() && goes_on && BecomeWhole(counts_)) return OpenPage(false);
  if (whole_.has_value()) {
    const Slice page = whole_->Page(handle);
    // A block is entered at its end; who walks on comes to the end of the next one.
    __builtin_prefetch(page.data() + page.size() + page.size() - 4);
    // The page is holder_'s.
    page_.has_value() && in_whole_ ? page_->Reset(page) : void(page_.emplace(nullptr, page));
    in_whole_ = true;
  } else {
    StatusOr<BlockPtr> page = ReadPage(handle);
    if (!page.ok()) {
      Fail(page.status());
      return false;
    }
    if (whole_.has_value()) return OpenPage(false);
    page_.emplace(*std::move(page));
    in_whole_ = false;
  }
  page_offset_ = handle.offset;
  return true;
}

bool PagedBlock::BecomeWhole(TableReader::Counts counts) {
  if (whole_failed_) return false;
  BlockPtr whole = table_->FindWhole(handle_, counts);
  if (whole == nullptr) {
    if (!read_.may_block && read_.page_cache_bytes == nullptr) return false;
    TracedFileRead traced(read_.trace, handle_.file_bytes());
    StatusOr<BlockPtr> read = traced.Of(table_->ReadWhole(handle_, counts, read_));
    whole_failed_ = !read.ok();
    if (whole_failed_) return false;  // the pages before the fault can still be read
    whole = *std::move(read);
  }
  const std::string fence(directory_->key());
  UseWhole(std::move(whole));
  directory_->SeekFloor(fence);
  return true;
}

StatusOr<BlockPtr> PagedBlock::ReadPage(const BlockHandle& handle) {
  BlockPtr page = table_->FindBlock(handle, counts_);
  if (page != nullptr) {
    if (read_.trace != nullptr) ++read_.trace->blocks_cached;
    return page;
  }
  {
    TracedFileRead traced(read_.trace, handle.stored_bytes);
    ASSIGN_OR_RETURN(page, traced.Of(table_->LoadBlock(handle, read_)));
  }
  if (read_.fill_cache && HasReadMost(table_, handle_, holder_)) {
    BecomeWhole(TableReader::Counts::kNothing);
  }
  return page;
}

// From the end of a page to the first cell of the next one.
void PagedBlock::LeaveFinishedPage() {
  while (page_.has_value() && !page_->Valid()) {
    if (Status s = page_->status(); !s.ok()) return Fail(std::move(s));
    directory_->Next();
    if (!directory_->Valid()) {
      if (Status s = directory_->status(); !s.ok()) Fail(std::move(s));
      return;
    }
    if (!read_.end.empty() && directory_->key() >= read_.end) return;
    if (!OpenPage(++left_ > 1)) return;
    page_->SeekToFirst();
  }
}

bool PagedBlock::StepOverPages(Slice* to_key, Slice* to_value) {
  LeaveFinishedPage();
  if (!Valid()) return false;
  *to_key = page_->key();
  *to_value = page_->value();
  return true;
}

void PagedBlock::SeekToFirst() {
  status_ = OkStatus();
  whole_failed_ = false;
  left_ = 1;
  directory_->SeekToFirst();
  if (!OpenPage(true)) return;
  page_->SeekToFirst();
  LeaveFinishedPage();
}

void PagedBlock::Seek(Slice target) {
  status_ = OkStatus();
  whole_failed_ = false;
  left_ = 0;
  directory_->SeekFloor(target);
  if (!directory_->Valid() && directory_->status().ok()) directory_->SeekToFirst();
  if (!OpenPage(false)) return;
  page_->Seek(target);
  LeaveFinishedPage();
}

void PagedBlock::SeekBefore(Slice target) {
  status_ = OkStatus();
  whole_failed_ = false;
  directory_->SeekBefore(target);
  if (!directory_->Valid() && directory_->status().ok()) directory_->SeekToFirst();
  for (;;) {
    if (!OpenPage(false)) return;
    page_->SeekBefore(target);
    if (Status s = page_->status(); !s.ok()) return Fail(std::move(s));
    if (page_->Valid()) return;
    // The page's fence is below the target, its first key is not.
    const std::string fence(directory_->key());
    directory_->SeekBefore(fence);
    if (!directory_->Valid()) {
      if (Status s = directory_->status(); !s.ok()) Fail(std::move(s));
      return;
    }
  }
}

void PagedBlock::Next() {
  DCHECK(Valid());
  page_->Next();
  LeaveFinishedPage();
}

}  // namespace stele::storage
