#include "client/cli/transfer.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/progress.h"
#include "client/cli/transfer_state.h"
#include "schema/model/limits.h"

namespace stele::cli {
namespace {

// Half of what a request may have.
constexpr uint64_t kBytesPerChange = kMaxFrameBytes / 2;

std::string RowsOf(const TransferReport& report) {
  return absl::StrCat(WithCommas(report.counts.rows), " rows (", WithCommas(report.counts.cells),
                      " cells)");
}

void PrintReport(const Invocation& call, const TransferReport& report, std::ostream* out) {
  const double seconds = std::max(static_cast<double>(report.elapsed_ns) / 1e9, 1e-3);
  const uint64_t rows_now = report.counts.rows - report.rows_before;
  const auto rate = static_cast<uint64_t>(static_cast<double>(rows_now) / seconds);
  if (call.Has("json") && out == call.env->out) {
    const nlohmann::ordered_json json = {{"rows", report.counts.rows},
                                         {"cells", report.counts.cells},
                                         {"rejected", report.counts.rejected},
                                         {"rows_before", report.rows_before},
                                         {"seconds", seconds},
                                         {"rows_per_second", rate}};
    *out << json.dump() << '\n';
    return;
  }
  char time[32];
  std::snprintf(time, sizeof time, "%.1f", seconds);
  *out << report.what << ' ' << RowsOf(report) << " in " << time << " s, " << WithCommas(rate)
       << " rows/s";
  if (report.rows_before > 0) *out << ", " << WithCommas(report.rows_before) << " of them before";
  if (report.counts.rejected > 0) {
    *out << "; " << WithCommas(report.counts.rejected) << " records rejected";
    if (!report.side_path.empty()) *out << ", see " << Escape(report.side_path);
  }
  *out << '\n';
}

}  // namespace

void AddEncodingFlags(po::options_description* options) {
  auto add = options->add_options();
  add("hex", "keys, qualifiers and values in hex");
  add("base64", "keys, qualifiers and values in base64");
}

StatusOr<TextEncoding> EncodingOfFlags(const Invocation& call, TextEncoding plain) {
  if (call.Has("hex") && call.Has("base64")) {
    return absl::InvalidArgumentError("--hex does not go with --base64");
  }
  return call.Has("hex") ? TextEncoding::kHex : call.Has("base64") ? TextEncoding::kBase64 : plain;
}

void FitAggregates(const TableSchema& schema, RowMutation* row) {
  const bool none =
      std::all_of(schema.families.begin(), schema.families.end(),
                  [](const FamilySchema& family) { return family.aggregate == Aggregate::kNone; });
  if (none) return;
  std::vector<Mutation> fitted;
  for (Mutation& mutation : row->mutations) {
    auto* set = std::get_if<SetCell>(&mutation);
    const FamilySchema* family = set == nullptr ? nullptr : schema.FindFamily(set->family);
    if (family == nullptr || family->aggregate == Aggregate::kNone || set->timestamp_us < 0) {
      fitted.push_back(std::move(mutation));
      continue;
    }
    fitted.push_back(DeleteFromColumn{set->family, set->qualifier, set->timestamp_us,
                                      set->timestamp_us + kTimestampGranularityUs});
    fitted.push_back(MergeToCell{set->family, set->qualifier, set->timestamp_us, set->value});
  }
  row->mutations = std::move(fitted);
}

std::vector<RowMutation> CutChange(RowMutation row, size_t most) {
  std::vector<RowMutation> pieces(1);
  uint64_t piece_bytes = 0;
  for (Mutation& mutation : row.mutations) {
    const auto* set = std::get_if<SetCell>(&mutation);
    const uint64_t bytes = set == nullptr ? 0 : set->qualifier.size() + set->value.size();
    const bool full = piece_bytes + bytes > kBytesPerChange && !pieces.back().mutations.empty();
    if (full || pieces.back().mutations.size() == most) {
      pieces.emplace_back();
      piece_bytes = 0;
    }
    piece_bytes += bytes;
    pieces.back().mutations.push_back(std::move(mutation));
  }
  for (RowMutation& piece : pieces) piece.row = row.row;
  return pieces;
}

Status CheckIsPlainFile(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(path, error);
  if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) {
    return OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is no plain file; `-` is standard output"));
}

Status FileFailure(const Status& status) {
  return IsNotFound(status) ? absl::FailedPreconditionError(status.message()) : status;
}

InterruptScope::InterruptScope(Environment* env, bool held) : interrupt_(env->interrupt) {
  if (interrupt_ != nullptr) return;
  own_.emplace();
  interrupt_ = &*own_;
  if (!held) own_->Release();
}

bool Ticker::Due() {
  const int64_t now = clock_->BootNanos();
  if (now - last_ns_ < period_ns_) return false;
  last_ns_ = now;
  return true;
}

int EndTransfer(const Invocation& call, const TransferReport& report, const Status& status,
                Interrupt* interrupt, const std::string& state_path, std::ostream* out) {
  const bool resumable = !state_path.empty();
  if (!status.ok() || interrupt->Pending()) {
    *call.env->err << "stele: " << (status.ok() ? "interrupted" : "stopped") << " after "
                   << RowsOf(report);
    if (!status.ok()) *call.env->err << ": " << Escape(ToStd(status.message()));
    *call.env->err << (resumable ? "; the same command goes on" : "") << '\n';
    return status.ok() ? kInterrupted : ExitCodeOf(status);
  }
  if (resumable) {
    if (Status s = RemoveState(PosixFs(), state_path); !s.ok()) return Fail(call, s);
  }
  PrintReport(call, report, out);
  return report.counts.rejected > 0 ? kFailed : kOk;
}

}  // namespace stele::cli
