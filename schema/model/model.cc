#include "schema/model/model.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace stele {
namespace {

constexpr uint32_t kMinBlockBytes = 64;
constexpr uint32_t kMaxBlockBytes = 16u << 20;
constexpr uint32_t kMaxBloomBitsPerKey = 64;

Status Invalid(Slice message) { return absl::InvalidArgumentError(message); }

Status CheckSize(Slice field, size_t size, size_t limit) {
  if (size <= limit) return OkStatus();
  return Invalid(absl::StrCat(field, " has ", size, " bytes; the limit is ", limit));
}

Status CheckCount(Slice field, size_t count, size_t limit) {
  if (count <= limit) return OkStatus();
  return Invalid(absl::StrCat(count, " ", field, "; the limit is ", limit));
}

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool IsNameByte(char c) { return IsWordByte(c) || c == '-' || c == '.'; }

Status CheckName(Slice field, Slice name, size_t limit) {
  if (name.empty()) return Invalid(absl::StrCat(field, " is empty"));
  RETURN_IF_ERROR(CheckSize(field, name.size(), limit));
  if (!std::all_of(name.begin(), name.end(), IsNameByte)) {
    return Invalid(absl::StrCat(field, " holds a byte outside [-_.a-zA-Z0-9]"));
  }
  return OkStatus();
}

Status CheckTimestamp(int64_t timestamp_us) {
  if (timestamp_us >= 0 && timestamp_us % kTimestampGranularityUs == 0) return OkStatus();
  return Invalid(
      absl::StrCat("Timestamp granularity mismatch. Expected a multiple of 1000 (millisecond "
                   "granularity), but got ",
                   timestamp_us, "."));
}

size_t VarintBytes(uint64_t v) {
  size_t n = 1;
  for (; v >= 0x80; v >>= 7) ++n;
  return n;
}

// Adds what the rule takes when written as kind, argument or number of nested rules, nested rules.
Status AddGcRuleSize(const GcRule& rule, size_t depth, size_t* bytes) {
  if (depth > kMaxGcRuleDepth) {
    return Invalid(absl::StrCat("GC rule is more than ", kMaxGcRuleDepth, " deep"));
  }
  switch (rule.kind) {
    case GcRule::Kind::kNone:
      if (depth > 1) return Invalid("GC rule: a nested rule is not set");
      *bytes += 1;
      return OkStatus();
    case GcRule::Kind::kMaxVersions:
      if (rule.max_versions < 1) {
        return Invalid(absl::StrCat("GC rule: max_versions is ", rule.max_versions,
                                    "; it must be at least 1"));
      }
      *bytes += 1 + VarintBytes(static_cast<uint64_t>(rule.max_versions));
      return CheckSize("GC rule", *bytes, kMaxGcRuleBytes);
    case GcRule::Kind::kMaxAge:
      if (rule.max_age_us < 1000) {
        return Invalid(
            absl::StrCat("GC rule: max_age is ", rule.max_age_us, " us; it must be at least 1000"));
      }
      *bytes += 1 + VarintBytes(static_cast<uint64_t>(rule.max_age_us));
      return CheckSize("GC rule", *bytes, kMaxGcRuleBytes);
    case GcRule::Kind::kUnion:
    case GcRule::Kind::kIntersection:
      if (rule.rules.empty()) return Invalid("GC rule: union or intersection of no rules");
      *bytes += 1 + VarintBytes(rule.rules.size());
      RETURN_IF_ERROR(CheckSize("GC rule", *bytes, kMaxGcRuleBytes));
      for (const GcRule& inner : rule.rules) {
        RETURN_IF_ERROR(AddGcRuleSize(inner, depth + 1, bytes));
      }
      return OkStatus();
  }
  return Invalid("GC rule: unknown kind");
}

Status ValidateGroup(const LocalityGroupSchema& group) {
  RETURN_IF_ERROR(CheckName("locality group name", group.name, kMaxFamilyNameBytes));
  if (group.codec > Codec::kZstd) {
    return Invalid(absl::StrCat("locality group '", group.name, "': unknown codec ",
                                static_cast<int>(group.codec)));
  }
  if (group.block_bytes < kMinBlockBytes || group.block_bytes > kMaxBlockBytes) {
    return Invalid(absl::StrCat("locality group '", group.name, "': block_bytes is ",
                                group.block_bytes, "; it must be ", kMinBlockBytes, " to ",
                                kMaxBlockBytes));
  }
  if (group.bloom_bits_per_key > kMaxBloomBitsPerKey) {
    return Invalid(absl::StrCat("locality group '", group.name, "': bloom_bits_per_key is ",
                                group.bloom_bits_per_key, "; the limit is ", kMaxBloomBitsPerKey));
  }
  return OkStatus();
}

Status ValidateFamily(const FamilySchema& family, const TableSchema& schema) {
  RETURN_IF_ERROR(ValidateFamilyName(family.name));
  const std::string which = absl::StrCat("family '", family.name, "'");
  if (family.id == 0 || family.id >= schema.next_family_id) {
    return Invalid(absl::StrCat(which, ": id ", family.id, " is not in 1..next_family_id - 1 (",
                                schema.next_family_id, ")"));
  }
  if (schema.FindGroup(family.locality_group) == nullptr) {
    return Invalid(
        absl::StrCat(which, ": locality group '", family.locality_group, "' is not defined"));
  }
  if (family.aggregate > Aggregate::kMax)
    return Invalid(absl::StrCat(which, ": unknown aggregate"));
  Status gc = ValidateGcRule(family.gc);
  return gc.ok() ? gc : WithContext(gc, which);
}

Status CheckFamily(Slice family, const TableSchema* schema) {
  RETURN_IF_ERROR(ValidateFamilyName(family));
  if (schema == nullptr || schema->FindFamily(ToStd(family)) != nullptr) return OkStatus();
  return absl::NotFoundError(
      absl::StrCat("family '", family, "' is not in table '", schema->name, "'"));
}

Status CheckQualifier(Slice qualifier) {
  return CheckSize("column qualifier", qualifier.size(), kMaxQualifierBytes);
}

struct MutationValidator {
  const TableSchema* schema;

  Status operator()(const SetCell& m) const {
    RETURN_IF_ERROR(CheckFamily(m.family, schema));
    if (IsAggregate(m.family)) {
      return Invalid(absl::StrCat("SetCell in aggregate family '", m.family,
                                  "'; it takes AddToCell, MergeToCell and deletes"));
    }
    RETURN_IF_ERROR(CheckQualifier(m.qualifier));
    if (m.timestamp_us != kServerTime) RETURN_IF_ERROR(CheckTimestamp(m.timestamp_us));
    return CheckSize("cell value", m.value.size(), kMaxValueBytes);
  }
  Status operator()(const DeleteFromColumn& m) const {
    RETURN_IF_ERROR(CheckFamily(m.family, schema));
    RETURN_IF_ERROR(CheckQualifier(m.qualifier));
    RETURN_IF_ERROR(CheckTimestamp(m.start_us));
    RETURN_IF_ERROR(CheckTimestamp(m.end_us));
    if (m.end_us != 0 && m.start_us >= m.end_us) {
      return Invalid(absl::StrCat("time range [", m.start_us, ", ", m.end_us,
                                  ") of DeleteFromColumn is empty"));
    }
    return OkStatus();
  }
  Status operator()(const DeleteFromFamily& m) const { return CheckFamily(m.family, schema); }
  Status operator()(const DeleteFromRow&) const { return OkStatus(); }
  Status operator()(const AddToCell& m) const {
    return Addition("AddToCell", m.family, m.qualifier, m.timestamp_us);
  }
  Status operator()(const MergeToCell& m) const {
    RETURN_IF_ERROR(Addition("MergeToCell", m.family, m.qualifier, m.timestamp_us));
    if (m.state.size() == kAggregateBytes) return OkStatus();
    return Invalid(absl::StrCat("state of MergeToCell has ", m.state.size(), " bytes; it must be ",
                                kAggregateBytes));
  }

  Status Addition(Slice what, Slice family, Slice qualifier, int64_t timestamp_us) const {
    RETURN_IF_ERROR(CheckFamily(family, schema));
    if (schema != nullptr && !IsAggregate(family)) {
      return Invalid(absl::StrCat(what, " in family '", family, "', which is not an aggregate"));
    }
    RETURN_IF_ERROR(CheckQualifier(qualifier));
    return CheckTimestamp(timestamp_us);
  }
  bool IsAggregate(Slice family) const {
    return schema != nullptr && schema->FindFamily(ToStd(family))->aggregate != Aggregate::kNone;
  }
};

}  // namespace

const FamilySchema* TableSchema::FindFamily(std::string_view family) const {
  auto it =
      std::lower_bound(families.begin(), families.end(), family,
                       [](const FamilySchema& f, std::string_view name) { return f.name < name; });
  return it != families.end() && it->name == family ? &*it : nullptr;
}

const LocalityGroupSchema* TableSchema::FindGroup(std::string_view group) const {
  for (const LocalityGroupSchema& g : groups) {
    if (g.name == group) return &g;
  }
  return nullptr;
}

bool ReadSelection::TakesFamily(std::string_view family) const {
  return TakesAllColumns() ||
         std::any_of(families.begin(), families.end(),
                     [&](const std::string& name) { return name == family; }) ||
         std::any_of(columns.begin(), columns.end(),
                     [&](const auto& column) { return column.first == family; }) ||
         std::any_of(ranges.begin(), ranges.end(), [&](const ColumnRange& range) {
           return range.family.empty() || range.family == family;
         });
}

Status ValidateTableName(Slice name) {
  RETURN_IF_ERROR(CheckName("table name", name, kMaxTableNameBytes));
  if (!IsWordByte(name[0])) return Invalid("table name begins with a byte outside [_a-zA-Z0-9]");
  return OkStatus();
}

Status ValidateFamilyName(Slice name) {
  return CheckName("family name", name, kMaxFamilyNameBytes);
}

Status ValidateRowKey(Slice row) {
  if (row.empty()) return Invalid("row key is empty");
  return CheckSize("row key", row.size(), kMaxRowKeyBytes);
}

Status ValidateGcRule(const GcRule& rule) {
  size_t bytes = 0;
  return AddGcRuleSize(rule, 1, &bytes);
}

Status ValidateSchema(const TableSchema& schema) {
  RETURN_IF_ERROR(ValidateTableName(schema.name));
  RETURN_IF_ERROR(CheckCount("families", schema.families.size(), kMaxFamiliesPerTable));
  if (schema.split_bytes == 0) return Invalid("split_bytes is 0");
  std::set<std::string> group_names;
  for (const LocalityGroupSchema& group : schema.groups) {
    RETURN_IF_ERROR(ValidateGroup(group));
    if (!group_names.insert(group.name).second) {
      return Invalid(absl::StrCat("locality group '", group.name, "' is defined twice"));
    }
  }
  std::set<uint16_t> ids;
  const FamilySchema* before = nullptr;
  for (const FamilySchema& family : schema.families) {
    RETURN_IF_ERROR(ValidateFamily(family, schema));
    if (before != nullptr && before->name == family.name) {
      return Invalid(absl::StrCat("family '", family.name, "' is given twice"));
    }
    if (before != nullptr && before->name > family.name) {
      return Invalid(absl::StrCat("families are not ascending: '", before->name, "' before '",
                                  family.name, "'"));
    }
    if (!ids.insert(family.id).second) {
      return Invalid(absl::StrCat("family id ", family.id, " is used twice"));
    }
    before = &family;
  }
  return OkStatus();
}

Status ValidateRowMutation(const RowMutation& mutation, const TableSchema* schema) {
  RETURN_IF_ERROR(ValidateRowKey(mutation.row));
  if (mutation.mutations.empty()) return Invalid("No mutations provided");
  RETURN_IF_ERROR(
      CheckCount("mutations of one row", mutation.mutations.size(), kMaxMutationsPerRow));
  for (const Mutation& m : mutation.mutations) {
    RETURN_IF_ERROR(std::visit(MutationValidator{schema}, m));
  }
  return OkStatus();
}

Status ValidateRowSet(const RowSet& rows) {
  for (const std::string& key : rows.keys) RETURN_IF_ERROR(ValidateRowKey(key));
  for (const RowRange& range : rows.ranges) {
    RETURN_IF_ERROR(CheckSize("start of the row range", range.start.size(), kMaxRowKeyBytes));
    RETURN_IF_ERROR(CheckSize("end of the row range", range.end.size(), kMaxRowKeyBytes));
    if (!range.end.empty() && range.start > range.end) {
      return Invalid("row range starts after its end");
    }
  }
  return OkStatus();
}

Status ValidateSelection(const ReadSelection& selection) {
  if (selection.min_timestamp_us < 0 || selection.max_timestamp_us < 0) {
    return Invalid(absl::StrCat("timestamp range [", selection.min_timestamp_us, ", ",
                                selection.max_timestamp_us, ") has a negative bound"));
  }
  if (selection.max_timestamp_us != 0 && selection.min_timestamp_us > selection.max_timestamp_us) {
    return Invalid(absl::StrCat("timestamp range [", selection.min_timestamp_us, ", ",
                                selection.max_timestamp_us, ") is reversed"));
  }
  if (selection.cells_per_column < 0) {
    return Invalid(absl::StrCat("cells_per_column is ", selection.cells_per_column,
                                "; it must not be negative"));
  }
  if (selection.cells_per_row < 0) {
    return Invalid(
        absl::StrCat("cells_per_row is ", selection.cells_per_row, "; it must not be negative"));
  }
  for (const std::string& family : selection.families) {
    RETURN_IF_ERROR(CheckSize("family name", family.size(), kMaxFamilyNameBytes));
  }
  for (const auto& [family, qualifier] : selection.columns) {
    RETURN_IF_ERROR(CheckSize("family name", family.size(), kMaxFamilyNameBytes));
    RETURN_IF_ERROR(CheckQualifier(qualifier));
  }
  for (const ColumnRange& range : selection.ranges) {
    RETURN_IF_ERROR(CheckSize("family name", range.family.size(), kMaxFamilyNameBytes));
    RETURN_IF_ERROR(CheckQualifier(range.start.bytes));
    RETURN_IF_ERROR(CheckQualifier(range.end.bytes));
  }
  return OkStatus();
}

}  // namespace stele
