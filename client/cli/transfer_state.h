// TransferState: how far an import, export or copy has come, in a small file that is replaced as a
// whole, so that the same command goes on after any kind of end. One JSON object:
//
//   {"version":1,"command":C,"input":I,"timestamp_us":T,"offset":O,"line":L,"row_base64":R,
//    "rows":N,"cells":N,"rejected":N,"side_bytes":N}
//
// Crash rule: what the state speaks of (the rows, the file behind side_bytes) is durable before it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/cli/ordered_writer.h"
#include "common/base/status.h"
#include "common/store/fs.h"

namespace stele::cli {

struct TransferState {
  std::string command;       // the arguments that decide what is done
  std::string input;         // what tells that the input is still the same
  int64_t timestamp_us = 0;  // of the cells that have none of their own
  InputPosition position;
  OrderedWriter::Counts counts;
  uint64_t side_bytes = 0;  // of the error file; of an export's output
};

std::string PrintState(const TransferState& state);
StatusOr<TransferState> ParseState(std::string_view text);  // DataLoss

// Empty when there is no such file.
StatusOr<std::optional<TransferState>> LoadState(Fs* fs, const std::string& path);
Status SaveState(Fs* fs, const std::string& path, const TransferState& state);
Status RemoveState(Fs* fs, const std::string& path);  // absent is fine

// The state to go on from, or `fresh`. With `restart` an old one is removed. FailedPrecondition
// when it is another command's, or the input has changed.
StatusOr<TransferState> ResumeState(Fs* fs, const std::string& path, const TransferState& fresh,
                                    bool restart, bool* resumed);

}  // namespace stele::cli
