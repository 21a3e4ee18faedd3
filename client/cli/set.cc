#include "client/cli/bytes_text.h"
#include "client/cli/verbs.h"
#include "common/store/fs.h"
#include "schema/model/limits.h"
#include "schema/model/model.h"

namespace stele::cli {
namespace {

// The whole file; it is a cell's value, so it is not larger than one may be.
StatusOr<std::string> ReadValueFile(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, PosixFs()->Open(path, Fs::Mode::kRead));
  ASSIGN_OR_RETURN(uint64_t size, file->Size());
  if (size > kMaxValueBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has ", size, " bytes; a value has at most ", kMaxValueBytes));
  }
  std::string value(size, '\0');
  ASSIGN_OR_RETURN(size_t got, file->ReadAt(0, size, value.data()));
  value.resize(got);
  return value;
}

StatusOr<std::string> ValueOf(const Invocation& call) {
  const bool in_file = call.Has("value-file");
  if (in_file == (call.args.size() == 4)) {
    return absl::InvalidArgumentError("give VALUE or --value-file, one of them");
  }
  return in_file ? ReadValueFile(call.Get<std::string>("value-file")) : call.args[3];
}

int Run(const Invocation& call) {
  StatusOr<std::string> value = ValueOf(call);
  if (!value.ok()) return Fail(call, value.status());
  const ColumnName column = ParseColumn(call.args[2]);
  RowMutationBuilder builder(call.args[1]);
  builder.SetAt(column.family, column.qualifier,
                call.Has("ts-us") ? call.Get<int64_t>("ts-us") : kServerTime, *value);
  // What is wrong in itself is told before the cell is asked.
  if (Status s = ValidateRowMutation(builder.mutation(), nullptr); !s.ok()) return Fail(call, s);
  std::shared_ptr<Client> client;
  StatusOr<Table> table = OpenTable(call, call.args[0], &client);
  if (!table.ok()) return Fail(call, table.status());
  if (Status s = table->Apply(builder); !s.ok()) return Fail(call, s);
  return kOk;
}

}  // namespace

Verb SetVerb() {
  Verb verb;
  verb.name = "set";
  verb.arguments = "TABLE ROW FAMILY:QUALIFIER [VALUE]";
  verb.summary = "write one cell";
  verb.details =
      "The server chooses the time unless --ts-us gives it. After `--` words that begin with a "
      "dash\n"
      "are arguments. Nothing is printed when it is done.";
  verb.example = "stele set webtable org.example/ title: 'An example'";
  verb.min_args = 3;
  verb.max_args = 4;
  verb.options = [](po::options_description* options) {
    options->add_options()("ts-us", po::value<int64_t>(),
                           "timestamp in microseconds, a multiple of 1000");
    options->add_options()("value-file", po::value<std::string>(),
                           "the value is what this file holds, instead of VALUE");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
