#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "client/cli/ordered_writer.h"
#include "client/cli/progress.h"
#include "client/cli/record_splitter.h"
#include "client/cli/reject_file.h"
#include "client/cli/row_parser.h"
#include "client/cli/transfer.h"
#include "client/cli/transfer_state.h"
#include "client/cli/verbs.h"
#include "schema/model/limits.h"
#include "schema/model/model.h"

namespace stele::cli {
namespace {

constexpr uint64_t kMaxRecordBytes = 256u << 20;

// One run of the verb. Its parts are made in the order of the calls.
class Import {
 public:
  explicit Import(const Invocation& call) : call_(call), path_(call.args[1]) {}

  int Run();

 private:
  Status ReadFlags();
  Status OpenInput();
  StatusOr<Table> OpenTarget();
  Status Begin(const TableSchema& schema);
  Status Pump(const Table& table, Interrupt* interrupt);
  Status Take(const RecordSplitter::Record& record, const TableSchema& schema);
  Status Save();
  bool FromStandardInput() const { return path_ == "-"; }

  const Invocation& call_;
  const std::string path_;
  std::string state_path_;
  ParserOptions options_;
  uint64_t file_bytes_ = 0;  // 0: not known
  std::shared_ptr<Client> client_;
  std::unique_ptr<ByteSource> source_;
  std::optional<RecordSplitter> splitter_;
  std::optional<RowParser> parser_;
  TransferState state_;
  uint64_t rows_before_ = 0;
  std::unique_ptr<RejectFile> rejects_;
  std::unique_ptr<OrderedWriter> writer_;
};

Status Import::ReadFlags() {
  StatusOr<InputForm> form = call_.Has("format") ? ParseInputForm(call_.Get<std::string>("format"))
                             : FromStandardInput() ? StatusOr<InputForm>(InputForm::kJson)
                                                   : InputFormOf(path_);
  RETURN_IF_ERROR(form.status());
  options_.form = *form;
  if (call_.Has("key")) options_.key = call_.Get<std::string>("key");
  if (call_.Has("family")) options_.family = call_.Get<std::string>("family");
  if (!options_.family.empty()) RETURN_IF_ERROR(ValidateFamilyName(options_.family));
  const TextEncoding plain =
      options_.form == InputForm::kTsv ? TextEncoding::kEscaped : TextEncoding::kRaw;
  ASSIGN_OR_RETURN(options_.encoding, EncodingOfFlags(call_, plain));
  options_.timestamp_us =
      call_.Has("ts-us")
          ? call_.Get<int64_t>("ts-us")
          : call_.env->clock->WallMicros() / kTimestampGranularityUs * kTimestampGranularityUs;
  if (options_.timestamp_us < 0 || options_.timestamp_us % kTimestampGranularityUs != 0) {
    return absl::InvalidArgumentError("--ts-us is a multiple of 1000, at least 0");
  }
  state_.command = absl::StrCat(
      "import ", call_.args[0], " ", path_, " format=", static_cast<int>(options_.form),
      " encoding=", static_cast<int>(options_.encoding), " key=", options_.key,
      " family=", options_.family,
      " ts-us=", call_.Has("ts-us") ? absl::StrCat(options_.timestamp_us) : "");
  state_.timestamp_us = options_.timestamp_us;
  if (!FromStandardInput()) {
    state_path_ = call_.Has("state") ? call_.Get<std::string>("state")
                                     : absl::StrCat(path_, ".", call_.args[0], ".import-state");
  } else if (call_.Has("state")) {
    return absl::InvalidArgumentError("--state does not go with standard input");
  }
  return OkStatus();
}

Status Import::OpenInput() {
  ASSIGN_OR_RETURN(source_, OpenSource(path_, call_.env->in));
  std::error_code error;
  if (!std::filesystem::is_regular_file(path_, error)) {
    state_path_.clear();  // a pipe does not come again
    return OkStatus();
  }
  file_bytes_ = std::filesystem::file_size(path_, error);
  ASSIGN_OR_RETURN(const int64_t modified_us, PosixFs()->ModifiedMicros(path_));
  state_.input = absl::StrCat(file_bytes_, " bytes of ", modified_us);
  return OkStatus();
}

// The state to go on from, the header, and the place behind them.
Status Import::Begin(const TableSchema& schema) {
  bool resumed = false;
  if (!state_path_.empty()) {
    ASSIGN_OR_RETURN(state_,
                     ResumeState(PosixFs(), state_path_, state_, call_.Has("restart"), &resumed));
  }
  options_.timestamp_us = state_.timestamp_us;
  rows_before_ = state_.counts.rows;
  const Boundary boundary = BoundaryOf(options_.form);
  splitter_.emplace(source_.get(), boundary, kMaxRecordBytes);
  RecordSplitter::Record header;
  if (HasHeader(options_.form)) {
    ASSIGN_OR_RETURN(const bool found, splitter_->Next(&header));
    if (!found) return absl::InvalidArgumentError(absl::StrCat(path_, " has no header line"));
  }
  ASSIGN_OR_RETURN(RowParser parser, RowParser::Create(options_, header.text));
  parser_.emplace(std::move(parser));
  for (const std::string& family : parser_->Families()) {
    if (schema.FindFamily(family) != nullptr) continue;
    return absl::NotFoundError(
        absl::StrCat("table ", schema.name, " has no family \"", Escape(family), "\""));
  }
  if (resumed && state_.position.offset > 0) {
    ASSIGN_OR_RETURN(source_, OpenSource(path_, call_.env->in));
    RETURN_IF_ERROR(source_->Skip(state_.position.offset));
    splitter_.emplace(source_.get(), boundary, kMaxRecordBytes, state_.position.offset,
                      state_.position.line);
    *call_.env->err << "stele: going on behind " << WithCommas(rows_before_) << " rows, at line "
                    << state_.position.line << '\n';
  }
  std::string reject_path = FromStandardInput() ? "" : path_ + ".rejected";
  if (call_.Has("errors")) reject_path = call_.Get<std::string>("errors");
  ASSIGN_OR_RETURN(rejects_,
                   RejectFile::Open(PosixFs(), reject_path, state_.side_bytes, call_.env->err));
  // Before the first row, so that after any end the rows get the same timestamp again.
  return state_path_.empty() ? OkStatus() : FileFailure(SaveState(PosixFs(), state_path_, state_));
}

Status Import::Take(const RecordSplitter::Record& record, const TableSchema& schema) {
  if (record.too_long) {
    return writer_->Reject(record.line, absl::StrCat("longer than ", kMaxRecordBytes, " bytes"),
                           record.text);
  }
  StatusOr<RowMutation> row = parser_->Parse(record.text);
  Status valid = row.status();
  std::vector<RowMutation> pieces;
  if (valid.ok()) {
    FitAggregates(schema, &*row);
    pieces = CutChange(*std::move(row), kMaxMutationsPerRow);
  }
  for (const RowMutation& piece : pieces) {
    if (valid.ok()) valid = ValidateRowMutation(piece, &schema);
  }
  if (!valid.ok()) return writer_->Reject(record.line, std::string(valid.message()), record.text);
  uint64_t line = record.line;
  for (RowMutation& piece : pieces) {
    RETURN_IF_ERROR(writer_->Add(std::move(piece), line));
    line = 0;
  }
  return OkStatus();
}

Status Import::Save() {
  state_.position = writer_->settled();
  state_.counts = writer_->counts();
  const StatusOr<uint64_t> side_bytes = rejects_->Flush();
  RETURN_IF_ERROR(FileFailure(side_bytes.status()));
  state_.side_bytes = *side_bytes;
  return state_path_.empty() ? OkStatus() : FileFailure(SaveState(PosixFs(), state_path_, state_));
}

Status Import::Pump(const Table& table, Interrupt* interrupt) {
  Progress progress(call_.env->err, call_.env->progress, call_.env->clock, "rows", 0, rows_before_);
  Ticker ticker(call_.env->clock);
  Status status;
  RecordSplitter::Record record;
  while (!interrupt->Pending()) {
    StatusOr<bool> more = splitter_->Next(&record);
    status = more.status();
    if (!status.ok() || !*more) break;
    status = Take(record, table.schema());
    if (!status.ok()) break;
    writer_->Reached({splitter_->offset(), splitter_->line(), ""});
    const uint64_t rows = writer_->counts().rows;
    const double part = file_bytes_ == 0 ? 0
                                         : static_cast<double>(source_->file_bytes()) /
                                               static_cast<double>(file_bytes_);
    progress.Update(rows, part > 0 ? std::max(rows, static_cast<uint64_t>(rows / part)) : 0);
    if (ticker.Due()) {
      status = Save();
      if (!status.ok()) break;
    }
  }
  Status drained = writer_->Drain();
  Status saved = Save();
  return !status.ok() ? status : !drained.ok() ? drained : saved;
}

int Import::Run() {
  Status status = ReadFlags();
  if (status.ok()) status = OpenInput();
  if (!status.ok()) {
    Fail(call_, status);
    return kUsage;
  }
  InterruptScope scope(call_.env, !state_path_.empty());
  StatusOr<Table> table = OpenTable(call_, call_.args[0], &client_);
  if (!table.ok()) return Fail(call_, table.status());
  if (status = Begin(table->schema()); !status.ok()) return Fail(call_, status);
  writer_ = std::make_unique<OrderedWriter>(
      *table, OrderedWriter::Options(), state_.counts, state_.position,
      [this](uint64_t line, std::string_view reason, std::string_view what) {
        rejects_->Add(line, reason, what);
      });
  const int64_t started_ns = call_.env->clock->BootNanos();
  status = Pump(*table, scope.interrupt());
  TransferReport report{"imported", rows_before_, state_.counts,
                        call_.env->clock->BootNanos() - started_ns};
  if (state_.counts.rejected > 0) report.side_path = rejects_->path();
  return EndTransfer(call_, report, status, scope.interrupt(), state_path_, call_.env->out);
}

}  // namespace

Verb ImportVerb() {
  Verb verb;
  verb.name = "import";
  verb.arguments = "TABLE FILE";
  verb.summary = "write the rows of a file";
  verb.details =
      R"(FILE may end in .gz or .zst; - is standard input. The formats, an example of each:
  jsonl   a row a line; bytes that are no UTF-8 in row_base64, qualifier_base64, value_base64 (or
          row_hex ...) instead:
            {"row":"r1","cells":[{"family":"f","qualifier":"q","timestamp_us":1000,"value":"v"}]}
  csv     RFC 4180 with a header. Columns are FAMILY:QUALIFIER, or QUALIFIER of --family; --key
          (default: row) is the row key. An empty field is no cell, "" is an empty value:
            row,f:colour,f:size
            r1,red,""
          or a cell a line, as export writes it:
            row,family,qualifier,timestamp_us,value
            r1,f,colour,1000,red
  tsv     the same between tabs, without quotes, in escapes (\t \n \\ \xNN; \_ is an empty value)
  deb822  paragraphs of "Field: value" between blank lines, as in Debian's package index; each field
          is a qualifier of --family, --key names the row key:
            Package: stele
            Description: a store
             whose description has two lines
With --hex or --base64 the keys, values and qualifiers (not the header) of csv and tsv are that; an
empty value between columns is _ or =.

Cells without a timestamp get --ts-us or the time at which the import began. Records that are wrong
go to FILE.rejected as LINE<tab>REASON<tab>RECORD, the rest is written, the exit code is 1. A row of
more than 100,000 cells or 64 MiB is written in several steps. After Ctrl-C, a failure or a crash
the same command goes on without loss or double, by the small file FILE.TABLE.import-state; a
compressed file is read again up to there. Standard input begins anew.)";
  verb.example =
      "zcat Packages.gz | stele import packages - --format deb822 --key Package --family field";
  verb.min_args = verb.max_args = 2;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    auto add = options->add_options();
    add("format", po::value<std::string>(),
        "jsonl, csv, tsv or deb822 (default: by FILE's name; jsonl for -)");
    add("key", po::value<std::string>(), "the column or field that is the row key");
    add("family", po::value<std::string>(), "of columns and fields that name none");
    AddEncodingFlags(options);
    add("ts-us", po::value<int64_t>(), "timestamp of cells that have none, microseconds");
    add("errors", po::value<std::string>(), "where rejected records go (default: FILE.rejected)");
    add("state", po::value<std::string>(),
        "where it keeps how far it has come (default: FILE.TABLE.import-state)");
    add("restart", "begin anew");
  };
  verb.run = [](const Invocation& call) { return Import(call).Run(); };
  return verb;
}

}  // namespace stele::cli
