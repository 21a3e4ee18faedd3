#include "tabletserver/storage/index/tablet_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "common/base/check.h"
#include "common/bytes/byte_buffer.h"
#include "common/bytes/key_head.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/index/file_fences.h"
#include "tabletserver/storage/index/index_iterator.h"

namespace stele::storage {
namespace {

constexpr int64_t kGone = -1;

}  // namespace

TabletIndex::~TabletIndex() = default;

std::shared_ptr<const TabletIndex> TabletIndex::Build(std::vector<File> files,
                                                      const TabletIndex* base) {
  std::shared_ptr<TabletIndex> index(new TabletIndex);
  index->files_ = std::move(files);
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
  const Slice last = FenceOf(entries_[(groups - 1) * kGroupEntries]);
  common_prefix_ = std::string(first.substr(0, CommonPrefix(first, last)));
  anchor_heads_.reserve(groups);
  blocks_before_.reserve(groups * files_.size());
  std::vector<int32_t> blocks(files_.size(), -1);
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (i % kGroupEntries == 0) {
      anchor_heads_.push_back(KeyHead(FenceOf(entries_[i]), common_prefix_.size()));
      blocks_before_.insert(blocks_before_.end(), blocks.begin(), blocks.end());
    }
    blocks[entries_[i].file] = static_cast<int32_t>(entries_[i].block);
  }
}

// The number of groups whose anchor is <= key.
size_t TabletIndex::FindGroup(Slice key) const {
  const Slice prefix = key.substr(0, common_prefix_.size());
  if (prefix != Slice(common_prefix_)) {
    return prefix < Slice(common_prefix_) ? 0 : anchor_heads_.size();
  }
  const uint64_t head = KeyHead(key, prefix.size());
  auto [low, high] = std::equal_range(anchor_heads_.begin(), anchor_heads_.end(), head);
  // Among equal heads the whole keys decide.
  size_t begin = static_cast<size_t>(low - anchor_heads_.begin());
  size_t end = static_cast<size_t>(high - anchor_heads_.begin());
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    if (FenceOf(entries_[middle * kGroupEntries]) <= key) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

void TabletIndex::FindBlocks(Slice key, Blocks* blocks) const {
  const size_t groups = FindGroup(key);
  if (groups == 0) {
    blocks->assign(files_.size(), -1);
    return;
  }
  const auto before = blocks_before_.begin() + static_cast<ptrdiff_t>((groups - 1) * files_.size());
  blocks->assign(before, before + static_cast<ptrdiff_t>(files_.size()));
  const auto first = entries_.begin() + static_cast<ptrdiff_t>((groups - 1) * kGroupEntries);
  const auto last = first + static_cast<ptrdiff_t>(std::min(
                                kGroupEntries, static_cast<size_t>(entries_.end() - first)));
  const auto upto =
      std::partition_point(first, last, [&](const Entry& entry) { return FenceOf(entry) <= key; });
  for (auto it = first; it != upto; ++it) (*blocks)[it->file] = static_cast<int32_t>(it->block);
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

StatusOr<std::unique_ptr<Iterator>> TabletIndex::NewPointIterator(
    Slice encoded_row, Slice encoded_column, const ReadOptions& options) const {
  CHECK_GE(encoded_row.size(), 3u) << " not an encoded row";
  ByteBuffer row_end;
  row_end.Assign(encoded_row);
  ++row_end.back();  // the terminator's successor is behind every key of the row
  const Slice end = row_end.bytes();
  const uint64_t hash = SSTable::HashOf(encoded_row);
  absl::InlinedVector<uint32_t, 8> files;
  for (uint32_t f = 0; f < files_.size(); ++f) {
    if (!IsInReach(f, encoded_row, end, options)) {
      if (options.trace != nullptr) Trace(f, false, ReadTrace::Filter::kNotAsked, options.trace);
      continue;
    }
    ASSIGN_OR_RETURN(const bool may, files_[f].table->MayContain(encoded_row, hash, encoded_column,
                                                                 options.may_block));
    if (may) files.push_back(f);
    if (options.trace == nullptr) continue;
    Trace(f, true, may ? ReadTrace::Filter::kMayHold : ReadTrace::Filter::kHoldsNot, options.trace);
  }
  if (files.empty()) return std::unique_ptr<Iterator>();
  return std::unique_ptr<Iterator>(
      std::make_unique<IndexIterator>(shared_from_this(), files, encoded_row, end, options));
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
  if (p.markers == 0 && options.min_timestamp_us != 0 &&
      p.max_timestamp_us < options.min_timestamp_us) {
    return false;
  }
  if (p.markers == 0 && options.max_timestamp_us != 0 &&
      p.min_timestamp_us >= options.max_timestamp_us) {
    return false;
  }
  return p.min_sequence <= options.snapshot && Slice(p.last_key) >= start &&
         (end.empty() || Slice(p.first_key) < end);
}

std::pair<size_t, size_t> TabletIndex::BlocksOf(size_t file) const {
  const FileFences& fences = *fences_[file];
  size_t first = 0, end = fences.size();
  if (!files_[file].clip_start.empty()) {
    std::string key;
    AppendRowEnd(&key, files_[file].clip_start);
    first = static_cast<size_t>(std::max(fences.FindBlock(key), 0));
  }
  if (!files_[file].clip_end.empty()) {
    std::string key;
    AppendRowEnd(&key, files_[file].clip_end);
    end = static_cast<size_t>(fences.FindBlock(key) + 1);
  }
  return {first, std::max(first, end)};
}

uint64_t TabletIndex::BytesOf(size_t file) const {
  const File& clipped = files_[file];
  if (clipped.clip_start.empty() && clipped.clip_end.empty()) {
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
                 anchor_heads_.capacity() * sizeof(anchor_heads_[0]) +
                 blocks_before_.capacity() * sizeof(blocks_before_[0]);
  for (const File& file : files_) bytes += file.clip_start.capacity() + file.clip_end.capacity();
  for (const auto& fences : fences_) bytes += fences->memory_bytes();
  return bytes;
}

}  // namespace stele::storage
