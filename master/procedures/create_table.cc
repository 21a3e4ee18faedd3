#include "master/procedures/create_table.h"

#include <algorithm>
#include <utility>

namespace stele::master {
namespace {

Status CheckSplitKeys(std::vector<std::string>* keys) {
  for (const std::string& key : *keys) {
    if (key.empty()) return absl::InvalidArgumentError("split_keys: a split key is empty");
    if (key.size() > kMaxEndRowBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("split_keys: a key has ", key.size(), " bytes; limit ", kMaxEndRowBytes));
    }
  }
  std::sort(keys->begin(), keys->end());
  keys->erase(std::unique(keys->begin(), keys->end()), keys->end());
  if (keys->size() > wire::kMaxSplitKeys) {
    return absl::InvalidArgumentError(
        absl::StrCat("split_keys: ", keys->size(), " keys; limit ", wire::kMaxSplitKeys));
  }
  return OkStatus();
}

// The master chooses what must be unique: ids, version, order; and the group that every table has.
void FillIn(TableSchema* schema) {
  schema->version = 1;
  std::sort(schema->families.begin(), schema->families.end(),
            [](const FamilySchema& a, const FamilySchema& b) { return a.name < b.name; });
  schema->next_family_id = 1;
  for (FamilySchema& family : schema->families) {
    family.id = schema->next_family_id++;
    if (family.locality_group.empty()) family.locality_group = "default";
  }
  if (schema->FindGroup("default") == nullptr) {
    LocalityGroupSchema group;
    group.name = "default";
    schema->groups.push_back(group);
  }
}

}  // namespace

StatusOr<TableRecord> BeginCreateTable(const ProcedureContext& context,
                                       const wire::CreateTableRequest& request) {
  TableRecord record;
  record.schema = request.schema;
  record.split_keys = request.split_keys;
  RETURN_IF_ERROR(ValidateTableName(record.schema.name));
  if (IsSystemTableName(record.schema.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("table name \"", record.schema.name, "\" is the system's"));
  }
  if (record.schema.families.size() > kMaxFamiliesPerTable) {
    return absl::InvalidArgumentError(absl::StrCat("families: ", record.schema.families.size(),
                                                   "; limit ", kMaxFamiliesPerTable));
  }
  RETURN_IF_ERROR(CheckSplitKeys(&record.split_keys));
  FillIn(&record.schema);
  if (const TableRecord* other = context.catalog->FindTable(record.schema.name)) {
    if (other->state == TableState::kDropping) {
      return absl::UnavailableError(
          absl::StrCat("table \"", record.schema.name, "\" is being dropped"));
    }
    return absl::AlreadyExistsError(absl::StrCat("table \"", record.schema.name, "\" exists"));
  }
  ASSIGN_OR_RETURN(record.schema.id, context.catalog->NewTableId());
  RETURN_IF_ERROR(ValidateSchema(record.schema));
  ASSIGN_OR_RETURN(record.first_tablet,
                   context.catalog->NewTabletIds(record.split_keys.size() + 1));
  RETURN_IF_ERROR(FaultPoint(context.faults, "create_table.before_record"));
  RETURN_IF_ERROR(context.catalog->Put(record));
  RETURN_IF_ERROR(FaultPoint(context.faults, "create_table.after_record"));
  return record;
}

StatusOr<bool> AdvanceCreateTable(const ProcedureContext& context, const TableRecord& record) {
  // Step 2: the tablets' rows.
  std::vector<TabletLocation> missing;
  for (const TabletDescriptor& tablet : InitialTablets(record)) {
    if (context.tablets->Find(tablet.id) != nullptr) continue;
    TabletLocation& location = missing.emplace_back();
    location.tablet = tablet;
    location.assignment = TabletAssignment::kCreating;
  }
  if (!missing.empty()) {
    RETURN_IF_ERROR(context.tablets->Put(missing));
    RETURN_IF_ERROR(FaultPoint(context.faults, "create_table.after_rows"));
    return false;
  }
  // Step 3: the reconciler gives each an owner, who makes its manifest.
  std::vector<TabletLocation> made;
  for (TabletLocation& location : context.tablets->TabletsOf(record.schema.id)) {
    if (!context.servers->IsServing(location)) return false;
    if (location.assignment != TabletAssignment::kCreating) continue;
    location.assignment = TabletAssignment::kAssigned;
    made.push_back(std::move(location));
  }
  // Step 4: from here on a missing manifest is damage, not a beginning.
  if (!made.empty()) {
    RETURN_IF_ERROR(FaultPoint(context.faults, "create_table.before_assigned"));
    RETURN_IF_ERROR(context.tablets->Put(made));
    RETURN_IF_ERROR(FaultPoint(context.faults, "create_table.after_assigned"));
  }
  // Step 5: the table is there for everyone.
  TableRecord serving = record;
  serving.state = TableState::kServing;
  serving.split_keys.clear();
  RETURN_IF_ERROR(FaultPoint(context.faults, "create_table.before_serving"));
  RETURN_IF_ERROR(context.catalog->Put(serving));
  RETURN_IF_ERROR(FaultPoint(context.faults, "create_table.after_serving"));
  return true;
}

}  // namespace stele::master
