#include "tabletserver/storage/index/tablet_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "common/base/check.h"
#include "common/bytes/key_head.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/index/file_fences.h"
#include "tabletserver/storage/index/index_iterator.h"

namespace stele::storage {
namespace {

constexpr int64_t kGone = -1;
constexpr size_t kPrefetchedValueBytes = 1024;

// How many of the fences are <= key: heads first, and fence(i) where they are equal.
template <typename FenceAt>
size_t CountUpTo(absl::Span<const uint64_t> heads, uint64_t head, Slice key, const FenceAt& fence) {
  auto low = std::lower_bound(heads.begin(), heads.end(), head);
  auto begin = static_cast<size_t>(low - heads.begin());
  if (low == heads.end() || *low != head) return begin;
  auto end = static_cast<size_t>(std::upper_bound(low, heads.end(), head) - heads.begin());
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    if (fence(middle) <= key) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

}  // namespace

TabletIndex::~TabletIndex() = default;

std::shared_ptr<const TabletIndex> TabletIndex::Build(std::vector<File> files,
                                                      const TabletIndex* base) {
  std::shared_ptr<TabletIndex> index(new TabletIndex);
  index->files_ = std::move(files);
  for (const File& file : index->files_) {
    Clip& clip = index->clips_.emplace_back();
    if (!file.clip_start.empty()) AppendRowEnd(&clip.first, file.clip_start);
    if (!file.clip_end.empty()) AppendRowEnd(&clip.end, file.clip_end);
  }
  const size_t count = index->files_.size();
  std::vector<int64_t> new_number(base == nullptr ? 0 : base->files_.size(), kGone);
  std::vector<uint32_t> added;
  for (uint32_t f = 0; f < count; ++f) {
    const SSTable* table = index->files_[f].table.get();
    std::shared_ptr<const FileFences> fences;
    bool in_order = false;
    for (size_t b = 0; b < new_number.size(); ++b) {
      if (base->files_[b].table.get() != table || !base->fences_[b]->status().ok()) continue;
      fences = base->fences_[b];
      in_order = new_number[b] == kGone;  // else the same table stands in the list twice
      if (!in_order) continue;
      new_number[b] = f;
      break;
    }
    index->fences_.push_back(fences != nullptr ? fences : FileFences::Load(*table));
    if (!in_order) added.push_back(f);
  }
  if (base != nullptr) index->TakeOrder(*base, new_number);
  for (uint32_t f : added) index->MergeFile(f);
  index->entries_.shrink_to_fit();
  index->BuildGroups();
  return index;
}

Status TabletIndex::status() const {
  for (const auto& fences : fences_) RETURN_IF_ERROR(fences->status());
  return OkStatus();
}

Slice TabletIndex::FenceOf(const Entry& entry) const {
  return fences_[entry.file]->key(entry.block);
}

void TabletIndex::TakeOrder(const TabletIndex& base, const std::vector<int64_t>& new_number) {
  entries_.reserve(base.entries_.size());
  for (const Entry& entry : base.entries_) {
    const int64_t number = new_number[entry.file];
    if (number != kGone) entries_.push_back({static_cast<uint32_t>(number), entry.block});
  }
}

// Compares only the new fences; the runs of old entries between them are copied.
void TabletIndex::MergeFile(uint32_t file) {
  const FileFences& fences = *fences_[file];
  std::vector<Entry> merged;
  merged.reserve(entries_.size() + fences.size());
  auto from = entries_.begin();
  for (size_t block = 0; block < fences.size(); ++block) {
    const Slice fence = fences.key(block);
    auto upto = std::upper_bound(from, entries_.end(), fence,
                                 [this](Slice key, const Entry& e) { return key < FenceOf(e); });
    merged.insert(merged.end(), from, upto);
    merged.push_back({file, static_cast<uint32_t>(block)});
    from = upto;
  }
  merged.insert(merged.end(), from, entries_.end());
  entries_ = std::move(merged);
}

void TabletIndex::BuildGroups() {
  const size_t groups = (entries_.size() + kGroupEntries - 1) / kGroupEntries;
  if (groups == 0) return;
  const Slice first = FenceOf(entries_[0]);
  const Slice last = FenceOf(entries_.back());
  common_prefix_ = std::string(first.substr(0, CommonPrefix(first, last)));
  anchor_heads_.reserve(groups);
  blocks_before_.reserve(groups * files_.size());
  heads_.reserve(entries_.size());
  std::vector<int32_t> blocks(files_.size(), -1);
  for (size_t i = 0; i < entries_.size(); ++i) {
    heads_.push_back(KeyHead(FenceOf(entries_[i]), common_prefix_.size()));
    if (i % kGroupEntries == 0) {
      anchor_heads_.push_back(heads_.back());
      blocks_before_.insert(blocks_before_.end(), blocks.begin(), blocks.end());
    }
    blocks[entries_[i].file] = static_cast<int32_t>(entries_[i].block);
  }
}

void TabletIndex::FindBlocks(Slice key, Blocks* blocks) const {
  const int order = key.substr(0, common_prefix_.size()).compare(common_prefix_);
  size_t groups = order < 0 ? 0 : anchor_heads_.size(), entries = kGroupEntries;
  const uint64_t head = KeyHead(key, common_prefix_.size());
  if (order == 0) {
    groups = CountUpTo(anchor_heads_, head, key,
                       [this](size_t i) { return FenceOf(entries_[i * kGroupEntries]); });
  }
  if (groups == 0) return blocks->assign(files_.size(), -1);
  const size_t first = (groups - 1) * kGroupEntries;
  entries = std::min(entries, entries_.size() - first);
  if (order == 0) {
    entries = CountUpTo(absl::MakeSpan(heads_).subspan(first, entries), head, key,
                        [this, first](size_t i) { return FenceOf(entries_[first + i]); });
  }
  const int32_t* before = &blocks_before_[(groups - 1) * files_.size()];
  blocks->assign(before, before + files_.size());
  for (size_t i = first; i < first + entries; ++i) {
    (*blocks)[entries_[i].file] = static_cast<int32_t>(entries_[i].block);
  }
}

std::unique_ptr<Iterator> TabletIndex::NewIterator(Slice start, Slice end,
                                                   const ReadOptions& options) const {
  absl::InlinedVector<uint32_t, 8> files;
  for (uint32_t f = 0; f < files_.size(); ++f) {
    const bool in_reach = IsInReach(f, start, end, options);
    if (in_reach) files.push_back(f);
    if (options.trace != nullptr) Trace(f, in_reach, ReadTrace::Filter::kNotAsked, options.trace);
  }
  return std::make_unique<IndexIterator>(shared_from_this(), files, start, end, options);
}

Status TabletIndex::FindRow(Slice encoded_row, Slice row_end, Slice encoded_column,
                            const ReadOptions& options, RowParts* parts) const {
  CHECK_GE(encoded_row.size(), 3u) << " not an encoded row";
  const uint64_t hash = SSTable::HashOf(encoded_row);
  const SSTable::BlockRead filter_read{.may_block = options.may_block,
                                       .page_cache_bytes = options.page_cache_bytes};
  Blocks blocks;
  absl::InlinedVector<uint32_t, 8> others;
  const auto add = [&](std::unique_ptr<Iterator> cells) {
    if (!cells->Valid()) return cells->status();
    if (cells->key() >= row_end) return OkStatus();
    Prefetch(cells->value(), kPrefetchedValueBytes);
    parts->push_back(std::move(cells));
    return OkStatus();
  };
  for (uint32_t f = 0; f < files_.size(); ++f) {
    // MayContain looks at the keys, too.
    if (options.trace == nullptr ? !IsAskedFor(f, options)
                                 : !IsInReach(f, encoded_row, row_end, options)) {
      if (options.trace != nullptr) Trace(f, false, ReadTrace::Filter::kNotAsked, options.trace);
      continue;
    }
    ASSIGN_OR_RETURN(const bool may,
                     files_[f].table->MayContain(encoded_row, hash, encoded_column, filter_read));
    if (options.trace != nullptr) {
      Trace(f, true, may ? ReadTrace::Filter::kMayHold : ReadTrace::Filter::kHoldsNot,
            options.trace);
    }
    if (!may) continue;
    if (blocks.empty()) FindBlocks(encoded_row, &blocks);
    auto cells = FindInBlock(f, encoded_row, row_end, options, blocks);
    if (cells == nullptr) {
      others.push_back(f);
    } else {
      RETURN_IF_ERROR(add(std::move(cells)));
    }
  }
  if (others.empty()) return OkStatus();
  auto cells =
      std::make_unique<IndexIterator>(shared_from_this(), others, encoded_row, row_end, options);
  cells->Seek(encoded_row);
  return add(std::move(cells));
}

std::unique_ptr<Iterator> TabletIndex::FindInBlock(uint32_t file, Slice row, Slice row_end,
                                                   const ReadOptions& options,
                                                   const Blocks& blocks) const {
  const FileFences& fences = *fences_[file];
  if (blocks[file] < 0 || !clips_[file].HoldsRow(row, row_end)) return nullptr;
  const auto block = static_cast<size_t>(blocks[file]);
  if (block + 1 < fences.size() && fences.key(block + 1) < row_end) return nullptr;
  const SSTable& table = *files_[file].table;
  ReadTrace::File* const trace =
      options.trace != nullptr ? options.trace->Of(table.name()) : nullptr;
  auto cells = table.FindRow(fences.handle(block), row, row_end,
                             {.fill_cache = options.fill_cache,
                              .may_block = options.may_block,
                              .page_cache_bytes = options.page_cache_bytes,
                              .trace = trace});
  if (cells == nullptr || trace == nullptr) return cells;
  if (cells->Valid()) ++trace->cells;
  return std::make_unique<CountingIterator>(std::move(cells), &trace->cells);
}

void TabletIndex::Trace(uint32_t file, bool in_reach, ReadTrace::Filter filter,
                        ReadTrace* trace) const {
  if (!in_reach) {
    ++trace->files_out_of_reach;
  } else {
    trace->Of(files_[file].table->name())->filter = filter;
  }
}

// By what is known without reading: first and last key, the smallest sequence, the timestamps.
bool TabletIndex::IsInReach(uint32_t file, Slice start, Slice end,
                            const ReadOptions& options) const {
  const SSTableProperties& p = files_[file].table->properties();
  return IsAskedFor(file, options) && Slice(p.last_key) >= start &&
         (end.empty() || Slice(p.first_key) < end);
}

bool TabletIndex::IsAskedFor(uint32_t file, const ReadOptions& options) const {
  const SSTableProperties& p = files_[file].table->properties();
  if (p.markers == 0 && options.min_timestamp_us != 0 &&
      p.max_timestamp_us < options.min_timestamp_us) {
    return false;
  }
  if (p.markers == 0 && options.max_timestamp_us != 0 &&
      p.min_timestamp_us >= options.max_timestamp_us) {
    return false;
  }
  return p.min_sequence <= options.snapshot;
}

std::pair<size_t, size_t> TabletIndex::BlocksOf(size_t file) const {
  const FileFences& fences = *fences_[file];
  size_t first = 0, end = fences.size();
  const Clip& clip = clips_[file];
  if (!clip.first.empty()) first = static_cast<size_t>(std::max(fences.FindBlock(clip.first), 0));
  if (!clip.end.empty()) end = static_cast<size_t>(fences.FindBlock(clip.end) + 1);
  return {first, std::max(first, end)};
}

uint64_t TabletIndex::BytesOf(size_t file) const {
  const File& clipped = files_[file];
  const bool whole = clipped.clip_start.empty() && clipped.clip_end.empty();
  if (whole || !fences_[file]->status().ok()) {
    return clipped.table->properties().file_bytes;
  }
  uint64_t bytes = 0;
  const auto [first, end] = BlocksOf(file);
  for (size_t block = first; block < end; ++block) {
    bytes += fences_[file]->handle(block).file_bytes();
  }
  return bytes;
}

size_t TabletIndex::memory_bytes() const {
  size_t bytes = sizeof(*this) + files_.capacity() * sizeof(files_[0]) +
                 fences_.capacity() * sizeof(fences_[0]) +
                 entries_.capacity() * sizeof(entries_[0]) + common_prefix_.capacity() +
                 (anchor_heads_.capacity() + heads_.capacity()) * sizeof(heads_[0]) +
                 blocks_before_.capacity() * sizeof(blocks_before_[0]);
  for (const File& file : files_) bytes += file.clip_start.capacity() + file.clip_end.capacity();
  bytes += clips_.capacity() * sizeof(clips_[0]);
  for (const Clip& clip : clips_) bytes += clip.first.capacity() + clip.end.capacity();
  for (const auto& fences : fences_) bytes += fences->memory_bytes();
  return bytes;
}

}  // namespace stele::storage
