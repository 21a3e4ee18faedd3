// Goal: with writers, readers, schema changes, maintenance threads and file gc all at once, each
// reader sees whole requests and never goes back, and nothing acknowledged is missing at the end.
// Runs under the thread sanitizer.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/strings/numbers.h"
#include "common/base/log.h"
#include "common/pool/work_pool.h"
#include "common/testing/status_asserts.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

constexpr int kWriters = 3;
constexpr int kWritesEach = 400;

// Row "w<n>" has "x" and "y" set by each request to the same number.
RowMutation Request(int writer, int number) {
  const std::string value = absl::StrCat(number);
  return {absl::StrCat("w", writer),
          {SetCell{"a", "x", 1000, value}, SetCell{"c", "y", kServerTime, value},
           SetCell{"b", absl::StrCat("q", number % 7), 1000, std::string(200, 'v')}}};
}

// What a reader sees of a row: the numbers of x and of the newest y; -1 when absent.
struct Seen {
  int x = -1, y = -1;
};

StatusOr<Seen> Look(TabletStore* tablet, const std::string& row) {
  ReadOptions options;
  options.selection.columns = {{"a", "x"}, {"c", "y"}};
  options.selection.cells_per_column = 1;
  RowCollector rows;
  RETURN_IF_ERROR(tablet->ReadRow(row, options, &rows).status());
  Seen seen;
  if (rows.rows.empty()) return seen;
  for (const Cell& cell : rows.rows[0].cells) {
    int number = -1;
    if (!absl::SimpleAtoi(cell.value, &number)) return absl::InternalError(cell.value);
    (cell.qualifier == "x" ? seen.x : seen.y) = number;
  }
  return seen;
}

// Whether callers who wait may commit themselves.
class EngineThreads : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Turns, EngineThreads, testing::Bool());

TEST_P(EngineThreads, ReadersSeeWholeRequestsInOrder) {
  SetMinLogLevel(LogLevel::kOff);
  EngineOptions options = TinyEngineOptions();
  options.log.give_turns = GetParam();
  options.maintenance_threads = 2;
  options.memtable_bytes = 16u << 10;
  options.block_cache_bytes = 32u << 10;
  options.merge_min_files = 2;
  EngineHarness h(options);
  ASSERT_OK(h.Open());
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> looks{0};
  std::vector<std::thread> threads;
  std::vector<Status> results(2 * kWriters + 1);
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      for (int n = 0; n < kWritesEach && results[w].ok(); ++n) {
        Status status;
        do {
          status = h.tablet()->WriteSync(Request(w, n));
          // The clock stands still for the throttle.
          if (absl::IsResourceExhausted(status)) h.clock().AdvanceMillis(10);
        } while (absl::IsResourceExhausted(status));
        results[w] = status;
      }
    });
    threads.emplace_back([&, w] {
      Status& result = results[kWriters + w];
      int last = -1;
      while (!stop && result.ok()) {
        StatusOr<Seen> seen = Look(h.tablet(), absl::StrCat("w", w));
        result = seen.status();
        if (!result.ok()) break;
        if (seen->x != seen->y) result = absl::InternalError("half a request");
        if (seen->x < last) result = absl::InternalError("a reader went back");
        last = seen->x;
        ++looks;
      }
    });
  }
  threads.emplace_back([&] {
    TableSchema schema = TinySchema();
    for (int i = 0; !stop && results.back().ok(); ++i) {
      ++schema.version;
      results.back() = i % 4 == 0   ? h.tablet()->AlterSchema(schema)
                       : i % 4 == 1 ? h.tablet()->CompactMajor()
                       : i % 4 == 2 ? h.tablet()->Flush()
                                    : h.engine()->CollectGarbage().status();
      if (i % 4 != 0) --schema.version;
      (void)h.tablet()->stats();
      (void)h.engine()->stats();
    }
  });
  for (int w = 0; w < kWriters; ++w) threads[2 * w].join();
  stop = true;
  for (std::thread& thread : threads) {
    if (thread.joinable()) thread.join();
  }
  for (const Status& result : results) EXPECT_OK(result);
  EXPECT_GT(looks, 10u);
  h.PowerCut(0);
  ASSERT_OK(h.Open());
  for (int w = 0; w < kWriters; ++w) {
    ASSERT_OK_AND_ASSIGN(Seen seen, Look(h.tablet(), absl::StrCat("w", w)));
    EXPECT_EQ(seen.x, kWritesEach - 1);
    EXPECT_EQ(seen.y, kWritesEach - 1);
  }
}

TEST_P(EngineThreads, CloseWaitsForWhatIsQueued) {
  SetMinLogLevel(LogLevel::kOff);
  EngineOptions options = TinyEngineOptions();
  options.log.give_turns = GetParam();
  options.maintenance_threads = 1;
  EngineHarness h(options);
  ASSERT_OK(h.Open());
  std::atomic<int> acked{0}, failed{0};
  std::thread writer([&] {
    for (int n = 0; n < 500; ++n) {
      Status queued =
          h.tablet()->Write(Put("r", "a", absl::StrCat(n), 1000, "v"),
                            [&](const Status& status) { status.ok() ? ++acked : ++failed; });
      if (absl::IsUnavailable(queued)) return;
    }
  });
  ASSERT_OK(h.engine()->CloseTablet(kTestTablet, true));
  writer.join();
  const int acked_at_close = acked;
  EXPECT_EQ(failed, 0);
  ASSERT_OK(h.OpenTablet());
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h.Scan());
  EXPECT_EQ(rows.empty() ? 0 : static_cast<int>(rows[0].cells.size()), acked_at_close);
}

// A change of a row that plain writes of it are queued for waits until the last of them has ended,
// whenever in its end it comes.
TEST_P(EngineThreads, AChangeBehindPlainWritesIsNotForgotten) {
  SetMinLogLevel(LogLevel::kOff);
  EngineOptions options = TinyEngineOptions();
  options.log.give_turns = GetParam();
  options.maintenance_threads = 1;
  options.memtable_bytes = 256u << 10;
  options.log.segment_bytes = 1u << 20;  // room for all records, however late a flush
  EngineHarness h(options);
  ASSERT_OK(h.Open());
  constexpr int kRows = 1000;
  std::atomic<int> ended{0};
  for (int n = 0; n < kRows; ++n) {
    const std::string row = absl::StrCat("row", n);
    const int writes = n % 5;
    for (int i = 0; i < writes; ++i) {
      ASSERT_OK(
          h.tablet()->Write({row, {SetCell{"b", "list", 1000 * (1 + i), std::string(i + 1, '.')}}},
                            [&](const Status& s) {
                              EXPECT_OK(s);
                              ++ended;
                            }));
    }
    ASSERT_OK(h.ReadModifyWrite(row, {AppendToValue{"b", "list", "!"}}).status());
    EXPECT_EQ(h.Get(row, "b", "list"), std::string(writes, '.') + "!") << row;
  }
  EXPECT_EQ(ended, kRows / 5 * (0 + 1 + 2 + 3 + 4));
}

// Sums of increments and of check-and-mutates are exact, while others write, flush and merge.
TEST_P(EngineThreads, ConditionalChangesLoseNothing) {
  SetMinLogLevel(LogLevel::kOff);
  constexpr int kThreads = 4, kChangesEach = 150;
  EngineOptions options = TinyEngineOptions();
  options.log.give_turns = GetParam();
  options.maintenance_threads = 2;
  options.memtable_bytes = 8u << 10;
  options.block_cache_bytes = 0;  // reads block, and go to the pool
  options.log.segment_bytes = 64u << 10;
  WorkPool pool("disk", 2, 1000);
  EngineHarness h(options);
  h.run_blocking = [&](std::function<void()> work) { return pool.Submit(std::move(work)); };
  ASSERT_OK(h.Open());
  auto retried = [](auto change) {
    auto answer = change();
    while (absl::IsResourceExhausted(answer.status())) answer = change();
    return answer.status();
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int n = 0; n < kChangesEach; ++n) {
        const std::string row = absl::StrCat("hot", n % 2);
        const ChangeContext with{{static_cast<uint64_t>(t) + 1, static_cast<uint64_t>(n) + 1,
                                  static_cast<uint64_t>(n) + 1},
                                 0};
        const std::vector<ReadModifyWriteRule> rules = {IncrementValue{"a", "n", 1},
                                                        AppendToValue{"b", "list", "."}};
        EXPECT_OK(retried([&] { return h.ReadModifyWrite(row, rules, with); }));
        EXPECT_OK(h.Write({row, {SetCell{"c", "noise", kServerTime, std::string(100, 'x')}}}));
        EXPECT_OK(retried([&] {
          return h.CheckAndMutate(row, nullptr, {SetCell{"a", absl::StrCat(t, ".", n), 1000, ""}},
                                  {SetCell{"a", "wrong", 1000, ""}});
        }));
        if (n % 50 == t) EXPECT_OK(h.tablet()->Flush());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h.Scan());
  ASSERT_EQ(rows.size(), 2u);
  for (const Row& row : rows) {
    EXPECT_EQ(h.Get(row.key, "a", "n"), EncodeCounter(kThreads * kChangesEach / 2)) << row.key;
    EXPECT_EQ(h.Get(row.key, "b", "list"), std::string(kThreads * kChangesEach / 2, '.'));
    EXPECT_EQ(h.Get(row.key, "a", "wrong"), "<none>");
    const auto checks = std::count_if(row.cells.begin(), row.cells.end(), [](const Cell& cell) {
      return cell.qualifier.find('.') != std::string::npos;
    });
    EXPECT_EQ(checks, kThreads * kChangesEach / 2);
  }
  EXPECT_TRUE(h.fatal().empty());
  h.Drop();
  pool.Stop();
}

}  // namespace
}  // namespace stele::storage
