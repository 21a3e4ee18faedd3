#include "common/store/cell_format.h"

#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"

namespace stele {
namespace {

constexpr char kMagic[] = "SCEL";
constexpr uint32_t kFormat = 1;
constexpr size_t kCrcOffset = 28;

uint32_t CellCrc(Slice name, Slice head, Slice value) {
  return MaskCrc(ExtendCrc32c(ExtendCrc32c(Crc32c(name), head), value));
}

Status Damaged(Slice name, Slice why) {
  return CorruptError(absl::StrCat("cell ", name, ": ", why));
}

}  // namespace

std::string EncodeCellFile(Slice name, uint64_t version, Slice value) {
  std::string out(kMagic, 4);
  out.reserve(kCellHeaderBytes + value.size());
  PutFixed32(&out, kFormat);
  PutFixed64(&out, version);
  PutFixed64(&out, value.size());
  PutFixed32(&out, 0);
  PutFixed32(&out, CellCrc(name, out, value));
  out.append(value.data(), value.size());
  return out;
}

StatusOr<StoredCell> DecodeCellFile(Slice name, Slice file) {
  if (file.size() < kCellHeaderBytes) {
    return Damaged(name, absl::StrCat("only ", file.size(), " bytes"));
  }
  if (file.substr(0, 4) != Slice(kMagic, 4)) return Damaged(name, "bad magic");
  const Slice value = file.substr(kCellHeaderBytes);
  const uint32_t crc = CellCrc(name, file.substr(0, kCrcOffset), value);
  if (crc != DecodeFixed32(file.data() + kCrcOffset)) return Damaged(name, "bad crc");
  const uint32_t format = DecodeFixed32(file.data() + 4);
  if (format != kFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("cell ", name, ": format ", format, ", this program knows ", kFormat));
  }
  StoredCell cell;
  cell.version = DecodeFixed64(file.data() + 8);
  if (DecodeFixed64(file.data() + 16) != value.size()) return Damaged(name, "bad length");
  cell.value = std::string(value);
  return cell;
}

}  // namespace stele
