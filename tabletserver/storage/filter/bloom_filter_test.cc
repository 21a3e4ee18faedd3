// Goal: the filter never misses a key it holds, its false positives stay near the theory, and bytes
// that are no filter are refused.
#include "tabletserver/storage/filter/bloom_filter.h"

#include <gtest/gtest.h>

#include <string>

#include "common/bytes/coding.h"

namespace stele::storage {
namespace {

std::string KeyOf(uint64_t i) {
  std::string key = "row";
  PutBig64(&key, i);
  return key;
}

double FalsePositives(uint32_t bits_per_key, uint64_t keys) {
  BloomFilterBuilder builder(bits_per_key);
  for (uint64_t i = 0; i < keys; ++i) builder.Add(BloomHash(KeyOf(i)));
  std::string bytes = builder.Finish();
  BloomFilter filter;
  EXPECT_TRUE(filter.Init(bytes));
  for (uint64_t i = 0; i < keys; ++i) EXPECT_TRUE(filter.MayContain(BloomHash(KeyOf(i)))) << i;
  uint64_t hits = 0;
  const uint64_t probes = 50'000;
  for (uint64_t i = 0; i < probes; ++i) hits += filter.MayContain(BloomHash(KeyOf(i + (1u << 30))));
  return static_cast<double>(hits) / probes;
}

TEST(BloomFilterTest, FalsePositivesFallWithBits) {
  double at_4 = FalsePositives(4, 20'000), at_10 = FalsePositives(10, 20'000);
  double at_20 = FalsePositives(20, 20'000);
  EXPECT_LT(at_4, 0.20);
  EXPECT_LT(at_10, 0.015);
  EXPECT_LT(at_20, 0.001);
}

TEST(BloomFilterTest, SmallFiltersNeverMiss) {
  for (uint64_t keys : {1u, 2u, 51u, 52u, 500u}) EXPECT_LT(FalsePositives(10, keys), 0.05) << keys;
}

TEST(BloomFilterTest, AnEmptyFilterHoldsNothing) {
  std::string bytes = BloomFilterBuilder(10).Finish();
  BloomFilter filter;
  ASSERT_TRUE(filter.Init(bytes));
  EXPECT_EQ(filter.keys(), 0u);
  EXPECT_FALSE(filter.MayContain(BloomHash("x")));
}

TEST(BloomFilterTest, RepeatedHashesCountOnceAndFinishStartsAnew) {
  BloomFilterBuilder builder(10);
  for (int i = 0; i < 1000; ++i) builder.Add(42);
  EXPECT_EQ(builder.keys(), 1u);
  EXPECT_EQ(builder.Finish().size(), 64u + 8u);
  EXPECT_EQ(builder.keys(), 0u);
}

TEST(BloomFilterTest, RefusesWhatIsNoFilter) {
  BloomFilterBuilder builder(10);
  builder.Add(1);
  const std::string good = builder.Finish();
  BloomFilter filter;
  ASSERT_TRUE(filter.Init(good));
  for (size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(filter.Init(Slice(good).substr(0, n))) << n;
  std::string bad = good;
  EncodeFixed32(&bad[64], 0);
  EXPECT_FALSE(filter.Init(bad));
  EncodeFixed32(&bad[64], 25);
  EXPECT_FALSE(filter.Init(bad));
}

}  // namespace
}  // namespace stele::storage
