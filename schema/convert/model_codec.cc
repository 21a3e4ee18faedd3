#include "schema/convert/model_codec.h"

#include "common/net/status_coding.h"
#include "schema/model/limits.h"

namespace stele::wire {
namespace {

void PutGcRule(schema::GcRule::Builder to, const GcRule& from) {
  to.setKind(static_cast<schema::GcRule::Kind>(from.kind));
  to.setMaxVersions(from.max_versions);
  to.setMaxAgeUs(from.max_age_us);
  if (from.rules.empty()) return;
  auto rules = to.initRules(static_cast<uint>(from.rules.size()));
  for (uint i = 0; i < rules.size(); i++) PutGcRule(rules[i], from.rules[i]);
}

Status GetBound(uint8_t kind, Data::Reader bytes, Bound* out) {
  if (kind > static_cast<uint8_t>(Bound::Kind::kOpen)) {
    return absl::InvalidArgumentError(absl::StrCat("bound of unknown kind ", kind));
  }
  out->kind = static_cast<Bound::Kind>(kind);
  if (out->kind == Bound::Kind::kUnbounded) return OkStatus();
  return CopyData(bytes, kMaxFilterBytes, "bound of a range", &out->bytes);
}

Status GetGcRule(schema::GcRule::Reader from, size_t depth, size_t* nodes, GcRule* out) {
  if (depth > kMaxGcRuleDepth) {
    return absl::InvalidArgumentError(absl::StrCat("gc rule: deeper than ", kMaxGcRuleDepth));
  }
  if (++*nodes > kMaxGcRuleNodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("gc rule: more than ", kMaxGcRuleNodes, " parts"));
  }
  if (from.getKind() > schema::GcRule::Kind::INTERSECTION) {
    return absl::InvalidArgumentError("gc rule: unknown kind");
  }
  out->kind = static_cast<GcRule::Kind>(from.getKind());
  out->max_versions = from.getMaxVersions();
  out->max_age_us = from.getMaxAgeUs();
  const auto rules = from.getRules();
  if (rules.size() > kMaxGcRuleNodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("gc rule: ", rules.size(), " parts, limit ", kMaxGcRuleNodes));
  }
  out->rules.resize(rules.size());
  for (uint i = 0; i < rules.size(); i++) {
    RETURN_IF_ERROR(GetGcRule(rules[i], depth + 1, nodes, &out->rules[i]));
  }
  return OkStatus();
}

// Copies only what the kind uses, so that whatever a peer left in the rest cannot matter.
Status GetFilterNode(schema::Filter::Reader from, Filter* out) {
  const uint8_t kind = from.getKind();
  if (kind > static_cast<uint8_t>(Filter::Kind::kValueBitmask)) {
    return absl::InvalidArgumentError(absl::StrCat("filter of unknown kind ", kind));
  }
  out->kind = static_cast<Filter::Kind>(kind);
  switch (out->kind) {
    case Filter::Kind::kNone:
    case Filter::Kind::kChain:
    case Filter::Kind::kInterleave:
    case Filter::Kind::kCondition:
      return OkStatus();
    case Filter::Kind::kPassAll:
    case Filter::Kind::kBlockAll:
    case Filter::Kind::kSink:
    case Filter::Kind::kStripValue:
      out->flag = from.getFlag();
      return OkStatus();
    case Filter::Kind::kRowSample:
      out->probability = from.getProbability();
      return OkStatus();
    case Filter::Kind::kColumnRange:
      RETURN_IF_ERROR(
          CopyData(from.getFamily(), kMaxFamilyNameBytes, "family of column_range", &out->family));
      [[fallthrough]];
    case Filter::Kind::kValueRange:
      RETURN_IF_ERROR(GetBound(from.getStartKind(), from.getStart(), &out->start));
      return GetBound(from.getEndKind(), from.getEnd(), &out->end);
    case Filter::Kind::kTimestampRange:
      out->start_us = from.getStartUs();
      out->end_us = from.getEndUs();
      return OkStatus();
    case Filter::Kind::kCellsPerRowOffset:
    case Filter::Kind::kCellsPerRowLimit:
    case Filter::Kind::kCellsPerColumnLimit:
      out->count = from.getCount();
      return OkStatus();
    default:
      return CopyData(from.getBytes(), kMaxFilterBytes, FilterKindName(out->kind), &out->bytes);
  }
}

Status GetFilterTree(schema::Filter::Reader from, const ReadLimits& limits, size_t depth,
                     size_t* bytes, Filter* out) {
  if (depth > kMaxFilterDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("filter is more than ", kMaxFilterDepth, " deep, which is the limit"));
  }
  RETURN_IF_ERROR(GetFilterNode(from, out));
  *bytes += FilterNodeBytes(*out);
  if (*bytes > kMaxFilterBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("filter has ", *bytes, " bytes or more; the limit is ", kMaxFilterBytes));
  }
  if (out->empty()) return OkStatus();
  const auto children = from.getChildren();
  // A part has at least a byte.
  RETURN_IF_ERROR(limits.CheckList<schema::Filter>(children.size(), kMaxFilterBytes - *bytes,
                                                   "filters inside a filter"));
  out->children.resize(children.size());
  for (uint i = 0; i < children.size(); i++) {
    RETURN_IF_ERROR(GetFilterTree(children[i], limits, depth + 1, bytes, &out->children[i]));
  }
  return OkStatus();
}

static_assert(static_cast<int>(GcRule::Kind::kIntersection) ==
              static_cast<int>(schema::GcRule::Kind::INTERSECTION));

}  // namespace

void PutFamily(schema::Family::Builder to, const FamilySchema& from) {
  to.setName(ToData(from.name));
  to.setId(from.id);
  to.setLocalityGroup(ToData(from.locality_group));
  to.setAggregate(static_cast<uint8_t>(from.aggregate));
  PutGcRule(to.initGc(), from.gc);
}

Status GetFamily(schema::Family::Reader from, const ReadLimits& limits, FamilySchema* out) {
  RETURN_IF_ERROR(CopyData(from.getName(), kMaxFamilyNameBytes, "family name", &out->name));
  out->id = from.getId();
  RETURN_IF_ERROR(CopyData(from.getLocalityGroup(), kMaxFamilyNameBytes, "locality group name",
                           &out->locality_group));
  if (from.getAggregate() > static_cast<uint8_t>(Aggregate::kMax)) {
    return absl::InvalidArgumentError(
        absl::StrCat("family aggregate: unknown number ", from.getAggregate()));
  }
  out->aggregate = static_cast<Aggregate>(from.getAggregate());
  size_t nodes = 0;
  return GetGcRule(from.getGc(), 1, &nodes, &out->gc);
}

void PutGroups(List<schema::LocalityGroup>::Builder to,
               const std::vector<LocalityGroupSchema>& from) {
  for (uint i = 0; i < to.size(); i++) {
    auto group = to[i];
    group.setName(ToData(from[i].name));
    group.setCodec(static_cast<uint8_t>(from[i].codec));
    group.setBlockBytes(from[i].block_bytes);
    group.setBloomBitsPerKey(from[i].bloom_bits_per_key);
    group.setBloomColumns(from[i].bloom_columns);
    group.setInMemory(from[i].in_memory);
  }
}

Status GetGroups(List<schema::LocalityGroup>::Reader from, const ReadLimits& limits,
                 std::vector<LocalityGroupSchema>* out) {
  RETURN_IF_ERROR(
      limits.CheckList<schema::LocalityGroup>(from.size(), kMaxLocalityGroups, "locality groups"));
  out->resize(from.size());
  for (uint i = 0; i < from.size(); i++) {
    const auto group = from[i];
    LocalityGroupSchema& to = (*out)[i];
    RETURN_IF_ERROR(
        CopyData(group.getName(), kMaxFamilyNameBytes, "locality group name", &to.name));
    if (group.getCodec() > static_cast<uint8_t>(Codec::kZstd)) {
      return absl::InvalidArgumentError(
          absl::StrCat("locality group codec: unknown number ", group.getCodec()));
    }
    to.codec = static_cast<Codec>(group.getCodec());
    to.block_bytes = group.getBlockBytes();
    to.bloom_bits_per_key = group.getBloomBitsPerKey();
    to.bloom_columns = group.getBloomColumns();
    to.in_memory = group.getInMemory();
  }
  return OkStatus();
}

void PutSchema(schema::TableSchema::Builder to, const TableSchema& from) {
  to.setName(ToData(from.name));
  to.setId(from.id);
  to.setVersion(from.version);
  to.setNextFamilyId(from.next_family_id);
  auto families = to.initFamilies(static_cast<uint>(from.families.size()));
  for (uint i = 0; i < families.size(); i++) PutFamily(families[i], from.families[i]);
  PutGroups(to.initGroups(static_cast<uint>(from.groups.size())), from.groups);
  to.setSplitBytes(from.split_bytes);
  to.setDeletionProtection(from.deletion_protection);
}

Status GetSchema(schema::TableSchema::Reader from, const ReadLimits& limits, TableSchema* out) {
  RETURN_IF_ERROR(CopyData(from.getName(), kMaxTableNameBytes, "table name", &out->name));
  out->id = from.getId();
  out->version = from.getVersion();
  out->next_family_id = from.getNextFamilyId();
  const auto families = from.getFamilies();
  RETURN_IF_ERROR(
      limits.CheckList<schema::Family>(families.size(), kMaxFamiliesPerTable, "families"));
  out->families.resize(families.size());
  for (uint i = 0; i < families.size(); i++) {
    RETURN_IF_ERROR(GetFamily(families[i], limits, &out->families[i]));
  }
  RETURN_IF_ERROR(GetGroups(from.getGroups(), limits, &out->groups));
  out->split_bytes = from.getSplitBytes();
  out->deletion_protection = from.getDeletionProtection();
  return OkStatus();
}

void PutTablet(schema::TabletDescriptor::Builder to, const TabletDescriptor& from) {
  to.setId(from.id);
  to.setTable(from.table);
  to.setStartRow(ToData(from.start_row));
  to.setEndRow(ToData(from.end_row));
}

Status GetTablet(schema::TabletDescriptor::Reader from, TabletDescriptor* out) {
  out->id = from.getId();
  out->table = from.getTable();
  RETURN_IF_ERROR(CopyData(from.getStartRow(), kMaxRowKeyBytes, "start row", &out->start_row));
  return CopyData(from.getEndRow(), kMaxRowKeyBytes, "end row", &out->end_row);
}

void PutRange(schema::RowRange::Builder to, const RowRange& from) {
  to.setStart(ToData(from.start));
  to.setStartOpen(from.start_open);
  to.setEnd(ToData(from.end));
  to.setEndOpen(from.end_open);
}

Status GetRange(schema::RowRange::Reader from, RowRange* out) {
  RETURN_IF_ERROR(CopyData(from.getStart(), kMaxRowKeyBytes, "range start", &out->start));
  out->start_open = from.getStartOpen();
  RETURN_IF_ERROR(CopyData(from.getEnd(), kMaxRowKeyBytes, "range end", &out->end));
  out->end_open = from.getEndOpen();
  return OkStatus();
}

void PutRowSet(schema::RowSet::Builder to, const RowSet& from) {
  if (!from.keys.empty()) PutStrings(to.initKeys(static_cast<uint>(from.keys.size())), from.keys);
  if (from.ranges.empty()) return;
  auto ranges = to.initRanges(static_cast<uint>(from.ranges.size()));
  for (uint i = 0; i < ranges.size(); i++) PutRange(ranges[i], from.ranges[i]);
}

Status GetRowSet(schema::RowSet::Reader from, const ReadLimits& limits, RowSet* out) {
  RETURN_IF_ERROR(GetStrings(from.getKeys(), limits, kMaxRowSetEntries, kMaxRowKeyBytes, "row key",
                             &out->keys));
  const auto ranges = from.getRanges();
  RETURN_IF_ERROR(
      limits.CheckList<schema::RowRange>(ranges.size(), kMaxRowSetEntries, "row ranges"));
  out->ranges.resize(ranges.size());
  for (uint i = 0; i < ranges.size(); i++) {
    RETURN_IF_ERROR(GetRange(ranges[i], &out->ranges[i]));
  }
  return OkStatus();
}

void PutSelection(schema::ReadSelection::Builder to, const ReadSelection& from) {
  if (!from.families.empty()) {
    PutStrings(to.initFamilies(static_cast<uint>(from.families.size())), from.families);
  }
  if (!from.columns.empty()) {
    auto columns = to.initColumns(static_cast<uint>(from.columns.size()));
    for (uint i = 0; i < columns.size(); i++) {
      auto column = columns[i];
      column.setFamily(ToData(from.columns[i].first));
      column.setQualifier(ToData(from.columns[i].second));
    }
  }
  to.setMinTimestampUs(from.min_timestamp_us);
  to.setMaxTimestampUs(from.max_timestamp_us);
  to.setCellsPerColumn(from.cells_per_column);
  to.setCellsPerRow(from.cells_per_row);
  if (from.ranges.empty()) return;
  auto ranges = to.initRanges(static_cast<uint>(from.ranges.size()));
  for (uint i = 0; i < ranges.size(); i++) {
    auto range = ranges[i];
    range.setFamily(ToData(from.ranges[i].family));
    range.setStartKind(static_cast<uint8_t>(from.ranges[i].start.kind));
    range.setEndKind(static_cast<uint8_t>(from.ranges[i].end.kind));
    range.setStart(ToData(from.ranges[i].start.bytes));
    range.setEnd(ToData(from.ranges[i].end.bytes));
  }
}

Status GetSelection(schema::ReadSelection::Reader from, const ReadLimits& limits,
                    ReadSelection* out) {
  RETURN_IF_ERROR(GetStrings(from.getFamilies(), limits, kMaxSelectionEntries, kMaxFamilyNameBytes,
                             "selected family", &out->families));
  const auto columns = from.getColumns();
  RETURN_IF_ERROR(
      limits.CheckList<schema::Column>(columns.size(), kMaxSelectionEntries, "selected columns"));
  out->columns.resize(columns.size());
  for (uint i = 0; i < columns.size(); i++) {
    const auto column = columns[i];
    auto& [family, qualifier] = out->columns[i];
    RETURN_IF_ERROR(CopyData(column.getFamily(), kMaxFamilyNameBytes, "selected family", &family));
    RETURN_IF_ERROR(
        CopyData(column.getQualifier(), kMaxQualifierBytes, "selected qualifier", &qualifier));
  }
  out->min_timestamp_us = from.getMinTimestampUs();
  out->max_timestamp_us = from.getMaxTimestampUs();
  out->cells_per_column = from.getCellsPerColumn();
  out->cells_per_row = from.getCellsPerRow();
  const auto ranges = from.getRanges();
  RETURN_IF_ERROR(
      limits.CheckList<schema::ColumnRange>(ranges.size(), kMaxSelectionEntries, "column ranges"));
  out->ranges.resize(ranges.size());
  for (uint i = 0; i < ranges.size(); i++) {
    const auto range = ranges[i];
    ColumnRange& to = out->ranges[i];
    RETURN_IF_ERROR(
        CopyData(range.getFamily(), kMaxFamilyNameBytes, "selected family", &to.family));
    RETURN_IF_ERROR(GetBound(range.getStartKind(), range.getStart(), &to.start));
    RETURN_IF_ERROR(GetBound(range.getEndKind(), range.getEnd(), &to.end));
  }
  return OkStatus();
}

void PutFilter(schema::Filter::Builder to, const Filter& from) {
  to.setKind(static_cast<uint8_t>(from.kind));
  to.setFlag(from.flag);
  to.setStartKind(static_cast<uint8_t>(from.start.kind));
  to.setEndKind(static_cast<uint8_t>(from.end.kind));
  to.setCount(from.count);
  to.setStartUs(from.start_us);
  to.setEndUs(from.end_us);
  to.setProbability(from.probability);
  if (!from.bytes.empty()) to.setBytes(ToData(from.bytes));
  if (!from.family.empty()) to.setFamily(ToData(from.family));
  if (!from.start.bytes.empty()) to.setStart(ToData(from.start.bytes));
  if (!from.end.bytes.empty()) to.setEnd(ToData(from.end.bytes));
  if (from.children.empty()) return;
  auto children = to.initChildren(static_cast<uint>(from.children.size()));
  for (uint i = 0; i < children.size(); i++) PutFilter(children[i], from.children[i]);
}

Status GetFilter(schema::Filter::Reader from, const ReadLimits& limits, Filter* out) {
  size_t bytes = 0;
  RETURN_IF_ERROR(GetFilterTree(from, limits, 1, &bytes, out));
  return ValidateFilter(*out);
}

Status GetLocation(Data::Reader from, TabletLocation* out) {
  ASSIGN_OR_RETURN(*out, DecodeTabletLocation(ToSlice(from)));
  return OkStatus();
}

Status GetStatus(Data::Reader from, Status* out) {
  if (net::DecodeStatus(ToSlice(from), out)) return OkStatus();
  return absl::InvalidArgumentError("malformed status");
}

void PutStrings(List<Data>::Builder to, const std::vector<std::string>& from) {
  for (uint i = 0; i < to.size(); i++) to.set(i, ToData(from[i]));
}

Status GetStrings(List<Data>::Reader from, const ReadLimits& limits, size_t max_count,
                  size_t max_bytes, const char* what, std::vector<std::string>* out) {
  RETURN_IF_ERROR(limits.CheckPlainList(from.size(), max_count, what));
  out->resize(from.size());
  for (uint i = 0; i < from.size(); i++) {
    RETURN_IF_ERROR(CopyData(from[i], max_bytes, what, &(*out)[i]));
  }
  return OkStatus();
}

}  // namespace stele::wire
