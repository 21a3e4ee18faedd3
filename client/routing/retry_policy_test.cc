// What may be tried again, when, and how often at most.
#include "client/routing/retry_policy.h"

#include <gtest/gtest.h>

#include "common/net/rpc.h"
#include "common/testing/manual_clock.h"
#include "schema/convert/error_payload.h"

namespace stele::routing {
namespace {

Status NotSent() {
  Status status = absl::UnavailableError("refused");
  status.SetPayload(net::kNotSentPayload, absl::Cord());
  return status;
}

TEST(FateOfCall, OnlyWhatCertainlyHadNoEffectIsNoEffect) {
  EXPECT_EQ(FateOfCall(NotSent()), Fate::kNoEffect);
  EXPECT_EQ(FateOfCall(wire::NotServedError("moved", nullptr)), Fate::kNoEffect);
  EXPECT_EQ(FateOfCall(wire::OverloadedError("busy", 5)), Fate::kNoEffect);
  EXPECT_EQ(FateOfCall(absl::OutOfRangeError("split")), Fate::kNoEffect);
  for (Status final : {absl::InvalidArgumentError(""), absl::NotFoundError(""),
                       absl::AlreadyExistsError(""), absl::FailedPreconditionError(""),
                       absl::UnimplementedError(""), absl::PermissionDeniedError("")}) {
    EXPECT_EQ(FateOfCall(final), Fate::kFinal) << final;
  }
  for (Status unknown :
       {absl::UnavailableError("lost"), absl::DeadlineExceededError(""), absl::AbortedError(""),
        absl::UnknownError(""), absl::InternalError(""), absl::DataLossError("")}) {
    EXPECT_EQ(FateOfCall(unknown), Fate::kUnknown) << unknown;
  }
}

TEST(FateOfRow, FollowsTheServersWord) {
  EXPECT_EQ(FateOfRow(absl::UnavailableError(""), false), Fate::kNoEffect);
  EXPECT_EQ(FateOfRow(absl::ResourceExhaustedError(""), false), Fate::kNoEffect);
  EXPECT_EQ(FateOfRow(absl::NotFoundError(""), false), Fate::kFinal);
  EXPECT_EQ(FateOfRow(absl::InternalError(""), false), Fate::kFinal);
  EXPECT_EQ(FateOfRow(absl::InternalError(""), true), Fate::kUnknown);
  EXPECT_EQ(FateOfRow(absl::UnknownError(""), false), Fate::kUnknown);
}

TEST(Backoff, DoublesUpToItsLimitWithFullJitter) {
  RetryOptions options;
  options.first_backoff_ms = 10;
  options.max_backoff_ms = 200;
  SeededJitter jitter(7);
  const int64_t kCeilings[] = {10, 20, 40, 80, 160, 200, 200};
  for (uint32_t attempt = 0; attempt < 7; ++attempt) {
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 3000; ++i) {
      const int64_t ms = BackoffMs(options, attempt, 0, &jitter);
      least = std::min(least, ms);
      most = std::max(most, ms);
    }
    EXPECT_EQ(least, 1) << "seed 7, attempt " << attempt;
    EXPECT_EQ(most, kCeilings[attempt]) << "seed 7, attempt " << attempt;
  }
  EXPECT_GT(BackoffMs(options, 1'000'000, 0, &jitter), 0) << "no overflow";
  EXPECT_GT(BackoffMs(options, 0, 500, &jitter), 500) << "the server's delay is the least";
}

TEST(RetryBudget, GivesATenthOfTheCallsBesidesTheBurst) {
  ManualClock clock;
  RetryOptions options;
  options.budget_burst = 5;
  options.budget_per_second = 1;
  RetryBudget budget(options, &clock);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(budget.TakeRetry());
  EXPECT_FALSE(budget.TakeRetry());
  int granted = 0;
  for (int i = 0; i < 1000; ++i) {
    budget.OnCall();
    granted += budget.TakeRetry();
  }
  EXPECT_EQ(granted, 100);
  clock.AdvanceMillis(2999);
  EXPECT_TRUE(budget.TakeRetry());
  EXPECT_TRUE(budget.TakeRetry());
  EXPECT_FALSE(budget.TakeRetry());
  clock.AdvanceMillis(3'600'000);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(budget.TakeRetry()) << "saved up to the burst";
  EXPECT_FALSE(budget.TakeRetry());
}

TEST(Jitter, RepeatsForASeedAndStaysInBounds) {
  SeededJitter a(1), b(1), c(2);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t x = a.Below(1000);
    EXPECT_LT(x, 1000u);
    EXPECT_EQ(x, b.Below(1000));
    differs |= x != c.Below(1000);
  }
  EXPECT_TRUE(differs);
  EXPECT_EQ(a.Below(0), 0u);
}

}  // namespace
}  // namespace stele::routing
