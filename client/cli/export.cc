#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "client/cli/byte_sink.h"
#include "client/cli/progress.h"
#include "client/cli/query_flags.h"
#include "client/cli/row_parser.h"
#include "client/cli/row_text.h"
#include "client/cli/transfer.h"
#include "client/cli/transfer_state.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

constexpr uint64_t kCheckpointBytes = 256u << 20;
constexpr uint64_t kWriteBytes = 1u << 18;
constexpr int64_t kCheckpointNs = 10'000'000'000;

// One run of the verb. Its parts are made in the order of the calls.
class Export {
 public:
  explicit Export(const Invocation& call) : call_(call), path_(call.args[1]) {}

  int Run();

 private:
  Status ReadFlags();
  Status Begin();
  Status Pump(Table& table, Interrupt* interrupt);
  Status Append(const Row& row);
  Status Save();
  bool ToStandardOutput() const { return path_ == "-"; }

  const Invocation& call_;
  const std::string path_;
  const std::string state_path_ = path_ + ".export-state";
  RowFormat format_;
  ReadQuery what_;  // of each row
  RowRange rows_;
  uint64_t limit_ = 0;
  std::shared_ptr<Client> client_;
  TransferState state_;
  uint64_t rows_before_ = 0;
  std::unique_ptr<ByteSink> sink_;
  std::string waiting_;
  uint64_t written_bytes_ = 0;  // since the last checkpoint
};

Status Export::ReadFlags() {
  InputForm form = InputForm::kJson;
  if (call_.Has("format")) {
    ASSIGN_OR_RETURN(form, ParseInputForm(call_.Get<std::string>("format")));
  } else if (!ToStandardOutput()) {
    ASSIGN_OR_RETURN(form, InputFormOf(path_));
  }
  if (form == InputForm::kDeb822) {
    return absl::InvalidArgumentError("deb822 is only imported; export has jsonl, csv and tsv");
  }
  format_.form = form == InputForm::kCsv   ? RowForm::kCsv
                 : form == InputForm::kTsv ? RowForm::kTsv
                                           : RowForm::kJson;
  const TextEncoding plain = form == InputForm::kTsv ? TextEncoding::kEscaped : TextEncoding::kRaw;
  ASSIGN_OR_RETURN(format_.encoding, EncodingOfFlags(call_, plain));
  RETURN_IF_ERROR(ReadSelectionFlags(call_, &what_));
  // With whole families besides, the columns of a line would not be known.
  if (what_.selection().families.empty()) format_.columns = what_.selection().columns;
  ASSIGN_OR_RETURN(rows_, RangeOfFlags(call_));
  ASSIGN_OR_RETURN(limit_, LimitOfFlags(call_));
  state_.command =
      absl::StrCat("export ", call_.args[0], " ", path_, " form=", static_cast<int>(form),
                   " encoding=", static_cast<int>(format_.encoding), ChoiceOfFlags(call_));
  return OkStatus();
}

// The state to go on from and the file behind what it says.
Status Export::Begin() {
  if (ToStandardOutput()) {
    sink_ = ByteSink::ToStream(call_.env->out);
    return sink_->Write(RowHeader(format_));
  }
  RETURN_IF_ERROR(CheckIsPlainFile(path_));
  bool resumed = false;
  const bool restart = call_.Has("restart");
  ASSIGN_OR_RETURN(state_, ResumeState(PosixFs(), state_path_, state_, restart, &resumed));
  if (resumed) {
    auto sink = ByteSink::Resume(PosixFs(), path_, state_.side_bytes);
    RETURN_IF_ERROR(FileFailure(sink.status()));
    sink_ = *std::move(sink);
    rows_before_ = state_.counts.rows;
    *call_.env->err << "stele: going on behind " << WithCommas(rows_before_) << " rows\n";
    return OkStatus();
  }
  if (restart) {
    Status removed = PosixFs()->Unlink(path_);
    if (!removed.ok() && !IsNotFound(removed)) return removed;
  }
  StatusOr<std::unique_ptr<ByteSink>> sink = ByteSink::Create(PosixFs(), path_);
  if (absl::IsAlreadyExists(sink.status())) {
    return absl::AlreadyExistsError(absl::StrCat(path_, " exists; --restart writes it anew"));
  }
  RETURN_IF_ERROR(FileFailure(sink.status()));
  sink_ = *std::move(sink);
  RETURN_IF_ERROR(sink_->Write(RowHeader(format_)));
  return Save();
}

Status Export::Append(const Row& row) {
  AppendRow(row, format_, &waiting_);
  state_.position.row = row.key;
  ++state_.counts.rows;
  state_.counts.cells += row.cells.size();
  if (waiting_.size() < kWriteBytes) return OkStatus();
  written_bytes_ += waiting_.size();
  RETURN_IF_ERROR(sink_->Write(waiting_));
  waiting_.clear();
  return OkStatus();
}

Status Export::Save() {
  RETURN_IF_ERROR(sink_->Write(waiting_));
  waiting_.clear();
  written_bytes_ = 0;
  ASSIGN_OR_RETURN(state_.side_bytes, sink_->Checkpoint());
  return ToStandardOutput() ? OkStatus() : FileFailure(SaveState(PosixFs(), state_path_, state_));
}

Status Export::Pump(Table& table, Interrupt* interrupt) {
  if (limit_ > 0 && state_.counts.rows >= limit_) return Save();
  ReadQuery query = what_;
  if (limit_ > 0) query.Limit(limit_ - state_.counts.rows);
  if (!state_.position.row.empty()) {
    rows_.start = state_.position.row;
    rows_.start_open = true;
  }
  query.Range(rows_);
  Progress progress(call_.env->err, call_.env->progress, call_.env->clock, "rows", limit_,
                    rows_before_);
  Ticker ticker(call_.env->clock, kCheckpointNs);
  Status status;
  for (StatusOr<Row>& row : table.ReadRows(query)) {
    status = row.status();
    if (status.ok()) status = Append(*row);
    if (!status.ok() || interrupt->Pending()) break;
    progress.Update(state_.counts.rows);
    if (!ToStandardOutput() && (written_bytes_ >= kCheckpointBytes || ticker.Due())) {
      status = Save();
      if (!status.ok()) break;
    }
  }
  Status saved = Save();
  return status.ok() ? saved : status;
}

int Export::Run() {
  Status status = ReadFlags();
  if (!status.ok()) return Fail(call_, status);
  const bool resumable = !ToStandardOutput();
  InterruptScope scope(call_.env, resumable);
  StatusOr<Table> table = OpenTable(call_, call_.args[0], &client_);
  if (!table.ok()) return Fail(call_, table.status());
  if (status = Begin(); !status.ok()) return Fail(call_, status);
  const int64_t started_ns = call_.env->clock->BootNanos();
  status = Pump(*table, scope.interrupt());
  const TransferReport report{"exported", rows_before_, state_.counts,
                              call_.env->clock->BootNanos() - started_ns};
  // A reader that has read enough is no failure to tell of.
  if (!resumable && !call_.env->out->good()) return kFailed;
  return EndTransfer(call_, report, status, scope.interrupt(), resumable ? state_path_ : "",
                     resumable ? call_.env->out : call_.env->err);
}

}  // namespace

Verb ExportVerb() {
  Verb verb;
  verb.name = "export";
  verb.arguments = "TABLE FILE";
  verb.summary = "write rows to a file that import takes";
  verb.details =
      R"(FILE may end in .gz or .zst; - is standard output. Rows come in key order. The formats:
  jsonl  {"row":"r1","cells":[{"family":"f","qualifier":"q","timestamp_us":1000,"value":"v"}]}
         a row a line; bytes that are no UTF-8 in row_base64, qualifier_base64, value_base64
  csv    row,family,qualifier,timestamp_us,value       a cell a line
         row,f:colour,f:size                           with --column: a row a line, the newest cells
  tsv    the same between tabs, without quotes, in escapes (\t \n \\ \xNN)
`stele import --help` says more of them. After Ctrl-C, a failure or a crash the same command goes on
where FILE.export-state says. It is no snapshot: each row is one state that it had meanwhile.)";
  verb.example = "stele export webtable anchors.csv.zst --family anchor";
  verb.min_args = verb.max_args = 2;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    auto add = options->add_options();
    add("format", po::value<std::string>(),
        "jsonl, csv or tsv (default: by FILE's name; jsonl for -)");
    AddEncodingFlags(options);
    AddRangeFlags(options);
    AddSelectionFlags(options);
    AddFilterFlag(options);
    add("restart", "begin anew; FILE is replaced");
  };
  verb.run = [](const Invocation& call) { return Export(call).Run(); };
  return verb;
}

}  // namespace stele::cli
