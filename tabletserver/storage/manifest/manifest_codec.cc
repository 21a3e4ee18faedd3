// Encoding and decoding of manifests, as FORMAT.md says. The decoder trusts nothing: a count is
// compared with the bytes that are left before anything is reserved.
#include <cstring>
#include <limits>

#include "common/base/check.h"
#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"
#include "tabletserver/storage/manifest/manifest.h"
#include "tabletserver/storage/manifest/manifest_format.h"

namespace stele::storage {
namespace {

void PutSigned(std::string* out, int64_t v) { PutVarint64(out, static_cast<uint64_t>(v)); }

void PutGc(std::string* out, const GcRule& rule, size_t depth) {
  CHECK_LE(depth, kManifestMaxGcDepth);
  PutVarint64(out, static_cast<uint64_t>(rule.kind));
  PutVarint64(out, static_cast<uint32_t>(rule.max_versions));
  PutSigned(out, rule.max_age_us);
  PutVarint64(out, rule.rules.size());
  for (const GcRule& inner : rule.rules) PutGc(out, inner, depth + 1);
}

void PutSchema(std::string* out, const TableSchema& schema) {
  PutLengthPrefixed(out, schema.name);
  PutVarint64(out, schema.id);
  PutVarint64(out, schema.version);
  PutVarint64(out, schema.next_family_id);
  PutVarint64(out, schema.split_bytes);
  PutVarint64(out, schema.deletion_protection ? 1 : 0);
  PutVarint64(out, schema.families.size());
  for (const FamilySchema& family : schema.families) {
    PutLengthPrefixed(out, family.name);
    PutVarint64(out, family.id);
    PutLengthPrefixed(out, family.locality_group);
    PutGc(out, family.gc, 1);
    PutVarint64(out, static_cast<uint64_t>(family.aggregate));
  }
  PutVarint64(out, schema.groups.size());
  for (const LocalityGroupSchema& group : schema.groups) {
    PutLengthPrefixed(out, group.name);
    PutVarint64(out, static_cast<uint64_t>(group.codec));
    PutVarint64(out, group.block_bytes);
    PutVarint64(out, group.bloom_bits_per_key);
    PutVarint64(out, (group.bloom_columns ? kManifestGroupBloomColumns : 0) |
                         (group.in_memory ? kManifestGroupInMemory : 0));
  }
}

void PutFile(std::string* out, const ManifestFile& file) {
  PutLengthPrefixed(out, file.blob);
  PutVarint64(out, file.file_id);
  PutLengthPrefixed(out, file.group);
  PutVarint64(out, file.bytes);
  PutVarint64(out, file.cells);
  PutVarint64(out, file.markers);
  PutVarint64(out, file.min_sequence);
  PutVarint64(out, file.max_sequence);
  PutLengthPrefixed(out, file.first_row);
  PutLengthPrefixed(out, file.last_row);
  PutLengthPrefixed(out, file.clip_start);
  PutLengthPrefixed(out, file.clip_end);
  PutVarint64(out, file.drops_applied);
}

void PutRequest(std::string* out, const RememberedRequest& request) {
  PutVarint64(out, request.sequence);
  PutVarint64(out, static_cast<uint64_t>(request.kind));
  if (request.kind == ChangeKind::kWrite) PutVarint64(out, request.count);
  if (request.kind != ChangeKind::kRow) return;
  PutLengthPrefixed(out, request.row.key);
  PutVarint64(out, request.row.cells.size());
  for (const Cell& cell : request.row.cells) {
    PutLengthPrefixed(out, cell.family);
    PutLengthPrefixed(out, cell.qualifier);
    PutSigned(out, cell.timestamp_us);
    PutLengthPrefixed(out, cell.value);
  }
}

// Consumes the body front to back; the first failure names the field and stays.
class BodyReader {
 public:
  explicit BodyReader(Slice body) : input_(body), size_(body.size()) {}

  uint64_t Number(const char* field, uint64_t max = std::numeric_limits<uint64_t>::max()) {
    uint64_t v = 0;
    if (!status_.ok()) return 0;
    if (!GetVarint64(&input_, &v) || v > max) {
      Fail(field);
      return 0;
    }
    return v;
  }
  int64_t Signed(const char* field) { return static_cast<int64_t>(Number(field)); }
  std::string String(const char* field) {
    Slice s;
    if (!status_.ok()) return {};
    if (!GetLengthPrefixed(&input_, &s)) {
      Fail(field);
      return {};
    }
    return std::string(s);
  }
  // A count of things of at least `min_bytes` each.
  size_t Count(const char* field, size_t min_bytes) {
    return static_cast<size_t>(Number(field, input_.size() / min_bytes));
  }
  void Fail(const char* field) {
    if (!status_.ok()) return;
    status_ = CorruptError(absl::StrCat("bad field ", field, " at offset ",
                                        kManifestPreludeBytes + size_ - input_.size()));
  }
  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  bool AtEnd() const { return input_.empty(); }

 private:
  Slice input_;
  const size_t size_;
  Status status_;
};

GcRule ReadGc(BodyReader* in, size_t depth) {
  GcRule rule;
  if (depth > kManifestMaxGcDepth) {
    in->Fail("gc (too deep)");
    return rule;
  }
  rule.kind = static_cast<GcRule::Kind>(
      in->Number("gc.kind", static_cast<uint64_t>(GcRule::Kind::kIntersection)));
  rule.max_versions =
      static_cast<int32_t>(static_cast<uint32_t>(in->Number("gc.max_versions", UINT32_MAX)));
  rule.max_age_us = in->Signed("gc.max_age_us");
  size_t n = in->Count("gc.rules", 4);
  for (size_t i = 0; i < n && in->ok(); ++i) rule.rules.push_back(ReadGc(in, depth + 1));
  return rule;
}

TableSchema ReadSchema(BodyReader* in, uint32_t version) {
  TableSchema schema;
  schema.name = in->String("schema.name");
  schema.id = in->Number("schema.id");
  schema.version = in->Number("schema.version");
  schema.next_family_id = static_cast<uint16_t>(
      in->Number("schema.next_family_id", std::numeric_limits<uint16_t>::max()));
  schema.split_bytes = in->Number("schema.split_bytes");
  schema.deletion_protection = in->Number("schema.deletion_protection", 1) != 0;
  size_t families = in->Count("schema.families", 7);
  for (size_t i = 0; i < families && in->ok(); ++i) {
    FamilySchema family;
    family.name = in->String("family.name");
    family.id =
        static_cast<uint16_t>(in->Number("family.id", std::numeric_limits<uint16_t>::max()));
    family.locality_group = in->String("family.locality_group");
    family.gc = ReadGc(in, 1);
    if (version >= kManifestRequestsVersion) {
      family.aggregate = static_cast<Aggregate>(
          in->Number("family.aggregate", static_cast<uint64_t>(Aggregate::kMax)));
    }
    schema.families.push_back(std::move(family));
  }
  size_t groups = in->Count("schema.groups", 5);
  for (size_t i = 0; i < groups && in->ok(); ++i) {
    LocalityGroupSchema group;
    group.name = in->String("group.name");
    group.codec =
        static_cast<Codec>(in->Number("group.codec", static_cast<uint64_t>(Codec::kZstd)));
    group.block_bytes = static_cast<uint32_t>(in->Number("group.block_bytes", UINT32_MAX));
    group.bloom_bits_per_key =
        static_cast<uint32_t>(in->Number("group.bloom_bits_per_key", UINT32_MAX));
    uint64_t flags = in->Number("group.flags", kManifestGroupBloomColumns | kManifestGroupInMemory);
    group.bloom_columns = (flags & kManifestGroupBloomColumns) != 0;
    group.in_memory = (flags & kManifestGroupInMemory) != 0;
    schema.groups.push_back(std::move(group));
  }
  return schema;
}

ManifestFile ReadFile(BodyReader* in, uint32_t version) {
  ManifestFile file;
  file.blob = in->String("file.blob");
  file.file_id = in->Number("file.file_id");
  file.group = in->String("file.group");
  file.bytes = in->Number("file.bytes");
  file.cells = in->Number("file.cells");
  file.markers = in->Number("file.markers");
  file.min_sequence = in->Number("file.min_sequence");
  file.max_sequence = in->Number("file.max_sequence");
  file.first_row = in->String("file.first_row");
  file.last_row = in->String("file.last_row");
  file.clip_start = in->String("file.clip_start");
  file.clip_end = in->String("file.clip_end");
  if (version >= kManifestDropsVersion) file.drops_applied = in->Number("file.drops_applied");
  return file;
}

// Oldest first: they are worked off in that order.
void ReadDrops(BodyReader* in, Manifest* manifest) {
  manifest->last_drop_order = in->Number("last_drop_order");
  size_t drops = in->Count("drops", 3);
  for (size_t i = 0; i < drops && in->ok(); ++i) {
    RowDrop drop;
    drop.start = in->String("drop.start");
    drop.end = in->String("drop.end");
    drop.sequence = in->Number("drop.sequence");
    const Sequence before = manifest->drops.empty() ? 0 : manifest->drops.back().sequence;
    if (drop.sequence <= before) in->Fail("drop.sequence (not ascending)");
    manifest->drops.push_back(std::move(drop));
  }
}

RememberedRequest ReadRequest(BodyReader* in, uint32_t version, uint64_t least) {
  RememberedRequest request;
  request.sequence = in->Number("request.sequence");
  request.kind = static_cast<ChangeKind>(
      in->Number("request.kind", static_cast<uint64_t>(ChangeKind::kForgotRow)));
  if (request.kind == ChangeKind::kWrite && version >= kManifestRunsVersion) {
    request.count = in->Number("request.count");
  }
  if (request.sequence < least || request.count == 0 ||
      request.count > UINT64_MAX - request.sequence) {
    in->Fail("request.sequence (not ascending)");
  }
  if (request.kind != ChangeKind::kRow) return request;
  request.row.key = in->String("request.row");
  const size_t cells = in->Count("request.cells", 4);
  for (size_t i = 0; i < cells && in->ok(); ++i) {
    Cell& cell = request.row.cells.emplace_back();
    cell.family = in->String("cell.family");
    cell.qualifier = in->String("cell.qualifier");
    cell.timestamp_us = in->Signed("cell.timestamp_us");
    cell.value = in->String("cell.value");
  }
  return request;
}

void ReadRequests(BodyReader* in, uint32_t version, Manifest* manifest) {
  const size_t clients = in->Count("clients", 3);
  for (size_t i = 0; i < clients && in->ok(); ++i) {
    RememberedClient& client = manifest->requests.emplace_back();
    client.client_id = in->Number("client.id");
    client.first_incomplete = in->Number("client.first_incomplete");
    const size_t requests = in->Count("client.requests", 2);
    uint64_t least = 0;
    for (size_t j = 0; j < requests && in->ok(); ++j) {
      client.requests.push_back(ReadRequest(in, version, least));
      least = client.requests.back().sequence + client.requests.back().count;
    }
  }
}

uint32_t ManifestCrc(Slice encoded) {
  uint32_t crc = Crc32c(encoded.substr(0, kManifestCrcOffset));
  return MaskCrc(ExtendCrc32c(crc, encoded.substr(kManifestPreludeBytes)));
}

Status CheckPrelude(Slice encoded) {
  if (encoded.size() < kManifestPreludeBytes) {
    return CorruptError(absl::StrCat("manifest of ", encoded.size(), " bytes is cut short"));
  }
  const char* p = encoded.data();
  if (DecodeFixed32(p) != kManifestMagic) return CorruptError("bad magic at offset 0");
  if (DecodeFixed32(p + kManifestLengthOffset) != encoded.size() - kManifestPreludeBytes) {
    return CorruptError(absl::StrCat("the body has ", encoded.size() - kManifestPreludeBytes,
                                     " bytes, the prelude says ",
                                     DecodeFixed32(p + kManifestLengthOffset)));
  }
  if (DecodeFixed32(p + kManifestCrcOffset) != ManifestCrc(encoded)) {
    return CorruptError("crc mismatch over the whole manifest");
  }
  uint32_t version = DecodeFixed32(p + kManifestVersionOffset);
  if (version > Manifest::kFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat("manifest format ", version,
                                                      " is newer than ", Manifest::kFormatVersion,
                                                      ", the newest this program knows"));
  }
  if (version == 0) return CorruptError("format version 0 at offset 4");
  return OkStatus();
}

}  // namespace

std::string EncodeManifest(const Manifest& manifest) {
  std::string out(kManifestPreludeBytes, '\0');
  PutVarint64(&out, manifest.tablet.table);
  PutLengthPrefixed(&out, manifest.tablet.start_row);
  PutLengthPrefixed(&out, manifest.tablet.end_row);
  PutVarint64(&out, manifest.epoch);
  PutVarint64(&out, manifest.flushed_sequence);
  PutSigned(&out, manifest.max_server_timestamp_us);
  PutSchema(&out, manifest.schema);
  PutVarint64(&out, manifest.files.size());
  for (const ManifestFile& file : manifest.files) PutFile(&out, file);
  PutVarint64(&out, manifest.parents.size());
  for (TabletId parent : manifest.parents) PutVarint64(&out, parent);
  PutVarint64(&out, manifest.last_split.child);
  PutLengthPrefixed(&out, manifest.last_split.start_row);
  PutVarint64(&out, manifest.merged_into);
  PutVarint64(&out, manifest.last_drop_order);
  PutVarint64(&out, manifest.drops.size());
  for (const RowDrop& drop : manifest.drops) {
    PutLengthPrefixed(&out, drop.start);
    PutLengthPrefixed(&out, drop.end);
    PutVarint64(&out, drop.sequence);
  }
  PutSigned(&out, manifest.gc_now_us);
  PutVarint64(&out, manifest.requests.size());
  for (const RememberedClient& client : manifest.requests) {
    PutVarint64(&out, client.client_id);
    PutVarint64(&out, client.first_incomplete);
    PutVarint64(&out, client.requests.size());
    for (const RememberedRequest& request : client.requests) PutRequest(&out, request);
  }
  CHECK_LE(out.size() - kManifestPreludeBytes, size_t{UINT32_MAX});
  EncodeFixed32(out.data(), kManifestMagic);
  EncodeFixed32(out.data() + kManifestVersionOffset, Manifest::kFormatVersion);
  EncodeFixed64(out.data() + kManifestTabletOffset, manifest.tablet.id);
  EncodeFixed32(out.data() + kManifestLengthOffset,
                static_cast<uint32_t>(out.size() - kManifestPreludeBytes));
  EncodeFixed32(out.data() + kManifestCrcOffset, ManifestCrc(out));
  return out;
}

StatusOr<Manifest> DecodeManifest(Slice encoded) {
  RETURN_IF_ERROR(CheckPrelude(encoded));
  const uint32_t version = DecodeFixed32(encoded.data() + kManifestVersionOffset);
  Manifest manifest;
  manifest.tablet.id = DecodeFixed64(encoded.data() + kManifestTabletOffset);
  BodyReader in(encoded.substr(kManifestPreludeBytes));
  manifest.tablet.table = in.Number("table");
  manifest.tablet.start_row = in.String("start_row");
  manifest.tablet.end_row = in.String("end_row");
  manifest.epoch = in.Number("epoch");
  manifest.flushed_sequence = in.Number("flushed_sequence");
  manifest.max_server_timestamp_us = in.Signed("max_server_timestamp_us");
  manifest.schema = ReadSchema(&in, version);
  size_t files = in.Count("files", 12);
  for (size_t i = 0; i < files && in.ok(); ++i) manifest.files.push_back(ReadFile(&in, version));
  size_t parents = in.Count("parents", 1);
  for (size_t i = 0; i < parents && in.ok(); ++i) manifest.parents.push_back(in.Number("parent"));
  if (version >= kManifestSplitsVersion) {
    manifest.last_split.child = in.Number("last_split.child");
    manifest.last_split.start_row = in.String("last_split.start_row");
    manifest.merged_into = in.Number("merged_into");
  }
  if (version >= kManifestDropsVersion) ReadDrops(&in, &manifest);
  if (version >= kManifestGcNowVersion) manifest.gc_now_us = in.Signed("gc_now_us");
  if (version >= kManifestRequestsVersion) ReadRequests(&in, version, &manifest);
  if (in.ok() && !in.AtEnd()) in.Fail("(bytes after the end)");
  RETURN_IF_ERROR(in.status());
  return manifest;
}

}  // namespace stele::storage
