#include "tabletserver/storage/sstable/block.h"

#include <algorithm>
#include <vector>

#include "common/base/check.h"
#include "common/bytes/coding.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/sstable/sstable.h"

namespace stele::storage {
namespace {

struct Entry {
  uint32_t shared = 0;
  Slice suffix;
  Slice value;
};

// Takes one entry from the front of *input; false when it does not fit in it.
__attribute__((always_inline)) inline bool TakeEntry(Slice* input, Entry* entry) {
  uint32_t unshared, value_size;
  const auto* p = reinterpret_cast<const uint8_t*>(input->data());
  if (input->size() >= 4 && (p[0] | p[1]) < 0x80 && (p[2] & p[3]) < 0x80) {
    // Short, as nearly always: the value's length in one byte or two.
    const bool one = p[2] < 0x80;
    entry->shared = p[0];
    unshared = p[1];
    value_size = one ? p[2] : (p[2] & 0x7fu) | (uint32_t{p[3]} << 7);
    input->remove_prefix(one ? 3 : 4);
  } else if (!GetVarint32(input, &entry->shared) || !GetVarint32(input, &unshared) ||
             !GetVarint32(input, &value_size)) {
    return false;
  }
  if (uint64_t{unshared} + value_size > input->size()) return false;
  entry->suffix = Slice(input->data(), unshared);
  entry->value = Slice(input->data() + unshared, value_size);
  input->remove_prefix(size_t{unshared} + value_size);
  return true;
}

// Splits a block into entries and restart array; false when its end makes no sense.
bool SplitBlock(Slice block, Slice* entries, const char** restarts, uint32_t* count) {
  if (block.size() < 8 || block.size() > UINT32_MAX) return false;
  *count = DecodeFixed32(block.data() + block.size() - 4);
  if (*count == 0 || *count > (block.size() - 4) / 4) return false;
  *entries = block.substr(0, block.size() - 4 - size_t{4} * *count);
  *restarts = block.data() + entries->size();
  return true;
}

// Whether a well-formed key plainly ends as a cell (and not a marker) does.
bool EndsAsCell(Slice key) {
  return KeyKind(key) == CellKind::kSet &&
         (key[key.size() - kKeyTimestampBytes - kKeyTailBytes] & 0x80) != 0;
}

}  // namespace

BlockBuilder::BlockBuilder(uint32_t restart_entries, uint32_t restart_bytes)
    : restart_entries_(restart_entries), restart_bytes_(restart_bytes) {}

void BlockBuilder::Add(Slice key, Slice value, size_t common) {
  const size_t offset = buffer_.bytes().size();
  const bool restart = restarts_.empty() || since_restart_ >= restart_entries_ ||
                       offset - restarts_.back() >= restart_bytes_;
  if (restart) {
    restarts_.push_back(static_cast<uint32_t>(offset));
    since_restart_ = 0;
  }
  const size_t shared = restart ? 0 : common;
  const Slice suffix = key.substr(shared);
  char head[3 * kMaxVarint64Bytes];
  char* end = EncodeVarint64(head, shared);
  end = EncodeVarint64(end, suffix.size());
  end = EncodeVarint64(end, value.size());
  const auto head_bytes = static_cast<size_t>(end - head);
  char* const to = buffer_.Extend(head_bytes + suffix.size() + value.size());
  CopyBytes(to, head, head_bytes);
  CopyBytes(to + head_bytes, suffix.data(), suffix.size());
  CopyBytes(to + head_bytes + suffix.size(), value.data(), value.size());
  ++since_restart_;
  ++entries_;
}

Slice BlockBuilder::Finish() {
  for (uint32_t restart : restarts_) EncodeFixed32(buffer_.Extend(4), restart);
  EncodeFixed32(buffer_.Extend(4), static_cast<uint32_t>(restarts_.size()));
  return buffer_.bytes();
}

void BlockBuilder::Reset() {
  buffer_.Clear();
  restarts_.clear();
  entries_ = 0;
  since_restart_ = 0;
}

Status CheckBlock(Slice block, bool cell_keys) {
  Slice entries;
  const char* restarts;
  uint32_t count;
  if (!SplitBlock(block, &entries, &restarts, &count)) return CorruptError("malformed block end");
  const char* base = entries.data();
  Slice key;  // in the block when it is whole there, else built
  bool is_built = false;
  ByteBuffer built;
  std::string scratch;
  ParsedCellKey parsed;
  // Another version of the column's cell differs from the key before in its end only.
  constexpr size_t kEnd = kKeyTimestampBytes + kKeyTailBytes;
  bool after_cell = false;
  uint32_t at_restart = 0;
  bool first = true;
  for (Entry entry; !entries.empty(); first = false) {
    auto offset = static_cast<size_t>(entries.data() - base);
    bool restart = at_restart < count && DecodeFixed32(restarts + size_t{4} * at_restart) == offset;
    if (restart) ++at_restart;
    if (!TakeEntry(&entries, &entry) || entry.shared > key.size() ||
        (restart && entry.shared != 0) || (first && !restart)) {
      return CorruptError(absl::StrCat("malformed entry at ", offset, " in the block"));
    }
    const Slice rest_of_previous = key.substr(entry.shared);
    if (!first &&
        !Ascends(rest_of_previous, entry.suffix, CommonPrefix(rest_of_previous, entry.suffix))) {
      return CorruptError(absl::StrCat("keys out of order at ", offset, " in the block"));
    }
    const bool next_version = after_cell && entry.shared + kEnd >= key.size() &&
                              entry.shared + entry.suffix.size() == key.size();
    if (entry.shared == 0) {
      key = entry.suffix;
      is_built = false;
    } else {
      if (!is_built) built.Assign(key.substr(0, entry.shared));
      built.Replace(entry.shared, entry.suffix);
      key = built.bytes();
      is_built = true;
    }
    if (!cell_keys || (next_version && EndsAsCell(key))) continue;
    RETURN_IF_ERROR(ParseCellKey(key, &parsed, &scratch));
    after_cell = parsed.kind == CellKind::kSet;
  }
  if (at_restart != count || first) return CorruptError("malformed restart points");
  return OkStatus();
}

BlockIterator::BlockIterator(std::shared_ptr<const CachedBlock> holder, Slice block)
    : holder_(std::move(holder)) {
  Reset(block);
}

void BlockIterator::Reset(Slice block) {
  valid_ = false;
  status_ = OkStatus();
  key_ = Slice();
  key_is_built_ = false;
  if (SplitBlock(block, &entries_, &restarts_, &restart_count_)) return;
  restart_count_ = 0;
  Corrupt();
}

void BlockIterator::Corrupt() {
  valid_ = false;
  status_ = CorruptError("malformed block");
}

bool BlockIterator::RestartKey(uint32_t index, Slice* key) {
  const uint32_t offset = DecodeFixed32(restarts_ + size_t{4} * index);
  if (offset >= entries_.size()) return false;
  // Short, as nearly always: each length but the value's in one byte, that in one or two.
  const auto* p = reinterpret_cast<const uint8_t*>(entries_.data()) + offset;
  const size_t room = entries_.size() - offset;
  if (room > 4 && p[0] == 0 && p[1] < 0x80 && (p[2] & p[3]) < 0x80) {
    const size_t head = p[2] < 0x80 ? 3 : 4;
    if (p[1] > room - head) return false;
    *key = entries_.substr(offset + head, p[1]);
    return true;
  }
  Slice input = entries_.substr(offset);
  Entry entry;
  if (!TakeEntry(&input, &entry) || entry.shared != 0) return false;
  *key = entry.suffix;
  return true;
}

bool BlockIterator::FindRestart(Slice target, bool below, uint32_t* index) {
  uint32_t left = 0, right = restart_count_;  // the answer is in [left, right)
  while (right - left > 1) {
    uint32_t middle = left + (right - left) / 2;
    Slice key;
    if (!RestartKey(middle, &key)) {
      Corrupt();
      return false;
    }
    int order = key.compare(target);
    if (order < 0 || (order == 0 && !below)) {
      left = middle;
    } else {
      right = middle;
    }
  }
  *index = left;
  return true;
}

void BlockIterator::GoToRestart(uint32_t index) {
  next_ = DecodeFixed32(restarts_ + size_t{4} * index);
  key_ = Slice();
  key_is_built_ = false;
  valid_ = true;
  Next();
}

void BlockIterator::SeekToFirst() {
  if (restart_count_ == 0) return;  // corrupt from the start
  status_ = OkStatus();
  GoToRestart(0);
}

void BlockIterator::Seek(Slice target) {
  if (restart_count_ == 0) return;
  status_ = OkStatus();
  uint32_t index;
  if (!FindRestart(target, true, &index)) return;
  for (GoToRestart(index); valid_ && key_ < target; Next()) {
  }
}

void BlockIterator::SeekFloor(Slice target) {
  if (restart_count_ == 0) return;
  status_ = OkStatus();
  uint32_t index;
  if (!FindRestart(target, false, &index)) return;
  GoToLast(index, target, /*equal=*/true);
}

void BlockIterator::SeekBefore(Slice target) {
  if (restart_count_ == 0) return;
  status_ = OkStatus();
  uint32_t index = restart_count_ - 1;
  if (!target.empty() && !FindRestart(target, true, &index)) return;
  GoToLast(index, target, /*equal=*/false);
}

void BlockIterator::GoToLast(uint32_t restart, Slice target, bool equal) {
  const bool to_end = target.empty() && !equal;
  const auto counts = [&] {
    const int order = to_end ? -1 : key_.compare(target);
    return order < 0 || (order == 0 && equal);
  };
  GoToRestart(restart);
  if (!valid_) return;
  valid_ = counts();
  // The key of the next restart point does not count.
  const size_t limit = restart + 1 < restart_count_
                           ? DecodeFixed32(restarts_ + size_t{4} * (restart + 1))
                           : entries_.size();
  size_t last = 1;  // entries from the restart on that count
  while (valid_ && next_ < limit) {
    const Slice key = key_, value = value_;
    const size_t next = next_;
    const bool built = key_is_built_;
    Next();
    if (!valid_) return;
    if (counts()) {
      ++last;
      continue;
    }
    if (built) {  // and overwritten now
      for (GoToRestart(restart); valid_ && last > 1; --last) Next();
    } else {
      key_ = key;
      key_is_built_ = false;
      value_ = value;
      next_ = next;
    }
    return;
  }
}

void BlockIterator::NextAny() {
  DCHECK(valid_);
  if (next_ >= entries_.size()) {
    valid_ = false;
    if (next_ > entries_.size()) Corrupt();
    return;
  }
  Slice input = entries_.substr(next_);
  Entry entry;
  if (!TakeEntry(&input, &entry) || entry.shared > key_.size()) return Corrupt();
  Take(entry.shared, entry.suffix, entry.value);
}

std::unique_ptr<Iterator> NewBlockIterator(std::shared_ptr<const CachedBlock> block) {
  return std::make_unique<BlockIterator>(std::move(block));
}

}  // namespace stele::storage
