// Goal: at whichever step of whichever procedure the active master is killed, or stopped until
// another is active, what was asked for is finished or did not begin: asked once more by name, each
// operation has happened once; all rows are there; METADATA, manifests and files fit together.
//
// The steps are read from the sources: a new fault point that no work here comes to is a failure.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/testing/proc_status.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "stele/client.h"
#include "tests/cluster/process_cell.h"

namespace stele {
namespace {

constexpr int kServers = 3;
constexpr uint64_t kRootTablet = 1;
constexpr int64_t kPatienceMs = 60'000;

// Of a server's sources, the parts that a master's procedure waits for.
constexpr const char* kServerSources[] = {"engine_reshape.cc", "engine_recover.cc",
                                          "log_recovery.cc", "tablet_drop.cc"};
// Comes only to who finds damage in a log (tests/engine/engine_log_damage_test.cc).
constexpr const char* kNeedsDamage = "recovery.before_mark";

// The names of the fault points in a source file.
void ReadPoints(const std::filesystem::path& file, std::set<std::string>* points) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  const std::string source = text.str();
  for (size_t at = 0; (at = source.find("Point(", at)) != std::string::npos; ++at) {
    const size_t begin = source.find('"', at), end = source.find('"', begin + 1);
    if (begin == std::string::npos || source.find(')', at) < begin) continue;
    points->insert(source.substr(begin + 1, end - begin - 1));
  }
}

std::set<std::string> PointsOfMaster() {
  std::set<std::string> points;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(STELE_SOURCE_DIR "/master")) {
    const std::string path = entry.path().string();
    if (absl::EndsWith(path, ".cc") && !absl::EndsWith(path, "_test.cc")) ReadPoints(path, &points);
  }
  return points;
}

std::set<std::string> PointsOfServers() {
  std::set<std::string> points;
  for (const char* file : kServerSources) {
    ReadPoints(absl::StrCat(STELE_SOURCE_DIR "/tabletserver/storage/", file), &points);
  }
  points.erase(kNeedsDamage);
  return points;
}

TableSchema Schema(const std::string& name) {
  TableSchema schema;
  schema.name = name;
  schema.families = {FamilySchema{.name = "f"}};
  return schema;
}

// One kind of operation, and which steps it comes to.
struct Work {
  const char* points;               // the begin of their names
  std::function<void()> prepare;    // undisturbed: what it works on
  std::function<Status()> ask;      // may be told that the outcome is unknown
  absl::StatusCode again;           // what asking once more says when it has happened
  std::function<void()> check;      // that it has happened, once
  std::function<void()> recheck{};  // once more, when a master that is past has gone on
  std::function<void()> provoke{};  // instead of asking: what the master does by itself
};

class MasterKillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("STELE_FAULT_DIR", faults_.path().c_str(), 1);
    for (const std::string& point : PointsOfMaster()) left_.insert(point);
    for (const std::string& point : PointsOfServers()) left_.insert(point);
  }
  void TearDown() override {
    if (counting_.joinable()) {
      stop_ = true;
      counting_.join();
    }
    client_.reset();
    unsetenv("STELE_FAULT_DIR");
  }

  void Arm(const std::string& what, const std::string& point) {
    const std::string file = faults_.path() + "/fault";
    std::ofstream(file + ".new") << what << " " << point << "\n";
    ASSERT_EQ(rename((file + ".new").c_str(), file.c_str()), 0);
  }
  bool Armed() const { return std::filesystem::exists(faults_.path() + "/fault"); }

  // Of a work that any master begins anew: each one is killed where the one before it was not.
  void KillAtEach(const std::vector<std::string>& points, const std::function<void()>& provoke) {
    Arm("kill", points.front());
    provoke();
    for (size_t i = 0; i < points.size(); ++i) {
      SCOPED_TRACE(points[i]);
      const int killed = AwaitKilled();
      ASSERT_GE(killed, 0);
      if (i + 1 < points.size()) Arm("kill", points[i + 1]);
      ASSERT_OK(cell_.LaunchMaster(killed));
      left_.erase(points[i]);
    }
  }

  // A new cell, whose master is killed at each step of making the system's tablets.
  void StartCell() {
    ASSERT_OK(cell_.zookeeper()->Start());
    for (int i = 0; i < cell_.masters(); ++i) ASSERT_OK(cell_.StartMaster(i));
    KillAtEach({"system_tablets.before_assigned", "system_tablets.after_assigned",
                "system_tablets.before_first", "system_tablets.after_first"},
               [this] {
                 for (int i = 0; i < kServers; ++i) ASSERT_OK(cell_.LaunchServer(i));
               });
    if (HasFailure()) return;
    for (int i = 0; i < kServers; ++i) ASSERT_OK(cell_.AwaitServer(i));
    ClientOptions options;
    options.timeout_ms = options.admin_timeout_ms = options.connect_timeout_ms = kPatienceMs;
    options.silence_timeout_ms = 1'000;  // of masters that are stopped
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_.address(), options));
    options.silence_timeout_ms = 500;
    ASSERT_OK_AND_ASSIGN(asker_, Client::Connect(cell_.address(), options));
    ASSERT_OK(admin().CreateTable(Schema("rows"), {"m"}));
    ASSERT_OK(admin().CreateTable(Schema("emptied"), {"m"}));
    ASSERT_OK(admin().CreateTable(Schema("dropped"), {"m"}));
    Put("dropped", "a", "0");
    counting_ = std::thread([this] { Count(); });
  }

  Admin& admin() { return client_->admin(); }

  // Which master has ended by SIGKILL; -1: none has.
  int AwaitKilled() {
    int found = -1;
    EXPECT_TRUE(Eventually(
        [&] {
          for (int i = 0; i < cell_.masters() && found < 0; ++i) {
            if (cell_.master(i)->running() && cell_.master(i)->AwaitExit(0) == 128 + SIGKILL) {
              found = i;
            }
          }
          return found >= 0;
        },
        kPatienceMs))
        << "nobody came there";
    return found;
  }

  template <typename Get>
  int AwaitStopped(int count, const Get& get) {
    int found = -1;
    EXPECT_TRUE(Eventually(
        [&] {
          for (int i = 0; i < count && found < 0; ++i) {
            ChildProcess* process = get(i);
            if (process->running() && ProcState(std::to_string(process->pid())) == 'T') found = i;
          }
          return found >= 0;
        },
        kPatienceMs))
        << "nobody came there";
    return found;
  }

  // Rows of the table that is never dropped: each is read again in the end.
  void Put(const std::string& table_name, const std::string& row, const std::string& value) {
    auto table = client_->OpenTable(table_name);
    ASSERT_OK(table);
    ASSERT_OK(table->Apply(RowMutationBuilder(row).SetAt("f", "q", 1000, value).Build()));
    rows_[{table_name, row}] = value;
  }
  void Expect(const std::string& table_name, const std::string& row, const std::string& value) {
    auto table = client_->OpenTable(table_name);
    ASSERT_OK(table);
    auto found = table->ReadRow(row);
    ASSERT_OK(found);
    const bool there = found->has_value();
    EXPECT_EQ(there ? (*found)->cells.at(0).value : "none", value) << table_name << " " << row;
  }
  // One row is counted up all the time: what is done twice or lost shows in its value.
  void Count() {
    auto table = client_->OpenTable("rows");
    ASSERT_OK(table);
    const auto increment = ReadModifyWriteBuilder("n/sum").Increment("f", "q", 1).Build();
    for (; !stop_; ++increments_) ASSERT_OK(table->ReadModifyWrite(increment).status());
  }

  // Everything serves, under a master that knows it.
  void Settle() {
    std::string trouble;
    EXPECT_TRUE(Eventually(
        [&] {
          EXPECT_TRUE(cell_.Supervise());
          auto status = admin().GetCellStatus();
          if (!status.ok()) {
            trouble = status.status().ToString();
            return false;
          }
          const std::vector<std::string> troubles = FindTroubles(*status);
          const auto live =
              std::count_if(status->servers.begin(), status->servers.end(),
                            [](const ServerSummary& server) { return server.state == "live"; });
          trouble = troubles.empty() ? "not all servers live" : troubles.front();
          return troubles.empty() && live == kServers;
        },
        kPatienceMs))
        << trouble;
  }

  // The master ends or hangs at this step of the work; the next one goes on, and who has asked asks
  // once more.
  void Disturb(const Work& work, const std::string& point, bool stop) {
    SCOPED_TRACE(absl::StrCat(stop ? "stop " : "kill ", point));
    const int64_t begun_ns = SystemClock()->BootNanos();
    work.prepare();
    Settle();
    if (HasFatalFailure()) return;
    const bool of_server = PointsOfServers().contains(point);
    Arm(of_server || stop ? "stop" : "kill", point);
    Status asked;
    if (work.provoke) work.provoke();
    std::thread asking([&] { asked = work.ask(); });
    int master = -1;
    if (of_server) {
      const int server = AwaitStopped(kServers, [this](int i) { return cell_.server(i); });
      master = cell_.AwaitActiveMaster(kPatienceMs);
      if (master >= 0) cell_.master(master)->Kill();
      if (server >= 0) cell_.server(server)->Signal(SIGCONT);
    } else if (stop) {
      master = AwaitStopped(cell_.masters(), [this](int i) { return cell_.master(i); });
    } else {
      master = AwaitKilled();
    }
    if (master >= 0 && !stop) EXPECT_OK(cell_.LaunchMaster(master));
    asking.join();
    if (HasFailure()) return;
    const Status again = asked.ok() ? asked : AskAgain(work);
    EXPECT_TRUE(again.ok() || again.code() == work.again) << "asked again: " << again;
    work.check();
    if (stop) GoOn(master);
    if (work.recheck) work.recheck();
    left_.erase(point);
    std::cout << "[ " << point << " ] " << asked.code() << ", " << again.code() << ", "
              << (SystemClock()->BootNanos() - begun_ns) / 1'000'000 << " ms" << std::endl;
  }

  // By who has been told nothing, when the next master knows what there is. While it goes on by
  // itself with what was begun, it may refuse for a moment.
  Status AskAgain(const Work& work) {
    Status again;
    Settle();
    Eventually(
        [&] {
          again = work.ask();
          return !absl::IsUnavailable(again) && !absl::IsUnknown(again);
        },
        kPatienceMs);
    Settle();
    return again;
  }

  // Two masters believe to be active until the one that was stopped finds that it is none.
  void GoOn(int master) {
    cell_.master(master)->Signal(SIGCONT);
    EXPECT_EQ(cell_.master(master)->AwaitExit(kPatienceMs).value_or(-1), ProcessCell::kExitFenced);
    EXPECT_OK(cell_.LaunchMaster(master));
    Settle();
  }

  std::vector<TabletInfo> TabletsOf(const std::string& table) {
    auto description = admin().DescribeTable(table);
    EXPECT_OK(description);
    return description.ok() ? description->tablets : std::vector<TabletInfo>();
  }

  Work Create();
  Work Alter();
  Work Drop();
  Work DropRows();
  Work Split();
  Work Merge();
  Work SplitMetadata();
  Work MergeMetadata();
  Work Move();
  Work Drain();
  Work Undrain();
  Work Recover(bool of_system = false);

  void CheckRows() {
    for (const auto& [where, value] : rows_) Expect(where.first, where.second, value);
    stop_ = true;
    counting_.join();
    auto table = client_->OpenTable("rows");
    ASSERT_OK(table);
    auto sum = table->ReadRow("n/sum", ReadQuery().CellsPerColumn(1));
    ASSERT_OK(sum);
    ASSERT_TRUE(sum->has_value());
    uint64_t found = 0;
    for (const char byte : (*sum)->cells[0].value) found = found << 8 | static_cast<uint8_t>(byte);
    EXPECT_EQ(found, increments_.load());
  }

  static ProcessCell::Tuning Tuning() {
    ProcessCell::Tuning tuning;
    tuning.session_timeout_ms = 2'000;
    tuning.master_session_timeout_ms = 800;  // the next one takes over soon
    return tuning;
  }

  TempDir faults_;
  ProcessCell cell_{STELE_BINARY, 2, kServers, Tuning()};
  std::unique_ptr<Client> client_, asker_;
  std::set<std::string> left_;  // steps at which no master was killed
  std::map<std::pair<std::string, std::string>, std::string> rows_;
  std::thread counting_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> increments_{0};
  int number_ = 0;  // of the operation
  // What the operation is about, and what was before it.
  std::string name_;
  TabletOrder order_;
  std::vector<TabletInfo> before_;
  uint64_t version_ = 0;
};

Work MasterKillTest::Create() {
  return {"create_table.", [this] { name_ = absl::StrCat("made-", ++number_); },
          [this] { return asker_->admin().CreateTable(Schema(name_), {"m"}).status(); },
          absl::StatusCode::kAlreadyExists,
          [this] {
            EXPECT_EQ(TabletsOf(name_).size(), 2u);
            for (const char* row : {"a", "z"}) Put(name_, row, name_);
          }};
}

Work MasterKillTest::Alter() {
  return {"alter_table.",
          [this] {
            name_ = absl::StrCat("f", ++number_);
            auto table = admin().DescribeTable("rows");
            ASSERT_OK(table);
            version_ = table->schema.version;
          },
          [this] {
            TableChange change;
            change.table = "rows";
            change.changes.push_back({FamilyChange::Kind::kCreate, FamilySchema{.name = name_}});
            return asker_->admin().AlterTable(change).status();
          },
          absl::StatusCode::kAlreadyExists,
          [this] {
            auto table = admin().DescribeTable("rows");
            ASSERT_OK(table);
            EXPECT_EQ(table->schema.version, version_ + 1);
          }};
}

// The name is taken again at once: what a master that is past still does must not hit the new one.
Work MasterKillTest::Drop() {
  return {"drop_table.",
          [] {},
          [this] { return asker_->admin().DropTable("dropped"); },
          absl::StatusCode::kNotFound,
          [this] {
            ASSERT_OK(admin().CreateTable(Schema("dropped"), {"m"}));
            Expect("dropped", "a", "none");
            Put("dropped", "a", std::to_string(++number_));
          },
          [this] { Expect("dropped", "a", std::to_string(number_)); }};
}

Work MasterKillTest::DropRows() {
  return {"drop_r",  // drop_range of the master, drop_rows of the servers
          [this] {
            ++number_;
            for (const char* row : {"p/a", "p/b", "z"}) Put("emptied", row, "old");
          },
          [this] {
            return number_ % 2 == 0 ? asker_->admin().TruncateTable("emptied")
                                    : asker_->admin().DropRowRange("emptied", "p/");
          },
          absl::StatusCode::kOk,
          [this] {
            for (const char* row : {"p/a", "p/b"}) Expect("emptied", row, "none");
            Expect("emptied", "z", number_ % 2 == 0 ? "none" : "old");
            for (const char* row : {"p/a", "z"}) Put("emptied", row, "new");
            rows_.erase({"emptied", "p/b"});
          },
          [this] {
            for (const char* row : {"p/a", "z"}) Expect("emptied", row, "new");
          }};
}

Work MasterKillTest::Split() {
  return {"split",
          [this] {
            order_ = TabletOrder();
            order_.table = "rows";
            order_.at = absl::StrCat("s", 100 + ++number_);
            before_ = TabletsOf("rows");
            Put("rows", order_.at, "at");
            Put("rows", order_.at + "+", "behind");
          },
          [this] { return asker_->admin().Split(order_).status(); },
          absl::StatusCode::kInvalidArgument,  // it is no row inside a tablet any more
          [this] {
            const std::vector<TabletInfo> now = TabletsOf("rows");
            EXPECT_EQ(now.size(), before_.size() + 1);
            EXPECT_EQ(std::count_if(now.begin(), now.end(),
                                    [this](const auto& t) { return t.end_row == order_.at; }),
                      1);
            Expect("rows", order_.at, "at");
            Expect("rows", order_.at + "+", "behind");
          }};
}

// Of the two last tablets; they may be on two servers.
Work MasterKillTest::Merge() {
  return {"merge",
          [this] {
            before_ = TabletsOf("rows");
            if (before_.size() < 3) {
              TabletOrder split;
              split.table = "rows";
              split.at = absl::StrCat("r", 100 + ++number_);
              ASSERT_OK(admin().Split(split).status());
              before_ = TabletsOf("rows");
            }
            order_ = TabletOrder();
            order_.tablets = {before_.end()[-2].id, before_.end()[-1].id};
          },
          [this] { return asker_->admin().Merge(order_).status(); }, absl::StatusCode::kNotFound,
          [this] {
            const std::vector<TabletInfo> now = TabletsOf("rows");
            ASSERT_EQ(now.size(), before_.size() - 1);
            EXPECT_EQ(now.back().id, before_.back().id);
            EXPECT_EQ(now.back().start_row, before_.end()[-2].start_row);
          }};
}

// The last of METADATA's tablets, which has the rows of most tables.
Work MasterKillTest::SplitMetadata() {
  return {"",
          [this] {
            before_ = TabletsOf("_METADATA");
            order_ = TabletOrder();
            order_.tablets = {before_.back().id};
          },
          [this] {
            // Near the middle: what there are rows for is not known here.
            if (TabletsOf("_METADATA").size() > before_.size()) return OkStatus();
            return asker_->admin().Split(order_).status();
          },
          absl::StatusCode::kOk,
          [this] {
            const std::vector<TabletInfo> now = TabletsOf("_METADATA");
            ASSERT_EQ(now.size(), before_.size() + 1);
            EXPECT_EQ(now.back().id, before_.back().id);
            EXPECT_EQ(now.back().start_row, now.end()[-2].end_row);
            for (const auto& [where, value] : rows_) Expect(where.first, where.second, value);
          }};
}

Work MasterKillTest::MergeMetadata() {
  return {"",
          [this] {
            before_ = TabletsOf("_METADATA");
            ASSERT_GT(before_.size(), 2u) << "the root, and two to be merged";
            order_ = TabletOrder();
            order_.tablets = {before_.end()[-2].id, before_.end()[-1].id};
          },
          [this] { return asker_->admin().Merge(order_).status(); }, absl::StatusCode::kNotFound,
          [this] {
            const std::vector<TabletInfo> now = TabletsOf("_METADATA");
            ASSERT_EQ(now.size(), before_.size() - 1);
            EXPECT_EQ(now.back().id, before_.back().id);
            EXPECT_EQ(now.back().start_row, before_.end()[-2].start_row);
            for (const auto& [where, value] : rows_) Expect(where.first, where.second, value);
          }};
}

Work MasterKillTest::Move() {
  return {"move_tablet.",
          [this] {
            before_ = TabletsOf("rows");
            order_ = TabletOrder();
            order_.tablets = {before_.front().id};
            order_.server = before_.front().server_id == "ts-1" ? "ts-2" : "ts-1";
          },
          [this] { return asker_->admin().Move(order_).status(); }, absl::StatusCode::kOk,
          [this] {
            const TabletInfo now = TabletsOf("rows").front();
            EXPECT_EQ(now.server_id, order_.server);
            EXPECT_EQ(now.epoch, before_.front().epoch + 1);
          }};
}

Work MasterKillTest::Drain() {
  return {"drain_server.", [this] { name_ = absl::StrCat("ts-", 1 + ++number_ % kServers); },
          [this] { return asker_->admin().Drain(name_).status(); }, absl::StatusCode::kOk,
          [this] {
            EXPECT_TRUE(Eventually(
                [&] {
                  auto left = admin().Drain(name_);
                  return left.ok() && left->empty();
                },
                kPatienceMs));
            for (const TabletInfo& tablet : TabletsOf("rows")) EXPECT_NE(tablet.server_id, name_);
            ASSERT_OK(admin().Undrain(name_).status());
          }};
}

Work MasterKillTest::Undrain() {
  Work work = Drain();
  work.prepare = [this] {
    name_ = "ts-1";
    ASSERT_OK(admin().Drain(name_).status());
  };
  work.ask = [this] { return asker_->admin().Undrain(name_).status(); };
  work.check = [this] {
    auto status = admin().GetCellStatus();
    ASSERT_OK(status);
    for (const ServerSummary& server : status->servers) EXPECT_FALSE(server.draining);
  };
  return work;
}

// Of a server with tablets; its supervisor has started it again when the next one is to be killed.
Work MasterKillTest::Recover(bool of_system) {
  return {"",
          [this] {
            Put("rows", absl::StrCat("lost-", ++number_), "kept");
            Put("rows", absl::StrCat("z-", number_), "kept");
          },
          [] { return OkStatus(); },
          absl::StatusCode::kOk,
          [this] {
            for (int i = 0; i < kServers; ++i) {
              if (!cell_.server(i)->running()) EXPECT_OK(cell_.LaunchServer(i));
            }
            Settle();
            Expect("rows", absl::StrCat("lost-", number_), "kept");
            Expect("rows", absl::StrCat("z-", number_), "kept");
          },
          nullptr,
          [this, of_system] {
            std::string server = TabletsOf("rows").front().server_id;
            auto status = admin().GetCellStatus();
            ASSERT_OK(status);
            for (const TabletSummary& tablet : status->tablets) {
              if (of_system && tablet.tablet.id == kRootTablet) server = tablet.tablet.server_id;
            }
            cell_.server(server.back() - '1')->Kill();
          }};
}

TEST_F(MasterKillTest, EachOperationHappensOnce) {
  StartCell();
  if (HasFailure()) return;
  const Work recover = Recover();
  recover.prepare();
  Settle();
  KillAtEach(
      {"recover_log.before_order", "recover_log.after_order", "recover_log.before_forget",
       "recover_log.after_forget", "assign_tablets.before_rows", "assign_tablets.after_rows"},
      recover.provoke);
  recover.check();
  const std::vector<Work> works = {Create(), Alter(), Drop(),  DropRows(), Split(),
                                   Merge(),  Move(),  Drain(), Recover()};
  const std::set<std::string> stops = {"create_table.after_record", "drop_table.before_erase",
                                       "drop_range.before_done", "merge_tablets.after_forget"};
  const std::set<std::string> steps = left_;
  for (const std::string& stop : stops) ASSERT_TRUE(steps.contains(stop)) << stop << " is no step";
  for (const std::string& point : steps) {
    const auto work = std::find_if(works.begin(), works.end(), [&](const Work& each) {
      return absl::StartsWith(point, each.points);
    });
    ASSERT_NE(work, works.end());
    const Work one = point == "drain_server.before_unmark" ? Undrain()
                     : point == "recovery.system_done"     ? Recover(/*of_system=*/true)
                                                           : *work;
    Disturb(one, point, /*stop=*/false);
    if (!HasFailure() && stops.contains(point)) Disturb(one, point, /*stop=*/true);
    if (HasFailure()) return;
  }
  EXPECT_TRUE(left_.empty());
  // The same steps once more where the rows of tablets are tablets' rows themselves.
  for (const std::string& point : steps) {
    if (absl::StartsWith(point, "split_tablet.")) Disturb(SplitMetadata(), point, false);
    if (HasFailure()) return;
  }
  for (const std::string& point : steps) {
    if (absl::StartsWith(point, "merge_tablets.")) Disturb(MergeMetadata(), point, false);
    if (HasFailure()) return;
  }
  CheckRows();
  EXPECT_OK(cell_.Check());
}

}  // namespace
}  // namespace stele
