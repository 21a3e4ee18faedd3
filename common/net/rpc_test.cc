// Calls end exactly once, in time, with the right answer or a true word about what happened; a peer
// that misbehaves costs its connection and bounded memory, and nobody else anything.
#include "common/net/rpc.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/cord.h"
#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/net/raw_connection.h"
#include "common/net/status_coding.h"
#include "common/net/timer.h"
#include "common/time/clock.h"

namespace stele::net {
namespace {

constexpr int64_t kLongMs = 20'000;  // of calls that are expected to end by themselves
constexpr char kLocal[] = "127.0.0.1:0";

bool NotSent(const Status& status) { return status.GetPayload(kNotSentPayload).has_value(); }
int64_t NowMs() { return SystemClock()->BootNanos() / 1'000'000; }

// Collects the answers of asynchronous calls.
class Answers {
 public:
  RpcClient::Callback Add() {
    return [this](StatusOr<Buffer> answer) {
      MutexLock lock(&mu_);
      answers_.push_back(std::move(answer));
      changed_.SignalAll();
    };
  }
  std::vector<StatusOr<Buffer>> WaitFor(size_t count) {
    MutexLock lock(&mu_);
    while (answers_.size() < count) changed_.Wait(&mu_);
    return answers_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<StatusOr<Buffer>> answers_ GUARDED_BY(mu_);
};

// A handler that keeps its requests until the test answers them.
class Keeper {
 public:
  RpcHandler handler() {
    return [this](RpcRequest request, RpcReply reply) {
      MutexLock lock(&mu_);
      kept_.emplace_back(std::move(request), std::move(reply));
      total_++;
      changed_.SignalAll();
    };
  }
  void WaitForTotal(size_t count) {
    MutexLock lock(&mu_);
    while (total_ < count) changed_.Wait(&mu_);
  }
  std::pair<RpcRequest, RpcReply> Take() {
    MutexLock lock(&mu_);
    while (kept_.empty()) changed_.Wait(&mu_);
    auto first = std::move(kept_.front());
    kept_.pop_front();
    return first;
  }
  size_t total() {
    MutexLock lock(&mu_);
    return total_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::deque<std::pair<RpcRequest, RpcReply>> kept_ GUARDED_BY(mu_);
  size_t total_ GUARDED_BY(mu_) = 0;
};

RpcHandler Echo() {
  return [](RpcRequest request, RpcReply reply) { reply.Ok(std::move(request.body)); };
}

std::unique_ptr<RpcServer> Serve(RpcHandler handler, const RpcOptions& options = {},
                                 const std::string& address = kLocal) {
  auto server = RpcServer::Listen(address, options, std::move(handler));
  CHECK_OK(server.status());
  return *std::move(server);
}

Buffer Text(Slice text) { return Buffer::Copy(text); }

TEST(RpcTest, EchoesConcurrentCallsOfAllSizes) {
  RpcOptions options;
  options.io_threads = 2;
  auto server = Serve(Echo(), options);
  auto client = RpcClient::Create(options);
  const size_t sizes[] = {0, 1, 7, 100, 4096, 4097, 40'000, 70'000, 1'000'000};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; t++) {
    callers.emplace_back([&, t] {
      Answers answers;
      constexpr size_t kCalls = 90;
      for (size_t i = 0; i < kCalls; i++) {
        const std::string body(sizes[(i + static_cast<size_t>(t)) % std::size(sizes)],
                               static_cast<char>('a' + i % 26));
        client->Call(server->address(), 7, Text(body), kLongMs, [&, body](StatusOr<Buffer> got) {
          EXPECT_TRUE(got.ok() && got->bytes() == body) << got.status();
          answers.Add()(std::move(got));
        });
        if (i % 30 == 29) answers.WaitFor(i + 1);
      }
      answers.WaitFor(kCalls);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

// A call that came between the framing of what was queued and the end of the same flush was left
// lying until the next one. The callers answer at once, so that their calls fall into that moment.
TEST(RpcTest, ACallMadeDuringAFlushIsSent) {
  auto server = Serve(Echo(), {});
  auto client = RpcClient::Create({});
  for (int i = 0; i < 20'000; i++) {
    const auto got = client->CallSync(server->address(), 1, Text("x"), 5'000);
    ASSERT_TRUE(got.ok()) << "call " << i << ": " << got.status();
  }
}

TEST(RpcTest, BodiesAreAlignedForReadingInPlace) {
  std::atomic<int> odd{0};
  auto server = Serve([&](RpcRequest request, RpcReply reply) {
    if (reinterpret_cast<uintptr_t>(request.body.bytes().data()) % 8 != 0) odd++;
    reply.Ok(std::move(request.body));
  });
  auto client = RpcClient::Create({});
  for (size_t size = 1; size < 40; size++) {
    const auto got =
        client->CallSync(server->address(), 1, Buffer::Copy(std::string(size, 'x')), kLongMs);
    ASSERT_TRUE(got.ok());
    if (reinterpret_cast<uintptr_t>(got->bytes().data()) % 8 != 0) odd++;
  }
  EXPECT_EQ(odd, 0);
}

TEST(RpcTest, AnswersOutOfOrder) {
  Keeper keeper;
  auto server = Serve(keeper.handler());
  auto client = RpcClient::Create({});
  Answers first, second;
  client->Call(server->address(), 1, Text("first"), kLongMs, first.Add());
  auto kept_first = keeper.Take();
  client->Call(server->address(), 2, Text("second"), kLongMs, second.Add());
  auto kept_second = keeper.Take();
  EXPECT_EQ(kept_second.first.method, 2);
  kept_second.second.Ok(Text("2"));
  EXPECT_EQ(second.WaitFor(1)[0]->bytes(), "2");
  kept_first.second.Ok(Text("1"));
  EXPECT_EQ(first.WaitFor(1)[0]->bytes(), "1");
}

TEST(RpcTest, ErrorsArriveWithCodeMessageAndPayloads) {
  auto server = Serve([](RpcRequest, RpcReply reply) {
    Status status = absl::FailedPreconditionError("no such luck");
    status.SetPayload("stele.dev/x", absl::Cord("payload"));
    reply.Send(status);
  });
  auto client = RpcClient::Create({});
  const auto got = client->CallSync(server->address(), 1, Text(""), kLongMs);
  EXPECT_EQ(got.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(got.status().message(), "no such luck");
  EXPECT_EQ(got.status().GetPayload("stele.dev/x"), absl::Cord("payload"));
}

TEST(RpcTest, ADroppedReplyIsUnavailable) {
  auto server = Serve([](RpcRequest, RpcReply) {});
  auto client = RpcClient::Create({});
  const auto got = client->CallSync(server->address(), 1, Text(""), kLongMs);
  EXPECT_EQ(got.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(NotSent(got.status())) << "the handler ran";
}

TEST(RpcTest, AnOverlongAnswerIsAnErrorAndKeepsTheConnection) {
  RpcOptions small;
  small.max_frame_bytes = 1000;
  auto server = Serve(
      [](RpcRequest, RpcReply reply) { reply.Ok(Buffer::Copy(std::string(1001, 'x'))); }, small);
  auto client = RpcClient::Create({});
  for (int i = 0; i < 2; i++) {
    const auto got = client->CallSync(server->address(), 1, Text(""), kLongMs);
    EXPECT_EQ(got.status().code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST(RpcTest, DeadlineEndsTheCallAndTravels) {
  Keeper keeper;
  auto server = Serve(keeper.handler());
  auto client = RpcClient::Create({});
  constexpr int64_t kTimeoutMs = 150;
  int64_t best_ms = INT64_MAX;  // of some tries: the machine may be busy
  std::vector<std::pair<RpcRequest, RpcReply>> kept;
  for (int i = 0; i < 5 && best_ms > kTimeoutMs + 100; i++) {
    const int64_t start_ms = NowMs();
    const auto got = client->CallSync(server->address(), 1, Text(""), kTimeoutMs);
    const int64_t took_ms = NowMs() - start_ms;
    EXPECT_EQ(got.status().code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_FALSE(NotSent(got.status()));
    EXPECT_GE(took_ms, kTimeoutMs);
    best_ms = std::min(best_ms, took_ms);
    kept.push_back(keeper.Take());
    const int64_t deadline_ms = kept.back().first.deadline_boot_ns / 1'000'000;
    EXPECT_GE(deadline_ms, start_ms + kTimeoutMs - 5);
    EXPECT_LE(deadline_ms, start_ms + took_ms + kTimeoutMs);
  }
  EXPECT_LE(best_ms, kTimeoutMs + 100);
  auto reply = std::move(kept.back().second);
  reply.Ok(Text("too late"));  // is dropped, and harms nothing:
  Answers answers;
  client->Call(server->address(), 1, Text(""), kLongMs, answers.Add());
  keeper.Take().second.Ok(Text("in time"));
  EXPECT_EQ(answers.WaitFor(1)[0]->bytes(), "in time");
}

TEST(RpcTest, NoTimeLeftMeansNotSent) {
  auto client = RpcClient::Create({});
  const auto got = client->CallSync("127.0.0.1:1", 1, Text(""), 0);
  EXPECT_EQ(got.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(NotSent(got.status()));
}

Status ReadError(RawConnection* raw, uint32_t id) {
  FrameHeader header;
  std::string body;
  CHECK(raw->ReadFrame(&header, &body));
  EXPECT_EQ(header.kind, FrameKind::kError);
  EXPECT_EQ(header.request_id, id);
  Status status;
  CHECK(DecodeStatus(body, &status));
  return status;
}

TEST(RpcTest, RequestsWhoseDeadlineHasPassedDoNotRun) {
  Keeper keeper;
  RpcOptions options;
  options.max_in_flight_per_connection = 1;
  auto server = Serve(keeper.handler(), options);
  RawConnection raw(server->address());
  ASSERT_TRUE(raw.Write(RequestFrame(1, 1, "late", -1)));
  EXPECT_EQ(ReadError(&raw, 1).code(), absl::StatusCode::kDeadlineExceeded);
  // The second has 20 ms and waits behind the first, which takes 60.
  ASSERT_TRUE(raw.Write(RequestFrame(2, 1, "slow") + RequestFrame(3, 1, "hurried", 20'000)));
  auto timers = TimerQueue::Create();
  auto slow = std::make_shared<std::pair<RpcRequest, RpcReply>>(keeper.Take());
  timers->RunAfter(60, [slow] { slow->second.Ok(Text("done")); });
  FrameHeader header;
  std::string body;
  ASSERT_TRUE(raw.ReadFrame(&header, &body));
  EXPECT_EQ(body, "done");
  EXPECT_EQ(ReadError(&raw, 3).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(keeper.total(), 1u);
}

TEST(RpcTest, OversizeCostsOnlyTheConnection) {
  RpcOptions small;
  small.max_frame_bytes = 1000;
  auto server = Serve(Echo(), small);
  RawConnection good(server->address()), bad(server->address());
  ASSERT_TRUE(bad.Write(RequestFrame(1, 1, std::string(993, 'x')).substr(0, kFrameHeaderBytes)));
  EXPECT_TRUE(bad.WaitClosed()) << "before the body came";
  ASSERT_TRUE(good.Write(RequestFrame(1, 1, std::string(992, 'x'))));
  FrameHeader header;
  std::string body;
  ASSERT_TRUE(good.ReadFrame(&header, &body));
  EXPECT_EQ(body.size(), 992u);
  auto client = RpcClient::Create(small);
  const auto got =
      client->CallSync(server->address(), 1, Buffer::Copy(std::string(993, 'x')), kLongMs);
  EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(NotSent(got.status()));
}

TEST(RpcTest, GarbageAndCutFramesCostOnlyTheirConnection) {
  std::atomic<int> ran{0};
  auto server = Serve([&](RpcRequest request, RpcReply reply) {
    ran++;
    reply.Ok(std::move(request.body));
  });
  std::string garbage;
  uint64_t state = 88172645463325252u;
  for (int i = 0; i < 80; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    garbage.push_back(static_cast<char>(state));
  }
  const std::string frame = RequestFrame(1, 1, "hello");
  for (size_t n = 0; n < garbage.size(); n++) {
    RawConnection raw(server->address());
    ASSERT_TRUE(raw.Write(garbage.substr(0, n)));
    if (n >= kFrameHeaderBytes) EXPECT_TRUE(raw.WaitClosed());
  }
  for (size_t n = 0; n < frame.size(); n++) {
    RawConnection raw(server->address());
    ASSERT_TRUE(raw.Write(frame.substr(0, n)));
  }
  auto client = RpcClient::Create({});
  EXPECT_TRUE(client->CallSync(server->address(), 1, Text("x"), kLongMs).ok());
  server->Stop();
  EXPECT_EQ(ran, 1);
}

TEST(RpcTest, AnyFlippedBitIsNoticed) {
  std::atomic<int> ran{0};
  auto server = Serve([&](RpcRequest, RpcReply reply) {
    ran++;
    reply.Ok(Buffer());
  });
  const std::string frame = RequestFrame(1, 1, "hello");
  for (size_t bit = 0; bit < frame.size() * 8; bit++) {
    std::string damaged = frame;
    damaged[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    RawConnection raw(server->address());
    ASSERT_TRUE(raw.Write(damaged));
    // A length that grew within the limit makes the server wait for the rest.
    const bool waits = bit / 8 >= 16 && bit / 8 < 20 && DecodeFixed32(damaged.data() + 16) > 13 &&
                       DecodeFixed32(damaged.data() + 16) <= RpcOptions().max_frame_bytes;
    if (!waits) EXPECT_TRUE(raw.WaitClosed()) << "bit " << bit;
  }
  server->Stop();
  EXPECT_EQ(ran, 0);
}

TEST(RpcTest, FramesOfTheWrongDirectionCloseTheConnection) {
  auto server = Serve(Echo());
  for (const FrameKind kind : {FrameKind::kReply, FrameKind::kError, FrameKind::kGoaway}) {
    RawConnection raw(server->address());
    ASSERT_TRUE(raw.Write(PlainFrame(kind, 1, "")));
    EXPECT_TRUE(raw.WaitClosed());
  }
}

// What a misbehaving server sends back to one call.
Status CallAnsweredWith(const std::string& bytes) {
  RawListener listener(8);
  auto client = RpcClient::Create({});
  Answers answers;
  client->Call(listener.address(), 1, Text("question"), kLongMs, answers.Add());
  RawConnection raw(listener.Accept());
  FrameHeader header;
  std::string body;
  CHECK(raw.ReadFrame(&header, &body));
  CHECK(raw.Write(bytes));
  if (bytes.empty()) return OkStatus();
  return answers.WaitFor(1)[0].status();
}

TEST(RpcTest, AMisbehavingServerGivesUnavailable) {
  std::string wrong_crc = PlainFrame(FrameKind::kReply, 1, "answer");
  wrong_crc.back() ^= 1;
  for (const std::string& bytes :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), wrong_crc, RequestFrame(1, 1, "question"),
        PlainFrame(FrameKind::kCancel, 1, ""), PlainFrame(FrameKind::kError, 1, "\xff"),
        PlainFrame(FrameKind::kError, 1, "")}) {
    const Status status = CallAnsweredWith(bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_FALSE(NotSent(status)) << status;
  }
  const Status refused = CallAnsweredWith(PlainFrame(FrameKind::kGoaway, 0, "", kGoawayRefused));
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(NotSent(refused)) << refused;
}

TEST(RpcTest, AnswersToUnknownIdsAreDropped) {
  const Status status = CallAnsweredWith(PlainFrame(FrameKind::kReply, 99, "what") +
                                         PlainFrame(FrameKind::kReply, 1, "answer"));
  EXPECT_TRUE(status.ok()) << status;
}

constexpr size_t kBigAnswer = 256 * 1024;

TEST(RpcTest, APeerThatDoesNotReadCostsBoundedMemoryAndIsClosed) {
  std::atomic<size_t> ran{0};
  RpcOptions options;
  options.max_output_bytes_per_connection = 4 * kBigAnswer;
  options.write_stall_timeout_ms = 300;
  auto server = Serve(
      [&](RpcRequest, RpcReply reply) {
        ran++;
        reply.Ok(Buffer::Copy(std::string(kBigAnswer, 'x')));
      },
      options);
  RawConnection raw(server->address());
  raw.SetReceiveBuffer(16 * 1024);
  constexpr uint32_t kRequests = 400;  // for 100 MiB of answers
  for (uint32_t id = 0; id < kRequests; id++) ASSERT_TRUE(raw.Write(RequestFrame(id, 1, "")));
  auto timers = TimerQueue::Create();
  Answers waited;  // reading nothing for longer than the stall limit
  timers->RunAfter(900, [done = waited.Add()] { done(Buffer()); });
  waited.WaitFor(1);
  EXPECT_TRUE(raw.WaitClosed());
  // The limit, one answer more, and what the kernel's send buffer takes (4 MiB by default).
  EXPECT_LE(ran, 4 + 1 + 40u);
  EXPECT_GE(ran, 4u);
  auto client = RpcClient::Create({});
  EXPECT_TRUE(client->CallSync(server->address(), 1, Text(""), kLongMs).ok());
}

TEST(RpcTest, ASlowReaderGetsEverything) {
  RpcOptions options;
  options.max_output_bytes_per_connection = 2 * kBigAnswer;
  options.max_in_flight_per_connection = 3;
  auto server = Serve(
      [&](RpcRequest, RpcReply reply) { reply.Ok(Buffer::Copy(std::string(kBigAnswer, 'x'))); },
      options);
  RawConnection raw(server->address());
  raw.SetReceiveBuffer(16 * 1024);
  constexpr uint32_t kRequests = 60;
  for (uint32_t id = 0; id < kRequests; id++) ASSERT_TRUE(raw.Write(RequestFrame(id, 1, "")));
  for (uint32_t id = 0; id < kRequests; id++) {
    FrameHeader header;
    std::string body;
    ASSERT_TRUE(raw.ReadFrame(&header, &body));
    EXPECT_EQ(header.request_id, id);
    EXPECT_EQ(body.size(), kBigAnswer);
  }
}

// Requests and bytes in flight: the server reads on only when it has answered.
void InFlightIsLimited(const RpcOptions& options, size_t limit, const std::string& message) {
  Keeper keeper;
  auto server = Serve(keeper.handler(), options);
  RawConnection raw(server->address());
  constexpr uint32_t kRequests = 20;
  std::string all;
  for (uint32_t id = 1; id <= kRequests; id++) all += RequestFrame(id, 1, message);
  ASSERT_TRUE(raw.Write(all));
  FrameHeader header;
  std::string body;
  for (uint32_t id = 1; id <= kRequests; id++) {
    keeper.WaitForTotal(std::min<size_t>(id - 1 + limit, kRequests));
    EXPECT_LE(keeper.total(), id - 1 + limit);
    keeper.Take().second.Ok(Text("ok"));
    do {  // it may say that it lives
      ASSERT_TRUE(raw.ReadFrame(&header, &body));
    } while (header.request_id == kNoRequest);
    EXPECT_EQ(header.request_id, id);
  }
}

TEST(RpcTest, RequestsInFlightAreLimited) {
  RpcOptions options;
  options.max_in_flight_per_connection = 4;
  InFlightIsLimited(options, 4, "x");
}

TEST(RpcTest, BytesInFlightAreLimited) {
  RpcOptions options;
  options.max_input_bytes_per_connection = 5'000;
  InFlightIsLimited(options, 3, std::string(2'000, 'x'));  // the third crosses the limit
}

RpcOptions SilentAfter(int64_t ms) {
  RpcOptions options;
  options.silence_timeout_ms = ms;
  return options;
}

// What a process that is stopped, or whose network is cut, looks like: the connection stands.
TEST(RpcTest, APeerThatIsSilentCostsItsConnectionAndTheNextCallMakesAnother) {
  RawListener listener(4);
  auto client = RpcClient::Create(SilentAfter(100));
  for (int i = 0; i < 2; ++i) {
    Answers answers;
    client->Call(listener.address(), 7, Text("x"), kLongMs, answers.Add());
    RawConnection peer(listener.Accept());
    const Status status = answers.WaitFor(1)[0].status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_FALSE(NotSent(status)) << status;
    FrameHeader header;
    std::string body;
    ASSERT_TRUE(peer.ReadFrame(&header, &body));
    EXPECT_EQ(header.method, 7);
    ASSERT_TRUE(peer.ReadFrame(&header, &body));
    EXPECT_EQ(header.method, kPingMethod);
    EXPECT_TRUE(peer.WaitClosed());
  }
}

TEST(RpcTest, ACallOfAPeerThatAnswersPingsMayTakeItsTime) {
  RawListener listener(4);
  auto client = RpcClient::Create(SilentAfter(1'000));
  Answers answers;
  client->Call(listener.address(), 7, Text("x"), kLongMs, answers.Add());
  RawConnection peer(listener.Accept());
  FrameHeader header;
  std::string body;
  ASSERT_TRUE(peer.ReadFrame(&header, &body));
  const uint32_t call = header.request_id;
  for (int pings = 0; pings < 6; ++pings) {  // each a quarter of the limit after the last answer
    ASSERT_TRUE(peer.ReadFrame(&header, &body));
    EXPECT_EQ(header.method, kPingMethod);
    EXPECT_EQ(header.request_id, kNoRequest);
    ASSERT_TRUE(peer.Write(PlainFrame(FrameKind::kReply, kNoRequest, "")));
  }
  ASSERT_TRUE(peer.Write(PlainFrame(FrameKind::kReply, call, "late")));
  const StatusOr<Buffer> answer = answers.WaitFor(1)[0];
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->bytes(), "late");
}

TEST(RpcTest, WithoutALimitSilenceIsNoFault) {
  RawListener listener(4);
  auto client = RpcClient::Create(SilentAfter(0));
  EXPECT_EQ(client->CallSync(listener.address(), 7, Text("x"), 300).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(RpcTest, PingsAreAnsweredByTheConnection) {
  Keeper keeper;
  auto server = Serve(keeper.handler());
  RawConnection raw(server->address());
  ASSERT_TRUE(raw.Write(RequestFrame(5, 1, "kept")));
  keeper.WaitForTotal(1);
  ASSERT_TRUE(raw.Write(RequestFrame(kNoRequest, kPingMethod, "")));
  FrameHeader header;
  std::string body;
  ASSERT_TRUE(raw.ReadFrame(&header, &body));
  EXPECT_EQ(header.kind, FrameKind::kReply);
  EXPECT_EQ(header.request_id, kNoRequest);
  EXPECT_EQ(keeper.total(), 1u);
}

TEST(RpcTest, AServerThatDoesNotReadSaysThatItLives) {
  Keeper keeper;
  RpcOptions options;
  options.max_in_flight_per_connection = 1;
  auto server = Serve(keeper.handler(), options);
  RawConnection raw(server->address());
  ASSERT_TRUE(raw.Write(RequestFrame(5, 1, "kept")));
  FrameHeader header;
  std::string body;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(raw.ReadFrame(&header, &body));
    EXPECT_EQ(header.kind, FrameKind::kReply);
    EXPECT_EQ(header.request_id, kNoRequest);
  }
}

// The ping stands behind what is being sent: as long as that goes on, the peer is only slow.
TEST(RpcTest, APeerThatReadsSlowlyIsNotSilent) {
  RawListener listener(4);
  auto client = RpcClient::Create(SilentAfter(1'200));
  Answers answers;
  client->Call(listener.address(), 7, Buffer::Copy(std::string(8u << 20, 'x')), kLongMs,
               answers.Add());
  RawConnection peer(listener.Accept());
  peer.SetReceiveBuffer(64 * 1024);
  auto timers = TimerQueue::Create();
  size_t left = kFrameHeaderBytes + kRequestPrefixBytes + (8u << 20);
  while (left > 0) {
    Answers pause;
    timers->RunAfter(20, [done = pause.Add()] { done(Buffer()); });
    pause.WaitFor(1);
    size_t part = std::min<size_t>(left, 64 * 1024);
    while (part > 0) {
      const size_t read = peer.Read(part).size();
      ASSERT_GT(read, 0u);
      part -= read;
      left -= read;
    }
  }
  ASSERT_TRUE(peer.Write(PlainFrame(FrameKind::kReply, 1, "slow")));
  EXPECT_TRUE(answers.WaitFor(1)[0].ok()) << answers.WaitFor(1)[0].status();
}

TEST(RpcTest, StoppingTheServerEndsCallsAsUnknown) {
  Keeper keeper;
  auto server = Serve(keeper.handler());
  auto client = RpcClient::Create({});
  Answers answers;
  client->Call(server->address(), 1, Text(""), kLongMs, answers.Add());
  auto kept = keeper.Take();
  server->Stop();
  const Status status = answers.WaitFor(1)[0].status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(NotSent(status));
  server.reset();
  kept.second.Ok(Text("to nobody"));
}

TEST(RpcTest, NobodyThereMeansNotSentAndTheNextCallTriesAgain) {
  auto server = Serve(Echo());
  const std::string address = server->address();
  auto client = RpcClient::Create({});
  EXPECT_TRUE(client->CallSync(address, 1, Text("x"), kLongMs).ok());
  server.reset();
  Status status;
  do {  // the first may still meet the old connection as it breaks
    status = client->CallSync(address, 1, Text("x"), kLongMs).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  } while (!NotSent(status));
  EXPECT_TRUE(NotSent(client->CallSync(address, 1, Text("x"), kLongMs).status()));
  server = Serve(Echo(), {}, address);
  EXPECT_TRUE(client->CallSync(address, 1, Text("x"), kLongMs).ok());
}

TEST(RpcTest, AConnectThatHangsTimesOutAsNotSent) {
  RawListener listener(0);
  // The queue of a listener that accepts nothing takes one more than its backlog.
  RawConnection first(listener.address());
  RpcOptions options;
  options.connect_timeout_ms = 100;
  auto client = RpcClient::Create(options);
  const auto got = client->CallSync(listener.address(), 1, Text(""), kLongMs);
  EXPECT_EQ(got.status().code(), absl::StatusCode::kUnavailable) << got.status();
  EXPECT_TRUE(NotSent(got.status()));
}

TEST(RpcTest, ACallThatTimesOutBeforeTheConnectionStandsWasNotSent) {
  RawListener listener(0);
  RawConnection first(listener.address());
  auto client = RpcClient::Create({});
  const auto got = client->CallSync(listener.address(), 1, Text(""), 60);
  EXPECT_EQ(got.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(NotSent(got.status()));
}

TEST(RpcTest, TooMuchQueuedIsRefusedAndNotSent) {
  RawListener listener(8);  // never reads
  RpcOptions options;
  options.max_output_bytes_per_connection = 1 << 20;
  auto client = RpcClient::Create(options);
  Answers answers;
  constexpr size_t kCalls = 200;  // of 64 KiB: more than the kernel's buffers and the limit
  for (size_t i = 0; i < kCalls; i++) {
    client->Call(listener.address(), 1, Buffer::Copy(std::string(64 * 1024, 'x')), kLongMs,
                 answers.Add());
  }
  const auto some = answers.WaitFor(1);
  EXPECT_EQ(some[0].status().code(), absl::StatusCode::kResourceExhausted) << some[0].status();
  EXPECT_TRUE(NotSent(some[0].status()));
  client.reset();
  EXPECT_EQ(answers.WaitFor(kCalls).size(), kCalls) << "all others end with the client";
}

TEST(RpcTest, BadAddresses) {
  auto client = RpcClient::Create({});
  for (const char* address :
       {"", "nowhere", "127.0.0.1:", ":80", "127.0.0.1:65536", "127.0.0.1:x"}) {
    const auto got = client->CallSync(address, 1, Text(""), kLongMs);
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_TRUE(NotSent(got.status()));
    EXPECT_EQ(RpcServer::Listen(address, {}, Echo()).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  auto server = Serve(Echo());
  const Status in_use = RpcServer::Listen(server->address(), {}, Echo()).status();
  EXPECT_EQ(in_use.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(in_use.message().find("address in use"), Slice::npos);
  for (const char* address : {"no-such-host.invalid:0", "192.0.2.1:0"}) {
    const Status not_yet = RpcServer::Listen(address, {}, Echo()).status();
    EXPECT_EQ(not_yet.code(), absl::StatusCode::kUnavailable) << not_yet;
  }
  const Status without_scope = RpcServer::Listen("[fe80::1]:0", {}, Echo()).status();
  EXPECT_EQ(without_scope.code(), absl::StatusCode::kInvalidArgument) << without_scope;
  const auto unresolved = client->CallSync("no-such-host.invalid:80", 1, Text(""), kLongMs);
  EXPECT_TRUE(NotSent(unresolved.status())) << unresolved.status();
}

TEST(RpcTest, LocalhostNeedsNoResolver) {
  auto server = Serve(Echo(), {}, "localhost:0");
  const std::string port = server->address().substr(server->address().rfind(':'));
  auto client = RpcClient::Create({});
  EXPECT_TRUE(client->CallSync("localhost" + port, 1, Text("x"), kLongMs).ok());
}

TEST(RpcTest, ACancelledCallIsSeenByItsHandlerAloneAndEndsOnce) {
  Keeper keeper;
  auto server = Serve(keeper.handler());
  auto client = RpcClient::Create({});
  Answers answers;
  auto cancel = client->CancellableCall(server->address(), 1, Text("a"), kLongMs, answers.Add());
  auto first = keeper.Take();
  const CallWatch watch = first.first.watch;
  EXPECT_FALSE(watch.cancelled());
  cancel();
  cancel();
  client->Call(server->address(), 1, Text("b"), kLongMs, answers.Add());
  auto second = keeper.Take();  // it was sent behind the cancel
  EXPECT_TRUE(watch.cancelled());
  EXPECT_FALSE(watch.connection_closed());
  EXPECT_FALSE(second.first.watch.cancelled());
  first.second.Error(absl::CancelledError("as you wish"));
  EXPECT_EQ(answers.WaitFor(1)[0].status().code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(NotSent(answers.WaitFor(1)[0].status()));
  cancel();  // it has ended
  second.second.Ok(Text("answer"));
  EXPECT_TRUE(answers.WaitFor(2)[1].ok());
  client.reset();
  cancel();  // so has the client
  EXPECT_EQ(answers.WaitFor(2).size(), 2u);
}

TEST(RpcTest, EachCancelReachesItsOwnRequestInWhateverOrderTheyAreAnswered) {
  Keeper keeper;
  auto server = Serve(keeper.handler());
  auto client = RpcClient::Create({});
  Answers answers;
  std::vector<RpcClient::Canceller> cancels;
  std::vector<std::pair<RpcRequest, RpcReply>> kept;
  for (int i = 0; i < 5; i++) {
    cancels.push_back(
        client->CancellableCall(server->address(), 1, Text("x"), kLongMs, answers.Add()));
    kept.push_back(keeper.Take());
  }
  // The last, the first and one between are answered; then of the others one is cancelled.
  for (const size_t i : {4u, 0u, 2u}) kept[i].second.Ok(Text("y"));
  answers.WaitFor(3);
  cancels[2]();
  cancels[3]();
  client->Call(server->address(), 1, Text("behind the cancels"), kLongMs, answers.Add());
  keeper.Take().second.Ok(Text("z"));
  EXPECT_TRUE(kept[3].first.watch.cancelled());
  for (const size_t i : {0u, 1u, 2u, 4u}) EXPECT_FALSE(kept[i].first.watch.cancelled()) << i;
  for (const size_t i : {3u, 1u}) kept[i].second.Ok(Text("y"));
  EXPECT_EQ(answers.WaitFor(6).size(), 6u);
}

TEST(RpcTest, AnAnswerThatCrossesACancelArrives) {
  RawListener listener(8);
  auto client = RpcClient::Create({});
  Answers answers;
  auto cancel = client->CancellableCall(listener.address(), 1, Text("x"), kLongMs, answers.Add());
  RawConnection server(listener.Accept());
  FrameHeader header;
  std::string body;
  ASSERT_TRUE(server.ReadFrame(&header, &body));
  const uint32_t id = header.request_id;
  cancel();
  ASSERT_TRUE(server.ReadFrame(&header, &body));
  EXPECT_EQ(header.kind, FrameKind::kCancel);
  EXPECT_EQ(header.request_id, id);
  EXPECT_EQ(body, "");
  ASSERT_TRUE(server.Write(PlainFrame(FrameKind::kReply, id, "done already")));
  ASSERT_TRUE(answers.WaitFor(1)[0].ok());
}

TEST(RpcTest, ACallCancelledBeforeItIsSentReachesNobody) {
  std::atomic<int> ran{0};
  auto server = Serve([&](RpcRequest, RpcReply reply) {
    ran++;
    reply.Ok(Text("answer"));
  });
  auto client = RpcClient::Create({});
  Answers answers;
  // On the io thread nothing is sent before the callback returns.
  client->Call(server->address(), 1, Text(""), kLongMs, [&](StatusOr<Buffer> answer) {
    EXPECT_TRUE(answer.ok());
    client->CancellableCall(server->address(), 1, Text(""), kLongMs, answers.Add())();
  });
  const Status status = answers.WaitFor(1)[0].status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
  EXPECT_TRUE(NotSent(status));
  EXPECT_TRUE(client->CallSync(server->address(), 1, Text(""), kLongMs).ok());
  EXPECT_EQ(ran, 2);
}

TEST(RpcTest, CancelsOfUnknownIdsArePassedOver) {
  auto server = Serve(Echo());
  RawConnection raw(server->address());
  ASSERT_TRUE(raw.Write(PlainFrame(FrameKind::kCancel, 7, "") + RequestFrame(7, 1, "x") +
                        PlainFrame(FrameKind::kCancel, 7, "") + RequestFrame(8, 1, "y")));
  FrameHeader header;
  std::string body;
  for (const uint32_t id : {7u, 8u}) {
    ASSERT_TRUE(raw.ReadFrame(&header, &body));
    EXPECT_EQ(header.kind, FrameKind::kReply);
    EXPECT_EQ(header.request_id, id);
  }
}

TEST(RpcTest, TheEndOfAConnectionCancelsItsRequests) {
  Keeper keeper;
  auto server = Serve(keeper.handler());
  auto raw = std::make_unique<RawConnection>(server->address());
  ASSERT_TRUE(raw->Write(RequestFrame(1, 1, "") + RequestFrame(2, 1, "")));
  auto first = keeper.Take(), second = keeper.Take();
  EXPECT_FALSE(first.first.watch.cancelled());
  raw.reset();
  const int64_t give_up_ms = NowMs() + kLongMs;
  while (!first.first.watch.cancelled() && NowMs() < give_up_ms) std::this_thread::yield();
  EXPECT_TRUE(first.first.watch.cancelled());
  EXPECT_TRUE(second.first.watch.connection_closed());
  first.second.Ok(Text("to nobody"));
}

TEST(RpcTest, DrainAnswersWhatIsInFlightAndRefusesTheRest) {
  Keeper keeper;
  auto server = Serve(keeper.handler());
  const std::string address = server->address();
  auto client = RpcClient::Create({});
  RawConnection raw(address);
  Answers answers;
  client->Call(address, 1, Text(""), kLongMs, answers.Add());
  auto kept = keeper.Take();
  std::thread drain([&] { server->Drain(); });
  FrameHeader header;
  std::string body;
  ASSERT_TRUE(raw.ReadFrame(&header, &body));
  EXPECT_EQ(header.kind, FrameKind::kGoaway);
  ASSERT_TRUE(raw.Write(RequestFrame(5, 1, "after the goaway")));
  const Status refused = ReadError(&raw, 5);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(NotSent(refused));
  kept.second.Ok(Text("answered"));
  drain.join();
  server->Stop();
  EXPECT_EQ(answers.WaitFor(1)[0]->bytes(), "answered");
  EXPECT_TRUE(NotSent(client->CallSync(address, 1, Text(""), kLongMs).status()));
  EXPECT_EQ(keeper.total(), 1u);
}

TEST(RpcTest, DrainGivesUpInTime) {
  Keeper keeper;
  RpcOptions options;
  options.drain_timeout_ms = 60;
  auto server = Serve(keeper.handler(), options);
  auto client = RpcClient::Create({});
  Answers answers;
  client->Call(server->address(), 1, Text(""), kLongMs, answers.Add());
  keeper.WaitForTotal(1);
  const int64_t start_ms = NowMs();
  server->Drain();
  EXPECT_GE(NowMs() - start_ms, 60);
  server.reset();
  EXPECT_EQ(answers.WaitFor(1)[0].status().code(), absl::StatusCode::kUnavailable);
}

TEST(RpcTest, ConnectionsOverTheLimitAreRefused) {
  RpcOptions options;
  options.max_connections = 10;
  options.io_threads = 2;
  auto server = Serve(Echo(), options);
  std::deque<RawConnection> within;
  FrameHeader header;
  std::string body;
  for (uint32_t i = 0; i < options.max_connections; i++) {
    within.emplace_back(server->address());
    ASSERT_TRUE(within.back().Write(RequestFrame(i, 1, "in")));
    ASSERT_TRUE(within.back().ReadFrame(&header, &body));
  }
  for (int i = 0; i < 990; i++) {
    RawConnection over(server->address());
    ASSERT_TRUE(over.ReadFrame(&header, &body));
    EXPECT_EQ(header.kind, FrameKind::kGoaway);
    EXPECT_EQ(header.flags, kGoawayRefused);
    EXPECT_TRUE(over.WaitClosed());
  }
  auto client = RpcClient::Create({});
  const Status refused = client->CallSync(server->address(), 1, Text(""), kLongMs).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(within.front().Write(RequestFrame(77, 1, "still in")));
  ASSERT_TRUE(within.front().ReadFrame(&header, &body));
  EXPECT_EQ(body, "still in");
  within.clear();  // makes room:
  while (!client->CallSync(server->address(), 1, Text(""), kLongMs).ok()) {
  }
}

TEST(RpcTest, IdleConnectionsAreClosedButNotWithRequestsInFlight) {
  Keeper keeper;
  RpcOptions options;
  options.idle_timeout_ms = 400;
  auto server = Serve(keeper.handler(), options);
  RawConnection busy(server->address()), idle(server->address());
  ASSERT_TRUE(busy.Write(RequestFrame(1, 1, "")));
  auto kept = keeper.Take();
  FrameHeader header;
  std::string body;
  ASSERT_TRUE(idle.ReadFrame(&header, &body));
  EXPECT_EQ(header.kind, FrameKind::kGoaway);
  EXPECT_EQ(header.flags, 0);
  EXPECT_TRUE(idle.WaitClosed());
  kept.second.Ok(Text("ok"));
  ASSERT_TRUE(busy.ReadFrame(&header, &body));
  EXPECT_EQ(body, "ok");
}

TEST(RpcTest, ARequestThatCrossesTheIdleGoawayIsAnsweredThatItWasNotRun) {
  RpcOptions options;
  options.idle_timeout_ms = 300;
  auto server = Serve(Echo(), options);
  RawConnection idle(server->address());
  FrameHeader header;
  std::string body;
  ASSERT_TRUE(idle.ReadFrame(&header, &body));
  ASSERT_EQ(header.kind, FrameKind::kGoaway);
  ASSERT_TRUE(idle.Write(RequestFrame(7, 1, "x")));
  ASSERT_TRUE(idle.ReadFrame(&header, &body));
  ASSERT_EQ(header.kind, FrameKind::kError);
  EXPECT_EQ(header.request_id, 7u);
  Status status;
  ASSERT_TRUE(DecodeStatus(body, &status));
  EXPECT_TRUE(NotSent(status)) << status;
  EXPECT_TRUE(idle.WaitClosed());
}

TEST(RpcTest, IdleConnectionsAreClosedByDefault) {
  EXPECT_EQ(RpcOptions().idle_timeout_ms, 65'000);
}

TEST(RpcTest, TheKeyOfTheCellTellsItsOwnRequests) {
  const std::string key(kCellKeyBytes, 'k');
  RpcOptions with_key, other_key;
  with_key.cell_key = key;
  other_key.cell_key = std::string(kCellKeyBytes, 'o');
  auto tell = [](RpcRequest request, RpcReply reply) {
    std::string text = request.from_cell ? "cell:" : "anybody:";
    text.append(request.body.bytes().data(), request.body.size());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(request.body.bytes().data()) % 8, 0u);
    reply.Ok(Text(text));
  };
  auto guarded = Serve(tell, with_key);
  auto open = Serve(tell, {});
  auto ask = [](RpcServer* server, const RpcOptions& options) -> std::string {
    auto got = RpcClient::Create(options)->CallSync(server->address(), 1, Text("x"), kLongMs);
    if (!got.ok()) return std::string(absl::StatusCodeToString(got.status().code()));
    return {got->bytes().data(), got->size()};
  };
  EXPECT_EQ(ask(guarded.get(), with_key), "cell:x");
  EXPECT_EQ(ask(guarded.get(), {}), "anybody:x");
  EXPECT_EQ(ask(guarded.get(), other_key), "PERMISSION_DENIED");
  EXPECT_EQ(ask(open.get(), with_key), "PERMISSION_DENIED") << "a server without a key has none";
  EXPECT_EQ(ask(open.get(), {}), "anybody:x");
}

TEST(RpcTest, ATermComesWithTheKeyOnly) {
  RpcOptions with_key, with_term, term_alone;
  with_key.cell_key = with_term.cell_key = std::string(kCellKeyBytes, 'k');
  with_term.term = term_alone.term = 0x0102030405060708;
  auto tell = [](RpcRequest request, RpcReply reply) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(request.body.bytes().data()) % 8, 0u);
    EXPECT_EQ(request.body.bytes(), "x");
    reply.Ok(Text(absl::StrCat(request.from_cell, " ", request.term)));
  };
  auto server = Serve(tell, with_key);
  auto ask = [&](const RpcOptions& options) -> std::string {
    auto got = RpcClient::Create(options)->CallSync(server->address(), 1, Text("x"), kLongMs);
    return got.ok() ? std::string(got->bytes().data(), got->size()) : got.status().ToString();
  };
  EXPECT_EQ(ask(with_key), "1 0");
  EXPECT_EQ(ask(with_term), absl::StrCat("1 ", with_term.term));
  EXPECT_EQ(ask(term_alone), "0 0");
}

TEST(RpcTest, AnIdleClosureIsInvisibleToTheNextCall) {
  RpcOptions options;
  options.idle_timeout_ms = 150;
  auto server = Serve(Echo(), options);
  auto client = RpcClient::Create({});
  auto timers = TimerQueue::Create();
  for (int i = 0; i < 3; i++) {
    EXPECT_TRUE(client->CallSync(server->address(), 1, Text("x"), kLongMs).ok());
    Answers waited;
    timers->RunAfter(500, [done = waited.Add()] { done(Buffer()); });
    waited.WaitFor(1);
  }
}

TEST(RpcTest, DestroyingTheClientEndsItsCallsOnce) {
  Keeper keeper;
  auto server = Serve(keeper.handler());
  auto client = RpcClient::Create({});
  std::atomic<int> ended{0};
  for (int i = 0; i < 10; i++) {
    client->Call(server->address(), 1, Text(""), kLongMs, [&](StatusOr<Buffer> got) {
      EXPECT_EQ(got.status().code(), absl::StatusCode::kUnavailable);
      ended++;
    });
  }
  keeper.WaitForTotal(10);
  client.reset();
  EXPECT_EQ(ended, 10);
}

TEST(RpcTest, ACallbackMayCallAgainEvenWhileTheClientStops) {
  Keeper keeper;
  auto server = Serve(keeper.handler());
  auto client = RpcClient::Create({});
  RpcClient* const raw_client = client.get();
  std::atomic<int> inner{0};
  client->Call(server->address(), 1, Text(""), kLongMs, [&](StatusOr<Buffer>) {
    raw_client->Call(server->address(), 1, Text(""), kLongMs, [&](StatusOr<Buffer> got) {
      EXPECT_TRUE(NotSent(got.status()));
      inner++;
    });
  });
  keeper.WaitForTotal(1);
  client.reset();
  EXPECT_EQ(inner, 1);
}

TEST(RpcTest, ManyThreadsAgainstAServerThatComesAndGoes) {
  RpcOptions options;
  options.io_threads = 2;
  auto server = Serve(Echo(), options);
  const std::string address = server->address();
  auto client = RpcClient::Create(options);
  std::atomic<bool> stop{false};
  std::atomic<int> good{0}, failed{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; t++) {
    callers.emplace_back([&] {
      while (!stop) {
        const auto got = client->CallSync(address, 1, Text("x"), kLongMs);
        (got.ok() ? good : failed)++;
        if (!got.ok()) EXPECT_EQ(got.status().code(), absl::StatusCode::kUnavailable);
      }
    });
  }
  for (int round = 0; round < 5; round++) {
    const int before = good;
    while (good < before + 50) std::this_thread::yield();
    if (round % 2 == 0) server->Drain();
    server.reset();
    server = Serve(Echo(), options, address);
  }
  const int before = good;
  while (good < before + 50) std::this_thread::yield();
  stop = true;
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace stele::net
