#include <iostream>

#include "client/cli/bytes_text.h"
#include "client/cli/interrupt.h"
#include "client/cli/query_flags.h"
#include "client/cli/row_text.h"
#include "client/cli/verbs.h"
#include "stele/filter_text.h"

namespace stele::cli {
namespace {

int Run(const Invocation& call) {
  ReadQuery query;
  Status valid = ReadSelectionFlags(call, &query);
  if (valid.ok()) valid = ReadRangeFlags(call, &query);
  StatusOr<RowFormat> format = OutputOfFlags(call);
  if (valid.ok()) valid = format.status();
  if (!valid.ok()) return Fail(call, valid);
  std::shared_ptr<Client> client;
  StatusOr<Table> table = OpenTable(call, call.args[0], &client);
  if (!table.ok()) return Fail(call, table.status());
  const bool keys = call.Has("keys");
  query.Reversed(call.Has("reversed"));
  std::string text = RowHeader(*format);
  if (keys && !text.empty()) text = "row\n";
  *call.env->out << text;
  for (StatusOr<Row>& row : table->ReadRows(query)) {
    if (!row.ok()) return Fail(call, row.status());
    text.clear();
    keys ? AppendKey(row->key, *format, &text) : AppendRow(*row, *format, &text);
    *call.env->out << text;
    if (call.env->interrupt != nullptr && call.env->interrupt->Pending()) return kInterrupted;
    if (!call.env->out->good()) break;  // RunCli tells
  }
  return kOk;
}

}  // namespace

Verb ScanVerb() {
  Verb verb;
  verb.name = "scan";
  verb.arguments = "TABLE";
  verb.summary = "read rows in key order, or with --reversed in its reverse";
  verb.details =
      std::string("With --json one object a line. No rows is no error.\n\n") + kFilterGrammar;
  verb.example = "stele scan webtable --prefix org.example --family title --limit 10";
  verb.min_args = verb.max_args = 1;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    AddRangeFlags(options);
    AddSelectionFlags(options);
    AddFilterFlag(options);
    AddOutputFlags(options);
    auto add = options->add_options();
    add("keys", "print row keys only");
    add("reversed", "in descending key order: --limit takes the last rows");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
