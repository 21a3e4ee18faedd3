#include "tabletserver/storage/sstable/table_reader.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "common/base/check.h"
#include "common/bytes/key_head.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/filter/bloom_filter.h"
#include "tabletserver/storage/sstable/paged_block.h"

namespace stele::storage {
namespace {

constexpr size_t kPrintedBytes = 64;

uint64_t FileNumber(BlockCache* cache) { return cache == nullptr ? 0 : cache->NewFileId(); }

// Whether `key` is an encoded row or a whole cell key.
bool IsFence(Slice key) {
  // Without escapes, as nearly all.
  if (const size_t zero = FindZero(key); zero > 0 && zero + 2 == key.size()) return key.back() == 1;
  std::string scratch;
  ParsedCellKey parsed;
  return (Unescape(key, &scratch).ok() && !scratch.empty()) ||
         ParseCellKey(key, &parsed, &scratch).ok();
}

// The row of a fence or cell key that may be malformed.
Slice RowOf(Slice key) {
  size_t end = 0;
  while ((end = key.find('\0', end)) != Slice::npos && end + 1 < key.size() && key[end + 1] != 1) {
    end += 2;
  }
  return end == Slice::npos || end + 2 > key.size() ? key : key.substr(0, end + 2);
}

}  // namespace

std::string PrintableRow(Slice key) {
  std::string row;
  Slice encoded = RowOf(key);
  if (!Unescape(encoded, &row).ok()) row.assign(encoded.data(), encoded.size());
  bool cut = row.size() > kPrintedBytes;
  if (cut) row.resize(kPrintedBytes);
  return absl::StrCat("'", absl::CHexEscape(row), cut ? "'..." : "'");
}

TableReader::TableReader(std::shared_ptr<BlobReader> blob, std::string name,
                         const OpenOptions& options)
    : blob_(std::move(blob)),
      name_(std::move(name)),
      options_(options),
      block_cache_id_(FileNumber(options.block_cache)),
      filter_cache_id_(FileNumber(options.filter_cache)),
      directory_cache_(options.filter_cache == nullptr || options.filter_cache->keeps_nothing()
                           ? options.block_cache
                           : options.filter_cache),
      directory_cache_id_(directory_cache_ == options.block_cache ? block_cache_id_
                                                                  : filter_cache_id_) {}

TableReader::~TableReader() {
  if (options_.block_cache != nullptr) options_.block_cache->EraseFile(block_cache_id_);
  if (options_.filter_cache != nullptr) options_.filter_cache->EraseFile(filter_cache_id_);
}

StatusOr<std::shared_ptr<SSTable>> SSTable::Open(std::shared_ptr<BlobReader> blob, std::string name,
                                                 const OpenOptions& options) {
  auto table = std::make_shared<TableReader>(std::move(blob), std::move(name), options);
  RETURN_IF_ERROR(table->Load());
  return std::shared_ptr<SSTable>(std::move(table));
}

Status TableReader::Load() {
  RETURN_IF_ERROR(LoadFooter());
  ASSIGN_OR_RETURN(top_index_, ReadSection(footer_.top_index, Section::kIndex));
  if (footer_.filter_index.stored_bytes > 0) {
    RETURN_IF_ERROR(LoadFilterIndex());
  }
  ASSIGN_OR_RETURN(BlockPtr encoded, ReadSection(footer_.properties, Section::kProperties));
  auto properties = DecodeProperties(encoded->data());
  if (!properties.ok()) {
    return Damage(footer_.properties.offset, properties.status().message());
  }
  properties_ = *std::move(properties);
  properties_.file_id = footer_.file_id;
  properties_.file_bytes = blob_->size();
  memory_bytes_ += sizeof(*this) + top_index_->charge() +
                   (filter_index_ == nullptr ? 0 : filter_index_->charge()) +
                   properties_.first_key.capacity() + properties_.last_key.capacity();
  return options_.preload ? Preload() : OkStatus();
}

Status TableReader::LoadFilterIndex() {
  ASSIGN_OR_RETURN(filter_index_, ReadSection(footer_.filter_index, Section::kIndex));
  BlockIterator it(filter_index_);
  for (it.SeekToFirst(); it.Valid(); it.Next()) {
    FilterPartition partition;
    partition.first_key.assign(it.key().data(), it.key().size());
    if (!ParseHandle(it.value(), &partition.handle)) {
      return Damage(footer_.filter_index.offset, "malformed handle");
    }
    memory_bytes_ += sizeof(partition) + partition.first_key.capacity();
    filters_.push_back(std::move(partition));
  }
  return it.status();
}

Status TableReader::LoadFooter() {
  const uint64_t size = blob_->size();
  if (size < kFooterTailBytes) return Damage(0, "shorter than a footer");
  std::string bytes(kFooterTailBytes, '\0');
  RETURN_IF_ERROR(ReadBytes(size - kFooterTailBytes, kFooterTailBytes, bytes.data()));
  auto footer_bytes = FooterSize(bytes);
  if (!footer_bytes.ok()) {
    return Damage(size - kFooterTailBytes, footer_bytes.status().message());
  }
  if (*footer_bytes > size) return Damage(0, "shorter than its footer");
  footer_offset_ = size - *footer_bytes;
  bytes.resize(*footer_bytes);
  RETURN_IF_ERROR(ReadBytes(footer_offset_, bytes.size(), bytes.data()));
  auto footer = DecodeFooter(bytes, footer_offset_);
  if (!footer.ok()) {
    if (!IsCorrupt(footer.status())) return WithContext(footer.status(), "sstable " + name_);
    return Damage(footer_offset_, footer.status().message());
  }
  footer_ = *footer;
  if (footer_.data_end > footer_offset_) return Damage(footer_offset_, "data past the footer");
  if (options_.expected_file_id != 0 && options_.expected_file_id != footer_.file_id) {
    return Damage(footer_offset_, absl::StrCat("file id ", footer_.file_id, " where ",
                                               options_.expected_file_id, " is expected"));
  }
  return OkStatus();
}

Status TableReader::Preload() {
  ASSIGN_OR_RETURN(std::vector<Fence> fences, LoadFences());
  auto keep = [this](const BlockHandle& handle, Section section) -> Status {
    ASSIGN_OR_RETURN(BlockPtr block, ReadSection(handle, section));
    memory_bytes_ += block->charge();
    preloaded_.emplace(handle.offset, std::move(block));
    return OkStatus();
  };
  auto keep_all = [&](const BlockPtr& index, Section section) -> Status {
    BlockIterator it(index);
    for (it.SeekToFirst(); it.Valid(); it.Next()) {
      BlockHandle handle;
      if (!ParseHandle(it.value(), &handle)) {
        return Damage(footer_.top_index.offset, "malformed handle");
      }
      RETURN_IF_ERROR(keep(handle, section));
    }
    return it.status();
  };
  for (const Fence& fence : fences) {
    if (fence.handle.pages_bytes == 0) {
      RETURN_IF_ERROR(keep(fence.handle, Section::kData));
      continue;
    }
    ASSIGN_OR_RETURN(BlockPtr whole,
                     ReadWhole(fence.handle, Counts::kNothing, {.fill_cache = false}));
    memory_bytes_ += whole->charge();
    preloaded_.emplace(fence.handle.begin() | kWhole, std::move(whole));
  }
  RETURN_IF_ERROR(keep_all(top_index_, Section::kIndex));
  return filter_index_ == nullptr ? OkStatus() : keep_all(filter_index_, Section::kFilter);
}

std::string TableReader::RowsAt(uint64_t offset) const {
  if (top_index_ == nullptr || offset >= footer_.data_end) return "";
  auto fences = LoadFences();
  if (!fences.ok()) return "";
  auto after = std::upper_bound(
      fences->begin(), fences->end(), offset,
      [](uint64_t wanted, const Fence& fence) { return wanted < fence.handle.begin(); });
  if (after == fences->begin()) return "";
  std::string last = after == fences->end() ? properties_.last_key : after->first_key;
  return absl::StrCat(", rows ", PrintableRow(std::prev(after)->first_key), " to ",
                      PrintableRow(last));
}

Status TableReader::Damage(uint64_t offset, Slice what) const {
  return CorruptError(
      absl::StrCat("sstable ", name_, ": ", what, " at offset ", offset, RowsAt(offset)));
}

Status TableReader::CheckPlace(const BlockHandle& handle, Section section) const {
  const bool data = section == Section::kData || section == Section::kDirectory;
  const uint64_t begin = data ? 0 : footer_.data_end;
  const uint64_t end = data ? footer_.data_end : footer_offset_;
  if (handle.offset < begin || handle.offset > end || handle.stored_bytes > end - handle.offset ||
      handle.pages_bytes > handle.offset - begin ||
      (handle.pages_bytes != 0) != (section == Section::kDirectory) || !PlausibleSizes(handle)) {
    return CorruptError(absl::StrCat("sstable ", name_, ": impossible handle of ",
                                     handle.stored_bytes, " bytes at offset ", handle.offset));
  }
  return OkStatus();
}

Status TableReader::ReadBytes(uint64_t offset, size_t n, char* buffer) const {
  Status status = blob_->Read(offset, n, buffer);
  if (status.code() == absl::StatusCode::kOutOfRange) {
    return CorruptError(
        absl::StrCat("sstable ", name_, ": the file ends before offset ", offset + n));
  }
  return WithContext(status, absl::StrCat("sstable ", name_, " at offset ", offset));
}

namespace {

// Takes it from what a read that may not block may still spend.
bool Spend(uint64_t bytes, const SSTable::BlockRead& read) {
  if (read.page_cache_bytes == nullptr || bytes > *read.page_cache_bytes) return false;
  *read.page_cache_bytes -= bytes;
  return true;
}

}  // namespace

StatusOr<std::shared_ptr<CachedBlock>> TableReader::ReadStored(uint64_t offset, size_t n,
                                                               const BlockRead& read) const {
  if (offset < footer_.data_end) data_reads_.fetch_add(1, std::memory_order_relaxed);
  if (!read.may_block && !Spend(n, read)) return WouldBlock();
  auto stored = CachedBlock::Allocate(n);
  if (read.may_block) {
    RETURN_IF_ERROR(ReadBytes(offset, n, stored->mutable_data()));
  } else if (!blob_->ReadIfInMemory(offset, n, stored->mutable_data())) {
    *read.page_cache_bytes = 0;  // nor is anything else worth a try
    return WouldBlock();
  }
  return stored;
}

Status TableReader::Broken(uint64_t offset, Slice what, const BlockRead& read) const {
  if (read.may_block) return Damage(offset, what);
  if (read.page_cache_bytes != nullptr) *read.page_cache_bytes = 0;
  return WouldBlock();
}

StatusOr<BlockPtr> TableReader::ReadSection(const BlockHandle& handle, Section section,
                                            const BlockRead& read) const {
  RETURN_IF_ERROR(CheckPlace(handle, section));
  if (!read.may_block && !Spend(handle.raw_bytes, read)) return WouldBlock();
  ASSIGN_OR_RETURN(auto stored, ReadStored(handle.offset, handle.stored_bytes, read));
  if (handle.codec != Codec::kNone) return DecodeSection(handle, section, stored->data(), read);
  RETURN_IF_ERROR(Decode(handle, section, stored->data(), read, nullptr).status());
  return BlockPtr(std::move(stored));
}

StatusOr<Slice> TableReader::Decode(const BlockHandle& handle, Section section, Slice stored,
                                    const BlockRead& read,
                                    const std::function<char*()>& room) const {
  if (SectionCheck(stored, footer_.file_id, handle.offset) != handle.crc) {
    return Broken(handle.offset, "check failed", read);
  }
  Slice raw = stored;
  if (handle.codec != Codec::kNone) {
    char* const expanded = room();
    if (!Decompress(handle, stored, expanded)) {
      return Broken(handle.offset, "block does not decompress", read);
    }
    raw = Slice(expanded, handle.raw_bytes);
  }
  RETURN_IF_ERROR(Walk(handle, section, raw, read));
  return raw;
}

StatusOr<BlockPtr> TableReader::DecodeSection(const BlockHandle& handle, Section section,
                                              Slice stored, const BlockRead& read) const {
  std::shared_ptr<CachedBlock> block;
  const auto room = [&] {
    block = CachedBlock::Allocate(handle.raw_bytes);
    return block->mutable_data();
  };
  ASSIGN_OR_RETURN(const Slice raw, Decode(handle, section, stored, read, room));
  if (block == nullptr) std::memcpy(room(), raw.data(), raw.size());
  return BlockPtr(std::move(block));
}

StatusOr<Slice> TableReader::DecodeInPlace(const BlockHandle& handle, Slice stored,
                                           std::string* room) const {
  return Decode(handle, Section::kData, stored, BlockRead(), [&] {
    if (room->size() < handle.raw_bytes) room->resize(handle.raw_bytes);
    return room->data();
  });
}

Status TableReader::Walk(const BlockHandle& handle, Section section, Slice raw,
                         const BlockRead& read) const {
  if (section == Section::kFilter || section == Section::kProperties) return OkStatus();
  const Status walked = CheckBlock(raw, /*cell_keys=*/section == Section::kData);
  return walked.ok() ? OkStatus() : Broken(handle.offset, walked.message(), read);
}

BlockPtr TableReader::Find(uint64_t place, Counts counts) const {
  if (!preloaded_.empty()) {
    auto it = preloaded_.find(place);
    if (it != preloaded_.end()) return it->second;
  }
  if (options_.block_cache == nullptr) return nullptr;
  const CacheKey key{block_cache_id_, place};
  return counts == Counts::kAccess ? options_.block_cache->Lookup(key)
                                   : options_.block_cache->Peek(key);
}

void TableReader::CountMiss(uint64_t place, Counts counts) const {
  if (options_.block_cache == nullptr || counts == Counts::kNothing) return;
  options_.block_cache->CountMiss({block_cache_id_, place});
}

bool TableReader::IsInMemory(uint64_t place) const {
  if (preloaded_.count(place) > 0) return true;
  return options_.block_cache != nullptr &&
         options_.block_cache->Contains({block_cache_id_, place});
}

BlockPtr TableReader::FindBlock(const BlockHandle& handle, Counts counts) const {
  return Find(handle.offset, counts);
}

BlockPtr TableReader::Keep(const BlockHandle& handle, BlockPtr block) const {
  if (options_.block_cache == nullptr) return block;
  return options_.block_cache->Insert({block_cache_id_, handle.offset}, std::move(block));
}

Status TableReader::WouldBlock() const {
  return absl::UnavailableError(absl::StrCat("would block: ", name_, " has to be read"));
}

StatusOr<BlockPtr> TableReader::ReadBlock(const BlockHandle& handle, bool fill_cache) const {
  RETURN_IF_ERROR(CheckPlace(handle, Section::kData));
  if (BlockPtr block = FindBlock(handle, CountsOf(fill_cache)); block != nullptr) return block;
  return LoadBlock(handle, {.fill_cache = fill_cache});
}

StatusOr<BlockPtr> TableReader::LoadBlock(const BlockHandle& handle, const BlockRead& read) const {
  RETURN_IF_ERROR(CheckPlace(handle, Section::kData));
  StatusOr<BlockPtr> block = ReadSection(handle, Section::kData, read);
  // Who would block comes again.
  if (read.may_block || block.ok()) CountMiss(handle.offset, CountsOf(read.fill_cache));
  RETURN_IF_ERROR(block.status());
  return read.fill_cache ? Keep(handle, *std::move(block)) : *std::move(block);
}

StatusOr<BlockPtr> TableReader::ReadDirectory(const BlockHandle& handle,
                                              const BlockRead& read) const {
  RETURN_IF_ERROR(CheckPlace(handle, Section::kDirectory));
  if (BlockPtr block = FindDirectory(handle); block != nullptr) return block;
  ASSIGN_OR_RETURN(BlockPtr block, LoadDirectory(handle, read));
  if (!read.fill_cache || directory_cache_ == nullptr) return block;
  return directory_cache_->Insert({directory_cache_id_, handle.offset}, std::move(block));
}

BlockPtr TableReader::FindDirectory(const BlockHandle& handle) const {
  if (directory_cache_ == nullptr) return nullptr;
  return directory_cache_->Peek({directory_cache_id_, handle.offset});
}

StatusOr<BlockPtr> TableReader::LoadDirectory(const BlockHandle& handle,
                                              const BlockRead& read) const {
  ASSIGN_OR_RETURN(BlockPtr block, ReadSection(handle, Section::kDirectory, read));
  RETURN_IF_ERROR(CheckDirectory(handle, block, block->data(), read));
  return block;
}

StatusOr<BlockPtr> TableReader::DecodeDirectory(const BlockHandle& handle, Slice stored) const {
  ASSIGN_OR_RETURN(BlockPtr block, DecodeSection(handle, Section::kDirectory, stored));
  RETURN_IF_ERROR(CheckDirectory(handle, block, block->data(), BlockRead()));
  return block;
}

Status TableReader::CheckDirectory(const BlockHandle& handle, const BlockPtr& holder,
                                   Slice directory, const BlockRead& read) const {
  uint64_t expected = handle.begin(), raw_bytes = 0;
  BlockIterator it(holder, directory);
  for (it.SeekToFirst(); it.Valid(); it.Next()) {
    BlockHandle page;
    if (!ParseHandle(it.value(), &page) || page.offset != expected || !IsFence(it.key())) {
      return Broken(handle.offset, "malformed directory", read);
    }
    RETURN_IF_ERROR(CheckPlace(page, Section::kData));
    // Before anyone allocates for all of them.
    raw_bytes += page.raw_bytes;
    if (raw_bytes > kMaxRawBlockBytes) return Broken(handle.offset, "impossible pages", read);
    expected = page.end();
  }
  RETURN_IF_ERROR(it.status());
  if (expected != handle.offset) return Broken(handle.offset, "malformed directory", read);
  return OkStatus();
}

StatusOr<std::unique_ptr<Iterator>> TableReader::OpenBlock(const BlockHandle& handle,
                                                           const BlockRead& read) const {
  if (handle.pages_bytes != 0) return PagedBlock::Open(this, handle, read);
  BlockPtr block = FindBlock(handle, CountsOf(read.fill_cache));
  if (block == nullptr) {
    TracedFileRead traced(read.trace, handle.stored_bytes);
    ASSIGN_OR_RETURN(block, traced.Of(LoadBlock(handle, read)));
  } else if (read.trace != nullptr) {
    ++read.trace->blocks_cached;
  }
  return NewBlockIterator(std::move(block));
}

std::unique_ptr<Iterator> TableReader::FindRow(const BlockHandle& handle, Slice row, Slice row_end,
                                               const BlockRead& read) const {
  if (handle.pages_bytes != 0) return PagedBlock::FindRow(this, handle, row, row_end, read);
  bool loaded = false;
  BlockPtr block = FindOrLoad(handle, read, &loaded);
  if (block == nullptr) return nullptr;
  auto cells = std::make_unique<BlockIterator>(std::move(block));
  cells->Seek(row);
  return cells;
}

BlockPtr TableReader::FindOrLoad(const BlockHandle& handle, const BlockRead& read,
                                 bool* loaded) const {
  BlockPtr block = FindBlock(handle, CountsOf(read.fill_cache));
  if (block != nullptr && read.trace != nullptr) ++read.trace->blocks_cached;
  if (block != nullptr) return block;
  TracedFileRead traced(read.trace, handle.stored_bytes);
  StatusOr<BlockPtr> from_blob = traced.Of(LoadBlock(handle, read));
  *loaded = from_blob.ok();
  return *loaded ? *std::move(from_blob) : nullptr;
}

BlockPtr TableReader::FindWhole(const BlockHandle& handle, Counts counts) const {
  return Find(handle.begin() | kWhole, counts);
}

StatusOr<BlockPtr> TableReader::ReadWhole(const BlockHandle& handle, Counts counts,
                                          const BlockRead& read) const {
  RETURN_IF_ERROR(CheckPlace(handle, Section::kDirectory));
  if (read.may_block) CountMiss(handle.begin() | kWhole, counts);
  ASSIGN_OR_RETURN(auto stored, ReadStored(handle.begin(), handle.file_bytes(), read));
  const Slice directory = stored->data().substr(handle.pages_bytes, handle.stored_bytes);
  if (SectionCheck(directory, footer_.file_id, handle.offset) != handle.crc) {
    return Broken(handle.offset, "check failed", read);
  }
  RETURN_IF_ERROR(Walk(handle, Section::kDirectory, directory, read));
  RETURN_IF_ERROR(CheckDirectory(handle, stored, directory, read));
  std::vector<std::pair<std::string, BlockHandle>> pages;
  bool raw = true;  // as they are stored
  uint64_t raw_bytes = 0;
  BlockIterator it(stored, directory);
  for (it.SeekToFirst(); it.Valid(); it.Next()) {
    auto& [fence, page] = pages.emplace_back(std::string(it.key()), BlockHandle());
    CHECK(ParseHandle(it.value(), &page));
    raw &= page.codec == Codec::kNone;
    raw_bytes += page.raw_bytes;
  }
  if (!read.may_block && !Spend(raw_bytes, read)) return WouldBlock();
  BlockPtr whole;
  if (raw) {
    for (const auto& [fence, page] : pages) {
      const Slice bytes = stored->data().substr(page.offset - handle.begin(), page.stored_bytes);
      if (SectionCheck(bytes, footer_.file_id, page.offset) != page.crc) {
        return Broken(page.offset, "check failed", read);
      }
      RETURN_IF_ERROR(Walk(page, Section::kData, bytes, read));
    }
    whole = WholeBlock::AsStored(std::move(stored), handle);
  } else {
    WholeBlock::Builder builder(handle, pages);
    for (const auto& [fence, page] : pages) {
      const Slice bytes = stored->data().substr(page.offset - handle.begin(), page.stored_bytes);
      ASSIGN_OR_RETURN(const BlockPtr one, DecodeSection(page, Section::kData, bytes, read));
      builder.Add(one->data());
    }
    whole = builder.Finish();
  }
  if (!read.may_block) CountMiss(handle.begin() | kWhole, counts);
  if (!read.fill_cache || options_.block_cache == nullptr) return whole;
  whole =
      options_.block_cache->Insert({block_cache_id_, handle.begin() | kWhole}, std::move(whole));
  // One that the cache had no room for does not cost it the pages either.
  if (!IsInMemory(handle.begin() | kWhole)) return whole;
  const auto erase = [](BlockCache* cache, const CacheKey& key) {
    if (cache->Contains(key)) cache->Erase(key);
  };
  erase(directory_cache_, {directory_cache_id_, handle.offset});
  for (const auto& [fence, page] : pages)
    erase(options_.block_cache, {block_cache_id_, page.offset});
  return whole;
}

bool TableReader::HasMostPages(const BlockHandle& handle, const BlockPtr& directory) const {
  size_t pages = 0, there = 0;
  BlockIterator it(directory);
  for (it.SeekToFirst(); it.Valid(); it.Next(), ++pages) {
    BlockHandle page;
    if (ParseHandle(it.value(), &page) && IsInMemory(page.offset)) ++there;
  }
  return 2 * there > pages;
}

bool TableReader::IsCached(const BlockHandle& handle) const {
  return IsInMemory(handle.pages_bytes != 0 ? handle.begin() | kWhole : handle.offset);
}

StatusOr<BlockPtr> TableReader::ReadIndexPartition(Slice encoded_handle, bool fill_cache) const {
  BlockHandle handle;
  if (!ParseHandle(encoded_handle, &handle)) {
    return Damage(footer_.top_index.offset, "malformed handle");
  }
  if (BlockPtr block = FindBlock(handle, Counts::kNothing); block != nullptr) return block;
  ASSIGN_OR_RETURN(BlockPtr block, ReadSection(handle, Section::kIndex));
  if (!fill_cache || options_.block_cache == nullptr) return block;
  return options_.block_cache->Insert({block_cache_id_, handle.offset}, std::move(block));
}

Status TableReader::AppendFences(const BlockHandle& partition, std::vector<Fence>* fences) const {
  ASSIGN_OR_RETURN(BlockPtr block, ReadSection(partition, Section::kIndex));
  BlockIterator it(std::move(block));
  for (it.SeekToFirst(); it.Valid(); it.Next()) {
    Fence fence;
    fence.first_key.assign(it.key().data(), it.key().size());
    const Fence* before = fences->empty() ? nullptr : &fences->back();
    const uint64_t expected = before == nullptr ? 0 : before->handle.end();
    if (!ParseHandle(it.value(), &fence.handle) || fence.handle.begin() != expected ||
        !IsFence(fence.first_key) || (before != nullptr && before->first_key >= fence.first_key)) {
      return CorruptError(absl::StrCat("sstable ", name_, ": malformed fence in the index at ",
                                       "offset ", partition.offset));
    }
    RETURN_IF_ERROR(CheckPlace(
        fence.handle, fence.handle.pages_bytes != 0 ? Section::kDirectory : Section::kData));
    fences->push_back(std::move(fence));
  }
  return it.status();
}

StatusOr<std::vector<Fence>> TableReader::LoadFences() const {
  std::vector<Fence> fences;
  BlockIterator top(top_index_);
  for (top.SeekToFirst(); top.Valid(); top.Next()) {
    BlockHandle partition;
    if (!ParseHandle(top.value(), &partition)) {
      return CorruptError(absl::StrCat("sstable ", name_, ": malformed handle at offset ",
                                       footer_.top_index.offset));
    }
    const size_t before = fences.size();
    RETURN_IF_ERROR(AppendFences(partition, &fences));
    if (fences.size() == before || Slice(fences[before].first_key) != top.key()) {
      return CorruptError(absl::StrCat("sstable ", name_, ": the top index at offset ",
                                       footer_.top_index.offset, " disagrees with the partition ",
                                       "at offset ", partition.offset));
    }
  }
  RETURN_IF_ERROR(top.status());
  if (fences.empty() || fences.back().handle.end() != footer_.data_end) {
    return CorruptError(absl::StrCat("sstable ", name_, ": the index does not reach the end of ",
                                     "the data at offset ", footer_.data_end));
  }
  return fences;
}

StatusOr<BlockPtr> TableReader::ReadFilterPartition(const BlockHandle& handle,
                                                    const BlockRead& read) const {
  if (!preloaded_.empty()) {
    auto it = preloaded_.find(handle.offset);
    if (it != preloaded_.end()) return it->second;
  }
  const CacheKey key{filter_cache_id_, handle.offset};
  if (options_.filter_cache != nullptr) {
    if (BlockPtr block = options_.filter_cache->Lookup(key); block != nullptr) return block;
  }
  StatusOr<BlockPtr> block = ReadSection(handle, Section::kFilter, read);
  // Who would block comes again.
  const bool counts = options_.filter_cache != nullptr && (read.may_block || block.ok());
  if (counts) options_.filter_cache->CountMiss(key);
  if (!block.ok() || options_.filter_cache == nullptr) return block;
  return options_.filter_cache->Insert(key, *std::move(block));
}

StatusOr<bool> TableReader::ProbeFilter(Slice key, uint64_t hash, const BlockRead& read) const {
  auto after = filters_.end();
  if (filters_.size() > 1) {
    after = std::upper_bound(
        filters_.begin(), filters_.end(), key,
        [](Slice wanted, const FilterPartition& p) { return wanted < Slice(p.first_key); });
  }
  if (after == filters_.begin()) return false;  // before the first key of the file
  const BlockHandle& handle = std::prev(after)->handle;
  bool good = false, may = false;
  const auto look = [&](const CachedBlock& bytes) {
    BloomFilter filter;
    good = filter.Init(bytes.data());
    may = good && filter.MayContain(hash);
  };
  if (!preloaded_.empty() || options_.filter_cache == nullptr ||
      !options_.filter_cache->Glance({filter_cache_id_, handle.offset}, look)) {
    ASSIGN_OR_RETURN(const BlockPtr bytes, ReadFilterPartition(handle, read));
    look(*bytes);
  }
  if (!good) return Broken(handle.offset, "malformed filter", read);
  return may;
}

uint64_t SSTable::HashOf(Slice encoded_row) { return BloomHash(encoded_row); }

StatusOr<bool> TableReader::MayContain(Slice encoded_row, uint64_t row_hash, Slice encoded_column,
                                       const BlockRead& read) const {
  Slice first = properties_.first_key, last = properties_.last_key;
  if (encoded_row < first.substr(0, encoded_row.size()) ||
      encoded_row > last.substr(0, encoded_row.size())) {
    return false;
  }
  if (filter_index_ == nullptr) return true;
  if (encoded_column.empty() || !properties_.bloom_columns) {
    return ProbeFilter(encoded_row, row_hash, read);
  }
  CHECK(absl::StartsWith(encoded_column, encoded_row)) << " a column of another row";
  ASSIGN_OR_RETURN(bool column, ProbeFilter(encoded_column, BloomHash(encoded_column), read));
  if (column || properties_.wide_markers == 0) return column;
  // The places of the row marker and of the family marker over the column.
  std::string place(encoded_row.data(), encoded_row.size());
  place.append(5, '\0');
  ASSIGN_OR_RETURN(bool row_marker, ProbeFilter(place, BloomHash(place), read));
  if (row_marker) return true;
  size_t name_end = encoded_column.find('\0', encoded_row.size());
  CHECK(name_end != Slice::npos && name_end + 3 <= encoded_column.size()) << " no column";
  place.assign(encoded_column.data(), name_end + 3);
  place.append(2, '\0');
  return ProbeFilter(place, BloomHash(place), read);
}

std::unique_ptr<Iterator> TableReader::NewIterator(bool fill_cache) const {
  return NewTableIterator(this, fill_cache, /*replaces=*/false);
}

std::unique_ptr<Iterator> TableReader::NewReplacingIterator() const {
  return NewTableIterator(this, /*fill_cache=*/false, /*replaces=*/true);
}

}  // namespace stele::storage
