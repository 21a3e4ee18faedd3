// Goal: increments, appends, check-and-mutates and additions to aggregates, retried on their own,
// through 20 kills of a tablet server, whose tablets go to others each time, with moves and splits
// between: the sums are exact, nothing is done twice, nothing is lost, no call fails.
#include <gtest/gtest.h>

#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tests/cluster/process_cell.h"
#include "tests/counting/counting_clients.h"

namespace stele {
namespace {

constexpr int kKills = 20;
constexpr int kServers = 3;
constexpr int64_t kPatienceMs = 60'000;

ClientOptions Patient() {
  ClientOptions options;
  options.timeout_ms = options.admin_timeout_ms = options.connect_timeout_ms = kPatienceMs;
  return options;
}

std::string IdOf(int server) { return "ts-" + std::to_string(server + 1); }

// The server with the most tablets of the table.
int Busiest(Admin* admin) {
  std::map<std::string, int> tablets;
  auto table = admin->DescribeTable(CountingClients::kTable);
  EXPECT_OK(table);
  if (!table.ok()) return 0;
  for (const TabletInfo& tablet : table->tablets) ++tablets[tablet.server_id];
  int busiest = 0;
  for (int i = 0; i < kServers; ++i) {
    auto count = [&](int server) { return tablets[IdOf(server)]; };
    if (count(i) > count(busiest)) busiest = i;
  }
  return busiest;
}

// Moves all tablets of the table, or splits one, while the clients go on. Either may be refused
// because another change of the same tablets is under way, or they have no two rows.
bool Reshape(Admin* admin, bool move, SeededRandom* random) {
  TabletOrder order{.table = CountingClients::kTable};
  if (move) {
    order.server = IdOf(static_cast<int>(random->Below(kServers)));
    return admin->Move(order).ok();
  }
  order.at = "claim-" + std::to_string(random->Below(4)) + "-" + std::to_string(random->Below(900));
  return admin->Split(order).ok();
}

TEST(ExactlyOnceFailoverTest, SumsAreExactThroughTwentyFailOvers) {
  ProcessCell cell(STELE_BINARY, /*masters=*/1, kServers,
                   {1'000, ProcessCell::Tuning().server_words});
  ASSERT_OK(cell.Start());
  CountingClients clients(cell.address(), Patient(), /*clients=*/4, /*rows=*/6);
  ASSERT_OK(clients.Start());
  ASSERT_OK_AND_ASSIGN(auto client, Client::Connect(cell.address(), Patient()));
  SeededRandom random(TestSeed());
  int moves = 0, splits = 0;
  auto supervise = [&] { EXPECT_TRUE(cell.Supervise()); };
  for (int kill = 0; kill < kKills && !testing::Test::HasFailure(); ++kill) {
    ASSERT_TRUE(clients.AwaitProgress(/*of_each_row=*/3, random.Between(20, 300), supervise));
    if (kill % 3 == 0) moves += Reshape(&client->admin(), /*move=*/true, &random);
    if (kill % 3 == 1) splits += Reshape(&client->admin(), /*move=*/false, &random);
    const int victim = Busiest(&client->admin());
    cell.server(victim)->Kill();
    // Others have its tablets when each row changes again; only then does it come back.
    ASSERT_TRUE(clients.AwaitProgress(/*of_each_row=*/2, 0, supervise)) << "kill " << kill;
    ASSERT_OK(cell.LaunchServer(victim));
  }
  clients.Stop();
  clients.Check();
  EXPECT_OK(cell.Check());
  EXPECT_GT(moves, 0);
  EXPECT_GT(splits, 0);
}

}  // namespace
}  // namespace stele
