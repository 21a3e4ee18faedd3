// Goal: whatever sequence of writes, reads, flushes, merges, major compactions, schema changes,
// restarts and power cuts is run, the engine answers as the reference table does.
//
// STELE_SEED chooses the first sequence, STELE_WALKS how many there are. A failing sequence is
// shrunk and printed.
#include "tests/engine/engine_walk.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "common/base/log.h"

namespace stele::storage {
namespace {

constexpr size_t kLength = 60;

std::optional<std::string> RunWalk(uint64_t seed, const std::vector<WalkOp>& ops) {
  EngineWalk walk(seed);
  return walk.Run(ops);
}

// Takes operations away as long as it still fails.
std::vector<WalkOp> Shrink(uint64_t seed, std::vector<WalkOp> ops) {
  for (size_t chunk = ops.size() / 2; chunk >= 1; chunk /= 2) {
    for (size_t at = 0; at + chunk <= ops.size();) {
      std::vector<WalkOp> fewer = ops;
      fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(at),
                  fewer.begin() + static_cast<ptrdiff_t>(at + chunk));
      if (RunWalk(seed, fewer)) {
        ops = std::move(fewer);
      } else {
        at += chunk;
      }
    }
  }
  return ops;
}

TEST(EngineWalk, AnswersAsTheReferenceDoes) {
  SetMinLogLevel(LogLevel::kOff);
  const char* walks = std::getenv("STELE_WALKS");
  const uint64_t count = walks != nullptr ? std::strtoull(walks, nullptr, 10) : 2000;
  const uint64_t first = TestSeed();
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const std::vector<WalkOp> ops = MakeWalk(seed, kLength);
    auto failure = RunWalk(seed, ops);
    if (!failure) continue;
    const std::vector<WalkOp> shrunk = Shrink(seed, ops);
    FAIL() << "repeat with STELE_SEED=" << seed << " STELE_WALKS=1\n"
           << *failure << "\nshrunk to:\n"
           << ShowWalk(shrunk) << RunWalk(seed, shrunk).value_or("(it passed now)");
  }
}

}  // namespace
}  // namespace stele::storage
