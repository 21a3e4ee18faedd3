#include <iostream>

#include "client/cli/bytes_text.h"
#include "client/cli/explain_text.h"
#include "client/cli/interrupt.h"
#include "client/cli/query_flags.h"
#include "client/cli/row_text.h"
#include "client/cli/verbs.h"
#include "stele/filter_text.h"

namespace stele::cli {
namespace {

// Reads all of it and prints none.
int Explain(const Invocation& call, const ReadQuery& query, Table* table) {
  CallOptions options;
  options.explanation = std::make_shared<ReadExplanation>();
  const int64_t begun_ns = call.env->clock->BootNanos();
  Status status;
  for (StatusOr<Row>& row : table->ReadRows(query, options)) {
    status = row.status();
    if (!status.ok()) break;
    if (call.env->interrupt != nullptr && call.env->interrupt->Pending()) return kInterrupted;
  }
  const int64_t total_us = (call.env->clock->BootNanos() - begun_ns) / 1'000;
  *call.env->out << (call.Has("json") ? ExplanationAsJson(*options.explanation, total_us)
                                      : ExplanationAsText(*options.explanation, total_us));
  return status.ok() ? kOk : Fail(call, status);
}

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
  if (call.Has("explain")) return Explain(call, query.Reversed(call.Has("reversed")), &*table);
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
    add("explain", "read all, and print how instead: each request with files and times");
    add("reversed", "in descending key order: --limit takes the last rows");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
