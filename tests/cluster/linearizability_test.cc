// Goal: rows are linearizable while the processes of their cell are killed, stopped, cut off and
// parted (in one direction, too) and their tablets split, merged and moved: in no history of 16
// clients is an acknowledged change lost, a change done twice or in part, a change that failed for
// certain there, an answer stale. STELE_HISTORIES says how many histories there are (12),
// STELE_HISTORY_MS how long each is (15 s). Four more are of processes on hosts of their own, where
// packets are dropped between two of them, if this machine can have network namespaces.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/time/clock.h"
#include "tests/cluster/history_clients.h"
#include "tests/cluster/nemesis.h"
#include "tests/history/history_check.h"

namespace stele {
namespace {

constexpr int kClients = 16, kMasters = 2, kServers = 3;
constexpr int kHistoriesOfCell = 4;
constexpr int64_t kSessionTimeoutMs = 2'000;
constexpr int64_t kPatienceMs = 60'000;
// Session timeouts between two faults: hardly a quiet moment, or enough of them for splits, merges
// and moves.
constexpr double kPaces[] = {0.4, 1, 2};
// The faults are over before the clients stop.
constexpr double kShareWithFaults = 0.8;
// A cell that refuses everything would be consistent. Of the histories of a cell, on average: one
// without a ZooKeeper most of the time has few.
constexpr size_t kLeastAcknowledged = 300;

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  int64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) && number > 0 ? number : otherwise;
}
int64_t Histories() { return FromEnvironment("STELE_HISTORIES", 12); }

std::map<std::string, size_t> Outcomes(const std::vector<Operation>& operations) {
  std::map<std::string, size_t> counts;
  for (const Operation& operation : operations) {
    if (operation.kind == Operation::Kind::kRead) {
      ++counts[operation.outcome == Operation::Outcome::kOk ? "read" : "not read"];
      continue;
    }
    constexpr const char* kNames[] = {"acknowledged", "refused", "unknown"};
    ++counts[kNames[static_cast<int>(operation.outcome)]];
  }
  return counts;
}

// Which of the cells; whether its processes are on hosts of their own.
struct WhichCell {
  int number = 0;
  bool on_hosts = false;
};
void PrintTo(const WhichCell& which, std::ostream* out) {
  *out << which.number << (which.on_hosts ? " on hosts" : "");
}

class LinearizabilityTest : public ::testing::TestWithParam<WhichCell> {
 protected:
  void SetUp() override {
    STELE_TRACE_SEED(seed_);
    ProcessCell::Tuning tuning;
    tuning.session_timeout_ms = kSessionTimeoutMs;
    tuning.links_between = !GetParam().on_hosts;
    if (GetParam().on_hosts) {
      const std::string why = HostNetwork::WhyNot();
      if (!why.empty()) GTEST_SKIP() << "no hosts in network namespaces here: " << why;
      ASSERT_OK_AND_ASSIGN(hosts_, HostNetwork::Create(ProcessCell::HostsOf(kMasters, kServers)));
      tuning.hosts = hosts_.get();
    }
    cell_ = std::make_unique<ProcessCell>(STELE_BINARY, kMasters, kServers, tuning);
    nemesis_.emplace(cell_.get(), random_.Next());
    std::cout << "seed " << seed_ << std::endl;
    ASSERT_OK(cell_->Start());
    // Masters may lose their locks on a machine that has much to do.
    Status made;
    SuperviseUntil([&] {
      auto clients = HistoryClients::Connect(cell_->address());
      made = clients.status();
      if (!clients.ok()) return false;
      clients_ = *std::move(clients);
      made = clients_[0]
                 ->admin()
                 .CreateTable(HistoryClients::Schema(), HistoryClients::SplitKeys())
                 .status();
      return made.ok() || absl::IsAlreadyExists(made);
    });
    ASSERT_TRUE(made.ok() || absl::IsAlreadyExists(made)) << made;
  }

  // False: the cell can be used no more.
  bool RunHistory(int number) {
    std::vector<Client*> all;
    for (const auto& client : clients_) all.push_back(client.get());
    HistoryClients clients(std::move(all), number, random_.Next());
    clients.Start(kClients);
    const int64_t length_ms = FromEnvironment("STELE_HISTORY_MS", 15'000);
    const auto with_faults_ms = static_cast<int64_t>(kShareWithFaults * length_ms);
    const int64_t end_ns = SystemClock()->BootNanos() + length_ms * 1'000'000;
    nemesis_->Run(with_faults_ms, kPaces[random_.Below(std::size(kPaces))]);
    SuperviseUntil([&] { return SystemClock()->BootNanos() >= end_ns; });
    const int64_t healed_ns = SystemClock()->BootNanos();
    clients.Stop();
    std::atomic<bool> done{false};
    Status read;
    std::thread reader([&] {
      read = clients.ReadAll(kPatienceMs);
      done = true;
    });
    SuperviseUntil([&] { return done.load(); });
    reader.join();
    EXPECT_OK(read) << "the cell does not recover";
    const int64_t healing_ms = (SystemClock()->BootNanos() - healed_ns) / 1'000'000;
    if (read.ok()) Judge(clients, number);
    for (const std::string& what : nemesis_->violations()) ADD_FAILURE() << what;
    Tell(number, clients, healing_ms);
    return read.ok() && !HasFailure();
  }

  template <typename IsSo>
  void SuperviseUntil(const IsSo& is_so) {
    Eventually(
        [&] {
          nemesis_->Supervise();
          return is_so();
        },
        2 * kPatienceMs);
  }

  void Judge(const HistoryClients& clients, int number) {
    const std::vector<Operation> operations = clients.history().operations();
    acknowledged_ += Outcomes(operations)["acknowledged"];
    std::vector<std::string> violations = CheckHistory(operations);
    for (const std::string& told : clients.violations()) violations.push_back(told);
    if (violations.empty()) return;
    const std::string path =
        absl::StrCat(testing::TempDir(), "stele-history-", seed_, "-", number, ".txt");
    std::ofstream(path) << Dump(operations);
    ADD_FAILURE() << violations.size() << " violations, the history is in " << path << "; first:\n"
                  << violations.front();
  }

  void Tell(int number, const HistoryClients& clients, int64_t healing_ms) {
    std::string line = absl::StrCat("history ", number, ":");
    for (const auto& [what, count] : Outcomes(clients.history().operations())) {
      absl::StrAppend(&line, " ", count, " ", what, ",");
    }
    absl::StrAppend(&line, " ", clients.reshaped(), " reshaped, all read after ", healing_ms,
                    " ms; faults:");
    for (const auto& [fault, count] : nemesis_->TakeInflicted()) {
      absl::StrAppend(&line, " ", count, " ", fault);
      if (absl::StartsWith(fault, "part")) parts_ += count;
      for (const char* kind : {"clients", "servers", "zookeeper", "master"}) {
        if (absl::StartsWith(fault, absl::StrCat("part-", kind))) parts_between_[kind] += count;
      }
    }
    std::cout << line << std::endl;
  }

  // All that is said to the servers goes through their links, and some of it was kept back.
  void ExpectPartsHeld() {
    if (hosts_ != nullptr) {
      // One alone may be of a host to which nobody spoke. Tablet servers have nothing to say to
      // each other: to part them must do no harm.
      for (const auto& [kind, times] : parts_between_) {
        const auto dropped = nemesis_->dropped().find(kind);
        const uint64_t packets = dropped == nemesis_->dropped().end() ? 0 : dropped->second;
        std::cout << "between hosts: " << times << " parts of " << kind << ", " << packets
                  << " packets dropped" << std::endl;
        EXPECT_TRUE(times < 2 || packets > 0 || kind == "servers") << kind;
      }
      return;
    }
    uint64_t held_back = 0;
    for (int i = 0; i < cell_->servers(); ++i) {
      EXPECT_GT(cell_->way_to_server(i)->passed_bytes(), 0u)
          << "nobody goes by the way to ts-" << i;
      held_back += cell_->way_to_server(i)->held_back();
    }
    for (int i = 0; i < cell_->masters(); ++i) held_back += cell_->way_to_master(i)->held_back();
    // One alone may part somebody to whom nobody spoke.
    EXPECT_TRUE(parts_ < 3 || held_back > 0) << parts_ << " partitions held nothing back";
  }

  const uint64_t seed_ = TestSeed() + static_cast<uint64_t>(GetParam().number);
  SeededRandom random_{seed_};
  size_t acknowledged_ = 0;
  int parts_ = 0;
  std::map<std::string, int> parts_between_;  // hosts, by kind
  std::unique_ptr<HostNetwork> hosts_;
  std::unique_ptr<ProcessCell> cell_;
  std::optional<Nemesis> nemesis_;
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_P(LinearizabilityTest, HistoriesUnderFaults) {
  STELE_TRACE_SEED(TestSeed());
  const int first = GetParam().number * kHistoriesOfCell;
  const auto last = GetParam().on_hosts ? first + std::min<int64_t>(Histories(), kHistoriesOfCell)
                                        : std::min<int64_t>(Histories(), first + kHistoriesOfCell);
  for (int number = first; number < last; ++number) {
    if (!RunHistory(number)) return;
  }
  EXPECT_GE(acknowledged_, kLeastAcknowledged * static_cast<size_t>(last - first));
  EXPECT_OK(cell_->Check());
  ExpectPartsHeld();
}

int Cells() { return static_cast<int>((Histories() + kHistoriesOfCell - 1) / kHistoriesOfCell); }
std::vector<WhichCell> AllOnOneHost() {
  std::vector<WhichCell> all;
  for (int i = 0; i < Cells(); ++i) all.push_back({i, false});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Cells, LinearizabilityTest, ::testing::ValuesIn(AllOnOneHost()));
INSTANTIATE_TEST_SUITE_P(Hosts, LinearizabilityTest, ::testing::Values(WhichCell{Cells(), true}));

}  // namespace
}  // namespace stele
