#include "tabletserver/storage/damage_mark.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/bytes/coding.h"
#include "tabletserver/storage/sealed_cell.h"

namespace stele::storage {
namespace {
constexpr uint32_t kMagic = 0x4d445453;  // "STDM"
constexpr uint8_t kVersion = 1;
constexpr size_t kShownEntries = 4;

Status Damaged(const char* what) { return CorruptError(absl::StrCat("damage mark: ", what)); }
}  // namespace

std::string DamageCellName(TabletId tablet) {
  return absl::StrFormat("%s/%016x", kDamageCellPrefix, tablet);
}

std::string EncodeDamageMark(const DamageMark& mark) {
  std::string out;
  PutVarint64(&out, mark.entries.size());
  for (const DamageMark::Entry& entry : mark.entries) {
    PutLengthPrefixed(&out, entry.report);
    PutLengthPrefixed(&out, entry.rescue);
  }
  return SealCell(kMagic, kVersion, out);
}

StatusOr<DamageMark> DecodeDamageMark(Slice encoded) {
  ASSIGN_OR_RETURN(Slice body, OpenSealedCell("damage mark", kMagic, kVersion, encoded));
  DamageMark mark;
  uint64_t n = 0;
  if (!GetVarint64(&body, &n)) return Damaged("count");
  for (uint64_t i = 0; i < n; ++i) {
    Slice report, rescue;
    if (!GetLengthPrefixed(&body, &report) || !GetLengthPrefixed(&body, &rescue)) {
      return Damaged("entry");
    }
    mark.entries.push_back({std::string(report), std::string(rescue)});
  }
  if (!body.empty()) return Damaged("bytes after the end");
  return mark;
}

StatusOr<DamageMark> ReadDamageMark(BlobStore* store, TabletId tablet) {
  ASSIGN_OR_RETURN(StoredCell cell, store->ReadCell(DamageCellName(tablet)));
  return DecodeDamageMark(cell.value);
}

Status AddDamageMark(BlobStore* store, TabletId tablet, const DamageMark::Entry& entry) {
  const std::string name = DamageCellName(tablet);
  StatusOr<StoredCell> cell = store->ReadCell(name);
  if (absl::IsNotFound(cell.status())) {
    return store->CreateCell(name, EncodeDamageMark({{entry}}));
  }
  if (IsCorrupt(cell.status())) return OkStatus();
  RETURN_IF_ERROR(cell.status());
  StatusOr<DamageMark> mark = DecodeDamageMark(cell->value);
  if (IsCorrupt(mark.status())) return OkStatus();
  RETURN_IF_ERROR(mark.status());
  const bool told =
      std::any_of(mark->entries.begin(), mark->entries.end(), [&](const DamageMark::Entry& old) {
        return old.report == entry.report && old.rescue.empty() == entry.rescue.empty();
      });
  if (told) return OkStatus();
  mark->entries.push_back(entry);
  return store->SwapCell(name, cell->version, EncodeDamageMark(*mark)).status();
}

Status CheckNotDamaged(BlobStore* store, TabletId tablet) {
  StatusOr<DamageMark> mark = ReadDamageMark(store, tablet);
  if (absl::IsNotFound(mark.status())) return OkStatus();
  const std::string whose = absl::StrCat("tablet ", tablet);
  if (!mark.ok()) return WithContext(mark.status(), whose);
  std::string text = absl::StrCat(whose, " may lack acknowledged writes");
  for (size_t i = 0; i < std::min(mark->entries.size(), kShownEntries); ++i) {
    absl::StrAppend(&text, "; ", mark->entries[i].report);
  }
  if (mark->entries.size() > kShownEntries) {
    absl::StrAppend(&text, "; and ", mark->entries.size() - kShownEntries, " reports more");
  }
  return CorruptError(text);
}

Status RemoveDamageMark(BlobStore* store, TabletId tablet) {
  const std::string name = DamageCellName(tablet);
  // A cell that does not read tells no version: then it stays.
  StatusOr<StoredCell> cell = store->ReadCell(name);
  if (absl::IsNotFound(cell.status())) return OkStatus();
  RETURN_IF_ERROR(cell.status());
  return store->DeleteCell(name, cell->version);
}

}  // namespace stele::storage
