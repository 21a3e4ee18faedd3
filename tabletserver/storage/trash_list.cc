#include "tabletserver/storage/trash_list.h"

#include "common/bytes/coding.h"
#include "tabletserver/storage/sealed_cell.h"

namespace stele::storage {
namespace {
constexpr uint32_t kMagic = 0x52545453;  // "STTR"
constexpr uint8_t kVersion = 1;
constexpr char kWhat[] = "trash list gc/trash";

Status Damaged(const char* why) { return CorruptError(absl::StrCat(kWhat, ": ", why)); }
}  // namespace

std::string EncodeTrash(const TrashEntries& entries) {
  std::string out;
  PutVarint64(&out, entries.size());
  for (const auto& [blob, at_us] : entries) {
    PutLengthPrefixed(&out, blob);
    PutVarint64(&out, static_cast<uint64_t>(at_us));
  }
  return SealCell(kMagic, kVersion, out);
}

StatusOr<TrashEntries> DecodeTrash(Slice encoded) {
  ASSIGN_OR_RETURN(Slice body, OpenSealedCell(kWhat, kMagic, kVersion, encoded));
  TrashEntries entries;
  uint64_t n = 0;
  if (!GetVarint64(&body, &n)) return Damaged("count");
  for (uint64_t i = 0; i < n; ++i) {
    Slice blob;
    uint64_t at_us = 0;
    if (!GetLengthPrefixed(&body, &blob) || !GetVarint64(&body, &at_us)) return Damaged("entry");
    entries.emplace(std::string(blob), static_cast<int64_t>(at_us));
  }
  if (!body.empty()) return Damaged("bytes after the end");
  return entries;
}

StatusOr<StoredTrash> ReadTrash(BlobStore* store) {
  StatusOr<StoredCell> cell = store->ReadCell(kTrashCell);
  if (absl::IsNotFound(cell.status())) return StoredTrash{};
  RETURN_IF_ERROR(cell.status());
  StoredTrash stored;
  ASSIGN_OR_RETURN(stored.entries, DecodeTrash(cell->value));
  stored.version = cell->version;
  return stored;
}

Status WriteTrash(BlobStore* store, StoredTrash* stored, TrashEntries next) {
  if (stored->version == 0) {
    Status status = store->CreateCell(kTrashCell, EncodeTrash(next));
    if (absl::IsAlreadyExists(status)) return FencedError("another collector made the trash list");
    RETURN_IF_ERROR(status);
    stored->version = 1;
  } else {
    ASSIGN_OR_RETURN(stored->version,
                     store->SwapCell(kTrashCell, stored->version, EncodeTrash(next)));
  }
  stored->entries = std::move(next);
  return OkStatus();
}

}  // namespace stele::storage
