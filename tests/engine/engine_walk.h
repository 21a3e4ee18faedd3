// EngineWalk: a sequence of operations on an engine over a disk that can lose power, compared after
// each with the reference table. A sequence is data, so that a failing one can be shrunk and
// repeated. Thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/testing/seeded_random.h"
#include "tests/engine/engine_harness.h"
#include "tests/reference/reference_table.h"

namespace stele::storage {

enum class WalkOpKind {
  kWrite,
  kModify,  // read-modify-write
  kCheck,   // check-and-mutate
  kReadRow,
  kScan,
  kFlush,
  kMaintain,
  kMajor,
  kReopenTablet,
  kRestart,
  kCleanRestart,
  kPowerCut,
  kAlter,
  kAdvanceClock,
  kCollectGarbage,
  kDropRows,
  kReshape,   // split and merged again
  kFullDisk,  // the last one
};

struct WalkOp {
  WalkOpKind kind;
  uint64_t seed;  // all choices inside the operation
};

// The operations of a sequence.
std::vector<WalkOp> MakeWalk(uint64_t seed, size_t length);
// One line an operation.
std::string ShowWalk(const std::vector<WalkOp>& ops);
// The inverse of ShowWalk.
StatusOr<std::vector<WalkOp>> ParseWalk(const std::string& text);

// Random engine options: caches off and on, tiny segments and memtables.
EngineOptions WalkOptions(uint64_t seed);

RowMutation RandomMutation(SeededRandom* random, const TableSchema& schema, int64_t now_us);
ReadSelection RandomSelection(SeededRandom* random);

class EngineWalk {
 public:
  explicit EngineWalk(uint64_t options_seed);

  // What went wrong, or nothing.
  std::optional<std::string> Run(const std::vector<WalkOp>& ops);

  // From now on each write also sets a cell that tells it from all others, so that the next look at
  // the rows decides what became of a write of unknown outcome.
  void SignWrites() { sign_writes_ = true; }

  // Steps of their own, for tests that inject faults between.
  Status Start();
  Status Do(const WalkOp& op);
  // Compares everything with the model; a write of unknown outcome may be there or not.
  Status Compare();
  // Opens store, engine and tablet again after Drop, a power cut or a change of disks.
  Status OpenAgain();
  EngineHarness& harness() { return harness_; }

  // What the store must hold. One crash may be looked at on several disks.
  struct Model {
    TableSchema schema;
    // One of these: each write of unknown outcome doubles them, each look at the rows drops those
    // that do not fit.
    std::vector<ReferenceTable> rows;
    std::optional<TableSchema> unknown_schema;
    uint64_t drop_order = 0;       // the last one given
    uint64_t drop_order_done = 0;  // the last one that returned OK
  };
  const Model& model() const { return model_; }
  void set_model(const Model& model) { model_ = model; }
  // Writes that returned OK.
  uint64_t acked() const { return acked_; }

 private:
  Status Write(uint64_t seed);
  Status Modify(uint64_t seed);
  Status Check(uint64_t seed);
  // Runs the change until the ring has room for it.
  template <typename T>
  StatusOr<T> Persist(const std::function<StatusOr<T>()>& change);
  // The candidates after a change that answered `status`: `next` is null where the candidate cannot
  // have given that answer.
  Status TakeChange(const Status& status,
                    const std::function<std::optional<RowMutation>(const ReferenceTable&)>& next);
  Status ReadOneRow(uint64_t seed);
  Status ScanRange(uint64_t seed);
  Status Alter(uint64_t seed);
  Status DropRows(uint64_t seed);
  Status Reshape(uint64_t seed);
  Status FullDisk(uint64_t seed);
  Status ActOnFullDisk(uint64_t seed);
  // Tells the model of a write and its outcome.
  void Note(const RowMutation& mutation, const Status& status);
  void TakeSchema(const TableSchema& schema);
  Status ReopenTablet(uint64_t seed);
  Status Reopen(uint64_t seed, WalkOpKind how);
  Status CompareScan(const RowRange& range, const ReadSelection& selection, uint64_t seed);
  // The same through a cursor: tiny budgets, pauses inside rows, rows read twice.
  Status CompareCursor(const RowRange& range, const ReadOptions& read, uint64_t seed);
  StatusOr<std::vector<bool>> CheckRows(const std::string& shown, const RowRange& range,
                                        const ReadSelection& selection);
  int64_t now_us() { return harness_.clock().WallMicros(); }

  EngineHarness harness_;
  Model model_;
  uint64_t acked_ = 0;
  bool sign_writes_ = false;
};

}  // namespace stele::storage
