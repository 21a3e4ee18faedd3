#include <array>

#include "common/bytes/coding.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/sstable/sstable_format.h"

namespace stele::storage {
namespace {

enum Tag : uint64_t {
  kCells = 1,
  kMarkers = 2,
  kWideMarkers = 3,
  kRows = 4,
  kKeyValueBytes = 5,
  kBlocks = 6,
  kMinSequence = 7,
  kMaxSequence = 8,
  kFirstKey = 9,
  kLastKey = 10,
  kContentHash = 11,
  kCodec = 12,
  kBlockBytes = 13,
  kBloomColumns = 14,
  kRawBlockBytes = 15,
  kMinTimestamp = 16,
  kMaxTimestamp = 17,
  kFamily = 18,  // repeated
};
constexpr uint64_t kLastRequired = kMaxTimestamp;

void PutBytes(std::string* out, uint64_t tag, Slice bytes) {
  PutVarint64(out, tag);
  PutLengthPrefixed(out, bytes);
}

void PutInteger(std::string* out, uint64_t tag, uint64_t value) {
  char buffer[kMaxVarint64Bytes];
  char* end = EncodeVarint64(buffer, value);
  PutBytes(out, tag, Slice(buffer, static_cast<size_t>(end - buffer)));
}

bool ParseInteger(Slice bytes, uint64_t* value) {
  return GetVarint64(&bytes, value) && bytes.empty();
}

bool ParseTimestamp(Slice bytes, int64_t* value) {
  uint64_t wide;
  if (!ParseInteger(bytes, &wide) || wide > INT64_MAX) return false;
  *value = static_cast<int64_t>(wide);
  return true;
}

void PutFamily(std::string* out, const FamilyStatistics& family) {
  std::string bytes;
  PutVarint64(&bytes, family.id);
  PutVarint64(&bytes, family.cells);
  PutVarint64(&bytes, family.markers);
  PutVarint64(&bytes, family.key_value_bytes);
  PutVarint64(&bytes, static_cast<uint64_t>(family.min_timestamp_us));
  PutVarint64(&bytes, static_cast<uint64_t>(family.max_timestamp_us));
  bytes += family.name;
  PutBytes(out, kFamily, bytes);
}

bool ParseFamily(Slice bytes, FamilyStatistics* family) {
  uint64_t id, min_timestamp, max_timestamp;
  if (!GetVarint64(&bytes, &id) || id > UINT16_MAX || !GetVarint64(&bytes, &family->cells) ||
      !GetVarint64(&bytes, &family->markers) || !GetVarint64(&bytes, &family->key_value_bytes) ||
      !GetVarint64(&bytes, &min_timestamp) || min_timestamp > INT64_MAX ||
      !GetVarint64(&bytes, &max_timestamp) || max_timestamp > INT64_MAX) {
    return false;
  }
  family->id = static_cast<uint16_t>(id);
  family->min_timestamp_us = static_cast<int64_t>(min_timestamp);
  family->max_timestamp_us = static_cast<int64_t>(max_timestamp);
  family->name.assign(bytes.data(), bytes.size());
  return true;
}

bool ParseKey(Slice bytes, std::string* key) {
  ParsedCellKey parsed;
  std::string scratch;
  key->assign(bytes.data(), bytes.size());
  return ParseCellKey(bytes, &parsed, &scratch).ok();
}

bool ParseCodecTag(Slice bytes, Codec* codec) {
  uint64_t value;
  if (!ParseInteger(bytes, &value) || value > static_cast<uint64_t>(Codec::kZstd)) return false;
  *codec = static_cast<Codec>(value);
  return true;
}

bool ParseSmall(Slice bytes, uint32_t* value) {
  return GetVarint32(&bytes, value) && bytes.empty();
}

bool ParseFlag(Slice bytes, bool* value) {
  uint64_t wide;
  if (!ParseInteger(bytes, &wide) || wide > 1) return false;
  *value = wide == 1;
  return true;
}

bool ParseHash(Slice bytes, uint64_t* value) { return GetFixed64(&bytes, value) && bytes.empty(); }

bool ParseOne(uint64_t tag, Slice bytes, SSTableProperties* p) {
  switch (tag) {
    case kCells:
      return ParseInteger(bytes, &p->cells);
    case kMarkers:
      return ParseInteger(bytes, &p->markers);
    case kWideMarkers:
      return ParseInteger(bytes, &p->wide_markers);
    case kRows:
      return ParseInteger(bytes, &p->rows);
    case kKeyValueBytes:
      return ParseInteger(bytes, &p->key_value_bytes);
    case kBlocks:
      return ParseInteger(bytes, &p->blocks);
    case kMinSequence:
      return ParseInteger(bytes, &p->min_sequence);
    case kMaxSequence:
      return ParseInteger(bytes, &p->max_sequence);
    case kFirstKey:
      return ParseKey(bytes, &p->first_key);
    case kLastKey:
      return ParseKey(bytes, &p->last_key);
    case kContentHash:
      return ParseHash(bytes, &p->content_hash);
    case kCodec:
      return ParseCodecTag(bytes, &p->codec);
    case kBlockBytes:
      return ParseSmall(bytes, &p->block_bytes);
    case kBloomColumns:
      return ParseFlag(bytes, &p->bloom_columns);
    case kRawBlockBytes:
      return ParseInteger(bytes, &p->raw_block_bytes);
    case kMinTimestamp:
      return ParseTimestamp(bytes, &p->min_timestamp_us);
    case kMaxTimestamp:
      return ParseTimestamp(bytes, &p->max_timestamp_us);
    case kFamily:
      p->families.emplace_back();
      return ParseFamily(bytes, &p->families.back());
    default:
      return true;
  }
}

}  // namespace

std::string EncodeProperties(const SSTableProperties& p) {
  std::string out;
  PutInteger(&out, kCells, p.cells);
  PutInteger(&out, kMarkers, p.markers);
  PutInteger(&out, kWideMarkers, p.wide_markers);
  PutInteger(&out, kRows, p.rows);
  PutInteger(&out, kKeyValueBytes, p.key_value_bytes);
  PutInteger(&out, kBlocks, p.blocks);
  PutInteger(&out, kMinSequence, p.min_sequence);
  PutInteger(&out, kMaxSequence, p.max_sequence);
  PutBytes(&out, kFirstKey, p.first_key);
  PutBytes(&out, kLastKey, p.last_key);
  char hash[8];
  EncodeFixed64(hash, p.content_hash);
  PutBytes(&out, kContentHash, Slice(hash, sizeof(hash)));
  PutInteger(&out, kCodec, static_cast<uint64_t>(p.codec));
  PutInteger(&out, kBlockBytes, p.block_bytes);
  PutInteger(&out, kBloomColumns, p.bloom_columns ? 1 : 0);
  PutInteger(&out, kRawBlockBytes, p.raw_block_bytes);
  PutInteger(&out, kMinTimestamp, static_cast<uint64_t>(p.min_timestamp_us));
  PutInteger(&out, kMaxTimestamp, static_cast<uint64_t>(p.max_timestamp_us));
  for (const FamilyStatistics& family : p.families) PutFamily(&out, family);
  return out;
}

StatusOr<SSTableProperties> DecodeProperties(Slice encoded) {
  SSTableProperties properties;
  std::array<bool, kLastRequired + 1> seen{};
  while (!encoded.empty()) {
    uint64_t tag;
    Slice bytes;
    if (!GetVarint64(&encoded, &tag) || !GetLengthPrefixed(&encoded, &bytes) ||
        !ParseOne(tag, bytes, &properties)) {
      return CorruptError("malformed property");
    }
    if (tag > kLastRequired) continue;
    if (tag == 0 || seen[tag]) return CorruptError(absl::StrCat("property ", tag, " twice"));
    seen[tag] = true;
  }
  for (uint64_t tag = 1; tag <= kLastRequired; ++tag) {
    if (!seen[tag]) return CorruptError(absl::StrCat("property ", tag, " is missing"));
  }
  return properties;
}

}  // namespace stele::storage
