// Goal: a trace tells what a read looked at: memtables, files that keys or filters exclude, blocks
// from the disk and from the cache; and a read is the same with one and without.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/testing/status_asserts.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

class EngineTrace : public ::testing::Test {
 protected:
  // Two files of rows a.., one of rows z.., and a memtable.
  EngineTrace() {
    EXPECT_OK(h_.Open());
    for (int i = 0; i < 30; ++i) Put("a", i, "old");
    EXPECT_OK(h_.tablet()->Flush());
    for (int i = 0; i < 30; i += 2) Put("a", i, "new");
    EXPECT_OK(h_.tablet()->Flush());
    for (int i = 0; i < 30; ++i) Put("z", i, "far");
    EXPECT_OK(h_.tablet()->Flush());
    Put("a", 7, "in memory");
  }
  static std::string Row(const char* prefix, int i) {
    return absl::StrCat(prefix, absl::Dec(i, absl::kZeroPad3));
  }
  void Put(const char* prefix, int i, const std::string& value) {
    EXPECT_OK(h_.Write(storage::Put(Row(prefix, i), "a", "q", 1000, value)));
  }
  std::vector<stele::Row> Read(const RowRange& range, ReadTrace* trace) {
    RowCollector rows;
    auto cursor = h_.tablet()->OpenCursor(range, {});
    EXPECT_OK(cursor);
    ReadBudget budget;
    budget.trace = trace;
    auto progress = (*cursor)->Next(budget, &rows);
    EXPECT_OK(progress);
    EXPECT_TRUE(progress->done);
    return rows.rows;
  }
  static RowRange One(const std::string& row) {
    return {.start = row, .start_open = false, .end = row, .end_open = false};
  }

  EngineHarness h_;
  ManualClock clock_;
};

TEST_F(EngineTrace, APointReadTellsItsFilesAndBlocks) {
  const RowRange row = One(Row("a", 8));
  ReadTrace first(&clock_);
  const auto rows = Read(row, &first);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].cells.front().value, "new");
  EXPECT_EQ(first.memtables, 1u);
  EXPECT_EQ(first.files_out_of_reach, 1u) << "the file of rows z";
  ASSERT_EQ(first.files.size(), 2u);
  for (const ReadTrace::File& file : first.files) {
    EXPECT_EQ(file.filter, ReadTrace::Filter::kMayHold) << file.name;
    EXPECT_GE(file.blocks_read, 1u);
    EXPECT_EQ(file.blocks_cached, 0u);
    EXPECT_GT(file.bytes_read, 20u);
    EXPECT_GE(file.cells, 1u);
  }
  ReadTrace second(&clock_);
  EXPECT_EQ(Read(row, &second), rows);
  for (const ReadTrace::File& file : second.files) {
    EXPECT_EQ(file.blocks_read, 0u);
    EXPECT_EQ(file.bytes_read, 0u);
    EXPECT_EQ(file.blocks_cached, 1u);
  }
  EXPECT_EQ(Read(row, nullptr), rows);
}

TEST_F(EngineTrace, AFilterThatKnowsBetterIsNamed) {
  ReadTrace trace(&clock_);
  const auto rows = Read(One(Row("a", 7)), &trace);  // odd: not in the second file
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].cells.front().value, "in memory");
  EXPECT_GE(trace.memtable_cells, 1u);
  uint64_t excluded = 0;
  for (const ReadTrace::File& file : trace.files) {
    if (file.filter != ReadTrace::Filter::kHoldsNot) continue;
    ++excluded;
    EXPECT_EQ(file.blocks_read + file.blocks_cached + file.cells, 0u);
  }
  EXPECT_EQ(excluded, 1u);
}

TEST_F(EngineTrace, AScanTellsHowManyCellsEachSourceGave) {
  ReadTrace trace(&clock_);
  const auto rows = Read({}, &trace);
  EXPECT_EQ(rows.size(), 60u);
  EXPECT_EQ(Read({}, nullptr), rows);
  ASSERT_EQ(trace.files.size(), 3u);
  uint64_t cells = 0;
  for (const ReadTrace::File& file : trace.files) {
    EXPECT_EQ(file.filter, ReadTrace::Filter::kNotAsked);
    cells += file.cells;
  }
  EXPECT_EQ(cells, 75u);
  EXPECT_EQ(trace.memtable_cells, 1u);
  EXPECT_EQ(Read({}, &trace).size(), 60u) << "one that goes on";
  EXPECT_EQ(trace.memtables, 1u);
  EXPECT_EQ(trace.files.size(), 3u);
}

TEST(ReadTraceTest, ManyFilesAreCountedAsOne) {
  ManualClock clock;
  ReadTrace trace(&clock);
  for (size_t i = 0; i < 3 * ReadTrace::kMaxFiles; ++i) ++trace.Of(absl::StrCat(i))->cells;
  ASSERT_EQ(trace.files.size(), ReadTrace::kMaxFiles + 1);
  EXPECT_EQ(trace.files[5].cells, 1u);
  EXPECT_EQ(trace.files.back().cells, 2 * ReadTrace::kMaxFiles);
  EXPECT_EQ(trace.Of("5"), &trace.files[5]);
}

}  // namespace
}  // namespace stele::storage
