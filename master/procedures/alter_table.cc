#include "master/procedures/alter_table.h"

#include <algorithm>
#include <utility>

namespace stele::master {
namespace {

std::vector<FamilySchema>::iterator Find(TableSchema* schema, const std::string& name) {
  return std::find_if(schema->families.begin(), schema->families.end(),
                      [&](const FamilySchema& family) { return family.name == name; });
}

Status Apply(const wire::FamilyChange& change, bool is_protected, TableSchema* schema) {
  auto it = Find(schema, change.family.name);
  const bool exists = it != schema->families.end();
  if (change.kind == wire::FamilyChange::Kind::kCreate) {
    if (exists) {
      return absl::AlreadyExistsError(absl::StrCat("family \"", change.family.name, "\" exists"));
    }
    if (schema->next_family_id == UINT16_MAX) {
      return absl::FailedPreconditionError(
          absl::StrCat("table \"", schema->name, "\" has used up its family ids"));
    }
    FamilySchema family = change.family;
    if (family.locality_group.empty()) family.locality_group = "default";
    family.id = schema->next_family_id++;
    schema->families.push_back(std::move(family));
    return OkStatus();
  }
  if (!exists) {
    return absl::NotFoundError(absl::StrCat("family \"", change.family.name, "\" does not exist"));
  }
  if (change.kind == wire::FamilyChange::Kind::kDrop) {
    if (is_protected) {
      return absl::FailedPreconditionError(absl::StrCat(
          "table \"", schema->name, "\" has deletion protection; turn it off before \"",
          change.family.name, "\" is dropped"));
    }
    schema->families.erase(it);
    return OkStatus();
  }
  if (change.family.aggregate != Aggregate::kNone && change.family.aggregate != it->aggregate) {
    return absl::InvalidArgumentError(
        absl::StrCat("family \"", it->name, "\" cannot change its aggregate"));
  }
  // Its cells and the markers that hide them lie in the group's files.
  const std::string& group = change.family.locality_group;
  if (!group.empty() && group != it->locality_group) {
    return absl::FailedPreconditionError(
        absl::StrCat("family \"", it->name, "\" stays in locality group \"", it->locality_group,
                     "\" and cannot be moved to \"", group, "\": make a new family there"));
  }
  it->gc = change.family.gc;
  return OkStatus();
}

void PutGroup(const LocalityGroupSchema& group, TableSchema* schema) {
  for (LocalityGroupSchema& old : schema->groups) {
    if (old.name == group.name) {
      old = group;
      return;
    }
  }
  schema->groups.push_back(group);
}

}  // namespace

StatusOr<TableSchema> AlteredSchema(const TableSchema& schema,
                                    const wire::AlterTableRequest& request) {
  if (request.changes.empty() && request.groups.empty() && !request.split_bytes.has_value() &&
      !request.deletion_protection.has_value()) {
    return absl::InvalidArgumentError("No modifications provided");
  }
  TableSchema next = schema;
  for (const LocalityGroupSchema& group : request.groups) PutGroup(group, &next);
  for (const wire::FamilyChange& change : request.changes) {
    RETURN_IF_ERROR(Apply(change, schema.deletion_protection, &next));
  }
  std::sort(next.families.begin(), next.families.end(),
            [](const FamilySchema& a, const FamilySchema& b) { return a.name < b.name; });
  if (request.split_bytes.has_value()) next.split_bytes = *request.split_bytes;
  if (request.deletion_protection.has_value()) {
    next.deletion_protection = *request.deletion_protection;
  }
  ++next.version;
  RETURN_IF_ERROR(ValidateSchema(next));
  return next;
}

StatusOr<TableRecord> BeginAlterTable(const ProcedureContext& context,
                                      const wire::AlterTableRequest& request) {
  const TableRecord* found = context.catalog->FindTable(request.table);
  if (found == nullptr || found->state == TableState::kDropping) {
    return absl::NotFoundError(absl::StrCat("table \"", request.table, "\" does not exist"));
  }
  if (found->state == TableState::kCreating) {
    return absl::UnavailableError(absl::StrCat("table \"", request.table, "\" is being created"));
  }
  TableRecord record = *found;
  ASSIGN_OR_RETURN(record.schema, AlteredSchema(found->schema, request));
  RETURN_IF_ERROR(FaultPoint(context.faults, "alter_table.before_record"));
  RETURN_IF_ERROR(context.catalog->Put(record));
  RETURN_IF_ERROR(FaultPoint(context.faults, "alter_table.after_record"));
  return record;
}

bool AllTabletsHaveVersion(const ProcedureContext& context, TableId table, uint64_t version) {
  for (const TabletLocation& location : context.tablets->TabletsOf(table)) {
    if (!context.servers->IsServing(location)) return false;
    for (const ServerList::Holder& holder : context.servers->HoldersOf(location.tablet.id)) {
      if (holder.report->schema_version < version) return false;
    }
  }
  return true;
}

}  // namespace stele::master
