// Measures what a cell of several processes costs its clients when it changes, and prints one JSON
// line:
//   bench_cluster failover KILLS TABLETS   kill -9 of a tablet server with 64 MiB in its log: how
//                                          long until each of its tablets takes writes again
//   bench_cluster moves MOVES TABLETS      planned moves under load, then a restart of each server
//                                          in turn: how long a write to such a tablet waits at most
// ZooKeeper, two masters, three tablet servers; a session of 1 s.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/testing/seeded_random.h"
#include "common/time/clock.h"
#include "stele/client.h"
#include "tests/cluster/process_cell.h"

namespace stele::bench {
namespace {

constexpr int64_t kSessionTimeoutMs = 1'000;
constexpr int kServers = 3;
constexpr uint64_t kLogBytes = 64u << 20;
constexpr size_t kValueBytes = 8u << 10;
constexpr int64_t kPatienceMs = 120'000;
constexpr int kLoadThreads = 4;

double SecondsSince(int64_t start_ns) {
  return static_cast<double>(SystemClock()->BootNanos() - start_ns) * 1e-9;
}

// Of the tablet with this number, which holds the rows that begin with it.
std::string RowOf(uint64_t tablet, uint64_t n) { return absl::StrFormat("%05d/%08d", tablet, n); }
uint64_t NumberOf(const TabletInfo& tablet, uint64_t tablets) {
  uint64_t number = 0;
  if (tablet.end_row.empty()) return tablets - 1;
  CHECK(absl::SimpleAtoi(tablet.end_row.substr(0, 5), &number));
  return number;
}

class ClusterBench {
 public:
  explicit ClusterBench(uint64_t tablets)
      : tablets_(tablets),
        cell_(STELE_BINARY, 2, kServers,
              {kSessionTimeoutMs,
               {"--ring-segment", "16m", "--ring-limit", "512m", "--memory-limit", "1g"}}),
        random_(TestSeed()) {}

  void Start() {
    CHECK_OK(cell_.Start());
    CHECK(cell_.AwaitActiveMaster(kPatienceMs) >= 0);
    auto client = Client::Connect(cell_.address());
    CHECK_OK(client.status());
    client_ = *std::move(client);
    std::vector<std::string> splits;
    for (uint64_t t = 0; t + 1 < tablets_; ++t) splits.push_back(RowOf(t, 0).substr(0, 6) + "~");
    CHECK_OK(client_->admin().CreateTable(RowsTable(), splits).status());
    auto table = client_->OpenTable("rows");
    CHECK_OK(table.status());
    table_ = std::make_unique<Table>(*std::move(table));
  }

  nlohmann::json FailOver(uint64_t kills) {
    std::vector<double> seconds;
    uint64_t served = 0;
    for (uint64_t kill = 0; kill < kills; ++kill) {
      const auto [server, tablets] = Busiest();
      Fill(server, tablets);
      served += tablets.size();
      ChildProcess* process = cell_.server(IndexOf(server));
      const int64_t start_ns = SystemClock()->BootNanos();
      LOG(INFO) << "kill -9 of " << server << ", which has " << tablets.size() << " tablets";
      process->Kill();
      seconds.push_back(UntilAllAreWritten(tablets, start_ns));
      LOG(INFO) << "all of them take writes after " << seconds.back() << " s";
      CHECK_OK(cell_.StartServer(IndexOf(server)));
    }
    nlohmann::json line = Distribution(std::move(seconds));
    line["name"] = "failover";
    line["kills"] = kills;
    line["tablets_of_victim"] = static_cast<double>(served) / static_cast<double>(kills);
    line["log_mib"] = kLogBytes >> 20;
    line["target_p95_s"] = 3 + static_cast<double>(kSessionTimeoutMs) / 1e3;
    line["met"] = line["p95_s"] <= line["target_p95_s"];
    return line;
  }

  nlohmann::json Moves(uint64_t moves) {
    std::vector<std::thread> load;
    for (int i = 0; i < kLoadThreads; ++i) {
      load.emplace_back([this, i] { Load(static_cast<uint64_t>(i)); });
    }
    std::vector<double> seconds;
    for (uint64_t move = 0; move < moves; ++move) {
      const TabletSummary tablet = AnyTablet();
      TabletOrder order;
      order.tablets = {tablet.tablet.id};
      order.server = OtherServer(tablet.tablet.server_id);
      std::atomic<bool> moved{false};
      std::thread prober([&] { seconds.push_back(LongestWrite(tablet.tablet, moved)); });
      const auto told = client_->admin().Move(order);
      moved.store(true);
      prober.join();
      CHECK_OK(told.status());
    }
    nlohmann::json line = Distribution(std::move(seconds));
    line["restart_s"] = Restarts();
    done_.store(true);
    for (std::thread& thread : load) thread.join();
    line["name"] = "moves";
    line["moves"] = moves;
    line["operations"] = operations_.load();
    line["errors"] = errors_.load();
    line["target_p99_s"] = 0.3;
    line["met"] = line["p99_s"] <= line["target_p99_s"] && errors_.load() == 0;
    return line;
  }

 private:
  static int IndexOf(const std::string& server_id) { return server_id.back() - '1'; }
  CellStatus State() {
    auto status = client_->admin().GetCellStatus();
    CHECK_OK(status.status());
    return *std::move(status);
  }
  std::pair<std::string, std::vector<TabletInfo>> Busiest() {
    std::map<std::string, std::vector<TabletInfo>> by_server;
    for (const TabletSummary& tablet : State().tablets) {
      if (tablet.tablet.table == table_->schema().id) {
        by_server[tablet.tablet.server_id].push_back(tablet.tablet);
      }
    }
    return *std::max_element(by_server.begin(), by_server.end(), [](const auto& a, const auto& b) {
      return a.second.size() < b.second.size();
    });
  }
  TabletSummary AnyTablet() {
    std::vector<TabletSummary> all;
    for (TabletSummary& tablet : State().tablets) {
      if (tablet.tablet.table == table_->schema().id) all.push_back(std::move(tablet));
    }
    return all[random_.Below(all.size())];
  }
  std::string OtherServer(const std::string& server_id) {
    const auto next = static_cast<uint64_t>(IndexOf(server_id)) + 1 + random_.Below(kServers - 1);
    return absl::StrCat("ts-", next % kServers + 1);
  }

  RowMutation Put(uint64_t tablet, uint64_t row, std::string value) {
    return RowMutationBuilder(RowOf(tablet, row)).Set("f", "q", std::move(value)).Build();
  }

  // Until that much stands in the victim's log.
  void Fill(const std::string& server, const std::vector<TabletInfo>& tablets) {
    const auto address = std::find_if(tablets.begin(), tablets.end(), [&](const TabletInfo& t) {
                           return t.server_id == server;
                         })->address;
    while (true) {
      auto status = client_->admin().GetServerStatus(address);
      CHECK_OK(status.status());
      if (status->ring.live_bytes >= kLogBytes) return;
      std::vector<RowMutation> rows;
      for (uint64_t n = (kLogBytes - status->ring.live_bytes) / kValueBytes + 1; n > 0; --n) {
        const TabletInfo& tablet = tablets[random_.Below(tablets.size())];
        rows.push_back(
            Put(NumberOf(tablet, tablets_), random_.Below(1000), random_.Bytes(kValueBytes)));
      }
      for (const absl::Status& status_of_row : table_->ApplyBatch(std::move(rows))) {
        CHECK_OK(status_of_row);
      }
    }
  }

  double UntilAllAreWritten(const std::vector<TabletInfo>& tablets, int64_t start_ns) {
    CallOptions call;
    call.timeout_ms = kPatienceMs;
    std::vector<std::future<absl::Status>> writes;
    writes.reserve(tablets.size());
    for (const TabletInfo& tablet : tablets) {
      writes.push_back(table_->ApplyAsync(Put(NumberOf(tablet, tablets_), 0, "again"), call));
    }
    for (std::future<absl::Status>& write : writes) CHECK_OK(write.get());
    return SecondsSince(start_ns);
  }

  // Reads and writes of random tablets, until it is enough.
  void Load(uint64_t salt) {
    SeededRandom random(TestSeed() + salt + 1);
    while (!done_.load()) {
      const uint64_t tablet = random.Below(tablets_), row = random.Below(1000);
      const absl::Status status = random.OneIn(2)
                                      ? table_->Apply(Put(tablet, row, random.Bytes(1000)))
                                      : table_->ReadRow(RowOf(tablet, row)).status();
      Count(status);
    }
  }
  void Count(const absl::Status& status) {
    operations_.fetch_add(1);
    if (status.ok()) return;
    errors_.fetch_add(1);
    std::cerr << "bench: " << status.ToString() << "\n";
  }
  // The longest of the writes to a tablet, one after the other, until `over`.
  double LongestWrite(const TabletInfo& tablet, const std::atomic<bool>& over) {
    double longest = 0;
    for (bool last = false; !last;) {
      last = over.load();
      const int64_t start_ns = SystemClock()->BootNanos();
      Count(table_->Apply(Put(NumberOf(tablet, tablets_), 1, "moving")));
      longest = std::max(longest, SecondsSince(start_ns));
    }
    return longest;
  }
  // Each server is told to end, and started again; the longest write to one of its tablets.
  nlohmann::json Restarts() {
    nlohmann::json longest = nlohmann::json::array();
    for (int i = 0; i < kServers; ++i) {
      const std::string server = absl::StrCat("ts-", i + 1);
      TabletInfo watched;
      for (const TabletSummary& tablet : State().tablets) {
        const bool of_it = tablet.tablet.server_id == server;
        if (of_it && tablet.tablet.table == table_->schema().id) watched = tablet.tablet;
      }
      if (watched.id == 0) continue;
      std::atomic<bool> over{false};
      double seconds = 0;
      std::thread prober([&] { seconds = LongestWrite(watched, over); });
      cell_.server(i)->Signal(SIGTERM);
      CHECK(cell_.server(i)->AwaitExit(kPatienceMs) == 0);
      CHECK_OK(cell_.StartServer(i));
      over.store(true);
      prober.join();
      longest.push_back(seconds);
    }
    return longest;
  }

  static nlohmann::json Distribution(std::vector<double> seconds) {
    std::sort(seconds.begin(), seconds.end());
    const auto at = [&](double part) {
      const auto rank = static_cast<size_t>(std::ceil(part * static_cast<double>(seconds.size())));
      return seconds[std::max<size_t>(rank, 1) - 1];
    };
    return {{"p50_s", at(0.5)},
            {"p95_s", at(0.95)},
            {"p99_s", at(0.99)},
            {"max_s", seconds.back()},
            {"session_timeout_s", static_cast<double>(kSessionTimeoutMs) / 1e3}};
  }

  const uint64_t tablets_;
  ProcessCell cell_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Table> table_;
  SeededRandom random_;
  std::atomic<bool> done_{false};
  std::atomic<uint64_t> operations_{0}, errors_{0};
};

int Main(int argc, char** argv) {
  uint64_t rounds = 0, tablets = 0;
  const std::string part = argc > 1 ? argv[1] : "";
  if (argc != 4 || (part != "failover" && part != "moves") || !absl::SimpleAtoi(argv[2], &rounds) ||
      !absl::SimpleAtoi(argv[3], &tablets) || rounds == 0 || tablets < kServers ||
      tablets > 99'999) {
    std::cerr << "usage: bench_cluster failover KILLS TABLETS | moves MOVES TABLETS\n";
    return 2;
  }
  ClusterBench bench(tablets);
  bench.Start();
  std::cout << (part == "moves" ? bench.Moves(rounds) : bench.FailOver(rounds)) << std::endl;
  return 0;
}

}  // namespace
}  // namespace stele::bench

int main(int argc, char** argv) { return stele::bench::Main(argc, argv); }
