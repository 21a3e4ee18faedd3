// Goal: of each kind the slowest requests of each minute are kept for an hour, no more, and what is
// not among them is turned away without a lock.
#include "tabletserver/rpc/slow_requests.h"

#include <gtest/gtest.h>

#include <thread>

namespace stele::tabletserver {
namespace {

using Kind = SlowRequest::Kind;
constexpr int64_t kMinute = 60'000'000'000;

SlowRequest Request(Kind kind, int64_t total_ns, const std::string& row = "r") {
  SlowRequest request;
  request.kind = kind;
  request.total_ns = total_ns;
  request.row = row;
  return request;
}

std::vector<int64_t> Times(const SlowRequests& slow, int64_t now_ns) {
  std::vector<int64_t> times;
  for (const SlowRequest& request : slow.Report(now_ns)) times.push_back(request.total_ns);
  return times;
}

TEST(SlowRequestsTest, TheSlowestOfAMinuteStay) {
  SlowRequests slow;
  const int64_t now = 10 * kMinute + 5;
  for (int64_t t : {3, 9, 1, 7, 2}) {
    ASSERT_TRUE(slow.Wants(Kind::kRead, t, now)) << t;
    slow.Add(Request(Kind::kRead, t), now);
  }
  EXPECT_FALSE(slow.Wants(Kind::kRead, 1, now));
  EXPECT_TRUE(slow.Wants(Kind::kRead, 2, now));
  EXPECT_TRUE(slow.Wants(Kind::kWrite, 1, now)) << "another kind";
  for (int64_t t : {2, 8, 8, 1}) slow.Add(Request(Kind::kRead, t), now);
  slow.Add(Request(Kind::kWrite, 4), now);
  EXPECT_EQ(Times(slow, now), (std::vector<int64_t>{9, 8, 8, 7, 4, 3}));
}

TEST(SlowRequestsTest, AMinuteIsKeptForAnHour) {
  SlowRequests slow;
  for (int64_t minute = 0; minute < 200; ++minute) {
    const int64_t now = minute * kMinute;
    ASSERT_TRUE(slow.Wants(Kind::kScan, 0, now)) << "the first of a minute " << minute;
    for (int i = 0; i < 20; ++i) {
      slow.Add(Request(Kind::kScan, 1000 * (minute % 7) + i), now + i);
    }
    EXPECT_FALSE(slow.Wants(Kind::kScan, 1000 * (minute % 7) + 15, now + 59));
  }
  EXPECT_EQ(Times(slow, 199 * kMinute).size(), SlowRequests::kMinutes * SlowRequests::kKept);
  EXPECT_EQ(Times(slow, 228 * kMinute).size(), 31 * SlowRequests::kKept);
  EXPECT_TRUE(Times(slow, 300 * kMinute).empty());
}

TEST(SlowRequestsTest, KeysAndFilesAreCut) {
  SlowRequests slow;
  SlowRequest request = Request(Kind::kRead, 5, std::string(4096, 'k'));
  for (int i = 0; i < 100; ++i) request.trace.files.push_back({.name = "f", .read_ns = i % 50});
  slow.Add(request, 0);
  const SlowRequest kept = slow.Report(0).at(0);
  EXPECT_EQ(kept.row.size(), SlowRequests::kMaxRowBytes);
  ASSERT_EQ(kept.trace.files.size(), SlowRequests::kMaxFiles);
  EXPECT_EQ(kept.trace.files.back().read_ns, 42) << "the slowest files stay";
}

TEST(SlowRequestsTest, ManyThreads) {
  SlowRequests slow;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&slow, t] {
      for (int64_t i = 0; i < 5'000; ++i) {
        const int64_t now = i * kMinute / 1'000;
        const int64_t total = (i * 7919 + t) % 1'000;
        if (slow.Wants(Kind::kWrite, total, now)) slow.Add(Request(Kind::kWrite, total), now);
        if (i % 500 == 0) slow.Report(now);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto times = Times(slow, 5 * kMinute);
  EXPECT_GE(times.size(), 5 * SlowRequests::kKept - SlowRequests::kKept);
  EXPECT_GE(times.front(), 990);
}

}  // namespace
}  // namespace stele::tabletserver
