// Goal: a memtable's cells go to the files of their locality groups, row markers to each group that
// may have older cells, cells of dropped families nowhere; errors leave nothing published; clipped
// streams show their rows only.
#include "tabletserver/storage/compaction/minor.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "common/testing/fault_fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/scripted_faults.h"
#include "common/testing/status_asserts.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/compaction/clipped_iterator.h"
#include "tabletserver/storage/iterator/vector_iterator.h"

namespace stele::storage {
namespace {

std::string SetKey(Slice row, uint16_t family_id, Sequence sequence) {
  std::string key;
  AppendSetKey(&key, row, family_id == 1 ? "f" : "g", family_id, "q", 1000, sequence);
  return key;
}
std::string RowMarker(Slice row, Sequence sequence) {
  std::string key;
  AppendRowMarkerKey(&key, row, sequence);
  return key;
}

class MinorTest : public ::testing::Test {
 protected:
  MinorTest() : store_(*OpenPosixStore(&fs_, "/store", true)) {
    schema_.groups = {{.name = "default"}, {.name = "other"}};
    schema_.families = {{.name = "f", .id = 1}, {.name = "g", .id = 2, .locality_group = "other"}};
    env_.store = store_.get();
    env_.faults = &faults_;
    env_.fault_prefix = "flush";
    env_.verify = true;
    env_.new_name = [this] {
      ++names_;
      return TableFileName{absl::StrCat("tables/1/2/", names_, ".sst"), names_};
    };
  }
  StatusOr<std::vector<NewTable>> Run(KeyValues cells,
                                      const std::set<std::string>& with_files = {}) {
    VectorIterator it(std::move(cells));
    return WriteMinor(env_, schema_, with_files, &it);
  }

  FaultFs fs_;
  ScriptedFaults faults_;
  std::unique_ptr<BlobStore> store_;
  TableSchema schema_;
  TableOutputEnv env_;
  uint64_t names_ = 0;
};

TEST_F(MinorTest, CellsGoToTheirGroups) {
  ASSERT_OK_AND_ASSIGN(
      std::vector<NewTable> made,
      Run({{SetKey("a", 1, 5), "x"}, {SetKey("b", 2, 6), "y"}, {SetKey("c", 1, 7), "z"}}));
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0].file.group, "default");
  EXPECT_EQ(made[0].file.cells, 2u);
  EXPECT_EQ(made[0].file.first_row, "a");
  EXPECT_EQ(made[0].file.last_row, "c");
  EXPECT_EQ(made[0].file.min_sequence, 5u);
  EXPECT_EQ(made[0].file.max_sequence, 7u);
  EXPECT_EQ(made[1].file.group, "other");
  EXPECT_EQ(made[1].file.cells, 1u);
  EXPECT_OK(made[1].table->Verify());
}

TEST_F(MinorTest, RowMarkersGoWhereOlderCellsMayBe) {
  const KeyValues cells = {{RowMarker("a", 9), ""}, {SetKey("b", 1, 5), "x"}};
  ASSERT_OK_AND_ASSIGN(std::vector<NewTable> made, Run(cells));
  ASSERT_EQ(made.size(), 1u) << "nothing older in the other group";
  EXPECT_EQ(made[0].file.markers, 1u);
  EXPECT_EQ(made[0].file.cells, 2u);
  ASSERT_OK_AND_ASSIGN(made, Run(cells, {"other"}));
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[1].file.cells, 1u);
  EXPECT_EQ(made[1].file.markers, 1u);
  ASSERT_OK_AND_ASSIGN(made, Run({{RowMarker("a", 9), ""}}));
  EXPECT_TRUE(made.empty()) << "a marker over nothing needs no file";
}

TEST_F(MinorTest, TellsHowFarItIs) {
  KeyValues cells;
  for (int i = 0; i < 2'500; ++i) {
    cells.emplace_back(SetKey(absl::StrCat("row-", 10'000 + i), 1, 5), std::string(100, 'v'));
  }
  VectorIterator it(cells);
  std::vector<uint64_t> told;
  uint64_t bytes_at_last = 0;
  ASSERT_OK(WriteMinor(env_, schema_, {}, &it, [&](uint64_t done, uint64_t bytes) {
              told.push_back(done);
              EXPECT_GE(bytes, bytes_at_last);
              bytes_at_last = bytes;
            }).status());
  EXPECT_EQ(told, (std::vector<uint64_t>{0, 1'024, 2'048, 2'500}));
  EXPECT_GT(bytes_at_last, 0u);
}

TEST_F(MinorTest, DroppedFamiliesAreLeftOut) {
  schema_.families.pop_back();
  ASSERT_OK_AND_ASSIGN(std::vector<NewTable> made, Run({{SetKey("a", 2, 5), "x"}}));
  EXPECT_TRUE(made.empty());
  EXPECT_EQ(names_, 0u);
}

TEST_F(MinorTest, ErrorsPass) {
  VectorIterator broken(KeyValues{{SetKey("a", 1, 5), "x"}}, absl::DataLossError("block"));
  EXPECT_STATUS(kDataLoss, "block", WriteMinor(env_, schema_, {}, &broken));
  EXPECT_STATUS(kDataLoss, "", Run({{std::string("not a key at all, but long enough"), "x"}}));
  for (const char* point :
       {"flush.file_open", "flush.mid_write", "flush.before_fsync", "flush.after_fsync"}) {
    faults_.FailAt(point, faults_.hits(point) + 1, absl::InternalError(point));
    EXPECT_STATUS(kInternal, point, Run({{SetKey("a", 1, 5), "x"}}));
  }
  env_.new_name = [] { return TableFileName{"tables/1/2/1.sst", 1}; };
  ASSERT_OK(Run({{SetKey("a", 1, 5), "x"}}).status());
  EXPECT_STATUS(kAlreadyExists, "1.sst", Run({{SetKey("a", 1, 5), "x"}}));
}

TEST_F(MinorTest, AnOutputThatDiffersIsDataLoss) {
  faults_.RunAt("flush.after_fsync", 1, [this] {
    for (const std::string& file : fs_.AllFiles()) {
      if (absl::StrContains(file, ".sst")) return fs_.Damage(file, 3, 1);
    }
    return absl::InternalError("no file");
  });
  EXPECT_STATUS(kDataLoss, "1.sst", Run({{SetKey("a", 1, 5), "x"}}));
}

TEST_F(MinorTest, APacedJobStopsWithTheLimiter) {
  ManualClock clock;
  RateLimiter limiter(&clock, 1);
  limiter.Stop();
  env_.limiter = &limiter;
  EXPECT_STATUS(kCancelled, "", Run({{SetKey("a", 1, 5), std::string(200'000, 'x')}}));
}

TEST(ClippedIterator, ShowsItsRowsOnly) {
  const auto pairs = std::make_shared<const KeyValues>(KeyValues{{SetKey("a", 1, 1), "1"},
                                                                 {SetKey("b", 1, 2), "2"},
                                                                 {SetKey("c", 1, 3), "3"},
                                                                 {SetKey("d", 1, 4), "4"}});
  auto values = [&](Slice start, Slice end, const std::string* seek) {
    auto it = NewClippedIterator(std::make_unique<VectorIterator>(pairs), start, end);
    std::string out;
    for (seek != nullptr ? it->Seek(*seek) : it->SeekToFirst(); it->Valid(); it->Next()) {
      out += std::string(it->value());
    }
    EXPECT_OK(it->status());
    return out;
  };
  EXPECT_EQ(values("", "", nullptr), "1234");
  EXPECT_EQ(values("a", "c", nullptr), "23") << "(start, end]";
  EXPECT_EQ(values("", "b", nullptr), "12");
  EXPECT_EQ(values("c", "", nullptr), "4");
  const std::string first = SetKey("a", 1, 1), third = SetKey("c", 1, 3);
  EXPECT_EQ(values("a", "c", &first), "23") << "a seek below the start";
  EXPECT_EQ(values("a", "c", &third), "3");
  EXPECT_EQ(values("d", "", nullptr), "");
}

}  // namespace
}  // namespace stele::storage
