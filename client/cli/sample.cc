#include <iostream>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "client/cli/row_text.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

void Print(const Invocation& call, const std::vector<RowKeySample>& samples) {
  std::string text;
  for (const RowKeySample& sample : samples) {
    if (call.Has("json")) {
      text += text.empty() ? "[{" : ",{";
      AppendJsonBytes("row", sample.row, TextEncoding::kRaw, &text);
      absl::StrAppend(&text, ",\"bytes\":", sample.bytes, ",\"rows\":", sample.rows, "}");
    } else {
      absl::StrAppend(&text, sample.bytes, "\t", sample.rows, "\t", Escape(sample.row), "\n");
    }
  }
  *call.env->out << text << (call.Has("json") ? "]\n" : "");
}

int Run(const Invocation& call) {
  uint64_t step = 0;
  if (call.Has("step")) {
    StatusOr<uint64_t> bytes = ParseBytes(call.Get<std::string>("step"));
    if (!bytes.ok()) return Fail(call, bytes.status());
    step = *bytes;
  }
  std::shared_ptr<Client> client;
  StatusOr<Table> table = OpenTable(call, call.args[0], &client);
  if (!table.ok()) return Fail(call, table.status());
  StatusOr<std::vector<RowKeySample>> samples = table->SampleRowKeys(step);
  if (!samples.ok()) return Fail(call, samples.status());
  Print(call, *samples);
  return kOk;
}

}  // namespace

Verb SampleVerb() {
  Verb verb;
  verb.name = "sample";
  verb.arguments = "TABLE";
  verb.summary = "keys that cut a table into parts, with sizes";
  verb.details =
      "Prints `BYTES<tab>ROWS<tab>KEY`: about so much is stored up to and including the key. The\n"
      "tablets' last rows are among them; the last line has no key and the totals.";
  verb.example = "stele sample webtable --step 1m";
  verb.min_args = verb.max_args = 1;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    options->add_options()("step", po::value<std::string>(), "bytes between two keys (some MiB)");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
