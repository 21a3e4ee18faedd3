#include "client/cli/bytes_text.h"
#include "client/cli/schema_expression.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

using Strings = std::vector<std::string>;
using Kind = FamilyChange::Kind;

Status AddChanges(const Invocation& call, const char* flag, Kind kind, TableChange* change) {
  if (!call.Has(flag)) return OkStatus();
  for (const std::string& text : call.Get<Strings>(flag)) {
    FamilyChange one;
    one.kind = kind;
    if (kind == Kind::kDrop) {
      RETURN_IF_ERROR(ValidateFamilyName(text));
      one.family.name = text;
    } else {
      ASSIGN_OR_RETURN(one.family, ParseFamily(text));
    }
    change->changes.push_back(std::move(one));
  }
  return OkStatus();
}

StatusOr<TableChange> ChangeOf(const Invocation& call) {
  TableChange change;
  change.table = call.args[0];
  if (call.Has("group")) {
    for (const std::string& text : call.Get<Strings>("group")) {
      ASSIGN_OR_RETURN(LocalityGroupSchema group, ParseGroup(text));
      change.groups.push_back(std::move(group));
    }
  }
  RETURN_IF_ERROR(AddChanges(call, "drop-family", Kind::kDrop, &change));
  RETURN_IF_ERROR(AddChanges(call, "add-family", Kind::kCreate, &change));
  RETURN_IF_ERROR(AddChanges(call, "set-family", Kind::kUpdate, &change));
  if (call.Has("split-bytes")) {
    ASSIGN_OR_RETURN(change.split_bytes, ParseBytes(call.Get<std::string>("split-bytes")));
  }
  if (call.Has("deletion-protection")) {
    const std::string value = call.Get<std::string>("deletion-protection");
    if (value != "on" && value != "off") {
      return absl::InvalidArgumentError("--deletion-protection is on or off");
    }
    change.deletion_protection = value == "on";
  }
  if (change.changes.empty() && change.groups.empty() && !change.split_bytes.has_value() &&
      !change.deletion_protection.has_value()) {
    return absl::InvalidArgumentError("nothing to change was given");
  }
  return change;
}

int Run(const Invocation& call) {
  StatusOr<TableChange> change = ChangeOf(call);
  if (!change.ok()) return Fail(call, change.status());
  StatusOr<std::shared_ptr<Client>> client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  StatusOr<TableSchema> altered = (*client)->admin().AlterTable(*change);
  return altered.ok() ? static_cast<int>(kOk) : Fail(call, altered.status());
}

}  // namespace

Verb TableAlterVerb() {
  Verb verb;
  verb.name = "table alter";
  verb.arguments = "TABLE";
  verb.summary = "change a table's families, locality groups or options";
  verb.details =
      "All changes are made, or none: groups first, then families dropped, added, changed.\n"
      "Dropping a family deletes its cells. `table create --help` tells how families and groups\n"
      "are written.";
  verb.example = "stele table alter web --add-family 'title:max_versions=1' --drop-family old";
  verb.min_args = verb.max_args = 1;
  verb.options = [](po::options_description* options) {
    auto add = options->add_options();
    add("add-family", po::value<Strings>()->composing(), "a new family");
    add("set-family", po::value<Strings>()->composing(),
        "new rules of a family; its group is named, and stays");
    add("drop-family", po::value<Strings>()->composing(), "name of a family to delete");
    add("group", po::value<Strings>()->composing(), "a new or changed locality group");
    add("split-bytes", po::value<std::string>(), "size at which a tablet splits");
    add("deletion-protection", po::value<std::string>(), "on or off");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
