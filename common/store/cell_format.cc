#include "common/store/cell_format.h"

#include <utility>

#include "common/base/check.h"
#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"

namespace stele {
namespace {

constexpr char kMagic[] = "SCEL";
constexpr uint32_t kFormat = 1;
constexpr size_t kKindOffset = 24;
constexpr size_t kLineageOffset = 25;
constexpr size_t kCrcOffset = 28;

// `rest`: what follows the header.
uint32_t CellCrc(Slice name, Slice head, Slice rest) {
  return MaskCrc(ExtendCrc32c(ExtendCrc32c(Crc32c(name), head), rest));
}

Status Damaged(Slice name, Slice why) {
  return CorruptError(absl::StrCat("cell ", name, ": ", why));
}

}  // namespace

std::string EncodeCellVersion(Slice name, const CellVersion& version) {
  const std::string& value = version.cell.value;
  const std::vector<uint64_t>& lineage = version.lineage;
  CHECK_LE(lineage.size(), kMaxCellLineage);
  std::string out(kMagic, 4);
  out.reserve(kCellHeaderBytes + lineage.size() * sizeof(uint64_t) + value.size());
  PutFixed32(&out, kFormat);
  PutFixed64(&out, version.cell.version);
  PutFixed64(&out, value.size());
  PutFixed32(&out,
             static_cast<uint32_t>(version.kind) | static_cast<uint32_t>(lineage.size() << 8));
  PutFixed32(&out, 0);
  for (uint64_t token : lineage) PutFixed64(&out, token);
  out.append(value);
  const Slice all = out;
  const uint32_t crc = CellCrc(name, all.substr(0, kCrcOffset), all.substr(kCellHeaderBytes));
  EncodeFixed32(out.data() + kCrcOffset, crc);
  return out;
}

StatusOr<CellVersion> DecodeCellVersion(Slice name, Slice file) {
  if (file.size() < kCellHeaderBytes) {
    return Damaged(name, absl::StrCat("only ", file.size(), " bytes"));
  }
  if (file.substr(0, 4) != Slice(kMagic, 4)) return Damaged(name, "bad magic");
  Slice rest = file.substr(kCellHeaderBytes);
  const uint32_t crc = CellCrc(name, file.substr(0, kCrcOffset), rest);
  if (crc != DecodeFixed32(file.data() + kCrcOffset)) return Damaged(name, "bad crc");
  const uint32_t format = DecodeFixed32(file.data() + 4);
  if (format != kFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("cell ", name, ": format ", format, ", this program knows ", kFormat));
  }
  const auto kind = static_cast<uint8_t>(file[kKindOffset]);
  if (kind > static_cast<uint8_t>(CellKind::kDeleted)) {
    return absl::FailedPreconditionError(
        absl::StrCat("cell ", name, ": kind ", kind, " is of a newer program"));
  }
  CellVersion version;
  version.kind = static_cast<CellKind>(kind);
  version.cell.version = DecodeFixed64(file.data() + 8);
  const auto entries = static_cast<uint8_t>(file[kLineageOffset]);
  if (entries > kMaxCellLineage) return Damaged(name, "bad lineage");
  if (rest.size() < entries * sizeof(uint64_t)) return Damaged(name, "bad length");
  for (size_t i = 0; i < entries; ++i) {
    version.lineage.push_back(DecodeFixed64(rest.data()));
    rest.remove_prefix(sizeof(uint64_t));
  }
  if (DecodeFixed64(file.data() + 16) != rest.size()) return Damaged(name, "bad length");
  version.cell.value = std::string(rest);
  return version;
}

std::string EncodeCellFile(Slice name, uint64_t version, Slice value) {
  return EncodeCellVersion(name, {{version, std::string(value)}, CellKind::kValue, {}});
}

StatusOr<StoredCell> DecodeCellFile(Slice name, Slice file) {
  ASSIGN_OR_RETURN(CellVersion version, DecodeCellVersion(name, file));
  if (version.kind == CellKind::kValue) return std::move(version.cell);
  return Damaged(name, "a tombstone, where a value is expected");
}

}  // namespace stele
