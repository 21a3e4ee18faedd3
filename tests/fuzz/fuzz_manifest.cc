// Any bytes as a manifest, a log record's payload or a cell key, with right checks or without,
// decode to a value that encodes back, or to an error.
#include "common/base/check.h"
#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/manifest/manifest.h"
#include "tabletserver/storage/manifest/manifest_format.h"
#include "tabletserver/storage/write_record.h"
#include "tests/fuzz/input.h"

namespace stele::storage {
namespace {

void TryManifest(Slice bytes) {
  StatusOr<Manifest> manifest = DecodeManifest(bytes);
  if (!manifest.ok()) return;
  StatusOr<Manifest> again = DecodeManifest(EncodeManifest(*manifest));
  CHECK_OK(again.status());
  CHECK(*again == *manifest);
}

// The body behind a prelude whose length and check are right.
std::string Wrapped(uint64_t tablet, Slice body) {
  Manifest empty;
  empty.tablet.id = tablet;
  std::string out = EncodeManifest(empty).substr(0, kManifestPreludeBytes);
  EncodeFixed32(&out[kManifestLengthOffset], static_cast<uint32_t>(body.size()));
  out.append(body.data(), body.size());
  const uint32_t crc = Crc32c(Slice(out).substr(0, kManifestCrcOffset));
  EncodeFixed32(&out[kManifestCrcOffset], MaskCrc(ExtendCrc32c(crc, body)));
  return out;
}

void TryRecord(Slice bytes) {
  WriteHeader header;
  DecodeWrite(bytes, &header, [](Slice key, Slice) {
    ParsedCellKey parsed;
    std::string scratch;
    return ParseCellKey(key, &parsed, &scratch);
  }).IgnoreError();
}

void TryKey(Slice bytes) {
  ParsedCellKey parsed;
  std::string scratch;
  if (!ParseCellKey(bytes, &parsed, &scratch).ok() || parsed.kind != CellKind::kSet) return;
  std::string again;
  AppendSetKey(&again, parsed.row, parsed.family, parsed.family_id, parsed.qualifier,
               parsed.timestamp_us, parsed.sequence);
  CHECK(again == bytes) << "a key that parses is the one encoding of its parts";
}

}  // namespace
}  // namespace stele::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stele::storage;
  stele::fuzz::FuzzInput input(data, size);
  switch (input.Number<uint8_t>() % 4) {
    case 0:
      TryManifest(input.Rest());
      break;
    case 1: {
      const uint64_t tablet = input.Number<uint64_t>();
      TryManifest(Wrapped(tablet, input.Rest()));
      break;
    }
    case 2:
      TryRecord(input.Rest());
      break;
    default:
      TryKey(input.Rest());
  }
  return 0;
}
