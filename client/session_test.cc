// What a call's own options make of its client's, and which are refused.
#include "client/session.h"

#include <gtest/gtest.h>

#include "common/testing/status_asserts.h"

namespace stele::internal {
namespace {

TEST(RetryOf, IsTheClientsUnlessTheCallSaysMore) {
  ClientOptions client;
  client.retry_after_unknown = false;
  client.retry_policy.first_backoff_ms = 20;
  client.retry_policy.max_backoff_ms = 300;
  client.retry_policy.budget_percent = 7;
  routing::RetryOptions retry = RetryOf(client, {});
  EXPECT_TRUE(retry.retry);
  EXPECT_FALSE(retry.retry_after_unknown);
  EXPECT_EQ(retry.first_backoff_ms, 20);
  EXPECT_EQ(retry.max_backoff_ms, 300);
  EXPECT_EQ(retry.max_attempts, 0u);
  EXPECT_EQ(retry.budget_percent, 7u);
  retry = RetryOf(client, {.max_attempts = 4, .first_backoff_ms = 2, .max_backoff_ms = 3});
  EXPECT_EQ(retry.first_backoff_ms, 2);
  EXPECT_EQ(retry.max_backoff_ms, 3);
  EXPECT_EQ(retry.max_attempts, 4u);
}

TEST(RetryOf, TheRuleOfTheCallGoesFirst) {
  struct Case {
    RetryRule rule;
    bool retry, after_unknown;
  };
  for (const bool client_retries : {false, true}) {
    ClientOptions client;
    client.retry = client.retry_after_unknown = client_retries;
    for (const Case& c :
         {Case{RetryRule::kOfClient, client_retries, client_retries},
          Case{RetryRule::kNever, false, false}, Case{RetryRule::kNoEffect, true, false},
          Case{RetryRule::kExactlyOnce, true, true}}) {
      const routing::RetryOptions retry = RetryOf(client, {.retry = c.rule});
      EXPECT_EQ(retry.retry, c.retry) << static_cast<int>(c.rule);
      EXPECT_EQ(retry.retry_after_unknown, c.after_unknown) << static_cast<int>(c.rule);
    }
  }
}

TEST(CheckCall, EachFieldHasItsRange) {
  EXPECT_OK(CheckCall({}));
  EXPECT_OK(CheckCall({86'400'000, 86'400'000, RetryRule::kExactlyOnce, UINT32_MAX, 1000, 60'000}));
  EXPECT_STATUS(kInvalidArgument, "timeout_ms is -1; it must be 0 .. 86400000",
                CheckCall({.timeout_ms = -1}));
  EXPECT_STATUS(kInvalidArgument, "timeout_ms is 86400001", CheckCall({.timeout_ms = 86'400'001}));
  EXPECT_STATUS(kInvalidArgument, "whole_scan_timeout_ms is",
                CheckCall({.whole_scan_timeout_ms = INT64_MAX}));
  EXPECT_STATUS(kInvalidArgument, "first_backoff_ms is 1001",
                CheckCall({.first_backoff_ms = 1001}));
  EXPECT_STATUS(kInvalidArgument, "max_backoff_ms is 60001", CheckCall({.max_backoff_ms = 60'001}));
  EXPECT_STATUS(kInvalidArgument, "no RetryRule", CheckCall({.retry = static_cast<RetryRule>(4)}));
}

}  // namespace
}  // namespace stele::internal
