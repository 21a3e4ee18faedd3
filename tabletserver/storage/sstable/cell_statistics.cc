#include "tabletserver/storage/sstable/cell_statistics.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/bytes/coding.h"
#include "common/bytes/key_head.h"
#include "schema/model/cell_key.h"

namespace stele::storage {
namespace {

constexpr size_t kFamilyEndBytes = 3;  // behind its name

int64_t TimestampOf(Slice key) {
  return static_cast<int64_t>(
      ~DecodeBig64(key.data() + key.size() - kKeyTailBytes - kKeyTimestampBytes));
}

void Widen(int64_t timestamp, bool first, int64_t* least, int64_t* greatest) {
  *least = first ? timestamp : std::min(*least, timestamp);
  *greatest = first ? timestamp : std::max(*greatest, timestamp);
}

}  // namespace

void CellStatistics::Add(Slice row, bool new_row, Slice key, size_t value_bytes,
                         uint64_t content_hash) {
  const uint64_t tail = KeyTail(key);
  const auto kind = static_cast<CellKind>(tail & 0xff);
  const Sequence sequence = tail >> 8;
  const uint64_t bytes = key.size() + value_bytes;
  if (p_->cells == 0) {
    p_->first_key.assign(key.data(), key.size());
    p_->min_sequence = p_->max_sequence = sequence;
  }
  p_->min_sequence = std::min(p_->min_sequence, sequence);
  p_->max_sequence = std::max(p_->max_sequence, sequence);
  ++p_->cells;
  p_->rows += new_row ? 1 : 0;
  p_->key_value_bytes += bytes;
  p_->content_hash += content_hash;
  if (kind != CellKind::kSet) ++p_->markers;
  if (kind == CellKind::kDeleteRow || kind == CellKind::kDeleteFamily) ++p_->wide_markers;
  if (kind == CellKind::kSet) {
    Widen(TimestampOf(key), p_->cells - p_->markers == 1, &p_->min_timestamp_us,
          &p_->max_timestamp_us);
  }
  if (kind != CellKind::kDeleteRow) AddToFamily(key.substr(row.size()), kind, bytes);
}

// `rest` is the key without its row: family, 00, id:be16, ...
void CellStatistics::AddToFamily(Slice rest, CellKind kind, uint64_t bytes) {
  const Slice last = last_family_key_;
  if (last.empty() || rest.size() < last.size() ||
      !EqualBytes(rest.data(), last.data(), last.size())) {
    EnterFamily(rest);
  }
  FamilyStatistics& family = p_->families[last_family_];
  ++family.cells;
  family.key_value_bytes += bytes;
  if (kind != CellKind::kSet) {
    ++family.markers;
    return;
  }
  Widen(TimestampOf(rest), family.cells - family.markers == 1, &family.min_timestamp_us,
        &family.max_timestamp_us);
}

void CellStatistics::EnterFamily(Slice rest) {
  const size_t name_size = rest.find('\0');
  CHECK(name_size != Slice::npos && rest.size() >= name_size + kFamilyEndBytes)
      << " malformed cell key";
  const Slice name = rest.substr(0, name_size);
  const uint16_t id = DecodeBig16(rest.data() + name_size + 1);
  auto& families = p_->families;
  auto it = std::find_if(families.begin(), families.end(), [&](const FamilyStatistics& f) {
    return f.id == id && Slice(f.name) == name;
  });
  if (it == families.end()) {
    it = families.insert(it, FamilyStatistics());
    it->name.assign(name.data(), name.size());
    it->id = id;
  }
  last_family_ = static_cast<size_t>(it - families.begin());
  last_family_key_.assign(rest.data(), name_size + kFamilyEndBytes);
}

}  // namespace stele::storage
