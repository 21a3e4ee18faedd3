// Percentiles are never too low and at most 1/64 too high, whatever the values; merging is adding.
#include "client/cli/ycsb/latencies.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/testing/seeded_random.h"

namespace stele::cli::ycsb {
namespace {

TEST(LatenciesTest, NoValues) {
  const Latencies none;
  EXPECT_EQ(none.count(), 0u);
  EXPECT_EQ(none.PercentileNs(0.99), 0);
  EXPECT_EQ(none.MeanNs(), 0);
}

TEST(LatenciesTest, SmallValuesAndTheGreatestAreExact) {
  Latencies few;
  for (int64_t value : {5, 7, 63, 1'000'003}) few.Add(value);
  EXPECT_EQ(few.PercentileNs(0.25), 5);
  EXPECT_EQ(few.PercentileNs(0.5), 7);
  EXPECT_EQ(few.PercentileNs(0.75), 63);
  EXPECT_EQ(few.PercentileNs(1), 1'000'003);
  EXPECT_EQ(few.max_ns(), 1'000'003);
  few.Add(-1);
  EXPECT_EQ(few.PercentileNs(0.2), 0);
}

TEST(LatenciesTest, PercentilesAgainstSortedValues) {
  STELE_TRACE_SEED(TestSeed());
  SeededRandom random(TestSeed());
  Latencies one, other;
  std::vector<int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    const auto value = static_cast<int64_t>(random.Next() >> random.Between(4, 63));
    values.push_back(value);
    (random.OneIn(3) ? one : other).Add(value);
  }
  one.Merge(other);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(one.count(), values.size());
  EXPECT_EQ(one.max_ns(), values.back());
  for (double q : {0.001, 0.1, 0.5, 0.95, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(values.size())));
    const int64_t exact = values[std::max<size_t>(rank, 1) - 1];
    EXPECT_GE(one.PercentileNs(q), exact) << q;
    EXPECT_LE(one.PercentileNs(q), exact + exact / 64 + 1) << q;
  }
}

}  // namespace
}  // namespace stele::cli::ycsb
