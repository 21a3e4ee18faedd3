#include <algorithm>
#include <iostream>
#include <set>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "client/cli/interrupt.h"
#include "client/cli/query_flags.h"
#include "client/cli/transfer.h"
#include "client/cli/verbs.h"
#include "schema/model/model.h"

namespace stele::cli {
namespace {

constexpr size_t kKeysAtOnce = 1000;

// The keys of the arguments, or of the lines of standard input; at most kKeysAtOnce at a time.
class Keys {
 public:
  Keys(const Invocation& call, TextEncoding encoding) : call_(call), encoding_(encoding) {}

  // Empty at the end.
  StatusOr<std::set<std::string>> Next() {
    std::set<std::string> keys;
    std::string line;
    while (keys.size() < kKeysAtOnce) {
      if (call_.args.size() > 1) {
        if (next_ == call_.args.size()) break;
        line = call_.args[next_++];
      } else if (!std::getline(*call_.env->in, line)) {
        break;
      } else if (call_.Has("escaped")) {
        ASSIGN_OR_RETURN(line, Unescape(line));
      }
      ASSIGN_OR_RETURN(std::string key, Decode(line, encoding_));
      RETURN_IF_ERROR(ValidateRowKey(key));
      keys.insert(std::move(key));
    }
    return keys;
  }

 private:
  const Invocation& call_;
  const TextEncoding encoding_;
  size_t next_ = 1;
};

// The rows that are there, printed; *missing counts the others.
Status Look(const Invocation& call, Table& table, const std::set<std::string>& keys,
            const RowFormat& format, const ReadQuery& what, uint64_t* missing) {
  ReadQuery query = what;
  for (const std::string& key : keys) query.Row(key);
  *missing += keys.size();
  std::string text;
  for (StatusOr<Row>& row : table.ReadRows(query)) {
    RETURN_IF_ERROR(row.status());
    --*missing;
    text.clear();
    AppendRow(*row, format, &text);
    *call.env->out << text;
    if (!call.env->out->good()) break;  // RunCli tells
  }
  return OkStatus();
}

int Run(const Invocation& call) {
  ReadQuery what;
  Status valid = ReadSelectionFlags(call, &what);
  StatusOr<RowFormat> format = OutputOfFlags(call);
  if (valid.ok()) valid = format.status();
  if (!valid.ok()) return Fail(call, valid);
  const StatusOr<TextEncoding> encoding = EncodingOfFlags(call, TextEncoding::kRaw);
  Keys keys(call, *encoding);
  StatusOr<std::set<std::string>> some = keys.Next();
  if (!some.ok()) return Fail(call, some.status());
  std::shared_ptr<Client> client;
  StatusOr<Table> table = OpenTable(call, call.args[0], &client);
  if (!table.ok()) return Fail(call, table.status());
  *call.env->out << RowHeader(*format);
  uint64_t asked = 0, missing = 0;
  for (; some.ok() && !some->empty(); some = keys.Next()) {
    asked += some->size();
    if (Status s = Look(call, *table, *some, *format, what, &missing); !s.ok()) {
      return Fail(call, s);
    }
    if (call.env->interrupt != nullptr && call.env->interrupt->Pending()) return kInterrupted;
  }
  if (!some.ok()) return Fail(call, some.status());
  if (missing == 0) return kOk;
  return Fail(call,
              absl::NotFoundError(absl::StrCat(missing, " of ", asked, " rows have no such cell")));
}

}  // namespace

Verb LookupVerb() {
  Verb verb;
  verb.name = "lookup";
  verb.arguments = "TABLE [ROW...]";
  verb.summary = "read many rows by their keys";
  verb.details =
      "Without ROW the keys are the lines of standard input, escaped with --escaped, in hex or "
      "base64\n"
      "with those flags. Of each 1000 keys the rows come once and in key order. When some are not\n"
      "there, that is told at the end and is exit code 4.";
  verb.example =
      "stele scan webtable --keys --limit 9 | stele lookup webtable --family title --csv";
  verb.min_args = 1;
  verb.max_args = 100'000;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    AddSelectionFlags(options);
    AddFilterFlag(options);
    AddOutputFlags(options);
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
