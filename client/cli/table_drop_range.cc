#include "client/cli/bytes_text.h"
#include "client/cli/row_drop.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

int Run(const Invocation& call) {
  std::string prefix = call.Has("prefix") ? call.Get<std::string>("prefix") : "";
  if (call.Has("escaped")) {
    StatusOr<std::string> bytes = Unescape(prefix);
    if (!bytes.ok()) return Fail(call, bytes.status());
    prefix = *std::move(bytes);
  }
  if (prefix.empty()) {
    return Fail(call, absl::InvalidArgumentError(
                          "--prefix is missing or empty; `table truncate` deletes all rows"));
  }
  return RunDropRows(call, prefix);
}

}  // namespace

Verb TableDropRangeVerb() {
  Verb verb;
  verb.name = "table drop-range";
  verb.arguments = "TABLE";
  verb.summary = "delete all rows whose key begins with a prefix";
  verb.details = "Done when it returns, however many rows there are.";
  verb.example = "stele table drop-range webtable --prefix com.example --dry-run";
  verb.min_args = verb.max_args = 1;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    AddDropFlags(options);
    options->add_options()("prefix", po::value<std::string>(), "of the rows' keys");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
