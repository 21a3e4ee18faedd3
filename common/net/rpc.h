// RPC over TCP: frames of a fixed 24-byte little-endian header and a body, multiplexed, answered
// out of order, deadlines carried, replies of one connection gathered into one write. No Asio type
// is visible here.
//
// Limits: a frame's length is checked before allocation; a connection whose output is full is not
// read from until it drains. Thread-safe unless said otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/status.h"

namespace stele::net {

// A body: bytes whose data() is 8-byte aligned, so that a Cap'n Proto message can be read in place.
// Immutable once sent.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t size);  // uninitialised
  static Buffer Copy(Slice bytes);
  char* mutable_data() { return data_.get(); }
  Slice bytes() const { return {data_.get(), size_}; }
  size_t size() const { return size_; }
  // Forgets the first `size` (a multiple of 8, at most size()) bytes.
  void RemovePrefix(size_t size);
  // Forgets what lies behind the first `size` (at most size()) bytes.
  void Truncate(size_t size);

 private:
  std::shared_ptr<char[]> data_;
  size_t size_ = 0;
};

// Of a server or a client. Milliseconds of 0 mean: no such limit.
struct RpcOptions {
  uint32_t io_threads = 1;                              // 1 .. 64
  uint32_t max_frame_bytes = 32u << 20;                 // body of one frame
  uint32_t max_in_flight_per_connection = 1024;         // server: then it stops reading
  uint64_t max_input_bytes_per_connection = 32u << 20;  // server: of requests in flight, likewise
  uint64_t max_output_bytes_per_connection = 16u
                                             << 20;  // server: likewise; client: of queued calls
  uint32_t max_connections = 4096;                   // server: one more is refused
  // Server: neither requests in flight nor bytes for so long: the client is told to go and the
  // connection is closed. The client's next call makes a new one.
  int64_t idle_timeout_ms = 65'000;
  int64_t write_stall_timeout_ms = 10'000;  // the peer reads nothing of what it asked for: closed
  int64_t connect_timeout_ms = 3'000;       // client
  // Client: a connection on which calls wait and nothing at all came for so long, not even the
  // answer to a ping, is closed as if it had broken. Calls may take longer: pings are answered by
  // the server's io thread. At least a few hundred: the peer's processors may have much to do.
  int64_t silence_timeout_ms = 2'000;
  int64_t drain_timeout_ms = 5'000;  // server: Drain waits no longer
  // The cell's secret (kCellKeyBytes), or empty. A client sends it with each request; a server
  // marks the requests that carry its own as from_cell, and refuses those with another.
  std::string cell_key;
  // Of a client, with a key: sent with each request; 0: none. What it means is the servers' affair.
  uint64_t term = 0;
};
inline constexpr size_t kCellKeyBytes = 16;

// Whether anybody still waits for the answer to a request. Once not, never again. Copies share it;
// the default one is waited for. Thread-safe.
class CallWatch {
 public:
  using Flag = std::shared_ptr<const std::atomic<bool>>;
  CallWatch() = default;
  CallWatch(Flag call, Flag connection)
      : call_(std::move(call)), connection_(std::move(connection)) {}
  // The caller takes it back, or its connection is closed. The request must be answered all the
  // same: Cancelled does.
  bool cancelled() const { return IsSet(call_) || connection_closed(); }
  bool connection_closed() const { return IsSet(connection_); }

 private:
  static bool IsSet(const Flag& flag) {
    return flag != nullptr && flag->load(std::memory_order_relaxed);
  }
  Flag call_, connection_;
};

// One request as a handler sees it.
struct RpcRequest {
  uint16_t method = 0;
  int64_t deadline_boot_ns = 0;  // CLOCK_BOOTTIME of this machine; 0: none
  Buffer body;
  std::string peer;        // "127.0.0.1:4711"
  bool from_cell = false;  // the caller knows the cell's key
  uint64_t term = 0;       // of RpcOptions, of one that does; 0: none
  CallWatch watch;         // long work asks it now and then
};

// Answers the request exactly once, from any thread; destroyed unanswered it answers Unavailable.
class RpcReply {
 public:
  using Sender = std::function<void(const Status&, Buffer)>;
  // Who passes the answer on; called once, from any thread.
  class Taker {
   public:
    virtual ~Taker() = default;
    virtual void Take(const Status& status, Buffer body) = 0;
  };
  explicit RpcReply(Sender sender);
  explicit RpcReply(std::shared_ptr<Taker> taker);
  RpcReply(RpcReply&& other) noexcept;
  RpcReply& operator=(RpcReply&& other) noexcept;  // what was unanswered here is Unavailable
  ~RpcReply();
  void Ok(Buffer body);
  void Error(const Status& status);    // code, message and payloads reach the caller
  void Send(StatusOr<Buffer> answer);  // one of the two

 private:
  void DropUnanswered();
  void Answer(const Status& status, Buffer body);
  std::shared_ptr<Taker> taker_;  // null once answered or moved from
};

// Runs on an io thread: must not block; hand over to a pool to do so.
using RpcHandler = std::function<void(RpcRequest, RpcReply)>;

class RpcServer {
 public:
  virtual ~RpcServer() = default;  // Stop()
  // "127.0.0.1:0" takes a free port. Unavailable "address in use".
  static StatusOr<std::unique_ptr<RpcServer>> Listen(const std::string& address,
                                                     const RpcOptions& options, RpcHandler handler);
  virtual std::string address() const = 0;  // with the real port
  // Refuses new connections and requests (Unavailable with kNotSentPayload), tells the clients to
  // go elsewhere, waits until those in flight are answered and sent; at most drain_timeout_ms.
  virtual void Drain() = 0;
  // Closes everything; when it returns no handler runs or will run, and replies lead nowhere.
  // Neither may be called from an io thread. Both may be called again.
  virtual void Stop() = 0;
};

// Connections to many servers, one shared connection an address, made on demand and again after a
// failure.
class RpcClient {
 public:
  virtual ~RpcClient() = default;  // fails what is in flight with Unavailable
  static std::unique_ptr<RpcClient> Create(const RpcOptions& options);
  using Callback = std::function<void(StatusOr<Buffer>)>;
  // `done` runs once on an io thread: the answer; DeadlineExceeded by deadline + 100 ms at the
  // latest; ResourceExhausted with kNotSentPayload when too much is queued; InvalidArgument for a
  // bad address or a body over the limit; Unavailable when the connection failed, with the payload
  // kNotSentPayload when it is certain that no handler saw the request.
  virtual void Call(const std::string& address, uint16_t method, Buffer body, int64_t timeout_ms,
                    Callback done) = 0;
  // Likewise; the result ends the call early, from any thread. `done` runs once as ever, on an io
  // thread: with Cancelled, or with the answer if that was on its way. Without an effect once the
  // call has ended, and with a client that cannot cancel.
  using Canceller = std::function<void()>;
  virtual Canceller CancellableCall(const std::string& address, uint16_t method, Buffer body,
                                    int64_t timeout_ms, Callback done) {
    Call(address, method, std::move(body), timeout_ms, std::move(done));
    return [] {};
  }
  // Not from an io thread.
  virtual StatusOr<Buffer> CallSync(const std::string& address, uint16_t method, Buffer body,
                                    int64_t timeout_ms) = 0;
};

// While one lives, the calls that its thread makes, up to 64 KiB, are sent by that thread itself
// where the connection is free and was just in use, and not by its io thread together with others:
// for who then does nothing but wait for the answer, and so is delayed by the hand-over alone.
// Likewise the answers that it gives, where the connection has no other call under way.
class SendsFromHere {
 public:
  SendsFromHere();
  ~SendsFromHere();
  SendsFromHere(const SendsFromHere&) = delete;
  SendsFromHere& operator=(const SendsFromHere&) = delete;
  static bool Current();  // of this thread
};

// On an error: the request had no effect, and may be sent again whatever it was.
inline constexpr char kNotSentPayload[] = "stele.dev/not-sent";

}  // namespace stele::net
