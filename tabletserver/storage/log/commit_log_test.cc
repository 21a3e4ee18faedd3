// Goal: the threaded log keeps its promises to callers: order, acknowledgement only after sync and
// lease, exact errors when it fails, bounded queue and ring, and nothing acked is lost on any
// fault.
#include "tabletserver/storage/log/commit_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <set>
#include <thread>

#include "common/base/mutex.h"
#include "common/testing/fault_fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/scripted_faults.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/log/log_format.h"
#include "tabletserver/storage/log/memory_log_store.h"

namespace stele::storage {
namespace {

using absl::StatusCode;

CommitLogOptions Small(uint32_t initial, uint32_t max, uint64_t bytes = 4096) {
  CommitLogOptions options;
  options.segment_bytes = bytes;
  options.initial_segments = initial;
  options.max_segments = max;
  return options;
}

// Results of many records, waited for.
class Results {
 public:
  std::function<void(const Status&)> Expect() {
    MutexLock lock(&mu_);
    const size_t i = statuses_.size();
    statuses_.emplace_back(absl::InternalError("not done"));
    return [this, i](const Status& s) {
      MutexLock inner(&mu_);
      statuses_[i] = s;
      ++done_;
      changed_.SignalAll();
    };
  }
  // All of them; fails the test when one does not come in a minute.
  std::vector<Status> Wait() {
    MutexLock lock(&mu_);
    while (done_ < statuses_.size() && changed_.WaitFor(&mu_, std::chrono::minutes(1))) continue;
    EXPECT_EQ(done_, statuses_.size());
    return statuses_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<Status> statuses_ GUARDED_BY(mu_);
  size_t done_ GUARDED_BY(mu_) = 0;
};

struct Events {
  std::atomic<int> fatal{0};
  std::atomic<int> pressure{0};
  std::atomic<bool> lease_over{false};
  Mutex mu;
  std::vector<TabletId> pinning GUARDED_BY(mu);
  CommitLogHooks Hooks() {
    CommitLogHooks hooks;
    hooks.lease_check = [this] {
      return lease_over ? absl::AbortedError("lease over") : OkStatus();
    };
    hooks.on_fatal = [this](const Status&) { ++fatal; };
    hooks.on_pressure = [this](std::vector<TabletId> tablets) {
      MutexLock lock(&mu);
      pinning = std::move(tablets);
      ++pressure;
    };
    return hooks;
  }
};

LogRecord Record(TabletId tablet, std::string payload, std::function<void(const Status&)> done) {
  LogRecord r;
  r.tablet = tablet;
  r.payload = std::move(payload);
  r.done = std::move(done);
  return r;
}

std::unique_ptr<CommitLog> OpenOn(MemoryLogDisk* disk, const CommitLogOptions& options,
                                  Events* events, FaultInjector* faults = nullptr) {
  auto log =
      CommitLog::Open(std::make_unique<MemoryLogStore>(disk), options, events->Hooks(), faults);
  EXPECT_OK(log);
  return *std::move(log);
}

std::vector<std::string> RecoverAll(CommitLog* log) {
  std::vector<std::string> payloads;
  EXPECT_OK(log->Recover([&](const RecoveredRecord& r) {
    payloads.emplace_back(r.payload);
    return OkStatus();
  }));
  return payloads;
}

TEST(CommitLogTest, CountsTheSyncsThatTakeLongerThanASecond) {
  MemoryLogDisk disk;
  ManualClock clock;
  ScriptedFaults faults;
  faults.RunAt("log.before_sync", 2, [&] {
    clock.AdvanceMillis(1001);
    return OkStatus();
  });
  Events events;
  CommitLogHooks hooks = events.Hooks();
  hooks.clock = &clock;
  ASSERT_OK_AND_ASSIGN(auto log, CommitLog::Open(std::make_unique<MemoryLogStore>(&disk),
                                                 Small(2, 5), hooks, &faults));
  ASSERT_OK(log->Start());
  for (uint64_t i = 1; i <= 3; ++i) {
    Results results;
    ASSERT_OK(log->Append(Record(16, "x", results.Expect())));
    ASSERT_OK(results.Wait().at(0));
    EXPECT_EQ(log->status().syncs, i);
    EXPECT_EQ(log->status().slow_syncs, i < 2 ? 0u : 1u);
  }
}

// What is in memory only and does not read in the log must get into files, however short the ring.
TEST(CommitLog, ATailThatDoesNotReadIsFlushedAtOnce) {
  MemoryLogDisk disk;
  Events events;
  auto log = OpenOn(&disk, Small(4, 16, 16384), &events);
  ASSERT_OK(log->Start());
  const auto write = [&](TabletId tablet, std::string payload) {
    Results results;
    ASSERT_OK(log->Append(Record(tablet, std::move(payload), results.Expect())));
    ASSERT_OK(results.Wait().at(0));
  };
  write(20, "cold");
  while (log->status().head_segment < 3) write(40, std::string(3000, 'u'));
  EXPECT_EQ(events.pressure, 0);
  auto image = disk.Image();
  image[1][kLogControlBytes + kLogHeaderBytes] ^= 1;
  disk.SetImage(image);
  log->MarkFlushed(40, log->status().next_lsn - 1);
  write(40, "goes on");
  ASSERT_OK(log->Close());
  EXPECT_EQ(events.pressure, 1);
  MutexLock lock(&events.mu);
  EXPECT_EQ(events.pinning, std::vector<TabletId>{20});
}

TEST(CommitLog, RefusesBadOptions) {
  MemoryLogDisk disk;
  for (const CommitLogOptions& bad :
       {Small(2, 4, 1023), Small(2, 4, (1u << 30) + 1), Small(1, 4), Small(4, 3)}) {
    EXPECT_STATUS(kInvalidArgument, "log",
                  CommitLog::Open(std::make_unique<MemoryLogStore>(&disk), bad, {}, nullptr));
  }
}

TEST(CommitLog, ARecordWhoseGroundIsGoneIsRefusedAlone) {
  MemoryLogDisk disk;
  Events events;
  ScriptedFaults faults;
  std::set<std::string> applied;  // the log thread's until all is done
  {
    auto log = OpenOn(&disk, Small(2, 4), &events, &faults);
    ASSERT_OK(log->Start());
    faults.PauseAt("log.before_sync", faults.hits("log.before_sync") + 1);
    Results results;
    auto refused = std::make_shared<std::atomic<bool>>(false);
    for (const char* payload : {"first", "a", "gone", "gone too", "b"}) {
      LogRecord record = Record(20, payload, results.Expect());
      if (payload[0] == 'g') record.refused = refused;
      record.apply = [&](Lsn, Slice bytes) { applied.insert(std::string(bytes)); };
      ASSERT_OK(log->Append(std::move(record)));
      if (payload[0] == 'f') ASSERT_TRUE(faults.WaitUntilPaused("log.before_sync"));
    }
    *refused = true;
    faults.Resume("log.before_sync");
    const std::vector<Status> statuses = results.Wait();
    for (size_t i : {0, 1, 4}) EXPECT_OK(statuses[i]);
    for (size_t i : {2, 3}) EXPECT_STATUS(kResourceExhausted, "made from", statuses[i]);
    EXPECT_EQ(log->status().queued_bytes, 0u);
  }
  EXPECT_EQ(applied, (std::set<std::string>{"a", "b", "first"}));
  auto log = OpenOn(&disk, Small(2, 4), &events);
  EXPECT_EQ(RecoverAll(log.get()), (std::vector<std::string>{"first", "a", "b"}));
}

TEST(CommitLog, AppliesInOrderThenAcknowledges) {
  MemoryLogDisk disk;
  Events events;
  auto log = OpenOn(&disk, Small(2, 4), &events);
  EXPECT_STATUS(kUnavailable, "not running", log->Append(Record(20, "early", nullptr)));
  ASSERT_OK(log->Start());
  EXPECT_STATUS(kFailedPrecondition, "started", log->Start());
  EXPECT_STATUS(kFailedPrecondition, "started",
                log->Recover([](const RecoveredRecord&) { return OkStatus(); }));
  Results results;
  std::vector<std::pair<Lsn, std::string>> applied;  // the log thread's until all is done
  for (int i = 0; i < 50; ++i) {
    LogRecord r = Record(20, absl::StrCat("r", i), results.Expect());
    r.apply = [&](Lsn lsn, Slice payload) { applied.emplace_back(lsn, std::string(payload)); };
    ASSERT_OK(log->Append(std::move(r)));
  }
  for (const Status& s : results.Wait()) EXPECT_OK(s);
  ASSERT_EQ(applied.size(), 50u);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(applied[i], std::make_pair(static_cast<Lsn>(i + 1), absl::StrCat("r", i)));
  }
  EXPECT_OK(log->Close());
  EXPECT_OK(log->Close());
  EXPECT_STATUS(kUnavailable, "not running", log->Append(Record(20, "late", nullptr)));
  log.reset();
  log = OpenOn(&disk, Small(2, 4), &events);
  EXPECT_EQ(RecoverAll(log.get()).size(), 50u);
  EXPECT_EQ(RecoverAll(log.get()).size(), 50u);  // may be called again
  EXPECT_STATUS(kCancelled, "enough", log->Recover([](const RecoveredRecord&) {
    return absl::CancelledError("enough");
  }));
  ASSERT_OK(log->Start());
  EXPECT_EQ(log->status().next_lsn, 51u);
  EXPECT_EQ(log->status().epoch, 2u);
  EXPECT_EQ(events.fatal, 0);
}

TEST(CommitLog, ANewStartForgetsWhatWasRecovered) {
  MemoryLogDisk disk;
  Events events;
  for (int round = 0; round < 5; ++round) {
    auto log = OpenOn(&disk, Small(2, 4), &events);
    EXPECT_EQ(RecoverAll(log.get()).size(), round == 0 ? 0u : 1u);
    ASSERT_OK(log->Start());
    Results results;
    ASSERT_OK(log->Append(Record(20, "one", results.Expect())));
    EXPECT_OK(results.Wait()[0]);
    if (round % 2 == 0) EXPECT_OK(log->Close());
  }
}

// Parks the log thread so that a test decides what is queued behind the group in hand.
class Parked {
 public:
  Parked(CommitLog* log, ScriptedFaults* faults, Results* results) : faults_(faults) {
    faults_->PauseAt("log.before_append", faults_->hits("log.before_append") + 1);
    EXPECT_OK(log->Append(Record(20, "parked", results->Expect())));
    EXPECT_TRUE(faults_->WaitUntilPaused("log.before_append"));
  }
  void Go() { faults_->Resume("log.before_append"); }

 private:
  ScriptedFaults* const faults_;
};

// ---- turns of callers who wait ----

// Appends as a caller who waits: true when the calling thread committed the record itself.
bool CommitsItself(CommitLog* log, std::string payload, Results* results) {
  LogRecord r = Record(20, std::move(payload), results->Expect());
  std::thread::id applied_by;
  std::atomic<bool> applied{false};
  r.apply = [&](Lsn, Slice) {
    applied_by = std::this_thread::get_id();
    applied = true;
  };
  {
    LogTurn turn;
    EXPECT_OK(log->Append(std::move(r), &turn));
  }
  for (const Status& status : results->Wait()) EXPECT_OK(status);
  EXPECT_TRUE(applied);
  return applied_by == std::this_thread::get_id();
}

// The log thread may have the turn for a moment after it completed a caller, and to look for
// pressure after a group that began a segment.
void UntilItself(CommitLog* log, Results* results) {
  for (int in_a_row = 0; in_a_row < 2;) {
    in_a_row = CommitsItself(log, "perhaps itself", results) ? in_a_row + 1 : 0;
  }
}

TEST(LogTurn, ACallerWhoWaitsCommitsItsRecordItself) {
  MemoryLogDisk disk;
  Events events;
  {
    auto log = OpenOn(&disk, Small(2, 16, 64 << 10), &events);
    ASSERT_OK(log->Start());
    Results first;
    ASSERT_OK(log->Append(Record(20, "by the log thread", first.Expect())));
    ASSERT_OK(first.Wait()[0]);
    Results results;
    UntilItself(log.get(), &results);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(CommitsItself(log.get(), "r", &results));
    EXPECT_EQ(log->status().queued_bytes, 0u);
    EXPECT_OK(log->Close());
  }
  auto log = OpenOn(&disk, Small(2, 16, 64 << 10), &events);
  EXPECT_GE(RecoverAll(log.get()).size(), 20u);
  EXPECT_EQ(events.fatal, 0);
}

TEST(LogTurn, WhatIsQueuedMeanwhileTheLogThreadCommits) {
  MemoryLogDisk disk;
  Events events;
  ScriptedFaults faults;
  auto log = OpenOn(&disk, Small(2, 4, 64 << 10), &events, &faults);
  ASSERT_OK(log->Start());
  Results results;
  UntilItself(log.get(), &results);
  faults.PauseAt("log.before_sync", faults.hits("log.before_sync") + 1);
  std::thread waits([&] { EXPECT_TRUE(CommitsItself(log.get(), "its own", &results)); });
  ASSERT_TRUE(faults.WaitUntilPaused("log.before_sync"));
  const std::thread::id here = std::this_thread::get_id();
  for (const char* payload : {"a", "b"}) {
    LogRecord r = Record(20, payload, results.Expect());
    r.apply = [&](Lsn, Slice) { EXPECT_NE(std::this_thread::get_id(), here); };
    LogTurn none;  // somebody has it
    ASSERT_OK(log->Append(std::move(r), &none));
  }
  faults.Resume("log.before_sync");
  waits.join();
  for (const Status& status : results.Wait()) EXPECT_OK(status);
  // That group had two records: a sync is worth sharing, until one has had a single one again.
  EXPECT_FALSE(CommitsItself(log.get(), "with others", &results));
  UntilItself(log.get(), &results);
  EXPECT_OK(log->Close());
}

TEST(LogTurn, WithoutSyncsThereIsNothingToShare) {
  MemoryLogDisk disk;
  Events events;
  ScriptedFaults faults;
  CommitLogOptions options = Small(2, 4);
  options.sync = false;
  auto log = OpenOn(&disk, options, &events, &faults);
  ASSERT_OK(log->Start());
  Results results;
  {
    Parked parked(log.get(), &faults, &results);
    for (int i = 0; i < 3; ++i) ASSERT_OK(log->Append(Record(20, "many", results.Expect())));
    parked.Go();
  }
  for (const Status& status : results.Wait()) EXPECT_OK(status);
  UntilItself(log.get(), &results);
  EXPECT_OK(log->Close());
}

TEST(LogTurn, AFailureInItIsTheLogs) {
  for (const char* point : {"log.before_append", "log.before_sync", "log.before_ack"}) {
    SCOPED_TRACE(point);
    MemoryLogDisk disk;
    Events events;
    ScriptedFaults faults;
    auto log = OpenOn(&disk, Small(2, 4), &events, &faults);
    ASSERT_OK(log->Start());
    Results results;
    UntilItself(log.get(), &results);
    faults.FailAt(point, faults.hits(point) + 1, absl::InternalError("injected"));
    Results failed;
    const auto tell = failed.Expect();
    {
      LogTurn turn;
      LogRecord record =
          Record(20, "not fine", [&, by = std::this_thread::get_id()](const Status& s) {
            EXPECT_EQ(std::this_thread::get_id(), by);
            tell(s);
          });
      ASSERT_OK(log->Append(std::move(record), &turn));
    }
    const bool before = Slice(point) == "log.before_append";
    EXPECT_EQ(failed.Wait()[0].code(), before ? StatusCode::kUnavailable : StatusCode::kUnknown);
    EXPECT_EQ(events.fatal, 1);
    LogTurn none;
    EXPECT_STATUS(kUnavailable, "injected", log->Append(Record(20, "later", nullptr), &none));
    EXPECT_STATUS(kInternal, "injected", log->Close());
    EXPECT_EQ(events.fatal, 1);
  }
}

TEST(LogTurn, NothingIsAcknowledgedInItOnceTheLeaseIsOver) {
  MemoryLogDisk disk;
  Events events;
  auto log = OpenOn(&disk, Small(2, 4, 64 << 10), &events);
  ASSERT_OK(log->Start());
  Results results, late;
  UntilItself(log.get(), &results);
  events.lease_over = true;
  bool applied = false;
  {
    LogTurn turn;
    LogRecord record = Record(20, "late", late.Expect());
    record.apply = [&](Lsn, Slice) { applied = true; };
    ASSERT_OK(log->Append(std::move(record), &turn));
  }
  EXPECT_STATUS(kUnknown, "lease over", late.Wait()[0]);
  EXPECT_FALSE(applied);
  EXPECT_EQ(events.fatal, 1);
}

TEST(LogTurn, CloseWaitsForOneThatFails) {
  MemoryLogDisk disk;
  Events events;
  ScriptedFaults faults;
  std::latch failed{1}, closing{1};
  std::atomic<bool> told{false};
  CommitLogHooks hooks = events.Hooks();
  hooks.on_fatal = [&](const Status&) {
    failed.count_down();
    closing.wait();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // Close gets every chance to return
    told = true;
  };
  ASSERT_OK_AND_ASSIGN(auto log, CommitLog::Open(std::make_unique<MemoryLogStore>(&disk),
                                                 Small(2, 4, 64 << 10), hooks, &faults));
  ASSERT_OK(log->Start());
  Results results;
  UntilItself(log.get(), &results);
  faults.FailAt("log.before_sync", faults.hits("log.before_sync") + 1,
                absl::InternalError("injected"));
  Results result;
  std::thread waits([&] {
    LogTurn turn;
    EXPECT_OK(log->Append(Record(20, "fails", result.Expect()), &turn));
  });
  failed.wait();
  closing.count_down();
  EXPECT_STATUS(kInternal, "injected", log->Close());
  EXPECT_TRUE(told);
  waits.join();
  EXPECT_STATUS(kUnknown, "injected", result.Wait()[0]);
}

TEST(LogTurn, TheRingGoesRoundAndGrows) {
  MemoryLogDisk disk;
  Events events;
  Results results;
  size_t written = 0;
  {
    auto log = OpenOn(&disk, Small(2, 4), &events);
    ASSERT_OK(log->Start());
    // Records that do not fit the head, growth and relief are the log thread's.
    for (; log->status().wraps < 3; ++written) {
      CommitsItself(log.get(), absl::StrCat(written, std::string(700, 'x')), &results);
      if (written % 3 == 2) log->MarkFlushed(20, log->status().next_lsn - 1);
      ASSERT_LT(written, 1000u);
    }
    CommitsItself(log.get(), "last", &results);
    EXPECT_OK(log->Close());
  }
  auto log = OpenOn(&disk, Small(2, 4), &events);
  const std::vector<std::string> found = RecoverAll(log.get());
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.back(), "last");
}

TEST(CommitLog, DestroyedWithoutCloseLeavesWhatACrashWould) {
  MemoryLogDisk disk;
  Events events;
  Results results;
  ScriptedFaults faults;
  {
    auto log = OpenOn(&disk, Small(2, 4), &events, &faults);
    ASSERT_OK(log->Start());
    Parked parked(log.get(), &faults, &results);
    ASSERT_OK(log->Append(Record(20, "queued", results.Expect())));
    std::thread destroyer([&] { log.reset(); });
    // Whether the destroyer comes before or after the queued record is taken, both must be done.
    parked.Go();
    destroyer.join();
  }
  const std::vector<Status> statuses = results.Wait();
  EXPECT_OK(statuses[0]);
  EXPECT_TRUE(statuses[1].ok() || absl::IsUnavailable(statuses[1])) << statuses[1];
  auto log = OpenOn(&disk, Small(2, 4), &events);
  EXPECT_EQ(RecoverAll(log.get()).size(), statuses[1].ok() ? 2u : 1u);
}

// Each step of a group's commit fails in turn: no OK, the right error for what may be on disk, one
// on_fatal, and nothing after it.
TEST(CommitLog, FailureAtEachFaultPoint) {
  for (const char* point : {"log.before_append", "log.mid_append", "log.after_append",
                            "log.before_sync", "log.after_sync", "log.before_ack"}) {
    SCOPED_TRACE(point);
    MemoryLogDisk disk;
    Events events;
    Results results;
    ScriptedFaults faults;
    int applied = 0;
    {
      auto log = OpenOn(&disk, Small(2, 4), &events, &faults);
      ASSERT_OK(log->Start());
      Results first;
      ASSERT_OK(log->Append(Record(20, "acked", first.Expect())));
      ASSERT_OK(first.Wait()[0]);
      Results parked_result;
      Parked parked(log.get(), &faults, &parked_result);
      for (int i = 0; i < 3; ++i) {
        LogRecord r = Record(20, absl::StrCat("group ", i), results.Expect());
        r.apply = [&](Lsn, Slice) { ++applied; };
        ASSERT_OK(log->Append(std::move(r)));
      }
      // The parked group passes its other points once more before the one that fails.
      const bool before = Slice(point) == "log.before_append";
      faults.FailAt(point, faults.hits(point) + (before ? 1 : 2), absl::InternalError("injected"));
      parked.Go();
      EXPECT_OK(parked_result.Wait()[0]);
      for (const Status& s : results.Wait()) {
        EXPECT_EQ(s.code(), before ? StatusCode::kUnavailable : StatusCode::kUnknown) << s;
      }
      EXPECT_STATUS(kUnavailable, "injected", log->Append(Record(20, "later", nullptr)));
      EXPECT_STATUS(kInternal, "injected", log->Close());
      EXPECT_EQ(events.fatal, 1);
      EXPECT_EQ(applied, Slice(point) == "log.before_ack" ? 3 : 0);
    }
    disk.CutPower([](size_t, size_t) { return true; });
    auto log = OpenOn(&disk, Small(2, 4), &events);
    EXPECT_GE(RecoverAll(log.get()).size(), 2u);
  }
}

TEST(CommitLog, QueuedRecordsBehindAFailureAreDefinitelyNotWritten) {
  MemoryLogDisk disk;
  Events events;
  Results results;
  ScriptedFaults faults;
  CommitLogOptions options = Small(2, 4);
  options.max_group_bytes = 8;  // one record a group
  auto log = OpenOn(&disk, options, &events, &faults);
  ASSERT_OK(log->Start());
  Parked parked(log.get(), &faults, &results);
  for (int i = 0; i < 3; ++i) ASSERT_OK(log->Append(Record(20, "12345678", results.Expect())));
  faults.FailAt("log.before_sync", 1, absl::InternalError("injected"));
  parked.Go();
  const std::vector<Status> statuses = results.Wait();
  EXPECT_EQ(statuses[0].code(), StatusCode::kUnknown);
  for (size_t i = 1; i < 4; ++i) EXPECT_EQ(statuses[i].code(), StatusCode::kUnavailable);
  EXPECT_EQ(events.fatal, 1);
  log.reset();
  disk.CutPower([](size_t, size_t) { return true; });
  log = OpenOn(&disk, options, &events);
  EXPECT_EQ(RecoverAll(log.get()), std::vector<std::string>{"parked"});
}

TEST(CommitLog, NoAckAfterTheLeaseEvenWhenDurable) {
  MemoryLogDisk disk;
  Events events;
  Results results;
  auto log = OpenOn(&disk, Small(2, 4), &events);
  ASSERT_OK(log->Start());
  events.lease_over = true;
  bool applied = false;
  LogRecord r = Record(20, "zombie", results.Expect());
  r.apply = [&](Lsn, Slice) { applied = true; };
  ASSERT_OK(log->Append(std::move(r)));
  EXPECT_EQ(results.Wait()[0].code(), StatusCode::kUnknown);
  EXPECT_FALSE(applied);
  EXPECT_EQ(events.fatal, 1);
  EXPECT_STATUS(kUnavailable, "lease over", log->Append(Record(20, "later", nullptr)));
  EXPECT_STATUS(kAborted, "lease over", log->Close());
}

TEST(CommitLog, AFailedEpochRecordFailsStart) {
  MemoryLogDisk disk;
  Events events;
  ScriptedFaults faults;
  faults.FailAt("log.epoch_bump", 1, absl::InternalError("injected"));
  auto log = OpenOn(&disk, Small(2, 4), &events, &faults);
  EXPECT_STATUS(kInternal, "injected", log->Start());
  EXPECT_STATUS(kInternal, "injected", log->Start());
  EXPECT_STATUS(kUnavailable, "injected", log->Append(Record(20, "r", nullptr)));
  EXPECT_EQ(events.fatal, 0);
}

TEST(CommitLog, AFailureBeforeReuseLeavesTheOldSegment) {
  MemoryLogDisk disk;
  Events events;
  Results results;
  ScriptedFaults faults;
  faults.FailAt("log.wrap_before_reuse", 1, absl::InternalError("injected"));
  auto log = OpenOn(&disk, Small(2, 4, 1024), &events, &faults);
  ASSERT_OK(log->Start());
  ASSERT_OK(log->Append(Record(20, std::string(900, 'r'), results.Expect())));
  EXPECT_EQ(results.Wait()[0].code(), StatusCode::kUnknown);
  EXPECT_EQ(disk.Image()[2], std::string(1024, '\0'));
}

TEST(CommitLog, QueueAndRingAreBounded) {
  MemoryLogDisk disk;
  Events events;
  Results results;
  ScriptedFaults faults;
  CommitLogOptions options = Small(3, 3);
  options.max_queued_bytes = 1000;
  auto log = OpenOn(&disk, options, &events, &faults);
  ASSERT_OK(log->Start());
  EXPECT_STATUS(kInvalidArgument, "cannot fit",
                log->Append(Record(20, std::string(9000, 'x'), nullptr)));
  {
    Parked parked(log.get(), &faults, &results);
    ASSERT_OK(log->Append(Record(20, std::string(600, 'x'), results.Expect())));
    EXPECT_STATUS(kResourceExhausted, "queue",
                  log->Append(Record(20, std::string(600, 'x'), nullptr)));
    parked.Go();
  }
  for (const Status& s : results.Wait()) EXPECT_OK(s);
  Status full;
  Results filling;
  while (full.ok()) {
    auto done = filling.Expect();
    full = log->Append(Record(20, std::string(500, 'y'), done));
    if (!full.ok()) done(full);
    filling.Wait();
  }
  EXPECT_STATUS(kResourceExhausted, "ring", full);
  Results system;
  EXPECT_OK(log->Append(Record(1, std::string(500, 's'), system.Expect())));
  EXPECT_OK(system.Wait()[0]);
  EXPECT_GE(events.pressure, 1);
  log->MarkFlushed(20, log->status().next_lsn - 1);
  log->Forget(1);
  EXPECT_TRUE(log->status().pinning.empty());
  Results again;
  EXPECT_OK(log->Append(Record(20, std::string(500, 'z'), again.Expect())));
  EXPECT_OK(again.Wait()[0]);
  EXPECT_OK(log->Close());
}

TEST(CommitLog, GrowsByItselfAndAFullDiskIsADefiniteError) {
  MemoryLogDisk disk;
  Events events;
  auto log = OpenOn(&disk, Small(2, 8), &events);
  ASSERT_OK(log->Start());
  Results results;
  ASSERT_OK(log->Append(Record(20, std::string(9000, 'x'), results.Expect())));  // three segments
  EXPECT_OK(results.Wait()[0]);
  EXPECT_GE(log->status().segments, 4u);
  disk.FailCreates(absl::ResourceExhaustedError("disk full"));
  Results refused;
  Status status = log->Append(Record(20, std::string(9000, 'x'), refused.Expect()));
  ASSERT_OK(status);
  EXPECT_EQ(refused.Wait()[0].code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(events.fatal, 0);
  log->MarkFlushed(20, log->status().next_lsn - 1);
  Results small;
  ASSERT_OK(log->Append(Record(20, "small", small.Expect())));
  EXPECT_OK(small.Wait()[0]);
  EXPECT_OK(log->Close());
}

TEST(CommitLog, AQueueOfManyGroupsKeepsItsOrder) {
  for (const uint64_t group_bytes : {8, 24, 200, 4096}) {
    MemoryLogDisk disk;
    Events events;
    Results results;
    ScriptedFaults faults;
    CommitLogOptions options = Small(2, 4);
    options.max_group_bytes = group_bytes;
    auto log = OpenOn(&disk, options, &events, &faults);
    ASSERT_OK(log->Start());
    std::vector<std::string> queued, applied;
    {
      Parked parked(log.get(), &faults, &results);
      for (int i = 0; i < 40; ++i) {
        queued.push_back(absl::StrCat(10'000'000 + i));
        LogRecord record = Record(20, queued.back(), results.Expect());
        record.apply = [&](Lsn, Slice payload) { applied.emplace_back(payload); };
        ASSERT_OK(log->Append(std::move(record)));
      }
      parked.Go();
    }
    for (const Status& status : results.Wait()) EXPECT_OK(status);
    EXPECT_OK(log->Close());
    EXPECT_EQ(applied, queued) << group_bytes;
    EXPECT_EQ(log->status().queued_bytes, 0u);
    // What was parked is a group, too, and so is the log's beginning.
    EXPECT_GE(log->status().syncs, 40 * 8 / group_bytes) << group_bytes;
  }
}

TEST(CommitLog, ManyThreadsKeepTheirOrder) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  MemoryLogDisk disk;
  Events events;
  CommitLogOptions options = Small(2, 6);
  if (seed % 2 == 0) options.max_group_bytes = 500;
  auto log = OpenOn(&disk, options, &events);
  ASSERT_OK(log->Start());
  constexpr int kThreads = 4, kEach = 300;
  std::vector<int> next(kThreads, 0);  // applied so far: of who has the turn
  std::atomic<int> acked{0}, bad{0};
  std::atomic<Lsn> last_applied{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      SeededRandom rng(seed + t);
      const bool waits = t % 2 == 0;
      for (int i = 0; i < kEach; ++i) {
        const std::string payload = absl::StrCat(t, ":", i, ":", rng.Letters(rng.Below(300)));
        while (true) {
          LogRecord r = Record(16 + t, payload, [&](const Status& s) { s.ok() ? ++acked : ++bad; });
          r.apply = [&, t, i](Lsn lsn, Slice) {
            if (next[t]++ != i) ++bad;
            last_applied = lsn;
          };
          LogTurn turn;
          const Status s = log->Append(std::move(r), waits ? &turn : nullptr);
          if (s.ok()) break;
          if (!absl::IsResourceExhausted(s)) {
            ++bad;
            break;
          }
          const Lsn applied = last_applied;
          for (int other = 0; other < kThreads; ++other) log->MarkFlushed(16 + other, applied);
        }
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_OK(log->Close());
  EXPECT_EQ(acked, kThreads * kEach);
  EXPECT_EQ(bad, 0);
  EXPECT_GE(log->status().wraps, 3u);
}

// ---- over the POSIX store on a disk that can lose power ----

class OnFaultFs {
 public:
  explicit OnFaultFs(uint64_t seed) : rng_(seed) {}

  // Opens, checks what was recovered, starts and writes; stops at the first error.
  void Run(FaultFs* fs, int records) {
    auto store = OpenPosixStore(fs, "/s", true);
    if (!store.ok()) return;
    auto directory = (*store)->OpenLog("ts");
    if (!directory.ok()) return;
    Events events;
    auto log = CommitLog::Open(*std::move(directory), Small(2, 5), events.Hooks(), nullptr);
    ASSERT_FALSE(IsCorrupt(log.status())) << log.status();
    if (!log.ok()) return;
    std::set<std::string> found;
    const Status recovered = (*log)->Recover([&](const RecoveredRecord& r) {
      found.emplace(r.payload);
      return OkStatus();
    });
    if (!recovered.ok()) return;
    Check(found);
    maybe_begun_ = true;
    if (!(*log)->Start().ok()) return;
    acked_.clear();
    maybe_begun_ = false;
    for (int i = 0; i < records; ++i) {
      if (!WriteOne(log->get())) return;
    }
    if (rng_.OneIn(2)) (*log)->Close().IgnoreError();
  }
  void Check(const std::set<std::string>& found) {
    for (const std::string& payload : found) ASSERT_TRUE(submitted_.count(payload)) << payload;
    if (found.empty() && maybe_begun_) acked_.clear();
    for (const auto& [lsn, payload] : acked_) {
      ASSERT_TRUE(found.count(payload)) << "lost LSN " << lsn << ": " << payload.substr(0, 10);
    }
  }

 private:
  bool WriteOne(CommitLog* log) {
    const TabletId tablet = 16 + rng_.Below(3);
    const std::string payload =
        absl::StrCat(counter_++, ":", rng_.Letters(rng_.OneIn(6) ? rng_.Below(5000) : 30));
    submitted_.insert(payload);
    Results results;
    Lsn lsn = 0;
    LogRecord r = Record(tablet, payload, results.Expect());
    r.apply = [&](Lsn l, Slice) { lsn = l; };
    Status appended;
    {
      LogTurn turn;
      appended = log->Append(std::move(r), rng_.OneIn(2) ? &turn : nullptr);
    }
    if (absl::IsResourceExhausted(appended)) {
      for (TabletId t = 16; t < 19; ++t) log->MarkFlushed(t, log->status().next_lsn - 1);
      acked_.clear();
      return true;
    }
    if (!appended.ok()) return false;
    const Status done = results.Wait()[0];
    if (done.ok()) acked_[lsn] = payload;
    return done.ok() || absl::IsResourceExhausted(done);
  }

  SeededRandom rng_;
  int counter_ = 0;
  bool maybe_begun_ = false;
  std::map<Lsn, std::string> acked_;  // and not flushed
  std::set<std::string> submitted_;
};

TEST(CommitLog, PowerCutAndErrorsAtEveryCallOfThePosixStore) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  for (FaultFs::Fault fault : {FaultFs::Fault::kPowerCutBefore, FaultFs::Fault::kPowerCutAfter,
                               FaultFs::Fault::kIoError, FaultFs::Fault::kShortWrite}) {
    uint64_t n = 1;
    for (;; ++n) {
      SCOPED_TRACE(absl::StrCat("fault ", static_cast<int>(fault), " at call ", n));
      FaultFs fs;
      OnFaultFs work(seed + n);
      fs.InjectAt(n, fault);
      work.Run(&fs, 40);
      const bool past = fs.fault_report().empty();
      for (uint64_t restart = 0; restart < 2 && !testing::Test::HasFatalFailure(); ++restart) {
        fs.Restart(2 + seed + n * 7 + restart);
        if (restart == 0) fs.InjectAt(fs.calls() + 1 + n % 30, fault);
        work.Run(&fs, 10);
      }
      if (testing::Test::HasFatalFailure()) return;
      if (past) break;
    }
    EXPECT_GT(n, 60u);
  }
}

}  // namespace
}  // namespace stele::storage
