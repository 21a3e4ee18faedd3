// Goal: a call is found by its id for as long as it waits, whatever others come, go and last.
#include "common/net/pending_calls.h"

#include <gtest/gtest.h>

#include <map>

#include "common/testing/seeded_random.h"

namespace stele::net {
namespace {

using Calls = PendingCalls<int>;

TEST(PendingCalls, AgreeWithAMapWhateverComesAndGoes) {
  SeededRandom random(TestSeed());
  STELE_TRACE_SEED(TestSeed());
  Calls calls;
  std::map<uint32_t, int> wanted;
  EXPECT_TRUE(calls.empty());
  EXPECT_EQ(calls.Find(1), nullptr);
  for (int i = 1; i < 100'000; ++i) {
    const size_t aim = i / 10'000 % 2 == 0 ? 40 : 4'000;  // more than are kept, and few again
    if (wanted.size() < random.Below(2 * aim)) {
      const auto [id, call] = calls.Add();
      *call = i;
      ASSERT_NE(id, 0u);
      ASSERT_TRUE(wanted.emplace(id, i).second) << "the id of another";
    } else if (!wanted.empty()) {
      auto gone = wanted.lower_bound(static_cast<uint32_t>(random.Below(i)));
      if (gone == wanted.end()) gone = wanted.begin();
      ASSERT_NE(calls.Find(gone->first), nullptr);
      ASSERT_EQ(calls.Take(gone->first), gone->second);
      ASSERT_EQ(calls.Find(gone->first), nullptr);
      wanted.erase(gone);
    }
    ASSERT_EQ(calls.size(), wanted.size());
    ASSERT_EQ(calls.Find(0), nullptr);
  }
  for (const auto& [id, call] : wanted) ASSERT_EQ(*calls.Find(id), call);
}

TEST(PendingCalls, ThePlaceOfACallThatLastsIsLeftOut) {
  Calls calls;
  const auto [first, call] = calls.Add();
  *call = 7;
  for (int i = 0; i < 1'000; ++i) {
    const uint32_t id = calls.Add().first;
    ASSERT_NE(id, first);
    calls.Take(id);
  }
  EXPECT_EQ(*calls.Find(first), 7);
}

TEST(PendingCalls, ThoseWhoseTimeIsOverAreTaken) {
  Calls calls;
  for (int i = 0; i < 5'000; ++i) *calls.Add().second = i;
  EXPECT_EQ(calls.TakeIf([](int call) { return call % 5 == 0; }).size(), 1'000u);
  EXPECT_EQ(calls.size(), 4'000u);
  EXPECT_EQ(calls.TakeIf([](int) { return true; }).size(), 4'000u);
  EXPECT_TRUE(calls.empty());
  EXPECT_EQ(calls.Add().first, 5'001u);
}

}  // namespace
}  // namespace stele::net
