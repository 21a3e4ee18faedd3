// Goal: admission refuses what does not fit, a read inside a large row is kept for its reader and
// not longer, a page ends where it must, a read that would block goes on where it stopped.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <map>

#include "common/testing/manual_clock.h"
#include "common/testing/status_asserts.h"
#include "schema/convert/codec.h"
#include "schema/convert/error_payload.h"
#include "tabletserver/rpc/admission.h"
#include "tabletserver/rpc/parked_reads.h"
#include "tabletserver/rpc/point_read.h"
#include "tabletserver/rpc/read_task.h"

namespace stele::tabletserver {
namespace {

TEST(Admission, RefusesWithADelayAndGivesBack) {
  Admission admission(100);
  {
    ASSERT_OK_AND_ASSIGN(Admission::Ticket first, admission.Admit(60));
    auto refused = admission.Admit(60);
    EXPECT_STATUS(kResourceExhausted, "limit 100", refused);
    EXPECT_GT(wire::RetryDelayMs(refused.status()), 0);
    ASSERT_OK_AND_ASSIGN(Admission::Ticket second, admission.Admit(40));
    EXPECT_EQ(admission.in_flight_bytes(), 100u);
  }
  EXPECT_EQ(admission.in_flight_bytes(), 0u);
  EXPECT_EQ(admission.refused(), 1u);
  ASSERT_OK(admission.Admit(1000).status());  // alone, or it could never be
}

// Rows of cells of 100 bytes; a row whose key is in `on_disk` would block once, before its last
// cell. (A block that is not in memory cannot be had from the engine at a chosen row.)
class ScriptedTablet : public storage::TabletStore {
 public:
  storage::LoadSample& load() override { return sample; }
  std::map<std::string, int> rows;  // with so many cells
  uint64_t page_cache_bytes = 0;    // of the last ReadRow
  std::map<std::string, bool> on_disk;
  std::function<void()> at_row = [] {};
  TabletDescriptor tablet{7, 16, "", ""};
  storage::MemoryTracker memory{"test", 0};
  storage::LoadSample sample{&memory};

  const TabletDescriptor& descriptor() const override { return tablet; }
  StatusOr<storage::ReadProgress> Read(const RowRange&, const storage::ReadOptions&,
                                       storage::RowSink*) override {
    return Unused();
  }
  Status Write(const RowMutation&, const storage::ChangeContext&,
               std::function<void(const Status&)>) override {
    return Unused();
  }
  Status ReadModifyWrite(Slice, const std::vector<ReadModifyWriteRule>&,
                         const storage::ChangeContext&,
                         std::function<void(StatusOr<Row>)>) override {
    return Unused();
  }
  Status CheckAndMutate(Slice, std::shared_ptr<storage::RowPredicate>, std::vector<Mutation>,
                        std::vector<Mutation>, const storage::ChangeContext&,
                        std::function<void(StatusOr<bool>)>) override {
    return Unused();
  }
  StatusOr<storage::ReadProgress> ReadRow(Slice row, const storage::ReadOptions& options,
                                          storage::RowSink* sink) override;
  StatusOr<std::unique_ptr<storage::ReadCursor>> OpenCursor(
      const RowRange& range, const storage::ReadOptions& options) override;
  Status WriteSync(const RowMutation&) override { return Unused(); }
  StatusOr<std::vector<storage::RowKeySample>> SampleRowKeys(uint64_t) override { return Unused(); }
  Status Flush() override { return Unused(); }
  Status CompactMajor() override { return Unused(); }
  Status DropRows(const RowRange&, uint64_t) override { return Unused(); }
  Status AlterSchema(const TableSchema&) override { return Unused(); }
  TableSchema schema() const override { return {}; }
  storage::TabletStats stats() const override { return {}; }
  storage::SplitOff last_split() const override { return {}; }
  std::vector<storage::ManifestFile> files() const override { return {}; }

 private:
  static Status Unused() { return absl::UnimplementedError("not part of this test"); }
};

class ScriptedCursor : public storage::ReadCursor {
 public:
  ScriptedCursor(ScriptedTablet* tablet, const RowRange& range, bool reversed) : tablet_(tablet) {
    for (const auto& [key, cells] : tablet->rows) {
      if (range.start_open ? key <= range.start : key < range.start) continue;
      if (!range.end.empty() && (range.end_open ? key >= range.end : key > range.end)) continue;
      keys_.push_back(key);
    }
    if (reversed) std::reverse(keys_.begin(), keys_.end());
  }

  StatusOr<storage::ReadProgress> Next(const storage::ReadBudget& budget,
                                       storage::RowSink* sink) override {
    using Wants = storage::RowSink::Wants;
    storage::ReadProgress progress;
    for (; at_ < keys_.size(); ++at_) {
      const std::string& key = keys_[at_];
      tablet_->at_row();
      if (cell_ == 0) sink->StartRow(key);
      for (const int cells = tablet_->rows[key]; cell_ < cells;) {
        if (cell_ + 1 == cells && tablet_->on_disk[key] && !budget.may_block) {
          in_row_ = true;
          return absl::UnavailableError("would block");
        }
        sink->AddCell("f", absl::StrCat(1000 + cell_++), 1000, std::string(100, 'x'));
        ++progress.keys_examined;
        if (sink->wants() == Wants::kNextRow) break;
        in_row_ = progress.in_row = sink->wants() == Wants::kPause;
        if (in_row_) return progress;
      }
      in_row_ = false;
      cell_ = 0;
      const bool goes_on = sink->EndRow();
      if (sink->wants() == Wants::kAgain) {
        --at_;
        continue;
      }
      ++progress.rows_examined;
      progress.resume_after = key;
      const bool more = goes_on && !(budget.stop && budget.stop());
      if (!more) {
        ++at_;
        return progress;
      }
    }
    progress.done = true;
    return progress;
  }
  bool in_row() const override { return in_row_; }
  std::vector<storage::PinnedMemory> pinned() const override { return {{memtable, 1000}}; }
  uint64_t memory_bytes() const override { return 24; }

  const void* memtable = this;  // its own

 private:
  ScriptedTablet* const tablet_;
  std::vector<std::string> keys_;
  size_t at_ = 0;
  int cell_ = 0;
  bool in_row_ = false;
};

StatusOr<std::unique_ptr<storage::ReadCursor>> ScriptedTablet::OpenCursor(
    const RowRange& range, const storage::ReadOptions& options) {
  return std::unique_ptr<storage::ReadCursor>(
      std::make_unique<ScriptedCursor>(this, range, options.reversed));
}

StatusOr<storage::ReadProgress> ScriptedTablet::ReadRow(Slice row,
                                                        const storage::ReadOptions& options,
                                                        storage::RowSink* sink) {
  ScriptedCursor cursor(this, {std::string(row), false, std::string(row), false}, false);
  storage::ReadBudget budget;
  budget.may_block = options.may_block;
  page_cache_bytes = options.page_cache_bytes;
  return cursor.Next(budget, sink);
}

RowStream StreamAt(ScriptedTablet* tablet, const void* memtable = nullptr) {
  auto cursor = std::make_unique<ScriptedCursor>(tablet, RowRange{}, false);
  if (memtable != nullptr) cursor->memtable = memtable;
  return {std::move(cursor), std::make_unique<PageSink>(nullptr, 0, kMaxRowReadBytes)};
}

// Timers that run when the test says that their time has come.
class ManualTimers : public net::TimerQueue {
 public:
  explicit ManualTimers(ManualClock* clock) : clock_(clock) {}
  TimerId RunAfter(int64_t delay_ms, std::function<void()> fn) override {
    due_.emplace(clock_->BootNanos() + delay_ms * 1'000'000, std::move(fn));
    return due_.size();
  }
  bool Cancel(TimerId) override { return false; }
  // Moves the clock to the next one and runs it; false when there is none.
  bool RunNext() {
    if (due_.empty()) return false;
    auto next = due_.extract(due_.begin());
    clock_->Advance(std::max<int64_t>(0, next.key() - clock_->BootNanos()));
    next.mapped()();
    return true;
  }
  size_t size() const { return due_.size(); }

 private:
  ManualClock* const clock_;
  std::multimap<int64_t, std::function<void()>> due_;
};

class ParkedReadsTest : public ::testing::Test {
 protected:
  ManualClock clock_;
  ManualTimers timers_{&clock_};
  ScriptedTablet tablet_;
};

TEST_F(ParkedReadsTest, AreTakenOnceByTheReaderThatHasAllCells) {
  ParkedReads parked(&clock_, &timers_, {.first_id = 5});
  ASSERT_OK_AND_ASSIGN(uint64_t id, parked.Park(7, {"peer", {}}, StreamAt(&tablet_)));
  EXPECT_EQ(id, 5u);
  EXPECT_STATUS(kNotFound, "read the row again", parked.Take(8, {id, 0}));
  ASSERT_OK(parked.Take(7, {id, 0}).status());
  EXPECT_STATUS(kNotFound, "read the row again", parked.Take(7, {id, 0}));
  ASSERT_OK_AND_ASSIGN(id, parked.Park(7, {"peer", {}}, StreamAt(&tablet_)));
  EXPECT_STATUS(kNotFound, "read the row again", parked.Take(7, {id, 3}));
  EXPECT_EQ(parked.size(), 0u);  // a reader that lost a part cannot go on
}

TEST_F(ParkedReadsTest, AreBoundedInNumberBytesAndTime) {
  ParkedReads parked(&clock_, &timers_,
                     {.max_per_peer = 3, .max_bytes = 4 * 1024, .time_to_live_ns = 1000});
  for (int i = 0; i < 3; ++i) ASSERT_OK(parked.Park(7, {"a", {}}, StreamAt(&tablet_)).status());
  auto refused = parked.Park(7, {"a", {}}, StreamAt(&tablet_));
  EXPECT_STATUS(kResourceExhausted, "limit 3", refused);
  EXPECT_GT(wire::RetryDelayMs(refused.status()), 0);
  ASSERT_OK(parked.Park(7, {"b", {}}, StreamAt(&tablet_)).status());
  ASSERT_OK(parked.Park(7, {"b", {}}, StreamAt(&tablet_)).status());
  EXPECT_EQ(parked.size(), 4u);  // the oldest went
  EXPECT_LE(parked.bytes(), 4u * 1024);
  EXPECT_STATUS(kNotFound, "", parked.Take(7, {1, 0}));
  clock_.AdvanceMillis(1);
  parked.Expire();
  EXPECT_EQ(parked.size(), 0u);
  EXPECT_EQ(parked.bytes(), 0u);
}

TEST_F(ParkedReadsTest, MemoryThatSeveralKeepCountsOnce) {
  ParkedReads parked(&clock_, &timers_, {.max_bytes = 3'200});
  char first, second;  // memtables
  ASSERT_OK_AND_ASSIGN(uint64_t id, parked.Park(7, {"a", {}}, StreamAt(&tablet_, &first)));
  for (int i = 0; i < 9; ++i) {
    ASSERT_OK(parked.Park(7, {"a", {}}, StreamAt(&tablet_, &second)).status());
  }
  EXPECT_EQ(parked.bytes(), 2 * 1000 + 10 * 24u);
  ASSERT_OK(parked.Park(7, {"a", {}}, StreamAt(&tablet_)).status());
  EXPECT_EQ(parked.size(), 10u) << "the oldest went";
  EXPECT_EQ(parked.bytes(), 2 * 1000 + 10 * 24u) << "and nobody keeps the first any more";
  EXPECT_STATUS(kNotFound, "", parked.Take(7, {id, 0}));
  // No room for one more by any of the nine but all together.
  ASSERT_OK(parked.Park(7, {"a", {}}, StreamAt(&tablet_)).status());
  ASSERT_OK(parked.Park(7, {"a", {}}, StreamAt(&tablet_)).status());
  EXPECT_EQ(parked.size(), 3u);
  EXPECT_EQ(parked.bytes(), 3 * 1024u);
}

TEST_F(ParkedReadsTest, GoWhenTheirTimeIsOverThoughNobodyReads) {
  ParkedReads parked(&clock_, &timers_, {.time_to_live_ns = 2'500'000'000});
  EXPECT_EQ(timers_.size(), 0u);
  ASSERT_OK(parked.Park(7, {"a", {}}, StreamAt(&tablet_)).status());
  ASSERT_OK(parked.Park(7, {"a", {}}, StreamAt(&tablet_)).status());
  EXPECT_EQ(timers_.size(), 1u);
  EXPECT_TRUE(timers_.RunNext());
  EXPECT_TRUE(timers_.RunNext());
  EXPECT_EQ(parked.size(), 2u);
  EXPECT_TRUE(timers_.RunNext());
  EXPECT_EQ(parked.size(), 0u);
  EXPECT_EQ(timers_.size(), 0u) << "nothing is left to look at";
  ASSERT_OK(parked.Park(7, {"a", {}}, StreamAt(&tablet_)).status());
  EXPECT_EQ(timers_.size(), 1u);
}

TEST_F(ParkedReadsTest, GoWithTheirConnectionAndWhenTheyAreGivenBack) {
  ParkedReads parked(&clock_, &timers_, {});
  auto closed = std::make_shared<std::atomic<bool>>(false);
  auto call = std::make_shared<std::atomic<bool>>(true);  // of a page that is long answered
  const ParkedReader reader{"a", net::CallWatch(call, closed)};
  ASSERT_OK(parked.Park(7, reader, StreamAt(&tablet_)).status());
  ASSERT_OK_AND_ASSIGN(uint64_t id, parked.Park(7, {"b", {}}, StreamAt(&tablet_)));
  EXPECT_TRUE(timers_.RunNext());
  EXPECT_EQ(parked.size(), 2u);
  *closed = true;
  EXPECT_TRUE(timers_.RunNext());
  EXPECT_EQ(parked.size(), 1u);
  parked.Drop(8, {id, 0});
  parked.Drop(7, {id + 1, 0});
  EXPECT_EQ(parked.size(), 1u) << "another's";
  parked.Drop(7, {id, 0});
  EXPECT_EQ(parked.size(), 0u);
}

class ReadTaskTest : public ::testing::Test {
 protected:
  ReadTaskTest() {
    for (char c = 'a'; c <= 'j'; ++c) tablet_->rows[std::string(1, c)] = 1;
  }
  std::unique_ptr<ReadTask> MakeTask(wire::ReadRowsRequest request, net::CallWatch watch = {},
                                     int64_t deadline_boot_ns = 0) {
    request.table = 16;
    request.tablet = 7;
    auto filter = RowFilter::Compile(request.filter);
    EXPECT_OK(filter.status());
    requests_.push_back(std::move(request));
    return std::make_unique<ReadTask>(
        tablet_, &requests_.back(), *filter,
        ReadTaskParts{&parked_, &clock_, {"peer", std::move(watch)}, deadline_boot_ns});
  }
  // All pages, blocking only when it must; each row with the number of its cells.
  std::vector<std::string> Rows(wire::ReadRowsRequest request) {
    std::vector<std::string> keys;
    std::vector<size_t> cells;
    for (pages_ = 0; pages_ < 100; ++pages_) {
      auto task = MakeTask(request);
      auto finished = task->Run(/*may_block=*/false);
      if (finished.ok() && !*finished) {
        ++blocked_;
        finished = task->Run(/*may_block=*/true);
      }
      EXPECT_OK(finished.status());
      if (!finished.ok()) break;
      const wire::ReadRowsResponse& page = task->response();
      for (const Row& row : page.rows) {
        if (keys.empty() || keys.back() != row.key) {
          keys.push_back(row.key);
          cells.push_back(0);
        }
        cells.back() += row.cells.size();
      }
      rows_counted_ += page.stats.rows;
      if (page.done) break;
      if (request.rows_limit != 0 && keys.size() >= request.rows_limit &&
          page.cursor.scanner_id == 0) {
        break;
      }
      request.resume_after = page.resume_after;
      request.cursor = page.cursor;
    }
    for (size_t i = 0; i < keys.size(); ++i) absl::StrAppend(&keys[i], cells[i]);
    return keys;
  }

  ManualClock clock_;
  ManualTimers timers_{&clock_};
  std::deque<wire::ReadRowsRequest> requests_;  // of the tasks
  ParkedReads parked_{&clock_, &timers_, {}};
  const std::shared_ptr<ScriptedTablet> tablet_ = std::make_shared<ScriptedTablet>();
  int pages_ = 0;
  int blocked_ = 0;
  uint64_t rows_counted_ = 0;
};

TEST_F(ReadTaskTest, GoesOnInThePoolWhereMemoryEnded) {
  tablet_->rows["d"] = 3;
  tablet_->on_disk["d"] = true;
  EXPECT_EQ(Rows({}).at(3), "d3");
  EXPECT_EQ(blocked_, 1);
  EXPECT_EQ(pages_, 0);
}

TEST_F(ReadTaskTest, EndsAPageBeforeARowThatDoesNotFit) {
  wire::ReadRowsRequest request;
  request.max_bytes = 280;
  EXPECT_EQ(Rows(request).size(), 10u);
  EXPECT_EQ(pages_, 4);  // before the last: two rows a page
  EXPECT_EQ(rows_counted_, 10u);
}

TEST_F(ReadTaskTest, ReadsKeysAndRangesOnceInOrderUpToTheLimit) {
  wire::ReadRowsRequest request;
  request.rows.keys = {"i", "b", "b", "nothing"};
  request.rows.ranges.push_back({"a", false, "c", false});
  EXPECT_EQ(Rows(request), (std::vector<std::string>{"a1", "b1", "c1", "i1"}));
  request.rows_limit = 2;
  EXPECT_EQ(Rows(request), (std::vector<std::string>{"a1", "b1"}));
  request.reversed = true;
  request.rows_limit = 3;
  request.max_bytes = 100;
  EXPECT_EQ(Rows(request), (std::vector<std::string>{"i1", "c1", "b1"}));
}

TEST_F(ReadTaskTest, ARowLargerThanAPageComesInPartsBetweenTheOthers) {
  tablet_->rows["e"] = 50;
  tablet_->on_disk["e"] = true;
  for (const bool reversed : {false, true}) {
    rows_counted_ = 0;
    wire::ReadRowsRequest request;
    request.max_bytes = 1000;
    request.reversed = reversed;
    const std::vector<std::string> rows = Rows(request);
    ASSERT_EQ(rows.size(), 10u);
    EXPECT_EQ(rows.at(reversed ? 5 : 4), "e50");
    EXPECT_EQ(rows_counted_, 10u);
    EXPECT_EQ(blocked_, reversed ? 2 : 1);
    EXPECT_EQ(parked_.size(), 0u);
  }
}

TEST_F(ReadTaskTest, APartThatIsLostEndsTheRow) {
  tablet_->rows["a"] = 50;
  wire::ReadRowsRequest request;
  request.max_bytes = 1000;
  auto first = MakeTask(request);
  ASSERT_OK_AND_ASSIGN(bool finished, first->Run(true));
  ASSERT_TRUE(finished);
  ASSERT_NE(first->response().cursor.scanner_id, 0u);
  EXPECT_EQ(first->response().resume_after, "");
  request.cursor = first->response().cursor;
  clock_.AdvanceMillis(60'000);
  EXPECT_STATUS(kNotFound, "read the row again", MakeTask(request)->Run(true));
}

TEST_F(ReadTaskTest, CountsRowsAfterTheFilterAndReadsARowAgainForIt) {
  tablet_->rows["c"] = tablet_->rows["h"] = 3;
  wire::ReadRowsRequest request;
  // Rows with a third cell give their first two.
  request.filter =
      Filter::Condition(Filter::QualifierRegex("1002"), Filter::CellsPerRowLimit(2), Filter());
  request.rows_limit = 2;
  EXPECT_EQ(Rows(request), (std::vector<std::string>{"c2", "h2"}));
  tablet_->rows["h"] = 80;
  request.filter =
      Filter::Condition(Filter::QualifierRegex("1002"), Filter::ApplyLabel("yes"), Filter());
  request.max_bytes = 1000;
  EXPECT_EQ(Rows(request), (std::vector<std::string>{"c3", "h80"}));
}

TEST_F(ReadTaskTest, AScanThatFiltersEverythingAwayMovesOn) {
  tablet_->at_row = [this] { clock_.AdvanceMillis(400); };
  wire::ReadRowsRequest request;
  request.filter = Filter::BlockAll();
  auto task = MakeTask(request);
  ASSERT_OK_AND_ASSIGN(bool finished, task->Run(/*may_block=*/false));
  EXPECT_FALSE(finished);  // the io thread has other work
  ASSERT_OK_AND_ASSIGN(finished, task->Run(/*may_block=*/true));
  EXPECT_TRUE(finished);
  EXPECT_FALSE(task->response().done);
  EXPECT_EQ(task->response().resume_after, "c");
  EXPECT_EQ(task->response().stats.rows_examined, 3u);
  EXPECT_EQ(Rows(request), std::vector<std::string>());
}

TEST_F(ReadTaskTest, WorkThatNobodyWaitsForIsDropped) {
  auto dropped = std::make_shared<std::atomic<bool>>(false);
  auto task = MakeTask({}, net::CallWatch(dropped, nullptr));
  tablet_->at_row = [&] { *dropped = true; };
  EXPECT_STATUS(kCancelled, "nobody waits", task->Run(/*may_block=*/true));
}

TEST_F(ReadTaskTest, WorkIsDroppedWhenItsTimeIsOver) {
  auto task = MakeTask({}, {}, clock_.BootNanos() + 1'000'000);
  tablet_->at_row = [&] { clock_.Advance(2'000'000); };
  EXPECT_STATUS(kCancelled, "nobody waits", task->Run(/*may_block=*/true));
}

TEST_F(ReadTaskTest, ARowThatNobodyWaitsForIsNotParked) {
  tablet_->rows["a"] = 50;
  wire::ReadRowsRequest request;
  request.max_bytes = 1000;
  auto dropped = std::make_shared<std::atomic<bool>>(false);
  auto task = MakeTask(request, net::CallWatch(dropped, nullptr));
  tablet_->at_row = [&] { *dropped = true; };
  EXPECT_STATUS(kCancelled, "nobody waits", task->Run(/*may_block=*/true));
  EXPECT_EQ(parked_.size(), 0u);
}

TEST_F(ReadTaskTest, ARowThatWasFoundOnTheDiskIsOfThePool) {
  auto dropped = std::make_shared<std::atomic<bool>>(false);
  wire::ReadRowsRequest request;
  request.rows.keys = {"d"};
  auto task = MakeTask(request, net::CallWatch(dropped, nullptr));
  const int64_t tried_ns = clock_.BootNanos();
  clock_.Advance(100);
  ASSERT_OK_AND_ASSIGN(bool finished, task->Blocked(tried_ns));
  EXPECT_FALSE(finished);
  clock_.Advance(1000);
  ASSERT_OK_AND_ASSIGN(finished, task->Run(/*may_block=*/true));
  EXPECT_TRUE(finished);
  EXPECT_EQ(task->response().rows.size(), 1u);
  const wire::PageTrace trace = task->Trace(tried_ns, clock_.BootNanos());
  EXPECT_EQ(trace.memory_ns, 100);
  EXPECT_EQ(trace.wait_ns, 1000);
  *dropped = true;
  EXPECT_STATUS(kCancelled, "nobody waits", task->Blocked(tried_ns));
}

class PointReadTest : public ReadTaskTest {
 protected:
  // What became of it, and the row as the client takes it in.
  PointTry Try(const std::string& row, uint64_t max_bytes = 0) {
    wire::PointRequest point;
    point.row = row;
    point.max_bytes = max_bytes;
    PointSink sink(PointBytes(point));
    stats_ = {};
    page_ = {};
    const PointTry tried = TryPoint(tablet_.get(), point, &sink, &stats_);
    if (tried != PointTry::kRead) return tried;
    auto body = wire::EncodePoint(row, sink.cells(), stats_);
    EXPECT_OK(body.status());
    EXPECT_OK(wire::Decode(*body, &page_));
    return tried;
  }
  wire::ReadStats stats_;
  wire::ReadRowsResponse page_;
};

TEST_F(PointReadTest, GivesWhatAReadOverPagesGives) {
  for (const int cells : {1, 3, 50}) {  // 50: more than is kept without an allocation
    tablet_->rows["c"] = cells;
    wire::ReadRowsRequest request;
    request.rows.keys = {"c"};
    auto task = MakeTask(request);
    ASSERT_OK(task->Run(/*may_block=*/false).status());
    ASSERT_EQ(Try("c"), PointTry::kRead);
    EXPECT_EQ(tablet_->page_cache_bytes, kPointPageCacheBytes);
    EXPECT_EQ(page_.rows, task->response().rows);
    EXPECT_EQ(page_.stats, task->response().stats);
    EXPECT_TRUE(page_.done);
  }
  ASSERT_EQ(Try("nothing"), PointTry::kRead);
  EXPECT_TRUE(page_.rows.empty());
  EXPECT_TRUE(page_.done);
}

TEST_F(PointReadTest, LeavesWhatIsNotSmallOrNotInMemory) {
  tablet_->rows["c"] = 10;
  EXPECT_EQ(Try("c", 1000), PointTry::kNotTaken);  // a page of its own would be cut
  EXPECT_EQ(Try("c", 2000), PointTry::kRead);
  tablet_->rows["c"] = 700;
  EXPECT_EQ(Try("c"), PointTry::kNotTaken);
  tablet_->on_disk["d"] = true;
  EXPECT_EQ(Try("d"), PointTry::kBlocked);
}

TEST_F(ReadTaskTest, ARowOverTheLimitIsRefusedByName) {
  ScriptedCursor cursor(tablet_.get(), {"e", false, "e", false}, false);
  tablet_->rows["e"] = 50;
  wire::ReadRowsResponse page;
  PageSink sink(nullptr, 0, /*max_row_bytes=*/2000);
  sink.BeginPage(&page, 1u << 20, 0);
  ASSERT_OK(cursor.Next({}, &sink).status());
  EXPECT_STATUS(kFailedPrecondition, "\"e\" is larger than 2000", sink.error());
}

}  // namespace
}  // namespace stele::tabletserver
