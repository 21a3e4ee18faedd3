// Goal: whatever sequence of writes, reads, flushes, merges, major compactions, schema changes,
// restarts and power cuts is run, the engine answers as the reference table does.
//
// STELE_SEED chooses the first sequence, STELE_WALKS how many there are. A failing sequence is
// shrunk, printed and saved; STELE_WALK_FILE repeats a saved one.
#include "tests/engine/engine_walk.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/base/log.h"
#include "common/store/fs.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"

namespace stele::storage {
namespace {

constexpr size_t kLength = 60;

std::optional<std::string> RunWalk(uint64_t seed, const std::vector<WalkOp>& ops) {
  EngineWalk walk(seed);
  return walk.Run(ops);
}

// Takes operations away as long as it still fails.
std::vector<WalkOp> Shrink(std::vector<WalkOp> ops,
                           const std::function<bool(const std::vector<WalkOp>&)>& fails) {
  for (size_t chunk = ops.size() / 2; chunk >= 1; chunk /= 2) {
    for (size_t at = 0; at + chunk <= ops.size();) {
      std::vector<WalkOp> fewer = ops;
      fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(at),
                  fewer.begin() + static_cast<ptrdiff_t>(at + chunk));
      if (fails(fewer)) {
        ops = std::move(fewer);
      } else {
        at += chunk;
      }
    }
  }
  return ops;
}

Status SaveWalk(const std::string& path, uint64_t seed, const std::vector<WalkOp>& ops) {
  Status gone = PosixFs()->Unlink(path);
  if (!gone.ok() && !absl::IsNotFound(gone)) return gone;
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, PosixFs()->Open(path, Fs::Mode::kCreateExclusive));
  const std::string text = absl::StrCat("options ", seed, "\n", ShowWalk(ops));
  return file->WriteAt(0, {Slice(text)});
}

StatusOr<std::pair<uint64_t, std::vector<WalkOp>>> LoadWalk(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, PosixFs()->Open(path, Fs::Mode::kRead));
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  std::string text(size, '\0');
  ASSIGN_OR_RETURN(const size_t got, file->ReadAt(0, size, text.data()));
  text.resize(got);
  const size_t line = text.find('\n');
  uint64_t seed = 0;
  if (line == std::string::npos || !absl::StartsWith(text, "options ") ||
      !absl::SimpleAtoi(text.substr(8, line - 8), &seed)) {
    return absl::InvalidArgumentError("the first line is not \"options SEED\"");
  }
  ASSIGN_OR_RETURN(std::vector<WalkOp> ops, ParseWalk(text.substr(line + 1)));
  return std::make_pair(seed, std::move(ops));
}

TEST(EngineWalk, AnswersAsTheReferenceDoes) {
  SetMinLogLevel(LogLevel::kOff);
  if (const char* saved = std::getenv("STELE_WALK_FILE")) {
    ASSERT_OK_AND_ASSIGN(auto walk, LoadWalk(saved));
    EXPECT_EQ(RunWalk(walk.first, walk.second).value_or(""), "");
    return;
  }
  const char* walks = std::getenv("STELE_WALKS");
  const uint64_t count = walks != nullptr ? std::strtoull(walks, nullptr, 10) : 2000;
  const uint64_t first = TestSeed();
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const std::vector<WalkOp> ops = MakeWalk(seed, kLength);
    auto failure = RunWalk(seed, ops);
    if (!failure) continue;
    const std::vector<WalkOp> shrunk = Shrink(
        ops, [seed](const std::vector<WalkOp>& fewer) { return RunWalk(seed, fewer).has_value(); });
    const std::string path = absl::StrCat("engine_walk.", seed, ".walk");
    EXPECT_OK(SaveWalk(path, seed, shrunk));
    FAIL() << "repeat with STELE_SEED=" << seed << " STELE_WALKS=1\n"
           << *failure << "\nshrunk, and saved as " << path << ":\n"
           << ShowWalk(shrunk) << RunWalk(seed, shrunk).value_or("(it passed now)");
  }
}

TEST(EngineWalk, ShrinksToWhatMattersAndRepeatsASavedOne) {
  const auto is = [](const WalkOp& op, WalkOpKind kind) { return op.kind == kind; };
  const auto fails = [&](const std::vector<WalkOp>& ops) {
    bool flushed = false;
    for (const WalkOp& op : ops) {
      flushed |= is(op, WalkOpKind::kFlush);
      if (flushed && is(op, WalkOpKind::kPowerCut)) return true;
    }
    return false;
  };
  std::vector<WalkOp> ops = MakeWalk(TestSeed(), 300);
  ASSERT_TRUE(fails(ops));
  const std::vector<WalkOp> shrunk = Shrink(ops, fails);
  ASSERT_EQ(shrunk.size(), 2u);
  EXPECT_TRUE(is(shrunk[0], WalkOpKind::kFlush) && is(shrunk[1], WalkOpKind::kPowerCut));
  TempDir dir;
  const std::string path = absl::StrCat(dir.path(), "/saved.walk");
  for (int i = 0; i < 2; ++i) ASSERT_OK(SaveWalk(path, 77, ops));
  ASSERT_OK_AND_ASSIGN(auto loaded, LoadWalk(path));
  EXPECT_EQ(loaded.first, 77u);
  EXPECT_EQ(ShowWalk(loaded.second), ShowWalk(ops));
  EXPECT_STATUS(kInvalidArgument, "line 2", ParseWalk("flush 1\nfly 2\n"));
}

}  // namespace
}  // namespace stele::storage
