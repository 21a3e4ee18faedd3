// EngineHarness: one engine over a disk that can lose power, with a clock that moves by hand, one
// table and helpers that read and write like a caller. Tests own it; bound to one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/testing/fault_fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/scripted_faults.h"
#include "common/testing/seeded_random.h"
#include "tabletserver/storage/engine.h"

namespace stele::storage {

// Random in no way, so that a run can be repeated: the same numbers for every harness.
class CountedRandom : public RandomSource {
 public:
  uint64_t Next64() override {
    MutexLock lock(&mu_);
    return bits_.Next();
  }

 private:
  Mutex mu_;
  SeededRandom bits_ GUARDED_BY(mu_){0x57e1e};
};

// Options for tests: deterministic, tiny segments and caches.
EngineOptions TinyEngineOptions();

// Two locality groups; family "a" keeps all, "b" two versions, "c" (other group) forgets after an
// hour. Tiny blocks.
TableSchema TinySchema();

inline constexpr TabletId kTestTablet = 100;
inline constexpr TableId kTestTable = 7;

TabletDescriptor TestTablet(TabletId id = kTestTablet, std::string start = "",
                            std::string end = "");

// Takes rows as values.
class RowCollector : public RowSink {
 public:
  void StartRow(Slice row) override;
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override;
  bool EndRow() override;
  std::vector<Row> rows;
  size_t stop_after = 0;  // rows; 0: never

 private:
  Row row_;
};

std::string ShowRows(const std::vector<Row>& rows);

// One SetCell.
RowMutation Put(std::string row, std::string family, std::string qualifier, int64_t timestamp_us,
                std::string value);

class EngineHarness {
 public:
  explicit EngineHarness(EngineOptions options = TinyEngineOptions());
  ~EngineHarness();

  FaultFs& fs() { return *fs_; }
  ManualClock& clock() { return clock_; }
  ScriptedFaults& faults() { return faults_; }
  EngineOptions& options() { return options_; }
  BlobStore* store() { return store_.get(); }
  Engine* engine() { return engine_.get(); }
  TabletStore* tablet() { return tablet_.get(); }
  // What the engine has reported as fatal.
  std::vector<Status> fatal() const EXCLUDES(mu_);
  Status& lease() { return lease_; }
  // Given to the engine when it is opened (EngineEnv).
  std::function<Status(std::function<void()>)> run_blocking;

  // Opens store and engine, and the test tablet, which is created when it is not there.
  Status Open();
  // Opens the engine only.
  Status OpenEngine();
  // Joins what a reshape that was cut off has left of the tablet.
  Status OpenTablet();
  // Splits the test tablet: the rows up to and including `at` are `child`'s.
  Status Split(TabletId child, const std::string& at);
  // Merges what Split made into one again.
  Status Join();
  // Takes everything down as the end of a process would, without closing.
  void Drop();
  // Takes the engine down, but neither the store nor what others hold of the tablets.
  void DropEngine();
  // Drop, then the power goes and comes back with what `seed` leaves on the disk.
  void PowerCut(uint64_t seed);
  // Continues on another disk.
  void UseDisk(std::unique_ptr<FaultFs> fs);

  Status Write(const RowMutation& mutation) { return tablet_->WriteSync(mutation); }
  // Start the change and wait for its answer.
  StatusOr<Row> ReadModifyWrite(const std::string& row,
                                const std::vector<ReadModifyWriteRule>& rules,
                                const ChangeContext& context = {});
  StatusOr<bool> CheckAndMutate(const std::string& row, std::shared_ptr<RowPredicate> predicate,
                                std::vector<Mutation> if_true, std::vector<Mutation> if_false,
                                const ChangeContext& context = {});
  StatusOr<std::vector<Row>> Scan(const RowRange& range = {}, const ReadOptions& options = {});
  // Newest value of the column, or "<none>", or the error's code.
  std::string Get(const std::string& row, const std::string& family, const std::string& qualifier);
  // Runs maintenance until there is none.
  Status Settle();

 private:
  EngineOptions options_;
  ManualClock clock_;
  std::unique_ptr<FaultFs> fs_;
  ScriptedFaults faults_;
  CountedRandom random_;
  std::unique_ptr<BlobStore> store_;
  mutable Mutex mu_;
  std::vector<Status> fatal_ GUARDED_BY(mu_);
  Status lease_;
  Epoch epoch_ = 0;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<TabletStore> tablet_;
};

}  // namespace stele::storage
