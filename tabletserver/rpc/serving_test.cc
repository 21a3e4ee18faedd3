// Goal: admission refuses what does not fit, large rows are kept for their reader and not longer,
// a page ends where it must, a read that would block goes on where it stopped.
#include <gtest/gtest.h>

#include <map>

#include "common/testing/manual_clock.h"
#include "common/testing/status_asserts.h"
#include "schema/convert/error_payload.h"
#include "tabletserver/rpc/admission.h"
#include "tabletserver/rpc/pinned_rows.h"
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

std::shared_ptr<Row> LargeRow(int cells) {
  auto row = std::make_shared<Row>();
  row->key = "big";
  for (int i = 0; i < cells; ++i) {
    row->cells.push_back({"f", absl::StrCat(100 + i), 1000, std::string(100, 'x')});
  }
  return row;
}

TEST(PinnedRows, HandsOutPartsInOrderAndForgetsAtTheEnd) {
  ManualClock clock;
  PinnedRows pinned(&clock, 1, 10'000, 60'000'000'000);
  ASSERT_OK_AND_ASSIGN(uint64_t id, pinned.Pin(7, LargeRow(10), 1200));
  wire::RowCursor cursor{id, 0};
  size_t cells = 0;
  int parts = 0;
  while (true) {
    wire::ReadRowsResponse page;
    ASSERT_OK(pinned.ReadPart(7, cursor, 300, &page));
    cells += page.rows.at(0).cells.size();
    ++parts;
    cursor = page.cursor;
    if (cursor.scanner_id == 0) {
      EXPECT_EQ(page.resume_after, "big");
      break;
    }
  }
  EXPECT_EQ(cells, 10u);
  EXPECT_EQ(parts, 5);
  EXPECT_EQ(pinned.bytes(), 0u);
  wire::ReadRowsResponse page;
  EXPECT_STATUS(kFailedPrecondition, "read the row again", pinned.ReadPart(7, {id, 0}, 300, &page));
}

TEST(PinnedRows, IsBoundedInBytesAndTime) {
  ManualClock clock;
  PinnedRows pinned(&clock, 1, 2000, 60'000'000'000);
  ASSERT_OK_AND_ASSIGN(uint64_t id, pinned.Pin(7, LargeRow(10), 1200));
  EXPECT_STATUS(kResourceExhausted, "limit 2000", pinned.Pin(7, LargeRow(10), 1200));
  wire::ReadRowsResponse page;
  EXPECT_STATUS(kFailedPrecondition, "", pinned.ReadPart(8, {id, 0}, 300, &page));
  EXPECT_STATUS(kInvalidArgument, "cell_offset", pinned.ReadPart(7, {id, 10}, 300, &page));
  clock.AdvanceMillis(59'999);
  ASSERT_OK(pinned.ReadPart(7, {id, 0}, 300, &page));
  clock.AdvanceMillis(60'000);
  EXPECT_STATUS(kFailedPrecondition, "", pinned.ReadPart(7, {id, 2}, 300, &page));
  ASSERT_OK(pinned.Pin(7, LargeRow(10), 1200).status());
}

// Rows of one value each; a row whose key is in `on_disk` would block until it was read once with
// may_block. (A block that is not in memory cannot be had from the engine at a chosen row.)
class ScriptedTablet : public storage::TabletStore {
 public:
  std::map<std::string, std::string> rows;
  std::map<std::string, bool> on_disk;
  TabletDescriptor tablet{7, 16, "", ""};

  const TabletDescriptor& descriptor() const override { return tablet; }
  StatusOr<storage::ReadProgress> Read(const RowRange& range, const storage::ReadOptions& options,
                                       storage::RowSink* sink) override {
    storage::ReadProgress progress;
    for (const auto& [key, value] : rows) {
      if (range.start_open ? key <= range.start : key < range.start) continue;
      if (!range.end.empty() && (range.end_open ? key >= range.end : key > range.end)) break;
      if (on_disk[key] && !options.may_block) return absl::UnavailableError("would block");
      on_disk[key] = false;
      sink->StartRow(key);
      sink->AddCell("f", "q", 1000, value);
      progress.resume_after = key;
      ++progress.rows;
      if (!sink->EndRow()) return progress;
      if (options.rows_limit != 0 && progress.rows >= options.rows_limit) return progress;
    }
    progress.done = true;
    return progress;
  }
  StatusOr<storage::ReadProgress> ReadRow(Slice row, const storage::ReadOptions& options,
                                          storage::RowSink* sink) override {
    const std::string key(row);
    return Read({key, false, key, false}, options, sink);
  }
  StatusOr<std::unique_ptr<storage::ReadCursor>> OpenCursor(const RowRange&,
                                                            const storage::ReadOptions&) override {
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
  Status WriteSync(const RowMutation&) override { return Unused(); }
  StatusOr<std::vector<storage::RowKeySample>> SampleRowKeys(uint64_t) override {
    return Unused();
  }
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

class ReadTaskTest : public ::testing::Test {
 protected:
  ReadTaskTest() : pinned_(&clock_, 1, 1u << 20, 60'000'000'000) {
    for (char c = 'a'; c <= 'j'; ++c) tablet_->rows[std::string(1, c)] = std::string(100, c);
  }
  // All pages, blocking only when it must.
  std::vector<std::string> Keys(wire::ReadRowsRequest request) {
    request.table = 16;
    request.tablet = 7;
    std::vector<std::string> keys;
    for (pages_ = 0; pages_ < 100; ++pages_) {
      ReadTask task(tablet_, request, &pinned_);
      auto finished = task.Run(/*may_block=*/false);
      if (finished.ok() && !*finished) {
        ++blocked_;
        finished = task.Run(/*may_block=*/true);
      }
      EXPECT_OK(finished.status());
      if (!finished.ok()) break;
      for (const Row& row : task.response().rows) {
        if (keys.empty() || keys.back() != row.key) keys.push_back(row.key);
      }
      if (task.response().done) break;
      if (request.rows_limit != 0 && keys.size() >= request.rows_limit) break;
      request.resume_after = task.response().resume_after;
      request.cursor = task.response().cursor;
    }
    return keys;
  }

  ManualClock clock_;
  PinnedRows pinned_;
  const std::shared_ptr<ScriptedTablet> tablet_ = std::make_shared<ScriptedTablet>();
  int pages_ = 0;
  int blocked_ = 0;
};

TEST_F(ReadTaskTest, GoesOnInThePoolWhereMemoryEnded) {
  tablet_->on_disk["d"] = true;
  EXPECT_EQ(Keys({}).size(), 10u);
  EXPECT_EQ(blocked_, 1);
  EXPECT_EQ(pages_, 0);
}

TEST_F(ReadTaskTest, EndsAPageBeforeARowThatDoesNotFit) {
  wire::ReadRowsRequest request;
  request.max_bytes = 250;
  EXPECT_EQ(Keys(request).size(), 10u);
  EXPECT_EQ(pages_, 4);  // before the last: two rows a page
}

TEST_F(ReadTaskTest, ReadsKeysAndRangesOnceInOrderUpToTheLimit) {
  wire::ReadRowsRequest request;
  request.rows.keys = {"i", "b", "b", "nothing"};
  request.rows.ranges.push_back({"a", false, "c", false});
  EXPECT_EQ(Keys(request), (std::vector<std::string>{"a", "b", "c", "i"}));
  request.rows_limit = 2;
  EXPECT_EQ(Keys(request), (std::vector<std::string>{"a", "b"}));
}

TEST_F(ReadTaskTest, ARowLargerThanAPageComesInPartsBetweenTheOthers) {
  tablet_->rows["e"] = std::string(5000, 'e');
  wire::ReadRowsRequest request;
  request.max_bytes = 250;
  EXPECT_EQ(Keys(request).size(), 10u);
  EXPECT_EQ(blocked_, 1);  // it is read whole on the pool
  EXPECT_EQ(pinned_.bytes(), 0u);
}

TEST_F(ReadTaskTest, ARowOverTheLimitIsRefusedByName) {
  tablet_->rows["e"] = std::string(kMaxRowReadBytes + 1, 'e');
  wire::ReadRowsRequest request;
  request.table = 16;
  request.tablet = 7;
  request.rows.keys = {"e"};
  ReadTask task(tablet_, request, &pinned_);
  EXPECT_STATUS(kFailedPrecondition, "\"e\"", task.Run(/*may_block=*/true));
}

}  // namespace
}  // namespace stele::tabletserver
