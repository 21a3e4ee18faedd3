#include "tabletserver/storage/rescue_file.h"

#include "absl/strings/str_format.h"
#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"

namespace stele::storage {
namespace {
constexpr uint32_t kMagic = 0x53525453;  // "STRS"
constexpr uint8_t kVersion = 1;
constexpr size_t kHeadBytes = 5;

uint32_t RecordCrc(Lsn lsn, Slice payload) {
  char head[8];
  EncodeFixed64(head, lsn);
  return MaskCrc(ExtendCrc32c(Crc32c(Slice(head, sizeof(head))), payload));
}
}  // namespace

std::string RescueFolder(TabletId tablet) {
  return absl::StrFormat("%s/%x", kRescuePrefix, tablet);
}

std::string EvidenceName(Slice server_id, const LogGap& gap) {
  return absl::StrCat(kRescuePrefix, "/log-", server_id, "/", gap.epoch, "-", gap.lap, "-",
                      gap.offset, ".bytes");
}

StatusOr<std::unique_ptr<RescueFile>> RescueFile::Create(BlobStore* store, TabletId tablet,
                                                         uint64_t file_id) {
  std::string name = absl::StrFormat("%s/%016x.records", RescueFolder(tablet), file_id);
  ASSIGN_OR_RETURN(std::unique_ptr<BlobWriter> blob, store->CreateBlob(name));
  std::string head;
  PutFixed32(&head, kMagic);
  head.push_back(static_cast<char>(kVersion));
  RETURN_IF_ERROR(blob->Append(head));
  return std::unique_ptr<RescueFile>(new RescueFile(std::move(name), std::move(blob)));
}

Status RescueFile::Add(Lsn lsn, Slice payload) {
  std::string record;
  PutVarint64(&record, lsn);
  PutLengthPrefixed(&record, payload);
  PutFixed32(&record, RecordCrc(lsn, payload));
  return blob_->Append(record);
}

Status RescueFile::Finish() { return blob_->Finish(); }

Status ReadRescue(Slice content, absl::FunctionRef<Status(Lsn lsn, Slice payload)> fn) {
  if (content.size() < kHeadBytes || DecodeFixed32(content.data()) != kMagic) {
    return CorruptError("not a rescue file");
  }
  const auto version = static_cast<uint8_t>(content[4]);
  if (version > kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("rescue file of version ", int{version}, " is newer than this program"));
  }
  if (version == 0) return CorruptError("rescue file of version 0");
  const size_t size = content.size();
  content.remove_prefix(kHeadBytes);
  while (!content.empty()) {
    const size_t offset = size - content.size();
    uint64_t lsn = 0;
    uint32_t crc = 0;
    Slice payload;
    if (!GetVarint64(&content, &lsn) || !GetLengthPrefixed(&content, &payload) ||
        !GetFixed32(&content, &crc) || crc != RecordCrc(lsn, payload)) {
      return CorruptError(absl::StrCat("rescue file is damaged at offset ", offset));
    }
    RETURN_IF_ERROR(fn(lsn, payload));
  }
  return OkStatus();
}

}  // namespace stele::storage
