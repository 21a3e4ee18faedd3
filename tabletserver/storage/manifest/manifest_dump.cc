#include "tabletserver/storage/manifest/manifest_dump.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "schema/model/schema_names.h"

namespace stele::storage {
namespace {

std::string Quoted(Slice s) { return absl::StrCat("\"", absl::CHexEscape(s), "\""); }

std::string GcText(const GcRule& rule) {
  std::vector<std::string> parts;
  for (const GcRule& inner : rule.rules) parts.push_back(GcText(inner));
  switch (rule.kind) {
    case GcRule::Kind::kNone:
      return "keep all";
    case GcRule::Kind::kMaxVersions:
      return absl::StrCat("max_versions(", rule.max_versions, ")");
    case GcRule::Kind::kMaxAge:
      return absl::StrCat("max_age(", rule.max_age_us, " us)");
    case GcRule::Kind::kUnion:
      return absl::StrCat("union(", absl::StrJoin(parts, ", "), ")");
    case GcRule::Kind::kIntersection:
      return absl::StrCat("intersection(", absl::StrJoin(parts, ", "), ")");
  }
  return "?";
}

void AppendSchemaText(std::string* out, const TableSchema& schema) {
  absl::StrAppend(out, "schema ", Quoted(schema.name), " table=", schema.id,
                  " version=", schema.version, " next_family_id=", schema.next_family_id,
                  " split_bytes=", schema.split_bytes,
                  " deletion_protection=", schema.deletion_protection ? "on" : "off", "\n");
  for (const FamilySchema& family : schema.families) {
    const bool plain = family.aggregate == Aggregate::kNone;
    absl::StrAppend(out, "  family ", Quoted(family.name), " id=", family.id,
                    " group=", Quoted(family.locality_group), " gc=", GcText(family.gc),
                    plain ? "" : " aggregate=", NameOf(family.aggregate), "\n");
  }
  for (const LocalityGroupSchema& group : schema.groups) {
    absl::StrAppend(out, "  group ", Quoted(group.name), " codec=", NameOf(group.codec),
                    " block_bytes=", group.block_bytes, " bloom_bits=", group.bloom_bits_per_key,
                    group.bloom_columns ? " bloom_columns" : "",
                    group.in_memory ? " in_memory" : "", "\n");
  }
}

}  // namespace

std::string ManifestText(const Manifest& manifest) {
  std::string out =
      absl::StrCat("manifest format=", Manifest::kFormatVersion, " tablet=", manifest.tablet.id,
                   " table=", manifest.tablet.table, " epoch=", manifest.epoch, "\nrange (",
                   Quoted(manifest.tablet.start_row), ", ",
                   manifest.tablet.end_row.empty() ? "+inf" : Quoted(manifest.tablet.end_row),
                   "]\nflushed_sequence=", manifest.flushed_sequence,
                   " max_server_timestamp_us=", manifest.max_server_timestamp_us,
                   " gc_now_us=", manifest.gc_now_us, "\nparents=[",
                   absl::StrJoin(manifest.parents, ", "), "]\n");
  if (manifest.last_split.child != 0) {
    absl::StrAppend(&out, "last_split child=", manifest.last_split.child, " rows=(",
                    Quoted(manifest.last_split.start_row), ", ", Quoted(manifest.tablet.start_row),
                    "]\n");
  }
  if (manifest.merged_into != 0) {
    absl::StrAppend(&out, "merged_into=", manifest.merged_into, "\n");
  }
  AppendSchemaText(&out, manifest.schema);
  absl::StrAppend(&out, "files ", manifest.files.size(), "\n");
  for (const ManifestFile& file : manifest.files) {
    absl::StrAppend(&out, "  ", file.blob, " id=", absl::StrFormat("%016x", file.file_id),
                    " group=", Quoted(file.group), " bytes=", file.bytes, " cells=", file.cells,
                    " markers=", file.markers, " sequences=", file.min_sequence, "..",
                    file.max_sequence, " rows=", Quoted(file.first_row), "..",
                    Quoted(file.last_row), " clip=(", Quoted(file.clip_start), ", ",
                    Quoted(file.clip_end), "] drops_applied=", file.drops_applied, "\n");
  }
  absl::StrAppend(&out, "drops ", manifest.drops.size(), " last_order=", manifest.last_drop_order,
                  "\n");
  for (const RowDrop& drop : manifest.drops) {
    absl::StrAppend(&out, "  [", Quoted(drop.start), ", ",
                    drop.end.empty() ? "+inf" : Quoted(drop.end), ") below sequence ",
                    drop.sequence, "\n");
  }
  return out;
}

StatusOr<std::string> DumpManifest(Slice encoded) {
  ASSIGN_OR_RETURN(Manifest manifest, DecodeManifest(encoded));
  return ManifestText(manifest);
}

}  // namespace stele::storage
