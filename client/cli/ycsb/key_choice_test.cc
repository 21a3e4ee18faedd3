// The request distributions: probabilities against the formula by chi-square, growth of the record
// count, and that popularity is scattered and stays.
#include "client/cli/ycsb/key_choice.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

#include "common/testing/seeded_random.h"

namespace stele::cli::ycsb {
namespace {

constexpr uint64_t kDraws = 200'000;

// Sum over (seen - expected)^2 / expected.
double ChiSquare(const std::vector<uint64_t>& seen, const std::vector<double>& probability) {
  double sum = 0, draws = 0;
  for (uint64_t n : seen) draws += static_cast<double>(n);
  for (size_t i = 0; i < seen.size(); ++i) {
    const double expected = draws * probability[i];
    sum += (static_cast<double>(seen[i]) - expected) * (static_cast<double>(seen[i]) - expected) /
           expected;
  }
  return sum;
}

// Far in the tail of the distribution that chi-square has with so many degrees of freedom: six
// standard deviations above its mean, and more where there are few.
double Bound(size_t cells) {
  const double freedom = static_cast<double>(cells - 1);
  return freedom + 6 * std::sqrt(2 * freedom) + 15;
}

std::vector<double> ZipfProbabilities(uint64_t items) {
  std::vector<double> out;
  double sum = 0;
  for (uint64_t k = 0; k < items; ++k) {
    out.push_back(std::pow(static_cast<double>(k + 1), -kZipfianConstant));
    sum += out.back();
  }
  for (double& p : out) p /= sum;
  return out;
}

TEST(DrawsTest, UnitsAndNumbersBelowAreUniform) {
  STELE_TRACE_SEED(TestSeed());
  Draws draws(TestSeed());
  std::vector<uint64_t> units(50), numbers(50);
  for (uint64_t i = 0; i < kDraws; ++i) {
    const double unit = draws.Unit();
    ASSERT_GE(unit, 0.0);
    ASSERT_LT(unit, 1.0);
    ++units[static_cast<size_t>(unit * 50)];
    ++numbers.at(draws.Below(50));
  }
  const std::vector<double> even(50, 0.02);
  EXPECT_LT(ChiSquare(units, even), Bound(50));
  EXPECT_LT(ChiSquare(numbers, even), Bound(50));
}

TEST(ZipfianTest, TheFirstTwoAreExactAndTheRestFollowTheCurve) {
  STELE_TRACE_SEED(TestSeed());
  constexpr uint64_t kItems = 1000;
  Draws draws(TestSeed());
  Zipfian zipfian(kItems);
  std::vector<uint64_t> seen(kItems);
  for (uint64_t i = 0; i < kDraws; ++i) ++seen.at(zipfian.Next(&draws));
  const std::vector<double> want = ZipfProbabilities(kItems);
  // The two most popular ones against all others: there the method has no error of its own.
  const uint64_t others = kDraws - seen[0] - seen[1];
  EXPECT_LT(ChiSquare({seen[0], seen[1], others}, {want[0], want[1], 1 - want[0] - want[1]}),
            Bound(3));
  // Behind them it is an approximation: within a tenth by decades.
  for (uint64_t begin = 2, end = 20; begin < kItems; begin = end, end = end * 10 / 2) {
    double share = 0, wanted = 0;
    for (uint64_t k = begin; k < std::min(end, kItems); ++k) {
      share += static_cast<double>(seen[k]) / kDraws;
      wanted += want[k];
    }
    EXPECT_NEAR(share, wanted, wanted / 10) << begin << " .. " << end;
  }
}

TEST(ZipfianTest, GrowingIsAsIfItHadBeenSoLarge) {
  for (uint64_t items : {1u, 2u, 3u, 10u, 5000u}) {
    Zipfian grown(1), made(items);
    grown.GrowTo(items / 2 + 1);
    if (items > items / 2 + 1) grown.GrowTo(items);
    Draws a(7), b(7);
    for (int i = 0; i < 1000; ++i) {
      const uint64_t number = grown.Next(&a);
      ASSERT_LT(number, grown.items());
      if (grown.items() == items) ASSERT_EQ(number, made.Next(&b));
    }
  }
}

TEST(ZipfianTest, TheSumOfTheScatteredItemsIsThatOfTheirNumber) {
  // The sum over 1 / k^0.99 up to n is close to its integral with Euler and Maclaurin's end terms.
  const double n = 1e10, s = kZipfianConstant;
  double head = 0;
  for (int k = 1; k < 1000; ++k) head += std::pow(k, -s);
  const double m = 1000;
  const double tail = (std::pow(n, 1 - s) - std::pow(m, 1 - s)) / (1 - s) +
                      (std::pow(n, -s) + std::pow(m, -s)) / 2 + s * std::pow(m, -s - 1) / 12;
  EXPECT_NEAR(head + tail, 26.46902820178302, 1e-6);
}

TEST(KeyChoiceTest, UniformTakesEachRecordAlike) {
  STELE_TRACE_SEED(TestSeed());
  Draws draws(TestSeed());
  auto choice = MakeKeyChoice(Distribution::kUniform, 100, 100);
  std::vector<uint64_t> seen(100);
  for (uint64_t i = 0; i < kDraws; ++i) ++seen.at(choice->Next(100, &draws));
  EXPECT_LT(ChiSquare(seen, std::vector<double>(100, 0.01)), Bound(100));
}

TEST(KeyChoiceTest, LatestPrefersTheNewestAlsoWhenRecordsAreAdded) {
  STELE_TRACE_SEED(TestSeed());
  Draws draws(TestSeed());
  auto choice = MakeKeyChoice(Distribution::kLatest, 500, 1000);
  for (uint64_t records : {500u, 1000u}) {
    std::vector<uint64_t> age(records);
    for (uint64_t i = 0; i < kDraws; ++i) ++age.at(records - 1 - choice->Next(records, &draws));
    const std::vector<double> want = ZipfProbabilities(records);
    EXPECT_LT(ChiSquare({age[0], age[1], kDraws - age[0] - age[1]},
                        {want[0], want[1], 1 - want[0] - want[1]}),
              Bound(3));
  }
}

TEST(KeyChoiceTest, PopularRecordsAreScatteredAndStayPopular) {
  STELE_TRACE_SEED(TestSeed());
  Draws draws(TestSeed());
  auto choice = MakeKeyChoice(Distribution::kZipfian, 1000, 2000);
  const auto most_popular = [&](uint64_t records) {
    std::map<uint64_t, uint64_t> seen;
    for (uint64_t i = 0; i < kDraws; ++i) {
      const uint64_t record = choice->Next(records, &draws);
      EXPECT_LT(record, records);
      ++seen[record];
    }
    uint64_t best = seen.begin()->first;
    for (const auto& [record, count] : seen) {
      if (count > seen[best]) best = record;
    }
    return best;
  };
  // The most popular number of all is 0 (with 1 / 26.5 of the draws), and where it is scattered to.
  uint64_t want = ScatterHash(0) % 2000;
  const uint64_t at_first = most_popular(1000);
  if (want < 1000) EXPECT_EQ(at_first, want);
  EXPECT_EQ(most_popular(2000), want);
}

TEST(KeyChoiceTest, OneRecordIsAlwaysIt) {
  for (Distribution distribution :
       {Distribution::kUniform, Distribution::kZipfian, Distribution::kLatest}) {
    Draws draws(3);
    auto choice = MakeKeyChoice(distribution, 1, 1);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(choice->Next(1, &draws), 0u);
  }
}

TEST(ScatterHashTest, IsFnvOfTheNumbersBytes) {
  // Of eight zero bytes: the offset times the prime to the 8th, modulo 2^64.
  uint64_t hash = 0xCBF29CE484222325u;
  for (int i = 0; i < 8; ++i) hash *= 1099511628211u;
  const auto as_signed = static_cast<int64_t>(hash);
  EXPECT_EQ(ScatterHash(0), as_signed < 0 ? 0 - hash : hash);
  EXPECT_NE(ScatterHash(1), ScatterHash(256));
}

}  // namespace
}  // namespace stele::cli::ycsb
