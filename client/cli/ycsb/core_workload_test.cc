// The six workloads: their shares as drawn, their distributions, lengths of scans, keys of records.
#include "client/cli/ycsb/core_workload.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "common/testing/seeded_random.h"

namespace stele::cli::ycsb {
namespace {

constexpr int kDraws = 100'000;

TEST(CoreWorkloadTest, EachHasSharesThatAddUpAndComesByItsLetter) {
  for (const char* letter : {"A", "b", "C", "d", "E", "f"}) {
    const auto workload = FindWorkload(letter);
    ASSERT_TRUE(workload.has_value()) << letter;
    double sum = 0;
    for (double share : workload->shares) sum += share;
    EXPECT_DOUBLE_EQ(sum, 1.0) << letter;
    EXPECT_EQ(workload->distribution,
              workload->name == 'D' ? Distribution::kLatest : Distribution::kZipfian);
  }
  EXPECT_FALSE(FindWorkload("G").has_value());
  EXPECT_FALSE(FindWorkload("").has_value());
  EXPECT_FALSE(FindWorkload("AB").has_value());
}

TEST(OperationSourceTest, DrawsEachKindAsOftenAsItsShare) {
  STELE_TRACE_SEED(TestSeed());
  for (const char* letter : {"A", "B", "C", "D", "E", "F"}) {
    const CoreWorkload workload = *FindWorkload(letter);
    OperationSource source(workload, 1000, 2000, TestSeed());
    std::array<int, kOperationKinds> seen{};
    for (int i = 0; i < kDraws; ++i) {
      const Operation next = source.Next(1000);
      ++seen[static_cast<size_t>(next.kind)];
      EXPECT_LT(next.record, 1000u);
    }
    for (size_t i = 0; i < kOperationKinds; ++i) {
      const double share = workload.shares[i];
      // Six standard deviations of so many draws.
      const double bound = 6 * std::sqrt(share * (1 - share) / kDraws);
      EXPECT_NEAR(static_cast<double>(seen[i]) / kDraws, share, bound)
          << letter << " " << NameOf(static_cast<OperationKind>(i));
    }
  }
}

TEST(OperationSourceTest, ScansTakeOneToAHundredRowsAllAsLikely) {
  STELE_TRACE_SEED(TestSeed());
  OperationSource source(*FindWorkload("E"), 1000, 2000, TestSeed());
  uint64_t scans = 0, least = UINT64_MAX, most = 0;
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const Operation next = source.Next(1000);
    if (next.kind != OperationKind::kScan) continue;
    ++scans;
    sum += static_cast<double>(next.scan_rows);
    least = std::min(least, next.scan_rows);
    most = std::max(most, next.scan_rows);
  }
  EXPECT_EQ(least, 1u);
  EXPECT_EQ(most, kMaxScanRows);
  EXPECT_NEAR(sum / static_cast<double>(scans), 50.5, 6 * 28.9 / std::sqrt(scans));
}

TEST(OperationSourceTest, TheSameSeedGivesTheSameOperations) {
  OperationSource a(*FindWorkload("D"), 100, 200, 5), b(*FindWorkload("D"), 100, 200, 5);
  for (uint64_t i = 0; i < 1000; ++i) {
    const Operation x = a.Next(100 + i / 10), y = b.Next(100 + i / 10);
    EXPECT_EQ(x.kind, y.kind);
    EXPECT_EQ(x.record, y.record);
  }
}

TEST(RecordKeyTest, KeysAreDistinctAndScattered) {
  std::set<std::string> keys;
  for (uint64_t record = 0; record < 10'000; ++record) keys.insert(RecordKey(record));
  EXPECT_EQ(keys.size(), 10'000u);
  EXPECT_EQ(keys.begin()->substr(0, 4), "user");
  EXPECT_NE(*keys.begin(), RecordKey(0));
}

}  // namespace
}  // namespace stele::cli::ycsb
