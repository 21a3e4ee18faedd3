// Goal: real processes on the real disk swap one cell without loss and without waiting for each
// other, whichever of them is stopped wherever, and a stopped one that goes on publishes nothing.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/log.h"
#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "common/testing/hooked_fs.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"

namespace stele {
namespace {

constexpr char kCell[] = "tablets/n";

std::unique_ptr<BlobStore> MustOpen(Fs* fs, const std::string& root) {
  StatusOr<std::unique_ptr<BlobStore>> store = OpenPosixStore(fs, root, true);
  EXPECT_OK(store);
  return *std::move(store);
}

// How a child tells the answer of its operation.
enum Answer { kOk = 0, kFenced = 1, kUnknown = 2, kNotFound = 3, kOther = 4 };

Answer AnswerOf(const Status& status) {
  if (status.ok()) return kOk;
  if (IsFenced(status)) return kFenced;
  if (absl::IsUnknown(status)) return kUnknown;
  return IsNotFound(status) ? kNotFound : kOther;
}

// A child process that runs `body` and exits with its answer. Killed and reaped at the end.
class Child {
 public:
  explicit Child(const std::function<Answer()>& body) : pid_(fork()) {
    if (pid_ == 0) _exit(body());
  }
  ~Child() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Whether it stopped itself; false when it exited, with `answer`.
  bool AwaitStop(int* answer) {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, WUNTRACED), pid_);
    if (WIFSTOPPED(status)) return true;
    pid_ = -1;
    *answer = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return false;
  }
  int Continue() {
    EXPECT_EQ(kill(pid_, SIGCONT), 0);
    return AwaitExit();
  }
  int AwaitExit() {
    int answer = 128;
    EXPECT_FALSE(AwaitStop(&answer));
    return answer;
  }

 private:
  pid_t pid_;
};

// Raises the process's own number in the list by one.
std::string Raised(const std::string& value, int who) {
  std::vector<std::string> counts = absl::StrSplit(value, ',');
  counts[who] = std::to_string(std::stoi(counts[who]) + 1);
  return absl::StrJoin(counts, ",");
}
int CountOf(const std::string& value, int who) {
  const std::vector<std::string> counts = absl::StrSplit(value, ',');
  return std::stoi(counts[who]);
}

Answer RaiseManyTimes(const std::string& root, int who, int times) {
  auto store = MustOpen(PosixFs(), root);
  for (int done = 0; done < times;) {
    StatusOr<StoredCell> cell = store->ReadCell(kCell);
    if (!cell.ok()) return kOther;
    const int count = CountOf(cell->value, who);
    if (count == done + 1) ++done;  // the swap with an unknown outcome was made
    if (count != done) return kOther;
    if (done == times) break;
    Status swapped = store->SwapCell(kCell, cell->version, Raised(cell->value, who)).status();
    if (swapped.ok()) {
      ++done;
    } else if (!IsFenced(swapped) && !absl::IsUnknown(swapped)) {
      return kOther;
    }
  }
  return kOk;
}

TEST(CellProcessesTest, SwapsOfManyProcessesLoseNone) {
  TempDir dir;
  const std::string root = dir.path() + "/s";
  auto store = MustOpen(PosixFs(), root);
  ASSERT_OK(store->CreateCell(kCell, "0,0,0,0,0"));
  constexpr int kProcesses = 4;
  constexpr int kEach = 25;
  std::vector<std::unique_ptr<Child>> children;
  for (int who = 0; who < kProcesses; ++who) {
    children.push_back(
        std::make_unique<Child>([&root, who] { return RaiseManyTimes(root, who, kEach); }));
  }
  // One more is stopped in its swap before the link; it stops none of them.
  HookedFs stopping(PosixFs());
  stopping.before = [](Slice op, Slice) {
    if (op == "link") raise(SIGSTOP);
  };
  Child stopped([&] {
    auto mine = MustOpen(&stopping, root);
    while (true) {
      StatusOr<StoredCell> cell = mine->ReadCell(kCell);
      if (!cell.ok()) return kOther;
      const Status s = mine->SwapCell(kCell, cell->version, Raised(cell->value, 4)).status();
      if (!IsFenced(s)) return AnswerOf(s);
    }
  });
  int answer = kOk;
  ASSERT_TRUE(stopped.AwaitStop(&answer));
  for (auto& child : children) EXPECT_EQ(child->AwaitExit(), kOk);
  ASSERT_OK_AND_ASSIGN(StoredCell cell, store->ReadCell(kCell));
  EXPECT_EQ(cell.value, "25,25,25,25,0");
  EXPECT_EQ(cell.version, 1u + kProcesses * kEach);
  // It had been passed, or not: all others were done before it got as far.
  answer = stopped.Continue();
  EXPECT_TRUE(answer == kUnknown || answer == kOk) << answer;
  ASSERT_OK_AND_ASSIGN(cell, store->ReadCell(kCell));
  EXPECT_EQ(cell.value, answer == kOk ? "25,25,25,25,1" : "25,25,25,25,0");
}

// How a process that was stopped `when` ("before" or "after") its link went on, after `meanwhile`.
Answer StopAtLink(const std::string& root, const std::string& when,
                  const std::function<void(BlobStore*)>& meanwhile) {
  auto store = MustOpen(PosixFs(), root);
  EXPECT_OK(store->CreateCell(kCell, "start"));
  HookedFs stopping(PosixFs());
  (when == "before" ? stopping.before : stopping.after) = [](Slice op, Slice) {
    if (op == "link") raise(SIGSTOP);
  };
  Child stopped([&] {
    auto mine = MustOpen(&stopping, root);
    return AnswerOf(mine->SwapCell(kCell, 1, "of the stopped").status());
  });
  int answer = kOk;
  EXPECT_TRUE(stopped.AwaitStop(&answer));
  meanwhile(store.get());
  return static_cast<Answer>(stopped.Continue());
}

TEST(CellProcessesTest, StoppedBeforeItsLinkItPublishesNothing) {
  for (int swaps : {1, 2, 5}) {
    TempDir dir;
    const std::string root = dir.path() + "/s";
    const Answer answer = StopAtLink(root, "before", [&](BlobStore* store) {
      for (int i = 1; i <= swaps; ++i) EXPECT_OK(store->SwapCell(kCell, i, std::to_string(i)));
    });
    EXPECT_TRUE(answer == kFenced || answer == kUnknown) << answer;
    ASSERT_OK_AND_ASSIGN(StoredCell cell, MustOpen(PosixFs(), root)->ReadCell(kCell));
    EXPECT_EQ(cell.version, 1u + swaps);
    EXPECT_EQ(cell.value, std::to_string(swaps));
  }
}

TEST(CellProcessesTest, StoppedAfterItsLinkItHasWonAndOthersGoOnFromThere) {
  TempDir dir;
  const std::string root = dir.path() + "/s";
  const Answer answer = StopAtLink(root, "after", [](BlobStore* store) {
    EXPECT_STATUS(kAborted, "version is 2, not 1", store->SwapCell(kCell, 1, "late"));
    EXPECT_EQ(store->ReadCell(kCell)->value, "of the stopped");
    for (int i = 2; i <= 6; ++i) EXPECT_OK(store->SwapCell(kCell, i, std::to_string(i)));
  });
  EXPECT_EQ(answer, kOk);
  ASSERT_OK_AND_ASSIGN(StoredCell cell, MustOpen(PosixFs(), root)->ReadCell(kCell));
  EXPECT_EQ(cell.version, 7u);
  EXPECT_EQ(cell.value, "6");
}

TEST(CellProcessesTest, StoppedSwapBringsNoDeletedCellBack) {
  for (bool create_again : {false, true}) {
    TempDir dir;
    const std::string root = dir.path() + "/s";
    const Answer answer = StopAtLink(root, "before", [&](BlobStore* store) {
      EXPECT_OK(store->DeleteCell(kCell, 1));
      if (create_again) {
        EXPECT_OK(store->CreateCell(kCell, "reborn"));
      }
    });
    EXPECT_TRUE(answer == kFenced || answer == kUnknown || answer == kNotFound) << answer;
    auto store = MustOpen(PosixFs(), root);
    if (create_again) {
      EXPECT_EQ(store->ReadCell(kCell)->value, "reborn");
    } else {
      EXPECT_STATUS(kNotFound, kCell, store->ReadCell(kCell));
      EXPECT_EQ(PosixFs()->List(root + "/cells/tablets")->size(), 0u);
    }
  }
}

// At each of its calls, not only around the link.
TEST(CellProcessesTest, StoppedAnywhereItStopsNobody) {
  int stops = 0;
  for (int n = 1;; ++n) {
    TempDir dir;
    const std::string root = dir.path() + "/s";
    auto store = MustOpen(PosixFs(), root);
    ASSERT_OK(store->CreateCell(kCell, "start"));
    Child stopped([&] {
      HookedFs stopping(PosixFs());
      auto mine = MustOpen(&stopping, root);
      int calls = 0;
      stopping.before = [&](Slice, Slice) {
        if (++calls == n) raise(SIGSTOP);
      };
      return AnswerOf(mine->SwapCell(kCell, 1, "of the stopped").status());
    });
    int answer = kOther;
    if (!stopped.AwaitStop(&answer)) {
      EXPECT_EQ(answer, kOk);
      break;
    }
    ++stops;
    ASSERT_OK_AND_ASSIGN(StoredCell before, store->ReadCell(kCell));
    for (uint64_t i = 0; i < 3; ++i) {
      ASSERT_OK(store->SwapCell(kCell, before.version + i, "of another"));
    }
    answer = stopped.Continue();
    EXPECT_EQ(answer == kOk, before.version == 2u) << "call " << n << ": " << answer;
    EXPECT_TRUE(answer == kOk || answer == kFenced || answer == kUnknown) << answer;
    ASSERT_OK_AND_ASSIGN(StoredCell after, store->ReadCell(kCell));
    EXPECT_EQ(after.version, before.version + 3);
    EXPECT_EQ(after.value, "of another");
  }
  EXPECT_GT(stops, 10);
}

}  // namespace
}  // namespace stele
