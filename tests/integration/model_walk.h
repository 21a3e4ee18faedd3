// ModelWalk: a sequence of changes of one table, through the SDK, and of what happens under it
// (flush, compaction, split, move, merge, restart), with random queries in between, all compared
// with the reference table and the reference filter. A sequence is data, each of its steps with a
// seed of its own, so that a failing one can be shrunk and repeated. Time stands still but for the
// steps that move it, so that the reference knows every timestamp that the servers give. Thread-
// compatible; several walks may share a cell if they take turns.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/model_cell.h"
#include "tests/integration/model_query.h"

namespace stele {

enum class ModelStepKind {
  kWrite,   // some rows in one batch
  kModify,  // read-modify-write
  kCheck,   // check-and-mutate
  kDropRange,
  kTruncate,
  kAdvanceClock,
  kRecreate,  // a family is dropped and made again, with another rule
  kFlush,
  kCompact,
  kSplit,
  kMove,
  kMerge,
  kRestart,  // of the whole cell, as after a crash, with caches or without
  kQueries,  // the last one
};

struct ModelStep {
  ModelStepKind kind;
  uint64_t seed;  // all choices inside the step
};

// Changes, each followed by queries.
std::vector<ModelStep> MakeModelWalk(uint64_t seed, size_t changes);
// "write:17 queries:4 ...", and the inverse.
std::string ShowModelWalk(const std::vector<ModelStep>& steps);
StatusOr<std::vector<ModelStep>> ParseModelWalk(const std::string& text);

class ModelWalk {
 public:
  struct Options {
    uint64_t seed = 0;     // of the table's families, rules and groups
    size_t queries = 100;  // of each step of them, about
    // What the reference is told instead of a mutation: for the test of the walk itself.
    std::function<Mutation(const Mutation&)> distort = [](const Mutation& m) { return m; };
  };
  ModelWalk(ModelCell* cell, std::string table, Options options);

  // Makes the table and does the steps. What went wrong, or nothing; failed_query then says which
  // query was answered wrongly, if it was one.
  std::optional<std::string> Run(const std::vector<ModelStep>& steps);
  const std::optional<ModelQuery>& failed_query() const { return failed_query_; }
  size_t steps_done() const { return steps_done_; }
  // The query alone, against the table as it is; opens the table anew after a restart of the cell.
  std::optional<std::string> Ask(const ModelQuery& query);
  // Random queries against the table as it is.
  std::optional<std::string> AskMany(uint64_t seed);
  Status OpenAgain();

  // Queries whose answers were compared; rows and cells in these answers.
  uint64_t queries() const { return queries_; }
  uint64_t rows() const { return rows_; }
  uint64_t cells() const { return cells_; }
  // The table and what the steps did, for people.
  std::string Describe() const;

 private:
  TableSchema MakeSchema();
  GcRule MakeRule(SeededRandom* random, int depth);
  Mutation MakeMutation(SeededRandom* random, bool* server_time);
  std::vector<Mutation> MakeColumnMutations(SeededRandom* random) const;
  RowMutation MakeRowMutation(SeededRandom* random, bool* server_time);
  void Tell(RowMutation mutation, int64_t server_time_us);

  Status Create();
  Status Do(const ModelStep& step);
  Status Write(SeededRandom* random);
  Status Modify(SeededRandom* random);
  Status Check(SeededRandom* random);
  Status DropRange(SeededRandom* random);
  Status Truncate();
  Status Recreate(SeededRandom* random);
  Status Restart(SeededRandom* random);
  Status Split(SeededRandom* random);
  void Tick(int64_t ms);
  int64_t now_us() const { return cell_->clock().WallMicros(); }
  int64_t Time(SeededRandom* random) const;

  ModelCell* const cell_;
  const std::string table_name_;
  const Options options_;
  bool partial_deletes_ = true;
  int32_t version_limit_ = 1;
  TableSchema schema_;
  std::unique_ptr<ReferenceTable> reference_;
  std::unique_ptr<Table> table_;
  size_t steps_done_ = 0;
  std::optional<ModelQuery> failed_query_;
  uint64_t queries_ = 0, rows_ = 0, cells_ = 0;
  std::string log_;
};

}  // namespace stele
