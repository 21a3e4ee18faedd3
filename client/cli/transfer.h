// What import, export and copy share: flags, interruption, the report at the end. Used by one
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/bytes_text.h"
#include "client/cli/interrupt.h"
#include "client/cli/ordered_writer.h"
#include "client/cli/verb.h"
#include "schema/model/model.h"

namespace stele::cli {

// --hex, --base64; neither: `plain`.
void AddEncodingFlags(po::options_description* options);
StatusOr<TextEncoding> EncodingOfFlags(const Invocation& call, TextEncoding plain);

// A cell of an aggregate family cannot be set: it is removed and its state merged in, which gives
// the same however often it is done.
void FitAggregates(const TableSchema& schema, RowMutation* row);

// The change in pieces of at most `most` mutations, which fit into a request, in their order. Until
// the last one is applied others see a part of the row.
std::vector<RowMutation> CutChange(RowMutation row, size_t most);

// FailedPrecondition when something else than a plain file, such as a device, a pipe or a link,
// stands there, which must not be replaced.
Status CheckIsPlainFile(const std::string& path);
// A failure to reach a file is no missing row or table.
Status FileFailure(const Status& status);

// The environment's interrupt, or one of its own. Unless `held`, signals end the process as ever.
class InterruptScope {
 public:
  InterruptScope(Environment* env, bool held);
  Interrupt* interrupt() { return interrupt_; }

 private:
  std::optional<Interrupt> own_;
  Interrupt* interrupt_;
};

// True once a second, or once every `period_ns`.
class Ticker {
 public:
  explicit Ticker(Clock* clock, int64_t period_ns = 1'000'000'000)
      : clock_(clock), period_ns_(period_ns), last_ns_(clock->BootNanos()) {}
  bool Due();

 private:
  Clock* const clock_;
  const int64_t period_ns_;
  int64_t last_ns_;
};

struct TransferReport {
  std::string what;          // "imported"
  uint64_t rows_before = 0;  // of earlier runs, contained in counts
  OrderedWriter::Counts counts;
  int64_t elapsed_ns = 0;
  std::string side_path = {};  // where the rejected records are
};
// The end of a run, and the exit code. One that went through removes its state and says on `out`
// what it did, one line or with --json one object; one that `status` or an interrupt stopped says
// so on standard error. An empty `state_path`: it cannot be resumed.
int EndTransfer(const Invocation& call, const TransferReport& report, const Status& status,
                Interrupt* interrupt, const std::string& state_path, std::ostream* out);

}  // namespace stele::cli
