// Goal: a request is done once: an attempt that comes again joins the first or gets its answer;
// what failed may be done again, what was given up is refused; memory is bounded and ends with
// time.
#include "tabletserver/storage/request_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "common/testing/manual_clock.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/write_throttle.h"

namespace stele::storage {
namespace {

using Begun = RequestMemory::Begun;

class RequestMemoryTest : public ::testing::Test {
 protected:
  StatusOr<Begun> Begin(uint64_t client, uint64_t sequence, uint64_t first_incomplete = 1) {
    ChangeDone done = [this](const StatusOr<ChangeOutcome>& outcome) {
      answers_.push_back(outcome.ok() ? std::to_string(static_cast<int>(outcome->kind))
                                      : absl::StatusCodeToString(outcome.status().code()));
    };
    return memory_.Begin({client, sequence, first_incomplete}, &done, &outcome_);
  }

  ManualClock clock_;
  MemoryTracker tracker_{"test", 0};
  RequestMemory memory_{&clock_, &tracker_, 2000};
  ChangeOutcome outcome_;
  std::vector<std::string> answers_;
};

ChangeOutcome Matched() { return {ChangeKind::kMatched, nullptr}; }

TEST_F(RequestMemoryTest, AnAttemptThatComesMeanwhileJoins) {
  EXPECT_EQ(Begin(7, 1).value(), Begun::kNew);
  EXPECT_EQ(Begin(7, 1).value(), Begun::kJoined);
  memory_.Durable({7, 1, 1}, Matched());
  EXPECT_EQ(Begin(7, 1).value(), Begun::kJoined) << "durable, but not yet to be told";
  EXPECT_TRUE(answers_.empty());
  memory_.Finish({7, 1, 1}, Matched());
  EXPECT_EQ(answers_, (std::vector<std::string>{"2", "2"}));
  EXPECT_EQ(Begin(7, 1).value(), Begun::kRemembered);
  EXPECT_EQ(outcome_.kind, ChangeKind::kMatched);
  EXPECT_EQ(Begin(8, 1).value(), Begun::kNew) << "another client's";
}

TEST_F(RequestMemoryTest, JoinersAreBounded) {
  EXPECT_EQ(Begin(7, 1).value(), Begun::kNew);
  for (size_t i = 0; i < RequestMemory::kMaxJoined; ++i) {
    EXPECT_EQ(Begin(7, 1).value(), Begun::kJoined);
  }
  EXPECT_STATUS(kResourceExhausted, "many times", Begin(7, 1).status());
}

TEST_F(RequestMemoryTest, WhatFailedMayBeDoneAgain) {
  EXPECT_EQ(Begin(7, 1).value(), Begun::kNew);
  EXPECT_EQ(Begin(7, 1).value(), Begun::kJoined);
  memory_.Finish({7, 1, 1}, absl::ResourceExhaustedError("full"));
  EXPECT_EQ(answers_, std::vector<std::string>{"RESOURCE_EXHAUSTED"});
  EXPECT_EQ(Begin(7, 1).value(), Begun::kNew);
}

TEST_F(RequestMemoryTest, WhatTheClientGaveUpIsForgottenAndRefused) {
  for (uint64_t sequence : {1, 2, 3}) {
    EXPECT_EQ(Begin(7, sequence).value(), Begun::kNew);
    if (sequence != 2) memory_.Finish({7, sequence, 1}, Matched());
  }
  const uint64_t before = memory_.bytes();
  EXPECT_EQ(Begin(7, 9, 4).value(), Begun::kNew);
  EXPECT_STATUS(kFailedPrecondition, "given up", Begin(7, 1, 1).status());
  memory_.Finish({7, 2, 1}, Matched());
  memory_.Finish({7, 9, 4}, Matched());
  EXPECT_EQ(Begin(7, 10, 4).value(), Begun::kNew);
  EXPECT_LT(memory_.bytes(), before);
  EXPECT_STATUS(kFailedPrecondition, "given up", Begin(7, 3, 3).status());
  EXPECT_EQ(Begin(7, 9, 4).value(), Begun::kRemembered);
}

TEST_F(RequestMemoryTest, TenMinutesAfterItsLastUseItIsForgotten) {
  EXPECT_EQ(Begin(7, 1).value(), Begun::kNew);
  memory_.Finish({7, 1, 1}, Matched());
  clock_.AdvanceMillis(kRequestMemoryMs - 1000);
  EXPECT_EQ(Begin(7, 1).value(), Begun::kRemembered) << "and is used by that";
  clock_.AdvanceMillis(kRequestMemoryMs - 1000);
  EXPECT_EQ(Begin(8, 1).value(), Begun::kNew);
  EXPECT_EQ(memory_.Snapshot().size(), 1u);
  clock_.AdvanceMillis(2000 + kRequestMemoryMs / 10);
  EXPECT_EQ(Begin(8, 2).value(), Begun::kNew);
  EXPECT_TRUE(memory_.Snapshot().empty());
  EXPECT_EQ(Begin(7, 1).value(), Begun::kNew);
}

TEST_F(RequestMemoryTest, FullMemoryRefusesAndForgetsNothing) {
  uint64_t sequence = 1;
  while (Begin(7, sequence).ok()) memory_.Finish({7, sequence++, 1}, Matched());
  const Status full = Begin(7, sequence).status();
  EXPECT_STATUS(kResourceExhausted, "the limit is 2000", full);
  EXPECT_GT(RetryDelayMs(full), 0);
  EXPECT_EQ(tracker_.used(), static_cast<int64_t>(memory_.bytes()));
  EXPECT_EQ(Begin(7, 1).value(), Begun::kRemembered);
  EXPECT_EQ(Begin(7, sequence, 3).value(), Begun::kNew) << "the client waits for 1 and 2 no more";
}

TEST_F(RequestMemoryTest, WritesInARowTakeTheRoomOfOne) {
  auto write = [&](uint64_t sequence) {
    ASSERT_EQ(Begin(7, sequence).value(), Begun::kNew) << sequence;
    memory_.Finish({7, sequence, 1}, ChangeOutcome());
  };
  for (uint64_t sequence = 1; sequence <= 10'000; ++sequence) write(sequence);
  const uint64_t one_run = memory_.bytes();
  EXPECT_LT(one_run, 500u);
  write(10'003);
  write(10'002);  // before the one that is there
  EXPECT_GT(memory_.bytes(), one_run);
  write(10'001);  // and the one that joins them
  EXPECT_EQ(memory_.bytes(), one_run);
  EXPECT_EQ(memory_.Snapshot(),
            (std::vector<RememberedClient>{{7, 1, {{1, ChangeKind::kWrite, {}, 10'003}}}}));
  for (uint64_t sequence : {1, 5'000, 10'003}) {
    EXPECT_EQ(Begin(7, sequence).value(), Begun::kRemembered);
    EXPECT_EQ(outcome_.kind, ChangeKind::kWrite);
  }
  // One of another kind parts them.
  EXPECT_EQ(Begin(7, 10'004).value(), Begun::kNew);
  memory_.Finish({7, 10'004, 1}, Matched());
  write(10'005);
  EXPECT_EQ(Begin(7, 10'004).value(), Begun::kRemembered);
  EXPECT_EQ(outcome_.kind, ChangeKind::kMatched);
  EXPECT_EQ(memory_.Snapshot()[0].requests.size(), 3u);
  RequestMemory loaded(&clock_, &tracker_);
  loaded.Load(memory_.Snapshot());
  EXPECT_EQ(loaded.Snapshot(), memory_.Snapshot());
  EXPECT_EQ(loaded.bytes(), memory_.bytes());
  // A run goes when its client waits for none of it, or ten minutes after its last use.
  EXPECT_EQ(Begin(7, 10'006, 10'004).value(), Begun::kNew);
  EXPECT_EQ(memory_.Snapshot()[0].requests.size(), 2u);
  EXPECT_STATUS(kFailedPrecondition, "given up", Begin(7, 10'003).status());
  memory_.Finish({7, 10'006, 1}, absl::ResourceExhaustedError("full"));
  clock_.AdvanceMillis(kRequestMemoryMs + 1000);
  EXPECT_EQ(Begin(8, 1).value(), Begun::kNew);
  EXPECT_TRUE(memory_.Snapshot().empty());
}

// Runs and slots against a plain map, in any order, with answers that come late.
TEST_F(RequestMemoryTest, AnyOrderIsRememberedAsItWas) {
  SeededRandom random(TestSeed());
  RequestMemory memory(&clock_, &tracker_);
  std::map<uint64_t, ChangeKind> done;
  std::vector<uint64_t> under_way;
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t sequence = random.Between(1, 600);
    ChangeDone none = [](const StatusOr<ChangeOutcome>&) {};
    ChangeOutcome outcome;
    const bool is_under_way =
        std::find(under_way.begin(), under_way.end(), sequence) != under_way.end();
    if (under_way.size() > 20 || (is_under_way && random.OneIn(2))) {
      const size_t which = random.Below(under_way.size());
      const uint64_t ends = under_way[which];
      under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(which));
      if (random.OneIn(10)) {
        memory.Finish({7, ends, 1}, absl::ResourceExhaustedError("full"));
      } else {
        done[ends] = random.OneIn(8) ? ChangeKind::kMatched : ChangeKind::kWrite;
        memory.Finish({7, ends, 1}, ChangeOutcome{done[ends], nullptr});
      }
    } else if (!is_under_way) {
      const Begun begun = memory.Begin({7, sequence, 1}, &none, &outcome).value();
      ASSERT_EQ(begun, done.contains(sequence) ? Begun::kRemembered : Begun::kNew) << sequence;
      if (begun == Begun::kRemembered) {
        ASSERT_EQ(outcome.kind, done[sequence]) << sequence;
      } else {
        under_way.push_back(sequence);
      }
    }
  }
  std::map<uint64_t, ChangeKind> shown;
  const std::vector<RememberedClient> snapshot = memory.Snapshot();
  for (const RememberedRequest& request : snapshot.at(0).requests) {
    for (uint64_t i = 0; i < request.count; ++i) shown[request.sequence + i] = request.kind;
  }
  EXPECT_EQ(shown, done);
  for (uint64_t sequence : under_way) memory.Finish({7, sequence, 1}, ChangeOutcome());
}

TEST_F(RequestMemoryTest, SnapshotsHoldWhatIsDurableAndCanBeLoaded) {
  auto row = std::make_shared<Row>(Row{"r", {{"f", "q", 1000, "v"}}});
  auto large =
      std::make_shared<Row>(Row{"r", {{"f", "q", 1000, std::string(kMaxRememberedRowBytes, 'x')}}});
  EXPECT_EQ(Begin(9, 1).value(), Begun::kNew);
  EXPECT_EQ(Begin(7, 3, 3).value(), Begun::kNew);
  EXPECT_EQ(Begin(7, 4, 3).value(), Begun::kNew);
  EXPECT_EQ(Begin(7, 5, 3).value(), Begun::kNew);
  memory_.Durable({7, 3, 3}, {ChangeKind::kRow, row});
  memory_.Finish({7, 4, 3}, ChangeOutcome{ChangeKind::kRow, large});
  const std::vector<RememberedClient> snapshot = memory_.Snapshot();
  EXPECT_EQ(snapshot, (std::vector<RememberedClient>{
                          {7, 3, {{3, ChangeKind::kRow, *row}, {4, ChangeKind::kForgotRow, {}}}}}));
  {
    RequestMemory loaded(&clock_, &tracker_);
    loaded.Load(snapshot);
    EXPECT_EQ(loaded.Snapshot(), snapshot);
    ChangeDone none;
    EXPECT_EQ(loaded.Begin({7, 3, 3}, &none, &outcome_).value(), Begun::kRemembered);
    EXPECT_EQ(*outcome_.row, *row);
    EXPECT_STATUS(kFailedPrecondition, "given up",
                  loaded.Begin({7, 2, 1}, &none, &outcome_).status());
  }
  EXPECT_EQ(tracker_.used(), static_cast<int64_t>(memory_.bytes())) << "what it took is given back";
}

}  // namespace
}  // namespace stele::storage
