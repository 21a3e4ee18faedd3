// What many tablets cost when servers start and clients come; prints a JSON line a measure:
//   bench_tablets cell CASE LOOKUPS SEED DIRECTORY
// Without arguments it lists its cases. A measure's `operations` are tablets, or look-ups.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <random>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/time/clock.h"
#include "stele/client.h"
#include "tests/bench/meter.h"
#include "tests/cluster/process_cell.h"
#include "tests/integration/child_cell.h"

namespace stele::bench {
namespace {

constexpr int64_t kPatienceMs = 600'000;
constexpr char kTable[] = "rows";

// The only row of the tablet with this number.
std::string RowOf(uint64_t tablet) { return absl::StrFormat("%05d", tablet); }

std::unique_ptr<Client> Connected(const std::string& address) {
  ClientOptions options;
  options.admin_timeout_ms = kPatienceMs;
  auto client = Client::Connect(address, options);
  CHECK_OK(client.status());
  return *std::move(client);
}

Table Opened(Client* client) {
  auto table = client->OpenTable(kTable);
  CHECK_OK(table.status());
  return *std::move(table);
}

// A table of so many tablets with a row each.
void MakeTablets(Client* client, uint64_t tablets) {
  std::vector<std::string> splits;
  for (uint64_t t = 0; t + 1 < tablets; ++t) splits.push_back(RowOf(t));
  CHECK_OK(client->admin().CreateTable(RowsTable(), splits).status());
  std::vector<RowMutation> rows;
  for (uint64_t t = 0; t < tablets; ++t) {
    rows.push_back(RowMutationBuilder(RowOf(t)).Set("f", "q", "there").Build());
  }
  for (const Status& status : Opened(client).ApplyBatch(std::move(rows))) CHECK_OK(status);
}

void Print(Measure measure, const std::string& options) {
  measure.options = options;
  std::cout << ToJson(measure) << std::endl;
}

bool AllServe(Client* client) {
  const auto status = client->admin().GetCellStatus();
  return status.ok() && status->ready &&
         std::all_of(status->tablets.begin(), status->tablets.end(),
                     [](const TabletSummary& t) { return t.state == "serving"; });
}

// A server is ended in peace, its tablets' rows in memory, and started again: until every tablet is
// served, as the master and the tablets' rows say.
void StartServer(uint64_t tablets) {
  ProcessCell cell(STELE_BINARY, 1, 1, {.session_timeout_ms = 10'000, .server_words = {}});
  CHECK_OK(cell.Start());
  CHECK(cell.AwaitActiveMaster(kPatienceMs) >= 0);
  const auto client = Connected(cell.address());
  MakeTablets(client.get(), tablets);
  Meter end_meter;
  cell.server(0)->Signal(SIGTERM);
  CHECK(cell.server(0)->AwaitExit(kPatienceMs) == 0);
  Print(end_meter.Finish(absl::StrCat("stop_server_", tablets), tablets, 0),
        "a tablet server, ended in peace, a row of each tablet in memory");
  CHECK_OK(cell.LaunchServer(0));
  Meter meter({cell.server(0)->pid()});
  CHECK(Eventually([&] { return AllServe(client.get()); }, kPatienceMs));
  uint64_t rows = 0;
  CHECK_OK(Opened(client.get()).ReadRows(ReadQuery(), [&rows](const Row&) {
    ++rows;
    return true;
  }));
  CHECK_EQ(rows, tablets);
  Print(meter.Finish(absl::StrCat("start_server_", tablets), tablets, 0),
        "a tablet server, started again; the master ran on; until each tablet has answered");
}

// One read of each of so many tablets, in random order, one after the other.
Measure ReadEach(Table* table, const std::string& name, const std::vector<uint64_t>& tablets) {
  std::vector<int64_t> took_ns;
  Meter meter;
  for (uint64_t tablet : tablets) {
    const int64_t start_ns = MonotonicNanos();
    const auto row = table->ReadRow(RowOf(tablet));
    CHECK_OK(row.status());
    CHECK(row->has_value());
    took_ns.push_back(MonotonicNanos() - start_ns);
  }
  Measure measure = meter.Finish(name, tablets.size(), 0);
  std::sort(took_ns.begin(), took_ns.end());
  measure.p50_us = static_cast<double>(took_ns[took_ns.size() / 2]) * 1e-3;
  measure.p99_us = static_cast<double>(took_ns[took_ns.size() * 99 / 100]) * 1e-3;
  return measure;
}

// A whole cell of one process is started again; then clients that know nothing look up tablets.
void StartCell(uint64_t tablets, uint64_t lookups, uint64_t seed, const std::string& directory) {
  std::filesystem::create_directories(directory);
  ChildCell cell(STELE_BINARY, directory);
  CHECK_OK(cell.Start());
  MakeTablets(Connected(cell.rpc_address()).get(), tablets);
  LOG(INFO) << tablets << " tablets are made";
  CHECK_EQ(cell.Stop(), 0);
  LOG(INFO) << "the cell is ended";
  Meter meter;
  CHECK_OK(cell.Start());
  meter.StopClock();
  meter.CountWholeProcess(cell.pid());
  Print(meter.Finish(absl::StrCat("start_cell_", tablets), tablets, 0),
        "stele local, started again, until it says that every tablet serves");
  std::vector<uint64_t> order(tablets);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(seed));
  order.resize(std::min<uint64_t>(tablets, lookups));
  const auto client = Connected(cell.rpc_address());
  Table table = Opened(client.get());
  Print(ReadEach(&table, absl::StrCat("lookup_first_", tablets), order),
        "one read of a row of each tablet by a client that begins");
  Print(ReadEach(&table, absl::StrCat("lookup_again_", tablets), order),
        "the same reads again, the locations known");
}

// All tablets of one server go to another, while a client reads and writes.
void DrainServer(uint64_t tablets, uint64_t seed) {
  ProcessCell cell(STELE_BINARY, 1, 2, {.session_timeout_ms = 10'000, .server_words = {}});
  CHECK_OK(cell.Start());
  CHECK(cell.AwaitActiveMaster(kPatienceMs) >= 0);
  const auto client = Connected(cell.address());
  CHECK_OK(client->admin().Drain("ts-2").status());
  MakeTablets(client.get(), tablets);
  CHECK_OK(client->admin().Undrain("ts-2").status());
  const auto before = client->admin().GetCellStatus();
  CHECK_OK(before.status());
  const std::string from = before->tablets.front().tablet.address;
  std::atomic<bool> done{false};
  uint64_t calls = 0, errors = 0;
  std::vector<int64_t> took_ns;
  std::thread user([&] {
    Table table = Opened(client.get());
    std::mt19937_64 random(seed);
    while (!done) {
      const std::string row = RowOf(random() % tablets);
      const int64_t start_ns = MonotonicNanos();
      const bool written = table.Apply(RowMutationBuilder(row).Set("f", "q", "there").Build()).ok();
      took_ns.push_back(MonotonicNanos() - start_ns);
      errors += (written ? 0u : 1u) + (table.ReadRow(row).ok() ? 0u : 1u);
      calls += 2;
    }
  });
  Meter meter({cell.server(0)->pid(), cell.server(1)->pid(), cell.master(0)->pid()});
  CHECK_OK(client->admin().Drain("ts-1").status());
  CHECK(Eventually(
      [&] {  // asked of the server: the master has enough to do
        const auto status = client->admin().GetServerStatus(from);
        return status.ok() && status->tablets == 0;
      },
      kPatienceMs));
  CHECK(Eventually([&] { return AllServe(client.get()); }, kPatienceMs));
  Measure measure = meter.Finish(absl::StrCat("drain_", tablets), tablets, 0);
  done = true;
  user.join();
  std::sort(took_ns.begin(), took_ns.end());
  measure.p50_us = static_cast<double>(took_ns[took_ns.size() / 2]) * 1e-3;
  measure.p99_us = static_cast<double>(took_ns[took_ns.size() * 99 / 100]) * 1e-3;
  Print(measure,
        absl::StrCat("a tablet server is drained; of ", calls, " calls meanwhile ", errors,
                     " failed, the longest write took ", took_ns.back() / 1'000'000, " ms"));
}

int Main(int argc, char** argv) {
  if (argc == 1) {
    std::cout << "start_server cell\ntablets_1000 cell\ntablets_10000 cell\ndrain_1000 cell\n"
                 "drain_10000 cell\n";
    return 0;
  }
  uint64_t lookups = 0, seed = 0;
  const std::string name = argc > 2 ? argv[2] : "";
  if (argc != 6 || argv[1] != std::string("cell") || !absl::SimpleAtoi(argv[3], &lookups) ||
      !absl::SimpleAtoi(argv[4], &seed) || lookups == 0) {
    std::cerr << "usage: bench_tablets cell CASE LOOKUPS SEED DIRECTORY\n";
    return 2;
  }
  if (name == "start_server") {
    StartServer(1'000);
  } else if (name == "tablets_1000") {
    StartCell(1'000, lookups, seed, argv[5]);
  } else if (name == "tablets_10000") {
    StartCell(10'000, lookups, seed, argv[5]);
  } else if (name == "drain_1000") {
    DrainServer(1'000, seed);
  } else if (name == "drain_10000") {
    DrainServer(10'000, seed);
  } else {
    std::cerr << "bench_tablets: no case " << name << "\n";
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace stele::bench

int main(int argc, char** argv) { return stele::bench::Main(argc, argv); }
