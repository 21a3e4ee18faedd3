// A thread that waits for its answer sends its call itself, also while the io thread is held up;
// what the connection does not take at once is sent all the same, in order; and no call that
// ended as not sent was seen by a handler. Likewise a thread that answers.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <latch>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/net/rpc.h"
#include "common/testing/status_asserts.h"

namespace stele::net {
namespace {

constexpr int64_t kLongMs = 20'000;

// At the address, if nobody has it; else, as without one, anywhere.
std::unique_ptr<RpcServer> Serve(RpcHandler handler, const std::string& address = "") {
  auto server = RpcServer::Listen(address.empty() ? "127.0.0.1:0" : address, RpcOptions(), handler);
  if (!server.ok() && !address.empty()) return Serve(std::move(handler));
  CHECK_OK(server.status());
  return *std::move(server);
}

RpcHandler Echo() {
  return [](RpcRequest request, RpcReply reply) { reply.Ok(std::move(request.body)); };
}

// Holds the client's io thread: a call that is never answered ends there, in time.
class HeldIoThread {
 public:
  HeldIoThread(RpcClient* client, const std::string& address, uint16_t answered,
               uint16_t unanswered) {
    CHECK_OK(client->CallSync(address, answered, Buffer(), kLongMs).status());  // it is connected
    client->Call(address, unanswered, Buffer(), /*timeout_ms=*/400, [this](StatusOr<Buffer> got) {
      EXPECT_EQ(got.status().code(), absl::StatusCode::kDeadlineExceeded);
      held_.count_down();
      go_on_.wait();
    });
    held_.wait();
  }
  void LetGo() { go_on_.count_down(); }

 private:
  std::latch held_{1}, go_on_{1};
};

constexpr uint16_t kUnanswered = 1, kSeen = 2, kHolds = 3, kOther = 4;

TEST(SendsFromHereTest, ACallNeedsNoIoThreadToBeSent) {
  std::latch seen{1};
  std::vector<RpcReply> kept;
  auto server = Serve([&](RpcRequest request, RpcReply reply) {
    if (request.method == kUnanswered) return kept.push_back(std::move(reply));
    if (request.method == kSeen) seen.count_down();
    reply.Ok(std::move(request.body));
  });
  auto client = RpcClient::Create({});
  HeldIoThread held(client.get(), server->address(), kOther, kUnanswered);
  std::latch answered{1};
  {
    const SendsFromHere waits;
    EXPECT_TRUE(SendsFromHere::Current());
    client->Call(server->address(), kSeen, Buffer::Copy("now"), kLongMs, [&](StatusOr<Buffer> got) {
      EXPECT_TRUE(got.ok() && got->bytes() == "now") << got.status();
      answered.count_down();
    });
  }
  EXPECT_FALSE(SendsFromHere::Current());
  seen.wait();
  EXPECT_FALSE(answered.try_wait()) << "answers are the io thread's";
  held.LetGo();
  answered.wait();
}

TEST(SendsFromHereTest, WhatTheKernelDoesNotTakeAtOnceFollows) {
  constexpr int kCalls = 400;
  constexpr size_t kBytes = 60'000;  // all of them are more than any socket holds
  std::atomic<int> seen{0};
  std::latch server_goes_on{1};
  std::vector<RpcReply> kept;
  auto server = Serve([&](RpcRequest request, RpcReply reply) {
    if (request.method == kHolds) server_goes_on.wait();
    if (request.method == kUnanswered) return kept.push_back(std::move(reply));
    if (request.method == kSeen) {
      // In order: one that was sent in part keeps its place.
      EXPECT_EQ(request.body.bytes().substr(0, 6), absl::StrCat(100'000 + seen.load()));
      ++seen;
    }
    reply.Ok(Buffer());
  });
  RpcOptions options;
  options.max_output_bytes_per_connection = 2 * kCalls * kBytes;
  options.silence_timeout_ms = 0;
  auto client = RpcClient::Create(options);
  HeldIoThread held(client.get(), server->address(), kOther, kUnanswered);
  std::latch answered{kCalls + 1};
  const auto count = [&](const StatusOr<Buffer>& got) {
    EXPECT_TRUE(got.ok()) << got.status();
    answered.count_down();
  };
  {
    const SendsFromHere waits;
    client->Call(server->address(), kHolds, Buffer(), kLongMs, count);
    for (int i = 0; i < kCalls; ++i) {
      const std::string text = absl::StrCat(100'000 + i, std::string(kBytes, 'x'));
      client->Call(server->address(), kSeen, Buffer::Copy(text), kLongMs, count);
    }
  }
  EXPECT_EQ(seen, 0);
  server_goes_on.count_down();
  held.LetGo();
  answered.wait();
  EXPECT_EQ(seen, kCalls);
}

// Not of the sending itself, but it takes the same means: a call that waits in the output when its
// time is over is sent all the same.
TEST(SendsFromHereTest, WhatWaitsInTheOutputIsNotCertainlyUnsent) {
  constexpr size_t kBytes = 24u << 20;  // more than any socket holds
  std::latch server_goes_on{1};
  std::atomic<int> seen{0};
  auto server = Serve([&](RpcRequest request, RpcReply reply) {
    if (request.method == kHolds) server_goes_on.wait();
    if (request.method == kSeen) ++seen;
    reply.Ok(Buffer());
  });
  RpcOptions options;
  options.max_output_bytes_per_connection = 2 * kBytes;
  options.silence_timeout_ms = 0;
  auto client = RpcClient::Create(options);
  std::latch answered{2};
  const auto count = [&](StatusOr<Buffer>) { answered.count_down(); };
  client->Call(server->address(), kHolds, Buffer(), kLongMs, count);
  client->Call(server->address(), kUnanswered, Buffer(kBytes), kLongMs, count);
  int sent = 0;
  for (int i = 0; i < 4; ++i) {
    const Status late = client->CallSync(server->address(), kSeen, Buffer(), 50).status();
    EXPECT_EQ(late.code(), absl::StatusCode::kDeadlineExceeded);
    sent += late.GetPayload(kNotSentPayload).has_value() ? 0 : 1;
  }
  server_goes_on.count_down();
  answered.wait();
  EXPECT_TRUE(client->CallSync(server->address(), kSeen, Buffer(), kLongMs).ok());
  // One that comes too late is not run either.
  EXPECT_LE(seen, sent + 1) << "those that were not said to be unsent, and this one";
}

TEST(SendsFromHereTest, ManyThreadsOnOneConnection) {
  auto server = Serve(Echo());
  auto client = RpcClient::Create({});
  constexpr int kThreads = 6, kCalls = 300;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const auto ended = std::make_shared<std::atomic<int>>(0);
      for (int i = 0; i < kCalls; ++i) {
        const size_t bytes = i % 50 == 7 ? 200'000 : static_cast<size_t>(i * 37 % 5000);
        const std::string text = absl::StrCat(t, "/", i, std::string(bytes, 'x'));
        // Every third goes through the io thread.
        if (i % 3 == 0) {
          client->Call(server->address(), 7, Buffer::Copy(text), kLongMs,
                       [ended, text](StatusOr<Buffer> got) {
                         EXPECT_TRUE(got.ok() && got->bytes() == text) << got.status();
                         ended->fetch_add(1);
                         ended->notify_one();
                       });
          continue;
        }
        const auto got = client->CallSync(server->address(), 7, Buffer::Copy(text), kLongMs);
        EXPECT_TRUE(got.ok() && got->bytes() == text) << got.status();
      }
      for (int seen = *ended; seen < kCalls / 3; seen = *ended) ended->wait(seen);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Of each call the handlers note its name.
class Noting {
 public:
  RpcHandler handler() {
    return [this](RpcRequest request, RpcReply reply) {
      const Slice body = request.body.bytes();
      {
        MutexLock lock(&mu_);
        seen_.emplace(body.substr(0, body.find(' ')));
      }
      reply.Ok(Buffer());
    };
  }
  bool Saw(const std::string& name) {
    MutexLock lock(&mu_);
    return seen_.count(name) > 0;
  }

 private:
  Mutex mu_;
  std::set<std::string> seen_ GUARDED_BY(mu_);
};

// A server that is ended and served again, where it was unless a test beside this took the port.
class ServedAnew {
 public:
  explicit ServedAnew(RpcHandler handler) : handler_(std::move(handler)) { Again(); }
  void Again() {
    server_ = nullptr;
    server_ = Serve(handler_, address());
    MutexLock lock(&mu_);
    address_ = server_->address();
  }
  void End() { server_ = nullptr; }
  std::string address() const {
    MutexLock lock(&mu_);
    return address_;
  }

 private:
  const RpcHandler handler_;
  std::unique_ptr<RpcServer> server_;
  mutable Mutex mu_;
  std::string address_ GUARDED_BY(mu_);
};

TEST(SendsFromHereTest, WhatWasNotSentNoHandlerSaw) {
  Noting noting;
  ServedAnew server(noting.handler());
  auto client = RpcClient::Create({});
  std::atomic<bool> stop{false};
  std::atomic<int> good{0}, unknown{0};
  Mutex mu;
  std::vector<std::string> not_sent;
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; !stop; ++i) {
        const std::string name = absl::StrCat(t, "/", i);
        const size_t bytes = i % 5 == 0 ? 60'000 : 100;
        const auto got = client->CallSync(
            server.address(), 1, Buffer::Copy(absl::StrCat(name, " ", std::string(bytes, 'x'))),
            kLongMs);
        if (got.ok()) {
          EXPECT_TRUE(noting.Saw(name));
          ++good;
        } else if (got.status().GetPayload(kNotSentPayload).has_value()) {
          MutexLock lock(&mu);
          not_sent.push_back(name);
        } else {
          EXPECT_EQ(got.status().code(), absl::StatusCode::kUnavailable) << got.status();
          ++unknown;
        }
      }
    });
  }
  for (int round = 0; round < 12; ++round) {
    const int before = good;
    while (good < before + 40) std::this_thread::yield();
    server.Again();  // in the middle of what is under way
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  server.End();
  EXPECT_GT(static_cast<int>(not_sent.size()) + unknown, 0);
  for (const std::string& name : not_sent) EXPECT_FALSE(noting.Saw(name)) << name;
}

// ---- answers ----

TEST(SendsFromHereTest, AnAnswerNeedsNoIoThreadToBeSent) {
  std::latch taken{1}, held{1}, go_on{1};
  std::vector<RpcReply> kept;
  auto server = Serve([&](RpcRequest request, RpcReply reply) {
    if (request.method == kUnanswered) {
      kept.push_back(std::move(reply));
      return taken.count_down();
    }
    held.count_down();
    go_on.wait();
    reply.Ok(Buffer());
  });
  auto waits = RpcClient::Create({}), holds = RpcClient::Create({});
  std::latch answered{1}, other_answered{1};
  waits->Call(server->address(), kUnanswered, Buffer(), kLongMs, [&](StatusOr<Buffer> got) {
    EXPECT_TRUE(got.ok() && got->bytes() == "now") << got.status();
    answered.count_down();
  });
  taken.wait();
  holds->Call(server->address(), kHolds, Buffer(), kLongMs, [&](StatusOr<Buffer> got) {
    EXPECT_OK(got.status());
    other_answered.count_down();
  });
  held.wait();  // the server's only io thread is done with the other connection for now
  {
    const SendsFromHere here;
    kept[0].Ok(Buffer::Copy("now"));
  }
  answered.wait();
  EXPECT_FALSE(other_answered.try_wait());
  go_on.count_down();
  other_answered.wait();
}

// Answers requests on threads of its own, each as one that sends from here.
class Answering {
 public:
  Answering() {
    for (int t = 0; t < 3; ++t) threads_.emplace_back([this] { Loop(); });
  }
  ~Answering() {
    {
      MutexLock lock(&mu_);
      stop_ = true;
      changed_.SignalAll();
    }
    for (std::thread& thread : threads_) thread.join();
  }
  RpcHandler handler() {
    return [this](RpcRequest request, RpcReply reply) {
      MutexLock lock(&mu_);
      waiting_.emplace_back(std::move(request.body), std::move(reply));
      changed_.Signal();
    };
  }

 private:
  void Loop() {
    const SendsFromHere here;
    while (true) {
      std::optional<std::pair<Buffer, RpcReply>> next;
      {
        MutexLock lock(&mu_);
        while (waiting_.empty() && !stop_) changed_.Wait(&mu_);
        if (waiting_.empty()) return;
        next = std::move(waiting_.front());
        waiting_.pop_front();
      }
      next->second.Ok(std::move(next->first));
    }
  }

  Mutex mu_;
  CondVar changed_;
  bool stop_ GUARDED_BY(mu_) = false;
  std::deque<std::pair<Buffer, RpcReply>> waiting_ GUARDED_BY(mu_);
  std::vector<std::thread> threads_;
};

TEST(SendsFromHereTest, AnswersOfManyThreadsAndServersThatEnd) {
  Answering answering;
  ServedAnew server(answering.handler());
  auto shared = RpcClient::Create({});
  std::atomic<bool> stop{false};
  std::atomic<int> good{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 6; ++t) {
    callers.emplace_back([&, t] {
      // Three with a connection of their own, where theirs is the only call.
      auto own = t < 3 ? RpcClient::Create({}) : nullptr;
      RpcClient* const client = own != nullptr ? own.get() : shared.get();
      for (int i = 0; !stop; ++i) {
        const size_t bytes = i % 50 == 7 ? 200'000 : static_cast<size_t>(i * 37 % 5000);
        const std::string text = absl::StrCat(t, "/", i, std::string(bytes, 'x'));
        const auto got = client->CallSync(server.address(), 7, Buffer::Copy(text), kLongMs);
        if (got.ok()) {
          EXPECT_EQ(got->bytes(), text);
          ++good;
        } else {
          EXPECT_EQ(got.status().code(), absl::StatusCode::kUnavailable) << got.status();
        }
      }
    });
  }
  for (int round = 0; round < 12; ++round) {
    const int before = good;
    while (good < before + 200) std::this_thread::yield();
    server.Again();  // while answers are on their way
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace stele::net
