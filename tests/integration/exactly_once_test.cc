// Goal: increments, appends and check-and-mutates by several clients, retried on their own, through
// 20 kills of the server with SIGKILL: the sums are exact, nothing is done twice, nothing is lost,
// and the times of a row never go back.
#include <gtest/gtest.h>

#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "tests/counting/counting_clients.h"
#include "tests/integration/child_cell.h"

namespace stele {
namespace {

constexpr int kKills = 20;

TEST(ExactlyOnceTest, SumsAreExactThroughTwentyKills) {
  TempDir dir;
  ChildCell cell(STELE_BINARY, dir.path());
  ASSERT_OK(cell.Start());
  CountingClients clients(cell.rpc_address(), ClientOptions(), /*clients=*/4, /*rows=*/3);
  ASSERT_OK(clients.Start());
  SeededRandom random(TestSeed());
  for (int kill = 0; kill < kKills && !testing::Test::HasFailure(); ++kill) {
    ASSERT_TRUE(clients.AwaitProgress(/*of_each_row=*/0, random.Between(20, 300)));
    cell.Kill();
    EXPECT_OK(cell.Start());
  }
  clients.Stop();
  ASSERT_TRUE(cell.running());
  clients.Check();
  EXPECT_EQ(cell.Stop(), 0);
  ASSERT_OK(cell.Start());
  clients.Check();
}

}  // namespace
}  // namespace stele
