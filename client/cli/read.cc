#include <iostream>

#include "client/cli/bytes_text.h"
#include "client/cli/explain_text.h"
#include "client/cli/query_flags.h"
#include "client/cli/row_text.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

int Run(const Invocation& call) {
  ReadQuery query;
  Status valid = ValidateRowKey(call.args[1]);
  if (valid.ok()) valid = ReadSelectionFlags(call, &query);
  StatusOr<RowFormat> format = OutputOfFlags(call);
  if (valid.ok()) valid = format.status();
  if (!valid.ok()) return Fail(call, valid);
  std::shared_ptr<Client> client;
  StatusOr<Table> table = OpenTable(call, call.args[0], &client);
  if (!table.ok()) return Fail(call, table.status());
  CallOptions options;
  if (call.Has("explain")) options.explanation = std::make_shared<ReadExplanation>();
  const int64_t begun_ns = call.env->clock->BootNanos();
  StatusOr<std::optional<Row>> row = table->ReadRow(call.args[1], query, options);
  if (options.explanation != nullptr) {
    const int64_t total_us = (call.env->clock->BootNanos() - begun_ns) / 1'000;
    *call.env->out << (call.Has("json") ? ExplanationAsJson(*options.explanation, total_us)
                                        : ExplanationAsText(*options.explanation, total_us));
    return row.ok() ? kOk : Fail(call, row.status());
  }
  if (!row.ok()) return Fail(call, row.status());
  if (!row->has_value()) {
    if (call.Has("json")) *call.env->out << "null\n";
    return Fail(call, absl::NotFoundError("row \"" + Escape(call.args[1]) + "\" has no such cell"));
  }
  if (call.Has("value")) {
    *call.env->out << (*row)->cells.front().value;
  } else {
    std::string text = RowHeader(*format);
    AppendRow(**row, *format, &text);
    *call.env->out << text;
  }
  return kOk;
}

}  // namespace

Verb ReadVerb() {
  Verb verb;
  verb.name = "read";
  verb.arguments = "TABLE ROW";
  verb.summary = "read one row";
  verb.details = "A row without such a cell is exit code 4.";
  verb.example = "stele read webtable org.example/ --family anchor --versions 1 --json";
  verb.min_args = verb.max_args = 2;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    AddSelectionFlags(options);
    AddFilterFlag(options);
    AddOutputFlags(options);
    auto add = options->add_options();
    add("value", "print the first cell's value alone, byte for byte");
    add("explain",
        "print how the row is found instead: the way to its tablet, files and blocks "
        "touched, the time of each stage");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
