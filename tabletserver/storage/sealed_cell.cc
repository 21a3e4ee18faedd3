#include "tabletserver/storage/sealed_cell.h"

#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"

namespace stele::storage {
namespace {
constexpr size_t kHeadBytes = 5;
constexpr size_t kCrcBytes = 4;
}  // namespace

std::string SealCell(uint32_t magic, uint8_t version, Slice body) {
  std::string out;
  PutFixed32(&out, magic);
  out.push_back(static_cast<char>(version));
  out.append(body.data(), body.size());
  PutFixed32(&out, MaskCrc(Crc32c(out)));
  return out;
}

StatusOr<Slice> OpenSealedCell(Slice what, uint32_t magic, uint8_t newest, Slice encoded) {
  auto damaged = [&](const char* why) { return CorruptError(absl::StrCat(what, ": ", why)); };
  if (encoded.size() < kHeadBytes + kCrcBytes) return damaged("cut short");
  const Slice body = encoded.substr(0, encoded.size() - kCrcBytes);
  if (DecodeFixed32(encoded.data() + body.size()) != MaskCrc(Crc32c(body))) {
    return damaged("crc mismatch");
  }
  if (DecodeFixed32(body.data()) != magic) return damaged("bad magic");
  const auto version = static_cast<uint8_t>(body[4]);
  if (version == 0) return damaged("version 0");
  if (version > newest) {
    return absl::FailedPreconditionError(
        absl::StrCat(what, " of version ", int{version}, " is newer than this program"));
  }
  return body.substr(kHeadBytes);
}

}  // namespace stele::storage
