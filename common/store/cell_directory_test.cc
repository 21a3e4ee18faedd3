// Goal: the compare-and-swap of cells holds under every order of several processes' file system
// calls, with listings as torn as POSIX allows, and leaves nothing but the cell behind.
#include "common/store/cell_directory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "common/base/mutex.h"
#include "common/testing/fault_fs.h"
#include "common/testing/hooked_fs.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"

namespace stele {
namespace {

using Names = std::vector<std::string>;

constexpr char kFolder[] = "/s/cells/t/m@versions";
constexpr char kLife[] = "00000000000000aa";

std::string VersionPath(uint64_t version) {
  return absl::StrCat(kFolder, "/", CellVersionFile(kLife, version));
}

// Puts a version there as a process does that then dies.
void LeaveVersion(Fs* fs, uint64_t version, Slice value, CellKind kind = CellKind::kValue) {
  ASSERT_OK_AND_ASSIGN(auto file, fs->Open(VersionPath(version), Fs::Mode::kCreateExclusive));
  ASSERT_OK(file->WriteAt(
      0, {EncodeCellVersion("t/m", {{version, std::string(value)}, kind, {version}})}));
  ASSERT_OK(file->Sync());
  ASSERT_OK(fs->SyncDir(kFolder));
}

std::unique_ptr<BlobStore> MustOpen(Fs* fs) {
  StatusOr<std::unique_ptr<BlobStore>> store = OpenPosixStore(fs, "/s", true);
  EXPECT_OK(store);
  return *std::move(store);
}

Names FilesOfCells(const FaultFs& fs) {
  Names names;
  for (const std::string& path : fs.AllFiles()) {
    if (absl::StartsWith(path, "/s/cells/")) names.push_back(path);
  }
  return names;
}

// A listing takes time: of the names that come or go meanwhile it holds some.
class TornListFs : public HookedFs {
 public:
  TornListFs(Fs* below, uint64_t seed) : HookedFs(below), list_below_(below), random_(seed) {}
  std::function<void()> in_the_middle;
  std::function<bool(Slice)> sees = [this](Slice) { return random_.OneIn(2); };

  StatusOr<Names> List(const std::string& dir) override {
    ASSIGN_OR_RETURN(const Names first, HookedFs::List(dir));
    if (in_the_middle) in_the_middle();
    StatusOr<Names> second = list_below_->List(dir);
    if (!second.ok()) return first;
    Names stayed, moved, seen;
    std::set_intersection(first.begin(), first.end(), second->begin(), second->end(),
                          std::back_inserter(stayed));
    std::set_symmetric_difference(first.begin(), first.end(), second->begin(), second->end(),
                                  std::back_inserter(moved));
    std::copy_if(moved.begin(), moved.end(), std::back_inserter(seen),
                 [&](const std::string& name) { return sees(name); });
    seen.insert(seen.end(), stayed.begin(), stayed.end());
    std::sort(seen.begin(), seen.end());
    return seen;
  }

 private:
  Fs* const list_below_;
  SeededRandom random_;
};

// One operation on the cell as its caller saw it.
struct Operation {
  enum class Kind { kRead, kCreate, kSwap, kDelete };
  Kind kind = Kind::kRead;
  uint64_t expected = 0;
  std::string value;  // written
  // What came out.
  absl::StatusCode code = absl::StatusCode::kOk;
  StoredCell seen;  // of a read, and the version of a swap
  uint64_t begin = 0;
  uint64_t end = 0;
};

// What a store that does one thing at a time holds.
using Model = std::optional<std::pair<uint64_t, std::string>>;

// Whether the answer of `op` is right when it is done at once, and what the cell is then.
bool Fits(const Operation& op, const Model& before, Model* after) {
  *after = before;
  const bool unknown = op.code == absl::StatusCode::kUnknown;
  if (!before.has_value()) {
    if (op.kind != Operation::Kind::kCreate) return op.code == absl::StatusCode::kNotFound;
    *after = {1, op.value};
    return unknown || op.code == absl::StatusCode::kOk;
  }
  const auto& [version, value] = *before;
  switch (op.kind) {
    case Operation::Kind::kRead:
      return op.code == absl::StatusCode::kOk && op.seen.version == version &&
             op.seen.value == value;
    case Operation::Kind::kCreate:
      return op.code == absl::StatusCode::kAlreadyExists;
    case Operation::Kind::kSwap:
    case Operation::Kind::kDelete:
      if (version != op.expected) return op.code == absl::StatusCode::kAborted;
      if (op.kind == Operation::Kind::kSwap) {
        *after = {version + 1, op.value};
      } else {
        *after = std::nullopt;
      }
      return unknown || op.code == absl::StatusCode::kOk;
  }
  return false;
}

// Looks for an order of the operations that explains all answers and keeps to real time.
class Linearizer {
 public:
  explicit Linearizer(const std::vector<Operation>& ops) : ops_(ops) {}
  bool Explains(const Model& start) { return Search(0, start); }

 private:
  bool Search(uint64_t done, const Model& state) {
    if (done + 1 == uint64_t{1} << ops_.size()) return true;
    if (!tried_.insert({done, state}).second) return false;
    uint64_t first_end = UINT64_MAX;
    for (size_t i = 0; i < ops_.size(); ++i) {
      if ((done >> i & 1) == 0) first_end = std::min(first_end, ops_[i].end);
    }
    for (size_t i = 0; i < ops_.size(); ++i) {
      if ((done >> i & 1) != 0 || ops_[i].begin > first_end) continue;
      const uint64_t next = done | uint64_t{1} << i;
      Model after;
      if (Fits(ops_[i], state, &after) && Search(next, after)) return true;
      if (ops_[i].code == absl::StatusCode::kUnknown && Search(next, state)) return true;
    }
    return false;
  }

  const std::vector<Operation>& ops_;
  std::set<std::pair<uint64_t, Model>> tried_;
};

// Lets one of several threads run at a time, and changes it at random at each of their steps. Now
// and then one is stopped for long.
class Baton {
 public:
  Baton(int threads, uint64_t seed) : random_(seed), finished_(threads, false) {}

  void Begin(int who) {
    MutexLock lock(&mu_);
    while (turn_ != who) changed_.Wait(&mu_);
  }
  void Step(int who) {
    MutexLock lock(&mu_);
    PassOn();
    while (turn_ != who) changed_.Wait(&mu_);
  }
  void End(int who) {
    MutexLock lock(&mu_);
    finished_[who] = true;
    PassOn();
  }
  uint64_t Tick() {
    MutexLock lock(&mu_);
    return ++clock_;
  }

 private:
  void PassOn() REQUIRES(mu_) {
    std::vector<int> ready;
    for (size_t i = 0; i < finished_.size(); ++i) {
      if (!finished_[i]) ready.push_back(static_cast<int>(i));
    }
    if (ready.empty()) return;
    if (stop_for_ == 0 && random_.OneIn(10)) {
      stopped_ = static_cast<int>(random_.Below(finished_.size()));
      stop_for_ = random_.Below(120);
    }
    if (stop_for_ > 0 && --stop_for_ > 0 && ready.size() > 1) std::erase(ready, stopped_);
    turn_ = ready[random_.Below(ready.size())];
    changed_.SignalAll();
  }

  Mutex mu_;
  CondVar changed_;
  SeededRandom random_ GUARDED_BY(mu_);
  std::vector<bool> finished_ GUARDED_BY(mu_);
  int turn_ GUARDED_BY(mu_) = 0;
  int stopped_ GUARDED_BY(mu_) = 0;
  uint64_t stop_for_ GUARDED_BY(mu_) = 0;
  uint64_t clock_ GUARDED_BY(mu_) = 0;
};

// Does `op` and notes its answer.
void Do(BlobStore* store, Operation* op) {
  Status status;
  switch (op->kind) {
    case Operation::Kind::kRead: {
      StatusOr<StoredCell> cell = store->ReadCell("t/m");
      status = cell.status();
      if (cell.ok()) op->seen = *std::move(cell);
      break;
    }
    case Operation::Kind::kCreate:
      status = store->CreateCell("t/m", op->value);
      break;
    case Operation::Kind::kSwap: {
      StatusOr<uint64_t> version = store->SwapCell("t/m", op->expected, op->value);
      status = version.status();
      if (version.ok()) {
        EXPECT_EQ(*version, op->expected + 1);
      }
      break;
    }
    case Operation::Kind::kDelete:
      status = store->DeleteCell("t/m", op->expected);
      break;
  }
  op->code = status.code();
}

// What one process does, each time by what it read last.
std::vector<Operation> RandomLife(BlobStore* store, Baton* baton, uint64_t seed, int who) {
  SeededRandom random(seed);
  std::vector<Operation> done;
  uint64_t version = 1;
  for (int i = 0; i < 5; ++i) {
    Operation op;
    op.value = "p" + std::to_string(who) + "." + std::to_string(i);
    op.expected = version;
    const uint64_t kind = random.Below(8);
    if (i % 2 == 0 || kind == 0) op.kind = Operation::Kind::kRead;
    if (i % 2 == 1 && kind > 0) op.kind = Operation::Kind::kSwap;
    if (i % 2 == 1 && kind > 4) op.kind = Operation::Kind::kDelete;
    if (!done.empty() && done.back().code == absl::StatusCode::kNotFound) {
      op.kind = Operation::Kind::kCreate;
    }
    op.begin = baton->Tick();
    Do(store, &op);
    op.end = op.code == absl::StatusCode::kUnknown ? UINT64_MAX : baton->Tick();
    if (op.kind == Operation::Kind::kRead && op.code == absl::StatusCode::kOk) {
      version = op.seen.version;
    }
    done.push_back(std::move(op));
  }
  return done;
}

std::string Describe(const std::vector<Operation>& ops) {
  const char* const kinds[] = {"read", "create", "swap", "delete"};
  std::string text;
  for (const Operation& op : ops) {
    absl::StrAppend(&text, op.begin, "-", op.end, " ", kinds[static_cast<int>(op.kind)], " at ",
                    op.expected, " ", op.value, " -> ", absl::StatusCodeToString(op.code), " ",
                    op.seen.version, " ", op.seen.value, "\n");
  }
  return text;
}

// One run of three processes; returns what all of them saw.
std::vector<Operation> RunProcesses(FaultFs* disk, uint64_t seed) {
  constexpr int kThreads = 3;
  Baton baton(kThreads, seed);
  std::vector<std::unique_ptr<TornListFs>> views;
  std::vector<std::unique_ptr<BlobStore>> stores;
  for (int i = 0; i < kThreads; ++i) {
    views.push_back(std::make_unique<TornListFs>(disk, seed * kThreads + i));
    stores.push_back(MustOpen(views[i].get()));
    views[i]->before = [&baton, i](Slice, Slice) { baton.Step(i); };
    views[i]->in_the_middle = [&baton, i] { baton.Step(i); };
  }
  std::vector<std::vector<Operation>> lives(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      baton.Begin(i);
      lives[i] = RandomLife(stores[i].get(), &baton, seed * kThreads + i, i);
      baton.End(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& view : views) {
    view->before = nullptr;
    view->in_the_middle = nullptr;
  }
  std::vector<Operation> all;
  for (const auto& life : lives) all.insert(all.end(), life.begin(), life.end());
  Operation last;
  last.begin = baton.Tick();
  Do(stores[0].get(), &last);
  last.end = baton.Tick();
  all.push_back(last);
  return all;
}

TEST(CellOrderTest, EveryOrderOfCallsIsExplainedByOneAfterTheOther) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  std::map<absl::StatusCode, int> codes;
  for (uint64_t run = 0; run < 1500; ++run) {
    FaultFs disk;
    MustOpen(&disk);
    ASSERT_OK(disk.MakeDir("/s/cells/t"));
    ASSERT_OK(disk.MakeDir(kFolder));
    const uint64_t version = 1 + run % 3;  // the dead may have left lower ones
    for (uint64_t v = 1; v <= version; ++v) LeaveVersion(&disk, v, "start");
    const std::vector<Operation> ops = RunProcesses(&disk, seed + run);
    for (const Operation& op : ops) ++codes[op.code];
    ASSERT_TRUE(Linearizer(ops).Explains(Model({version, "start"}))) << run << ":\n"
                                                                     << Describe(ops);
    EXPECT_LE(FilesOfCells(disk).size(), 4u);  // a version, and what the last losers left
  }
  for (absl::StatusCode code : {absl::StatusCode::kOk, absl::StatusCode::kAborted,
                                absl::StatusCode::kNotFound, absl::StatusCode::kUnknown}) {
    EXPECT_GT(codes[code], 0) << absl::StatusCodeToString(code);
  }
}

// Two at once on a cell that is not there, or was deleted: the order of their calls decides.
TEST(CellOrderTest, OfManyCreationsOneIsMade) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  for (uint64_t run = 0; run < 600; ++run) {
    FaultFs disk;
    if (run % 2 == 1) {
      auto store = MustOpen(&disk);
      ASSERT_OK(store->CreateCell("t/m", "earlier"));
      ASSERT_OK(store->DeleteCell("t/m", 1));
    }
    Baton baton(3, seed + run);
    std::vector<Status> made(3);
    std::vector<std::thread> threads;
    std::vector<std::unique_ptr<TornListFs>> views;
    std::vector<std::unique_ptr<BlobStore>> stores;
    for (int i = 0; i < 3; ++i) {
      views.push_back(std::make_unique<TornListFs>(&disk, run * 3 + i));
      stores.push_back(MustOpen(views[i].get()));
      views[i]->before = [&baton, i](Slice, Slice) { baton.Step(i); };
      views[i]->in_the_middle = [&baton, i] { baton.Step(i); };
    }
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] {
        baton.Begin(i);
        made[i] = stores[i]->CreateCell("t/m", std::to_string(i));
        baton.End(i);
      });
    }
    for (std::thread& thread : threads) thread.join();
    int ok = 0;
    ASSERT_OK_AND_ASSIGN(StoredCell cell, MustOpen(&disk)->ReadCell("t/m"));
    for (int i = 0; i < 3; ++i) {
      if (!made[i].ok()) {
        EXPECT_STATUS(kAlreadyExists, "t/m", made[i]);
        continue;
      }
      ++ok;
      EXPECT_EQ(cell.value, std::to_string(i));
    }
    ASSERT_EQ(ok, 1) << run;
  }
}

using Script = std::vector<Operation::Kind>;
constexpr auto kRead = Operation::Kind::kRead;
constexpr auto kCreate = Operation::Kind::kCreate;
constexpr auto kSwap = Operation::Kind::kSwap;
constexpr auto kDelete = Operation::Kind::kDelete;

// A process is stopped at its nth call; others do `script` meanwhile. Returns what happened, empty
// when the operation has fewer calls.
std::vector<Operation> StopAt(int n, Operation stopped, const Script& script) {
  FaultFs disk;
  auto others = MustOpen(&disk);
  EXPECT_OK(others->CreateCell("t/m", "start"));
  HookedFs view(&disk);
  auto store = MustOpen(&view);
  std::vector<Operation> ops;
  uint64_t clock = 10;
  int calls = 0;
  view.before = [&](Slice, Slice) {
    if (++calls != n) return;
    for (Operation::Kind kind : script) {
      Operation op;
      op.kind = kind;
      op.value = "other" + std::to_string(ops.size());
      StatusOr<StoredCell> now = others->ReadCell("t/m");  // the stopped one may have got that far
      op.expected = now.ok() ? now->version : 0;
      op.begin = ++clock;
      Do(others.get(), &op);
      op.end = ++clock;
      const bool should = kind == kCreate ? !now.ok() : now.ok();
      EXPECT_EQ(op.code == absl::StatusCode::kOk, should) << "a stopped process is in the way";
      ops.push_back(op);
    }
  };
  stopped.begin = 1;
  stopped.value = "stopped";
  stopped.expected = 1;
  Do(store.get(), &stopped);
  stopped.end = stopped.code == absl::StatusCode::kUnknown ? UINT64_MAX : ++clock;
  if (ops.empty()) return {};
  Operation last;
  last.begin = ++clock;
  view.before = nullptr;
  Do(store.get(), &last);
  last.end = ++clock;
  ops.push_back(stopped);
  ops.push_back(last);
  return ops;
}

TEST(CellOrderTest, StoppedAtAnyCallItStopsNobodyAndPublishesNothingStale) {
  const std::vector<Script> scripts = {{kRead},
                                       {kSwap},
                                       {kSwap, kSwap},
                                       {kSwap, kSwap, kSwap, kSwap, kSwap},
                                       {kDelete},
                                       {kSwap, kDelete},
                                       {kDelete, kCreate},
                                       {kDelete, kCreate, kSwap, kSwap},
                                       {kSwap, kDelete, kCreate, kSwap, kDelete},
                                       {kDelete, kCreate, kDelete, kCreate}};
  int stale = 0;
  for (const Script& script : scripts) {
    for (Operation::Kind kind : {kSwap, kDelete, kCreate}) {
      Operation stopped;
      stopped.kind = kind;
      int n = 1;
      while (true) {
        const std::vector<Operation> ops = StopAt(n, stopped, script);
        if (HasFailure()) return;
        if (ops.empty()) break;
        ASSERT_TRUE(Linearizer(ops).Explains(Model({1, "start"}))) << "call " << n << "\n"
                                                                   << Describe(ops);
        stale += ops[ops.size() - 2].code != absl::StatusCode::kOk;
        ++n;
      }
      EXPECT_GT(n, kind == kCreate ? 2 : 10);
    }
  }
  EXPECT_GT(stale, 50);
}

TEST(CellDirectoryTest, ALifeLeavesNothingBehind) {
  FaultFs fs;
  auto store = MustOpen(&fs);
  ASSERT_OK(store->CreateCell("t/m", "one"));
  ASSERT_OK(store->SwapCell("t/m", 1, "two"));
  const Names files = FilesOfCells(fs);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(absl::EndsWith(files[0], "-00000000000000000002")) << files[0];
  ASSERT_OK(store->DeleteCell("t/m", 2));
  EXPECT_FALSE(*fs.Exists(kFolder));
  EXPECT_EQ(store->ListCells("")->size(), 0u);
}

TEST(CellDirectoryTest, WhatTheDeadLeftIsPassedOverAndRemovedByTheNextChange) {
  FaultFs fs;
  auto store = MustOpen(&fs);
  ASSERT_OK(store->CreateCell("t/m", "one"));
  const std::string first = FilesOfCells(fs)[0];
  for (const std::string& attempt :
       {first.substr(0, first.size() - 1) + "2~dead.1", std::string(kFolder) + "/new~dead.2",
        std::string(kFolder) + "/.nfs0000000000000001"}) {
    ASSERT_OK(fs.Open(attempt, Fs::Mode::kCreateExclusive));
  }
  EXPECT_EQ(store->ReadCell("t/m")->value, "one");
  ASSERT_OK(store->SwapCell("t/m", 1, "two"));
  EXPECT_EQ(FilesOfCells(fs).size(), 2u);  // NFS removes its own
  EXPECT_EQ(*store->ListCells(""), Names{"t/m"});
  // A directory without a version is no cell.
  ASSERT_OK(fs.MakeDir("/s/cells/t/n@versions"));
  ASSERT_OK(fs.Open("/s/cells/t/n@versions/new~dead.3", Fs::Mode::kCreateExclusive));
  EXPECT_STATUS(kNotFound, "t/n", store->ReadCell("t/n"));
  EXPECT_STATUS(kNotFound, "t/n", store->SwapCell("t/n", 1, "x"));
  EXPECT_EQ(*store->ListCells(""), Names{"t/m"});
  ASSERT_OK(store->CreateCell("t/n", "born"));
  EXPECT_EQ(store->ReadCell("t/n")->version, 1u);
}

TEST(CellDirectoryTest, RemovalsKeepTheirOrder) {
  FaultFs disk;
  HookedFs fs(&disk);
  auto store = MustOpen(&fs);
  ASSERT_OK(disk.MakeDir("/s/cells/t"));
  ASSERT_OK(disk.MakeDir(kFolder));
  for (uint64_t version : {1, 2, 3}) LeaveVersion(&disk, version, "left");
  ASSERT_OK(disk.Open(VersionPath(2) + "~dead.1", Fs::Mode::kCreateExclusive));
  ASSERT_OK(disk.Open(VersionPath(4) + "~late.1", Fs::Mode::kCreateExclusive));
  Names removed;
  fs.before = [&](Slice op, Slice path) {
    if (op == "unlink") removed.emplace_back(path);
  };
  ASSERT_OK(store->SwapCell("t/m", 3, "four"));
  ASSERT_EQ(removed.size(), 6u);
  EXPECT_EQ(Names(removed.begin(), removed.begin() + 5),
            (Names{VersionPath(2) + "~dead.1", VersionPath(4) + "~late.1", VersionPath(1),
                   VersionPath(2), VersionPath(3)}));
  EXPECT_TRUE(absl::StartsWith(removed[5], VersionPath(4) + "~")) << removed[5];
  LeaveVersion(&disk, 3, "left");
  ASSERT_OK(disk.Open(absl::StrCat(kFolder, "/new~dead.2"), Fs::Mode::kCreateExclusive));
  removed.clear();
  ASSERT_OK(store->DeleteCell("t/m", 4));
  ASSERT_EQ(removed.size(), 5u);
  EXPECT_EQ(Names(removed.begin(), removed.begin() + 3),
            (Names{absl::StrCat(kFolder, "/new~dead.2"), VersionPath(3), VersionPath(4)}));
  EXPECT_TRUE(absl::StartsWith(removed[3], VersionPath(5) + "~")) << removed[3];
  EXPECT_EQ(removed[4], VersionPath(5));
}

TEST(CellDirectoryTest, AnAttemptThatCannotBeRemovedKeepsTheVersions) {
  FaultFs fs;
  auto store = MustOpen(&fs);
  ASSERT_OK(fs.MakeDir("/s/cells/t"));
  ASSERT_OK(fs.MakeDir(kFolder));
  for (uint64_t version : {1, 2}) LeaveVersion(&fs, version, "left");
  ASSERT_OK(fs.Open(VersionPath(2) + "~dead.1", Fs::Mode::kCreateExclusive));
  fs.InjectAt(fs.calls() + 6, FaultFs::Fault::kIoError);  // the unlink of the attempt
  ASSERT_OK(store->SwapCell("t/m", 2, "three"));
  ASSERT_EQ(fs.fault_report().size(), 1u);
  EXPECT_TRUE(absl::StrContains(fs.fault_report()[0], "dead.1")) << fs.fault_report()[0];
  EXPECT_TRUE(*fs.Exists(VersionPath(1)));
  EXPECT_TRUE(*fs.Exists(VersionPath(2)));
  ASSERT_OK(store->SwapCell("t/m", 3, "four"));
  EXPECT_EQ(FilesOfCells(fs), Names{VersionPath(4)});
}

// The listing after the attempt was made misses the tombstone, which one who listed before the
// attempt takes away; it still shows the version below, which is gone by its end.
TEST(CellDirectoryTest, SwapIntoADirectoryThatIsBeingRetiredStops) {
  FaultFs disk;
  TornListFs fs(&disk, 1);
  auto store = MustOpen(&fs);
  ASSERT_OK(disk.MakeDir("/s/cells/t"));
  ASSERT_OK(disk.MakeDir(kFolder));
  LeaveVersion(&disk, 1, "one");
  bool retiring = false;
  fs.before = [&](Slice op, Slice) {
    if (op != "create") return;
    LeaveVersion(&disk, 2, "", CellKind::kDeleted);
    retiring = true;
  };
  fs.in_the_middle = [&] {
    if (!retiring) return;
    fs.before = nullptr;
    retiring = false;
    ASSERT_OK(disk.Unlink(VersionPath(1)));
    ASSERT_OK(disk.Unlink(VersionPath(2)));
  };
  fs.sees = [](Slice name) { return absl::EndsWith(name, "1"); };
  EXPECT_STATUS(kNotFound, "t/m", store->SwapCell("t/m", 1, "stale"));
  EXPECT_STATUS(kNotFound, "t/m", store->ReadCell("t/m"));
}

// As above for a reader: what a torn listing shows as the greatest is gone.
TEST(CellDirectoryTest, ReaderOfATornListingLooksAgain) {
  FaultFs disk;
  TornListFs fs(&disk, 1);
  auto store = MustOpen(&fs);
  auto others = MustOpen(&disk);
  ASSERT_OK(disk.MakeDir("/s/cells/t"));
  ASSERT_OK(disk.MakeDir(kFolder));
  for (uint64_t version : {1, 2}) LeaveVersion(&disk, version, "left");
  fs.in_the_middle = [&] {
    fs.in_the_middle = nullptr;
    ASSERT_OK(others->SwapCell("t/m", 2, "three"));
  };
  fs.sees = [](Slice name) { return absl::EndsWith(name, "1"); };
  EXPECT_EQ(store->ReadCell("t/m")->value, "three");
}

TEST(CellDirectoryTest, TombstoneOfTheDeadIsADeletion) {
  FaultFs fs;
  auto store = MustOpen(&fs);
  ASSERT_OK(store->CreateCell("t/m", "one"));
  std::string tombstone = FilesOfCells(fs)[0];
  tombstone.back() = '2';
  ASSERT_OK_AND_ASSIGN(auto file, fs.Open(tombstone, Fs::Mode::kCreateExclusive));
  ASSERT_OK(file->WriteAt(0, {EncodeCellVersion("t/m", {{2, ""}, CellKind::kDeleted, {}})}));
  ASSERT_OK(file->Sync());
  EXPECT_STATUS(kNotFound, "t/m", store->SwapCell("t/m", 2, "x"));
  EXPECT_EQ(store->ListCells("")->size(), 0u);
  // Whom it was shown may count on it.
  EXPECT_EQ(MustOpen(fs.Image(0).get())->ReadCell("t/m")->value, "one");
  EXPECT_STATUS(kNotFound, "t/m", store->ReadCell("t/m"));
  EXPECT_STATUS(kNotFound, "t/m", MustOpen(fs.Image(0).get())->ReadCell("t/m"));
  ASSERT_OK(store->CreateCell("t/m", "again"));
  EXPECT_EQ(store->ReadCell("t/m")->version, 1u);
  EXPECT_EQ(FilesOfCells(fs).size(), 1u);
}

TEST(CellDirectoryTest, ForeignFilesAreRefusedByListingsOnly) {
  FaultFs fs;
  auto store = MustOpen(&fs);
  ASSERT_OK(store->CreateCell("t/m", "one"));
  for (const char* name : {"/backup", "/0000000000000000-1", "/new~", "/zz~1"}) {
    ASSERT_OK(fs.Open(absl::StrCat(kFolder, name), Fs::Mode::kCreateExclusive));
    EXPECT_EQ(store->ReadCell("t/m")->value, "one");
    EXPECT_STATUS(kFailedPrecondition, absl::StrCat(kFolder, name, " was not made"),
                  store->ListCells(""));
    ASSERT_OK(fs.Unlink(absl::StrCat(kFolder, name)));
  }
}

TEST(CellDirectoryTest, TwoLivesAtOnceAreDamage) {
  FaultFs fs;
  auto store = MustOpen(&fs);
  ASSERT_OK(store->CreateCell("t/m", "one"));
  ASSERT_OK(fs.Link(FilesOfCells(fs)[0],
                    absl::StrCat(kFolder, "/", CellVersionFile(kFirstGeneration, 1))));
  EXPECT_STATUS(kDataLoss, "two generations", store->ReadCell("t/m"));
  EXPECT_STATUS(kDataLoss, "two generations", store->SwapCell("t/m", 1, "x"));
  EXPECT_STATUS(kDataLoss, "two generations", store->CreateCell("t/m", "x"));
}

TEST(CellDirectoryTest, VersionInAnotherOnesPlaceIsFoundOut) {
  FaultFs fs;
  auto store = MustOpen(&fs);
  ASSERT_OK(store->CreateCell("t/m", "one"));
  std::string higher = FilesOfCells(fs)[0];
  higher.back() = '7';
  ASSERT_OK(fs.Link(FilesOfCells(fs)[0], higher));
  EXPECT_STATUS(kDataLoss, "version 1 in the place of version 7", store->ReadCell("t/m"));
}

// A swap costs two syncs, as it must, and a read one.
TEST(CellDirectoryTest, Syncs) {
  FaultFs disk;
  HookedFs fs(&disk);
  int syncs = 0;
  fs.before = [&](Slice op, Slice) { syncs += op == "sync" || op == "syncdir"; };
  auto store = MustOpen(&fs);
  ASSERT_OK(store->CreateCell("t/m", "one"));
  syncs = 0;
  ASSERT_OK(store->SwapCell("t/m", 1, "two"));
  EXPECT_EQ(syncs, 2);
  syncs = 0;
  ASSERT_OK(store->ReadCell("t/m"));
  EXPECT_EQ(syncs, 1);
  syncs = 0;
  ASSERT_OK(store->DeleteCell("t/m", 2));
  EXPECT_EQ(syncs, 2);
  ASSERT_OK(store->CreateCell("t/m", "again"));
  EXPECT_EQ(syncs, 5);
}

// NFS may lose the answer to a link and ask again: the second answer says that it exists.
class ReplayingFs : public HookedFs {
 public:
  using HookedFs::HookedFs;
  bool replay = false;
  Status Link(const std::string& from, const std::string& to) override {
    RETURN_IF_ERROR(HookedFs::Link(from, to));
    if (between) between();
    return replay ? HookedFs::Link(from, to) : OkStatus();
  }
  std::function<void()> between;
};

TEST(CellDirectoryTest, LinkWhoseAnswerWasLostCounts) {
  FaultFs disk;
  ReplayingFs fs(&disk);
  auto store = MustOpen(&fs);
  fs.replay = true;
  ASSERT_OK(store->CreateCell("t/m", "one"));
  ASSERT_OK(store->SwapCell("t/m", 1, "two"));
  EXPECT_EQ(store->ReadCell("t/m")->value, "two");
  // Others have passed it before the second answer: the lineage tells.
  auto others = MustOpen(&disk);
  uint64_t version = 3;
  fs.between = [&] { ASSERT_OK(others->SwapCell("t/m", version, "of another")); };
  EXPECT_EQ(*store->SwapCell("t/m", 2, "three"), 3u);
  EXPECT_EQ(store->ReadCell("t/m")->version, 4u);
  fs.between = nullptr;
}

TEST(CellDirectoryTest, OutcomeIsUnknownOnlyWhenPassedFartherThanRemembered) {
  for (uint64_t passed : {1, 2, 16, 17, 40}) {
    FaultFs disk;
    ReplayingFs fs(&disk);
    auto store = MustOpen(&fs);
    auto others = MustOpen(&disk);
    ASSERT_OK(store->CreateCell("t/m", "one"));
    fs.before = [&](Slice op, Slice) {
      if (op != "link") return;
      for (uint64_t i = 1; i <= passed; ++i) ASSERT_OK(others->SwapCell("t/m", i, "of another"));
    };
    Status swapped = store->SwapCell("t/m", 1, "stale").status();
    EXPECT_EQ(swapped.code(),
              passed <= kMaxCellLineage ? absl::StatusCode::kAborted : absl::StatusCode::kUnknown)
        << passed << ": " << swapped;
    fs.before = nullptr;
    EXPECT_EQ(store->ReadCell("t/m")->version, passed + 1);
    ASSERT_OK(store->SwapCell("t/m", passed + 1, "goes on"));  // the store is not broken
  }
}

TEST(CellDirectoryTest, OutcomeIsUnknownWhenTheCellIsGone) {
  FaultFs disk;
  ReplayingFs fs(&disk);
  auto store = MustOpen(&fs);
  auto others = MustOpen(&disk);
  ASSERT_OK(store->CreateCell("t/m", "one"));
  fs.before = [&](Slice op, Slice) {
    if (op == "link") ASSERT_OK(others->DeleteCell("t/m", 1));
  };
  EXPECT_STATUS(kUnknown, "or deleted the cell", store->SwapCell("t/m", 1, "stale"));
  EXPECT_STATUS(kNotFound, "t/m", store->ReadCell("t/m"));
  EXPECT_FALSE(*disk.Exists(kFolder));
}

}  // namespace
}  // namespace stele
