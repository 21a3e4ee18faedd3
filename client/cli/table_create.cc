#include <algorithm>

#include "client/cli/bytes_text.h"
#include "client/cli/schema_expression.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

using Strings = std::vector<std::string>;

// Groups that a family names and nobody described get the default options.
void AddMissingGroups(TableSchema* schema) {
  for (FamilySchema& family : schema->families) {
    if (family.locality_group.empty()) family.locality_group = "default";
    if (schema->FindGroup(family.locality_group) != nullptr) continue;
    LocalityGroupSchema group;
    group.name = family.locality_group;
    schema->groups.push_back(std::move(group));
  }
}

StatusOr<TableSchema> SchemaOf(const Invocation& call) {
  TableSchema schema;
  schema.name = call.args[0];
  RETURN_IF_ERROR(ValidateTableName(schema.name));
  if (call.Has("group")) {
    for (const std::string& text : call.Get<Strings>("group")) {
      ASSIGN_OR_RETURN(LocalityGroupSchema group, ParseGroup(text));
      schema.groups.push_back(std::move(group));
    }
  }
  for (const std::string& text : call.Get<Strings>("family")) {
    ASSIGN_OR_RETURN(FamilySchema family, ParseFamily(text));
    schema.families.push_back(std::move(family));
  }
  std::sort(schema.families.begin(), schema.families.end(),
            [](const FamilySchema& a, const FamilySchema& b) { return a.name < b.name; });
  AddMissingGroups(&schema);
  if (call.Has("split-bytes")) {
    ASSIGN_OR_RETURN(schema.split_bytes, ParseBytes(call.Get<std::string>("split-bytes")));
  }
  schema.deletion_protection = call.Has("deletion-protection");
  return schema;
}

StatusOr<Strings> SplitsOf(const Invocation& call) {
  Strings splits;
  if (!call.Has("split")) return splits;
  for (const std::string& text : call.Get<Strings>("split")) {
    std::string key = text;
    if (call.Has("escaped")) {
      ASSIGN_OR_RETURN(key, Unescape(text));
    }
    RETURN_IF_ERROR(ValidateRowKey(key));
    splits.push_back(std::move(key));
  }
  return splits;
}

int Run(const Invocation& call) {
  if (!call.Has("family")) {
    return Fail(call, absl::InvalidArgumentError("a table needs at least one --family"));
  }
  StatusOr<TableSchema> schema = SchemaOf(call);
  if (!schema.ok()) return Fail(call, schema.status());
  StatusOr<Strings> splits = SplitsOf(call);
  if (!splits.ok()) return Fail(call, splits.status());
  StatusOr<std::shared_ptr<Client>> client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  StatusOr<TableSchema> created = (*client)->admin().CreateTable(*schema, *splits);
  return created.ok() ? static_cast<int>(kOk) : Fail(call, created.status());
}

}  // namespace

Verb TableCreateVerb() {
  Verb verb;
  verb.name = "table create";
  verb.arguments = "TABLE";
  verb.summary = "create a table";
  verb.details =
      "A family is NAME[:gc=RULE][,group=GROUP][,aggregate=sum|min|max] with a rule of\n"
      "max_versions(N), max_age(DURATION), union(RULE,...), intersection(RULE,...): a cell may go\n"
      "when the rule says so, of a union when any says so, of an intersection when all do.\n"
      "max_versions=3,max_age=7d is short for gc=union(max_versions(3),max_age(7d)). The cells of "
      "an\n"
      "aggregate are 64-bit sums, minima or maxima, which `stele add` writes.\n"
      "A group is NAME[:OPTION,...] with codec=none|snappy|lz4|zstd, block=BYTES, bloom=BITS,\n"
      "bloom_columns, in_memory. A split key is the last row of a tablet.";
  verb.example =
      "stele table create web --family 'anchor:max_versions=3,max_age=7d,group=links' \\\n"
      "      --group 'links:codec=zstd,block=64k,bloom=10' --split com --split org";
  verb.min_args = verb.max_args = 1;
  verb.options = [](po::options_description* options) {
    auto add = options->add_options();
    add("family", po::value<Strings>()->composing(), "a column family; once or more");
    add("group", po::value<Strings>()->composing(), "a locality group");
    add("split", po::value<Strings>()->composing(), "split the table here; may be repeated");
    add("split-bytes", po::value<std::string>(), "size at which a tablet splits (default 200m)");
    add("deletion-protection", "refuse `table drop`");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
