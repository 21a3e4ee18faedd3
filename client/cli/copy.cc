#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "client/cli/progress.h"
#include "client/cli/query_flags.h"
#include "client/cli/transfer.h"
#include "client/cli/transfer_state.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

// A row of more is written in several changes.
constexpr size_t kMutationsPerChange = 10'000;

class Copy {
 public:
  explicit Copy(const Invocation& call) : call_(call) {}
  int Run();

 private:
  Status ReadFlags();
  StatusOr<Table> OpenTarget();
  Status Begin();
  Status Pump(Table& from, const TableSchema& schema, Interrupt* interrupt);
  Status Add(Row row, const TableSchema& schema);
  Status Save();

  const Invocation& call_;
  std::string state_path_;  // empty: none is kept
  ReadQuery what_;
  RowRange rows_;
  uint64_t limit_ = 0;
  std::shared_ptr<Client> source_, target_;
  TransferState state_;
  uint64_t rows_before_ = 0;
  std::unique_ptr<OrderedWriter> writer_;
};

Status Copy::ReadFlags() {
  RETURN_IF_ERROR(ReadSelectionFlags(call_, &what_));
  ASSIGN_OR_RETURN(rows_, RangeOfFlags(call_));
  ASSIGN_OR_RETURN(limit_, LimitOfFlags(call_));
  if (call_.args[0] == call_.args[1] && !call_.Has("to-cell")) {
    return absl::InvalidArgumentError("FROM and TO are the same table");
  }
  if (call_.Has("state")) state_path_ = call_.Get<std::string>("state");
  state_.command = absl::StrCat("copy ", call_.args[0], " ", call_.args[1], ChoiceOfFlags(call_));
  if (call_.Has("to-cell")) {
    absl::StrAppend(&state_.command, " to-cell=", call_.Get<std::string>("to-cell"));
  }
  return OkStatus();
}

StatusOr<Table> Copy::OpenTarget() {
  if (!call_.Has("to-cell")) return source_->OpenTable(call_.args[1]);
  ASSIGN_OR_RETURN(target_, ConnectTo(call_, call_.Get<std::string>("to-cell")));
  return target_->OpenTable(call_.args[1]);
}

Status Copy::Begin() {
  if (state_path_.empty()) return OkStatus();
  bool resumed = false;
  ASSIGN_OR_RETURN(state_,
                   ResumeState(PosixFs(), state_path_, state_, call_.Has("restart"), &resumed));
  rows_before_ = state_.counts.rows;
  if (resumed) {
    *call_.env->err << "stele: going on behind " << WithCommas(rows_before_) << " rows\n";
  }
  return FileFailure(SaveState(PosixFs(), state_path_, state_));
}

Status Copy::Save() {
  state_.position = writer_->settled();
  state_.counts = writer_->counts();
  return state_path_.empty() ? OkStatus() : FileFailure(SaveState(PosixFs(), state_path_, state_));
}

Status Copy::Add(Row row, const TableSchema& schema) {
  RowMutation change;
  change.row = row.key;
  for (Cell& cell : row.cells) {
    change.mutations.push_back(SetCell{std::move(cell.family), std::move(cell.qualifier),
                                       cell.timestamp_us, std::move(cell.value)});
  }
  FitAggregates(schema, &change);
  uint64_t line = 1;
  for (RowMutation& piece : CutChange(std::move(change), kMutationsPerChange)) {
    RETURN_IF_ERROR(writer_->Add(std::move(piece), line));
    line = 0;
  }
  InputPosition position;
  position.row = std::move(row.key);
  writer_->Reached(std::move(position));
  return OkStatus();
}

Status Copy::Pump(Table& from, const TableSchema& schema, Interrupt* interrupt) {
  ReadQuery query = what_;
  if (!state_.position.row.empty()) {
    rows_.start = state_.position.row;
    rows_.start_open = true;
  }
  if (limit_ > 0 && rows_before_ >= limit_) return OkStatus();
  if (limit_ > 0) query.Limit(limit_ - rows_before_);
  query.Range(rows_);
  Progress progress(call_.env->err, call_.env->progress, call_.env->clock, "rows", limit_,
                    rows_before_);
  Ticker ticker(call_.env->clock);
  Status status;
  for (StatusOr<Row>& row : from.ReadRows(query)) {
    status = row.status();
    if (status.ok()) status = Add(*std::move(row), schema);
    if (!status.ok() || interrupt->Pending()) break;
    progress.Update(writer_->counts().rows);
    if (ticker.Due()) {
      status = Save();
      if (!status.ok()) break;
    }
  }
  Status drained = writer_->Drain();
  Status saved = Save();
  return !status.ok() ? status : !drained.ok() ? drained : saved;
}

int Copy::Run() {
  Status status = ReadFlags();
  if (!status.ok()) return Fail(call_, status);
  InterruptScope scope(call_.env, true);
  StatusOr<Table> from = OpenTable(call_, call_.args[0], &source_);
  if (!from.ok()) return Fail(call_, from.status());
  StatusOr<Table> to = OpenTarget();
  if (!to.ok()) return Fail(call_, to.status());
  for (const FamilySchema& family : from->schema().families) {
    const auto& wanted = what_.selection();
    const bool named = std::count(wanted.families.begin(), wanted.families.end(), family.name) > 0;
    const bool all = wanted.families.empty() && wanted.columns.empty();
    if ((named || all) && to->schema().FindFamily(family.name) == nullptr) {
      return Fail(call_, absl::NotFoundError(absl::StrCat("table ", call_.args[1],
                                                          " has no family ", family.name)));
    }
  }
  if (status = Begin(); !status.ok()) return Fail(call_, status);
  std::string first_reason;
  writer_ = std::make_unique<OrderedWriter>(
      *to, OrderedWriter::Options(), state_.counts, state_.position,
      [&](uint64_t, std::string_view reason, std::string_view what) {
        *call_.env->err << "stele: " << Escape(what) << ": " << Escape(reason) << '\n';
      });
  const int64_t started_ns = call_.env->clock->BootNanos();
  status = Pump(*from, to->schema(), scope.interrupt());
  const TransferReport report{"copied", rows_before_, state_.counts,
                              call_.env->clock->BootNanos() - started_ns};
  return EndTransfer(call_, report, status, scope.interrupt(), state_path_, call_.env->out);
}

}  // namespace

Verb CopyVerb() {
  Verb verb;
  verb.name = "copy";
  verb.arguments = "FROM TO";
  verb.summary = "copy rows of a table to another";
  verb.details =
      "TO must have the families. Cells keep their timestamps, so a copy can be repeated. With\n"
      "--state the same command goes on after Ctrl-C, a failure or a crash. It is no snapshot: "
      "each\n"
      "row is one state that it had meanwhile.";
  verb.example = "stele copy webtable archive --prefix org.example --state copy.state";
  verb.min_args = verb.max_args = 2;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    auto add = options->add_options();
    add("to-cell", po::value<std::string>(), "address of TO's cell (default: the same)");
    add("state", po::value<std::string>(), "a file that keeps how far the copy has come");
    add("restart", "begin anew");
    AddRangeFlags(options);
    AddSelectionFlags(options);
    AddFilterFlag(options);
  };
  verb.run = [](const Invocation& call) { return Copy(call).Run(); };
  return verb;
}

}  // namespace stele::cli
