// Goal: over simulated hours of random cells (seeded) the balancer comes to rest: it acts only
// after a while, no tablet moves twice in a row without another load, none comes back under noise.
#include "master/placement/balancer.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/testing/seeded_random.h"

namespace stele::master {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr BalanceOptions kOptions{
    .after_ms = 60'000, .tolerance_percent = 25, .min_load_per_s = 100};
constexpr int64_t kAfterSeconds = 60;

// Servers and tablets whose requests are counted as real ones are: from zero under each epoch.
class SimulatedCell {
 public:
  SimulatedCell(uint64_t seed, size_t servers, size_t tablets) : random_(seed) {
    for (size_t i = 0; i < servers; ++i) cell_.servers.push_back(absl::StrCat("ts-", i));
    for (size_t i = 0; i < tablets; ++i) {
      cell_.tablets.push_back({.tablet = 100 + i, .server_id = cell_.servers[i % servers]});
      rates_[100 + i] = 0;
      counts_[100 + i].epoch = 1;
    }
  }

  // The tablets of the first server have most of the load.
  void Heat() {
    for (const WeighedTablet& tablet : cell_.tablets) {
      const bool hot = tablet.server_id == cell_.servers[0];
      rates_[tablet.tablet] = hot ? 200 + random_.Below(400) : random_.Below(100);
    }
  }
  // Each second the load is up to `noise_percent` above or below what it is.
  void Pass(int64_t seconds, uint64_t noise_percent) {
    for (int64_t s = 0; s < seconds; ++s) {
      now_s_ += 1;
      for (const auto& [id, rate] : rates_) {
        const uint64_t percent = 100 - noise_percent + random_.Below(2 * noise_percent + 1);
        counts_[id].requests += rate * percent / 100;
        balancer_.meter().Look(id, counts_[id], now_s_ * kSecondNs);
      }
      const auto due = balancer_.TakeDue(cell_, now_s_ * kSecondNs);
      balancer_.Begin(due);
      for (const PlannedMove& move : due) {
        if (!moves_fail_) Carry(move);
      }
    }
  }
  void Carry(const PlannedMove& move) {
    for (WeighedTablet& tablet : cell_.tablets) {
      if (tablet.tablet != move.tablet) continue;
      EXPECT_EQ(tablet.server_id, move.from);
      tablet.server_id = move.to;
    }
    ++moves_[move.tablet];
    times_.push_back(now_s_);
    counts_[move.tablet] = {.epoch = counts_[move.tablet].epoch + 1};
  }
  double LoadOf(const std::string& server) const {
    double load = 0;
    for (const WeighedTablet& tablet : cell_.tablets) {
      if (tablet.server_id == server) load += static_cast<double>(rates_.at(tablet.tablet));
    }
    return load;
  }
  // The largest load of a server, of the average.
  double Skew() const {
    double most = 0, all = 0;
    for (const std::string& server : cell_.servers) {
      most = std::max(most, LoadOf(server));
      all += LoadOf(server);
    }
    return most * static_cast<double>(cell_.servers.size()) / all;
  }

  SeededRandom random_;
  WeighedCell cell_;
  Balancer balancer_{kOptions};
  bool moves_fail_ = false;
  int64_t now_s_ = 0;
  std::map<TabletId, uint64_t> rates_;
  std::map<TabletId, TabletCount> counts_;
  std::map<TabletId, int> moves_;
  std::vector<int64_t> times_;
};

TEST(Balancer, NoisyLoadIsBalancedOnceAndThenRests) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  for (uint64_t round = 0; round < 12; ++round) {
    SimulatedCell cell(seed + round, 2 + round % 5, 24);
    cell.Heat();
    const double before = cell.Skew();
    cell.Pass(3'600, /*noise_percent=*/50);
    EXPECT_LT(cell.Skew(), 1.6) << "from " << before << ": one tablet may be half a server's";
    for (const auto& [tablet, moves] : cell.moves_) {
      EXPECT_EQ(moves, 1) << "tablet " << tablet << " of round " << round;
    }
    EXPECT_FALSE(cell.times_.empty());
    EXPECT_GT(cell.times_.front(), kAfterSeconds);
    EXPECT_LT(cell.times_.back(), 10 * kAfterSeconds) << "it does not come to rest";
    const size_t moved = cell.times_.size();
    cell.Pass(3'600, /*noise_percent=*/90);
    EXPECT_LE(cell.times_.size(), moved + 3) << "noise moves tablets";
    for (const auto& [tablet, moves] : cell.moves_) {
      EXPECT_EQ(moves, 1) << "tablet " << tablet << " of round " << round << " is moved by noise";
    }
  }
}

TEST(Balancer, ALoadThatWandersIsFollowedWithOneMoveATabletAtMost) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SimulatedCell cell(seed, 4, 32);
  for (int era = 0; era < 6; ++era) {
    cell.Heat();  // what is at the first server now
    cell.moves_.clear();
    cell.Pass(2'400, /*noise_percent=*/30);
    EXPECT_LT(cell.Skew(), 1.4) << "era " << era;
    for (const auto& [tablet, moves] : cell.moves_) EXPECT_LE(moves, 2) << "tablet " << tablet;
    const size_t moved = cell.times_.size();
    cell.Pass(1'200, /*noise_percent=*/30);
    EXPECT_EQ(cell.times_.size(), moved) << "era " << era << " does not come to rest";
  }
}

TEST(Balancer, AShortBurstMovesNothing) {
  SimulatedCell cell(TestSeed(), 3, 12);
  for (auto& [id, rate] : cell.rates_) rate = 100;
  cell.Pass(600, 0);
  const auto calm = cell.rates_;
  cell.Heat();
  cell.Pass(kAfterSeconds / 3, 0);
  cell.rates_ = calm;
  cell.Pass(600, 0);
  EXPECT_TRUE(cell.times_.empty());
}

TEST(Balancer, CountsComeFirstAndAreEvenedOnlyOutOfTheirBounds) {
  SimulatedCell cell(TestSeed(), 3, 30);
  cell.Pass(600, 0);
  EXPECT_TRUE(cell.times_.empty());
  cell.cell_.tablets[0].server_id = "ts-1";  // eleven and nine are within bounds
  cell.Pass(600, 0);
  EXPECT_TRUE(cell.times_.empty());
  EXPECT_EQ(cell.balancer_.Plan(cell.cell_).size(), 1u) << "who asks gets them even";
  cell.cell_.servers.push_back("ts-9");
  cell.Pass(600, 0);
  EXPECT_EQ(cell.times_.size(), 7u) << "as few as make all even";
  cell.Pass(600, 0);
  EXPECT_EQ(cell.times_.size(), 7u);
}

TEST(Balancer, AServerThatNothingRelievesDoesNotHideOthers) {
  SimulatedCell cell(TestSeed(), 4, 32);
  cell.rates_[100] = 6'000;  // alone at ts-0
  cell.Pass(600, 0);
  EXPECT_TRUE(cell.times_.empty());
  const int64_t heated = cell.now_s_;
  for (TabletId id : {101, 105, 109, 113}) cell.rates_[id] = 800;
  cell.Pass(300, 0);
  ASSERT_FALSE(cell.times_.empty());
  EXPECT_GT(cell.times_.front(), heated + kAfterSeconds) << "it was not out of balance for a while";
  EXPECT_LT(cell.LoadOf("ts-1"), 2'875);
  EXPECT_EQ(cell.LoadOf("ts-0"), 6'000);
  const size_t moved = cell.times_.size();
  cell.Pass(3'600, /*noise_percent=*/30);
  EXPECT_EQ(cell.times_.size(), moved);
}

TEST(Balancer, AMoveThatFailedIsPlannedAgain) {
  SimulatedCell cell(TestSeed(), 2, 4);
  cell.rates_[100] = 500;
  cell.rates_[102] = 400;
  cell.moves_fail_ = true;
  cell.Pass(600, 0);
  const auto plan = cell.balancer_.Plan(cell.cell_);
  ASSERT_EQ(plan.size(), 1u) << "who asks is told nothing";
  cell.balancer_.Begin(plan);
  EXPECT_EQ(cell.balancer_.Plan(cell.cell_).size(), 1u) << "what was ordered failed";
  cell.moves_fail_ = false;
  cell.Pass(2 * kAfterSeconds, 0);
  EXPECT_EQ(cell.times_.size(), 1u);
  EXPECT_LT(cell.Skew(), 1.2);
  EXPECT_TRUE(cell.balancer_.Plan(cell.cell_).empty());
}

TEST(Balancer, TheWhileBeginsAnewAfterAPauseAndWithOtherServers) {
  SimulatedCell cell(TestSeed(), 3, 30);
  for (WeighedTablet& tablet : cell.cell_.tablets) {
    if (tablet.server_id == "ts-1") tablet.server_id = "ts-0";
  }
  cell.Pass(kAfterSeconds - 10, 0);
  cell.now_s_ += 1'000;
  cell.balancer_.Pause(cell.now_s_ * kSecondNs);
  cell.Pass(kAfterSeconds - 10, 0);
  EXPECT_TRUE(cell.times_.empty()) << "after a pause";
  cell.cell_.servers.push_back("ts-9");
  cell.Pass(kAfterSeconds - 10, 0);
  EXPECT_TRUE(cell.times_.empty()) << "with another server";
  cell.Pass(20, 0);
  EXPECT_FALSE(cell.times_.empty());
}

TEST(Balancer, WithoutATimeItActsOnlyWhenAsked) {
  BalanceOptions options = kOptions;
  options.after_ms = 0;
  Balancer balancer(options);
  WeighedCell cell;
  cell.servers = {"a", "b"};
  for (TabletId id = 1; id <= 4; ++id) cell.tablets.push_back({.tablet = id, .server_id = "a"});
  for (int64_t s = 0; s < 1'000; ++s) EXPECT_TRUE(balancer.TakeDue(cell, s * kSecondNs).empty());
  EXPECT_EQ(balancer.Plan(cell).size(), 2u);
}

TEST(Balancer, OtherRulesBeginAWhileAnew) {
  BalanceOptions options = kOptions;
  options.after_ms = 0;
  Balancer balancer(options);
  WeighedCell cell;
  cell.servers = {"a", "b"};
  for (TabletId id = 1; id <= 4; ++id) cell.tablets.push_back({.tablet = id, .server_id = "a"});
  EXPECT_TRUE(balancer.TakeDue(cell, kSecondNs).empty());
  options.after_ms = 10'000;
  balancer.Retune(options);
  EXPECT_TRUE(balancer.TakeDue(cell, 1'000 * kSecondNs).empty());
  EXPECT_TRUE(balancer.TakeDue(cell, 1'009 * kSecondNs).empty());
  options.after_ms = 5'000;
  balancer.Retune(options);
  EXPECT_TRUE(balancer.TakeDue(cell, 1'010 * kSecondNs).empty()) << "it begins anew";
  EXPECT_EQ(balancer.TakeDue(cell, 1'016 * kSecondNs).size(), 2u);
}

TEST(LoadMeter, CountsRequestsAndBytesAndKeepsThemOverAMove) {
  LoadMeter meter(10 * kSecondNs);
  EXPECT_EQ(meter.PerSecond(7), 0);
  for (int64_t s = 0; s <= 20; ++s) {
    const auto n = static_cast<uint64_t>(s);
    meter.Look(7, {.epoch = 1, .requests = n * 100, .bytes = n * 4096 * 50}, s * kSecondNs);
  }
  EXPECT_NEAR(meter.PerSecond(7), 150, 0.001);
  meter.Look(7, {.epoch = 2, .requests = 3}, 21 * kSecondNs);
  EXPECT_NEAR(meter.PerSecond(7), 150, 0.001) << "a new count is no load";
  meter.Look(7, {.epoch = 2, .requests = 1'003}, 21 * kSecondNs + 1);
  EXPECT_NEAR(meter.PerSecond(7), 150, 0.001) << "too soon to tell";
  meter.Look(7, {.epoch = 2, .requests = 3}, 31 * kSecondNs);
  EXPECT_NEAR(meter.PerSecond(7), 50, 5) << "idle since";
  meter.Keep(std::map<TabletId, int>{});
  EXPECT_EQ(meter.PerSecond(7), 0);
}

}  // namespace
}  // namespace stele::master
