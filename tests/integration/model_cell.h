// ModelCell: a cell of three tablet servers in this process and a client of it, for the tests that
// hold the data model against its document; and a way to write cells, rows and rules as short text.
// Its wall clock moves by itself or, with `held_clock`, only when a test says so; leases and
// deadlines always follow the machine's. Owned by one test binary; thread-compatible.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "deploy/cell/cell.h"
#include "stele/client.h"

namespace stele {

class HandClient;

// Wall time that stands still until it is set. Thread-safe.
class HeldWallClock : public Clock {
 public:
  static constexpr int64_t kStartMicros = 1'700'000'000'000'000;
  int64_t BootNanos() const override { return SystemClock()->BootNanos(); }
  int64_t WallMicros() const override { return wall_us_.load(); }
  void Set(int64_t us) { wall_us_.store(us); }

 private:
  std::atomic<int64_t> wall_us_{kStartMicros};
};

class ModelCell {
 public:
  struct Options {
    bool held_clock = false;
    bool caches = true;                              // false: no room for any block or filter
    int64_t start_us = HeldWallClock::kStartMicros;  // of the held clock
    bool full_disk = false;                          // it counts as full
  };
  ModelCell() : ModelCell(Options{}) {}
  explicit ModelCell(const Options& options);
  ~ModelCell();

  // Whether it is up. Start again after Stop, on the same data.
  Status status() const;
  void Restart(const Options& options);

  Client& client() { return **client_; }
  HeldWallClock& clock() { return clock_; }
  const std::string& data_dir() const { return dir_.path(); }
  deploy::Cell& cell() { return **cell_; }

  // Cuts the table's tablet that holds `at` behind that row; puts two neighbours together; gives a
  // tablet to another server. `which` counts tablets and servers round.
  Status Split(const std::string& table, const std::string& at);
  Status Merge(const std::string& table, size_t which);
  Status Move(const std::string& table, size_t which);

 private:
  void Start(const Options& options);

  TempDir dir_;
  HeldWallClock clock_;
  StatusOr<std::unique_ptr<deploy::Cell>> cell_ = absl::UnavailableError("not started");
  StatusOr<std::unique_ptr<Client>> client_ = absl::UnavailableError("not connected");
  std::unique_ptr<HandClient> hand_;
};

FamilySchema Family(std::string name, GcRule gc = {}, Aggregate aggregate = Aggregate::kNone);
inline GcRule Versions(int32_t n) {
  return {.kind = GcRule::Kind::kMaxVersions, .max_versions = n};
}
inline GcRule Age(int64_t us) { return {.kind = GcRule::Kind::kMaxAge, .max_age_us = us}; }
inline GcRule Union(std::vector<GcRule> rules) {
  return {.kind = GcRule::Kind::kUnion, .rules = std::move(rules)};
}
inline GcRule Intersection(std::vector<GcRule> rules) {
  return {.kind = GcRule::Kind::kIntersection, .rules = std::move(rules)};
}

// "f:q@1=v#label f:q@0=w": timestamps in milliseconds, bytes that are not printed as \xff.
std::string ShowCells(const std::vector<Cell>& cells);
// "row{cells} row{cells}".
std::string ShowRows(const std::vector<Row>& rows);

// One cell for all tests of a binary, for each test a table of its name.
class ModelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cell_ = std::make_unique<ModelCell>(); }
  static void TearDownTestSuite() { cell_.reset(); }
  void SetUp() override { ASSERT_OK(cell_->status()); }

  ModelCell& cell() { return *cell_; }
  Client& client() { return cell_->client(); }
  Admin admin() { return client().admin(); }
  std::string Name() const;
  Status Create(const std::string& name, const std::vector<FamilySchema>& families,
                const std::vector<std::string>& splits = {});
  StatusOr<Table> Make(const std::vector<FamilySchema>& families,
                       const std::vector<std::string>& splits = {});
  // What a read answers, as ShowCells and ShowRows have it, or its error.
  static std::string ReadText(Table& table, const std::string& row, const ReadQuery& what = {});
  static std::string ScanText(Table& table, const ReadQuery& query = {});
  static std::string Keys(Table& table, const ReadQuery& query = {});

  // Runs `check` while the cells are in memory, then in SSTables, then compacted into one.
  void InEachState(const std::function<void(const std::string& state)>& check);

  inline static std::unique_ptr<ModelCell> cell_;
};

}  // namespace stele
