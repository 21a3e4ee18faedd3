#include "tabletserver/storage/trash_list.h"

#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"

namespace stele::storage {
namespace {
constexpr uint32_t kMagic = 0x52545453;  // "STTR"
constexpr uint8_t kVersion = 1;
constexpr size_t kHeadBytes = 5;
constexpr size_t kCrcBytes = 4;

Status Damaged(const char* what) {
  return CorruptError(absl::StrCat("trash list ", kTrashCell, ": ", what));
}
}  // namespace

std::string EncodeTrash(const TrashEntries& entries) {
  std::string out;
  PutFixed32(&out, kMagic);
  out.push_back(static_cast<char>(kVersion));
  PutVarint64(&out, entries.size());
  for (const auto& [blob, at_us] : entries) {
    PutLengthPrefixed(&out, blob);
    PutVarint64(&out, static_cast<uint64_t>(at_us));
  }
  PutFixed32(&out, MaskCrc(Crc32c(out)));
  return out;
}

StatusOr<TrashEntries> DecodeTrash(Slice encoded) {
  if (encoded.size() < kHeadBytes + kCrcBytes) return Damaged("cut short");
  Slice body = encoded.substr(0, encoded.size() - kCrcBytes);
  if (DecodeFixed32(encoded.data() + body.size()) != MaskCrc(Crc32c(body))) {
    return Damaged("crc mismatch");
  }
  if (DecodeFixed32(body.data()) != kMagic) return Damaged("bad magic");
  const auto version = static_cast<uint8_t>(body[4]);
  if (version > kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("trash list of version ", int{version}, " is newer than this program"));
  }
  if (version == 0) return Damaged("version 0");
  body.remove_prefix(kHeadBytes);
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
