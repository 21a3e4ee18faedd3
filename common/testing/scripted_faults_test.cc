// Goal: the small tools of tests do what they say: faults meet their passing, the clock and the
// random numbers are under control, a temporary directory goes away.
#include "common/testing/scripted_faults.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/store/fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"

namespace stele {
namespace {

TEST(FaultPointTest, NoInjectorPasses) { EXPECT_OK(FaultPoint(nullptr, "flush.start")); }

TEST(ScriptedFaultsTest, FailsOnlyTheNthPassing) {
  ScriptedFaults faults;
  faults.FailAt("a", 2, absl::InternalError("stop"));
  EXPECT_OK(FaultPoint(&faults, "a"));
  EXPECT_OK(FaultPoint(&faults, "b"));
  EXPECT_STATUS(kInternal, "stop", FaultPoint(&faults, "a"));
  EXPECT_OK(FaultPoint(&faults, "a"));
  EXPECT_EQ(faults.hits("a"), 3u);
  EXPECT_EQ(faults.hits("c"), 0u);
  EXPECT_EQ(faults.AllHits(), (std::map<std::string, uint64_t>{{"a", 3}, {"b", 1}}));
}

TEST(ScriptedFaultsTest, ActionMayPassOtherPoints) {
  ScriptedFaults faults;
  faults.RunAt("outer", 1, [&faults] { return faults.At("inner"); });
  faults.FailAt("inner", 1, absl::AbortedError("fenced"));
  EXPECT_STATUS(kAborted, "fenced", faults.At("outer"));
}

TEST(ScriptedFaultsTest, PausesAThreadUntilResumed) {
  ScriptedFaults faults;
  faults.PauseAt("a", 1);
  std::atomic<bool> passed{false};
  std::thread thread([&] {
    EXPECT_OK(faults.At("a"));
    passed.store(true);
  });
  ASSERT_TRUE(faults.WaitUntilPaused("a"));
  EXPECT_FALSE(passed.load());
  faults.Resume("a");
  thread.join();
  EXPECT_TRUE(passed.load());
}

TEST(ScriptedFaultsDeathTest, ExitAtEndsTheProcess) {
  ScriptedFaults faults;
  faults.ExitAt("a", 1, 77);
  EXPECT_EXIT(faults.At("a").IgnoreError(), ::testing::ExitedWithCode(77), "");
}

TEST(ManualClockTest, MovesOnlyWhenTold) {
  ManualClock clock;
  const int64_t boot = clock.BootNanos();
  const int64_t wall = clock.WallMicros();
  clock.AdvanceMillis(3);
  EXPECT_EQ(clock.BootNanos() - boot, 3'000'000);
  EXPECT_EQ(clock.WallMicros() - wall, 3'000);
  clock.SetWallMicros(5);
  EXPECT_EQ(clock.WallMicros(), 5);
  EXPECT_EQ(clock.BootNanos() - boot, 3'000'000);
}

TEST(SeededRandomTest, SameSeedSameNumbersWithinTheirRange) {
  SeededRandom a(7), b(7), c(8);
  EXPECT_EQ(a.Bytes(100), b.Bytes(100));
  EXPECT_NE(a.Next(), c.Next());
  std::vector<int> seen(5);
  for (int i = 0; i < 1000; ++i) ++seen[a.Below(5)];
  for (int count : seen) EXPECT_GT(count, 100);
  for (int i = 0; i < 100; ++i) {
    const uint64_t n = a.Between(3, 5);
    EXPECT_TRUE(n >= 3 && n <= 5);
  }
  a.Between(0, UINT64_MAX);
  EXPECT_EQ(a.Letters(50).find_first_not_of("abcdefghijklmnopqrstuvwxyz"), std::string::npos);
}

TEST(TempDirTest, IsFreshAndRemoved) {
  std::string path;
  {
    TempDir a, b;
    path = a.path();
    EXPECT_NE(a.path(), b.path());
    ASSERT_OK(PosixFs()->MakeDir(path + "/sub"));
    ASSERT_OK(PosixFs()->Open(path + "/sub/file", Fs::Mode::kCreateExclusive));
  }
  EXPECT_FALSE(*PosixFs()->Exists(path));
}

TEST(StatusAssertsTest, TellWhatDiffers) {
  StatusOr<int> good = 3;
  ASSERT_OK_AND_ASSIGN(int value, good);
  EXPECT_EQ(value, 3);
  EXPECT_FALSE(internal::IsOkStatus("f()", absl::NotFoundError("x")));
  const auto wrong_code =
      internal::HasStatus("f()", absl::NotFoundError("abc"), absl::StatusCode::kAborted, "abc");
  EXPECT_FALSE(wrong_code);
  EXPECT_NE(std::string(wrong_code.message()).find("NOT_FOUND: abc"), std::string::npos);
  EXPECT_FALSE(
      internal::HasStatus("f()", absl::NotFoundError("abc"), absl::StatusCode::kNotFound, "abd"));
}

}  // namespace
}  // namespace stele
