#include <iostream>

#include "client/cli/bytes_text.h"
#include "client/cli/query_flags.h"
#include "client/cli/row_text.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

int Run(const Invocation& call) {
  ReadQuery query;
  Status valid = ReadSelectionFlags(call, &query);
  if (valid.ok()) valid = ReadRangeFlags(call, &query);
  if (!valid.ok()) return Fail(call, valid);
  std::shared_ptr<Client> client;
  StatusOr<Table> table = OpenTable(call, call.args[0], &client);
  if (!table.ok()) return Fail(call, table.status());
  const bool json = call.Has("json"), keys = call.Has("keys");
  for (StatusOr<Row>& row : table->ReadRows(query)) {
    if (!row.ok()) return Fail(call, row.status());
    if (keys) {
      *call.env->out << Escape(row->key) << '\n';
    } else if (json) {
      *call.env->out << RowAsJson(*row) << '\n';
    } else {
      PrintRow(*row, call.Get<size_t>("max-value-bytes"), call.env->out);
    }
    if (!call.env->out->good()) break;  // RunCli tells
  }
  return kOk;
}

}  // namespace

Verb ScanVerb() {
  Verb verb;
  verb.name = "scan";
  verb.arguments = "TABLE";
  verb.summary = "read rows in key order";
  verb.details = "With --json one object a line. No rows is no error.";
  verb.example = "stele scan webtable --prefix org.example --family title --limit 10";
  verb.min_args = verb.max_args = 1;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    AddRangeFlags(options);
    AddSelectionFlags(options);
    auto add = options->add_options();
    add("keys", "print row keys only");
    add("max-value-bytes", po::value<size_t>()->default_value(0), "cut longer values; 0: never");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
