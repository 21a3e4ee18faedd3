#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/time/clock.h"
#include "tests/bench/served.h"
#include "tests/process/child_process.h"

namespace stele::bench {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr int64_t kStartTimeoutMs = 30'000;

void NoDelay(int fd) {
  const int on = 1;
  CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
}

bool WriteAll(int fd, Slice bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(fd, bytes.data(), bytes.size());
    if (wrote <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return true;
}

// Appends what is there, at least one byte; false at the end.
bool ReadSome(int fd, std::string* to) {
  static thread_local char buffer[kReadBytes];
  const ssize_t got = read(fd, buffer, sizeof buffer);
  if (got > 0) to->append(buffer, static_cast<size_t>(got));
  return got > 0;
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// -1 when nobody listens.
int ConnectTo(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  const sockaddr_in address = Loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  NoDelay(fd);
  return fd;
}

// How requests and answers look on a connection.
class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual void AppendRead(Slice key, std::string* out) const = 0;
  virtual void AppendWrite(Slice key, Slice value, std::string* out) const = 0;
  // Bytes of the whole answer that `in` begins with; 0: it is not whole yet.
  virtual size_t AnswerBytes(Slice in) const = 0;
};

// One connection with a window of calls: what an answer makes room for goes out in one write.
class PipelinedClient {
 public:
  PipelinedClient(const Protocol* protocol, int port) : protocol_(protocol), fd_(ConnectTo(port)) {
    CHECK(fd_ >= 0);
  }
  ~PipelinedClient() { close(fd_); }
  PipelinedClient(const PipelinedClient&) = delete;
  PipelinedClient& operator=(const PipelinedClient&) = delete;

  // The calls first, first + step ..
  void Run(const Rows& rows, const Calls& calls, uint64_t first, uint64_t step,
           std::vector<int64_t>* took_ns) {
    std::string out, in;
    uint64_t next = first, answered = first;
    while (answered < calls.count) {
      out.clear();
      for (; next < calls.count && next < answered + step * calls.depth; next += step) {
        const uint64_t row = calls.row(next);
        calls.kind == CallKind::kRead ? protocol_->AppendRead(Key(row), &out)
                                      : protocol_->AppendWrite(Key(row), rows.Value(row), &out);
        (*took_ns)[next] = -MonotonicNanos();
      }
      CHECK(WriteAll(fd_, out));
      CHECK(ReadSome(fd_, &in));
      size_t used = 0;
      for (size_t n; answered < next && (n = protocol_->AnswerBytes(Slice(in).substr(used))) > 0;
           answered += step) {
        (*took_ns)[answered] += MonotonicNanos();
        used += n;
      }
      in.erase(0, used);
    }
  }

 private:
  const Protocol* const protocol_;
  const int fd_;
};

class SocketServed : public Served {
 public:
  void Load(const Rows& rows, uint64_t count) override {
    std::vector<int64_t> unused(count);
    PipelinedClient client(protocol(), port());
    client.Run(rows,
               {.kind = CallKind::kWrite,
                .depth = 64,
                .count = count,
                .row = [](uint64_t i) { return i; }},
               0, 1, &unused);
  }
  void Connect(uint32_t clients) override {
    while (clients_.size() < clients) {
      clients_.push_back(std::make_unique<PipelinedClient>(protocol(), port()));
    }
  }
  void Run(const Rows& rows, const Calls& calls, std::vector<int64_t>* took_ns) override {
    std::vector<std::thread> threads;
    for (uint32_t c = 0; c < calls.clients; ++c) {
      threads.emplace_back([&, c] { clients_.at(c)->Run(rows, calls, c, calls.clients, took_ns); });
    }
    for (std::thread& thread : threads) thread.join();
  }

 protected:
  virtual const Protocol* protocol() const = 0;
  virtual int port() const = 0;

 private:
  std::vector<std::unique_ptr<PipelinedClient>> clients_;
};

// A request: this, then `request` bytes. The answer is `reply` bytes.
struct EchoHead {
  uint32_t request = 0;
  uint32_t reply = 0;
};
constexpr uint32_t kEchoReadBytes = kKeyBytes + kValueBytes;
constexpr uint32_t kEchoWriteBytes = 8;

class EchoProtocol : public Protocol {
 public:
  void AppendRead(Slice key, std::string* out) const override {
    Append(key, "", kEchoReadBytes, out);
  }
  void AppendWrite(Slice key, Slice value, std::string* out) const override {
    Append(key, value, kEchoWriteBytes, out);
  }
  // An answer says itself how long it is.
  size_t AnswerBytes(Slice in) const override {
    uint32_t size = 0;
    if (in.size() < sizeof size) return 0;
    memcpy(&size, in.data(), sizeof size);
    return in.size() < size ? 0 : size;
  }

 private:
  static void Append(Slice key, Slice value, uint32_t reply, std::string* out) {
    const EchoHead head{.request = static_cast<uint32_t>(key.size() + value.size()),
                        .reply = reply};
    out->append(reinterpret_cast<const char*>(&head), sizeof head);
    out->append(key.data(), key.size());
    out->append(value.data(), value.size());
  }
};

struct EchoConnection {
  std::string in, out;
};

// All whole requests that came, answered with one write; false at the end.
bool Answer(int fd, EchoConnection* connection) {
  if (!ReadSome(fd, &connection->in)) return false;
  const Slice in = connection->in;
  size_t used = 0;
  connection->out.clear();
  while (in.size() - used >= sizeof(EchoHead)) {
    EchoHead head;
    memcpy(&head, in.data() + used, sizeof head);
    if (in.size() - used < sizeof head + head.request) break;
    used += sizeof head + head.request;
    const size_t at = connection->out.size();
    connection->out.resize(at + head.reply);
    memcpy(connection->out.data() + at, &head.reply, sizeof head.reply);
  }
  connection->in.erase(0, used);
  return WriteAll(fd, connection->out);
}

void ServeEchoes(int listener) {
  std::vector<EchoConnection> connections(1024);
  const int poll = epoll_create1(0);
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  CHECK_EQ(epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event), 0);
  epoll_event ready[64];
  while (true) {
    const int count = epoll_wait(poll, ready, 64, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = ready[i].data.fd;
      if (fd == listener) {
        const int accepted = accept(listener, nullptr, nullptr);
        CHECK(accepted >= 0 && static_cast<size_t>(accepted) < connections.size());
        NoDelay(accepted);
        connections[static_cast<size_t>(accepted)] = {};
        event = {.events = EPOLLIN, .data = {.fd = accepted}};
        CHECK_EQ(epoll_ctl(poll, EPOLL_CTL_ADD, accepted, &event), 0);
      } else if (!Answer(fd, &connections[static_cast<size_t>(fd)])) {
        close(fd);
      }
    }
  }
}

class EchoServed : public SocketServed {
 public:
  EchoServed() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof address;
    CHECK_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
    CHECK_EQ(listen(listener, 128), 0);
    CHECK_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    server_ = fork();
    CHECK(server_ >= 0);
    if (server_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      ServeEchoes(listener);
    }
    close(listener);
  }
  ~EchoServed() override {
    kill(server_, SIGKILL);
    waitpid(server_, nullptr, 0);
  }
  void Load(const Rows& rows, uint64_t count) override {}
  std::vector<pid_t> servers() const override { return {server_}; }
  std::string Describe() const override {
    return "a process with one epoll thread that answers at once, all of one read in one write";
  }

 protected:
  const Protocol* protocol() const override { return &protocol_; }
  int port() const override { return port_; }

 private:
  const EchoProtocol protocol_;
  int port_ = 0;
  pid_t server_ = -1;
};

class RedisProtocol : public Protocol {
 public:
  void AppendRead(Slice key, std::string* out) const override {
    absl::StrAppend(out, "*2\r\n$3\r\nGET\r\n$", key.size(), "\r\n", key, "\r\n");
  }
  void AppendWrite(Slice key, Slice value, std::string* out) const override {
    absl::StrAppend(out, "*3\r\n$3\r\nSET\r\n$", key.size(), "\r\n", key, "\r\n$", value.size(),
                    "\r\n", value, "\r\n");
  }
  size_t AnswerBytes(Slice in) const override {
    const size_t line = in.find("\r\n");
    if (line == Slice::npos) return 0;
    if (in[0] == '+') return line + 2;
    uint64_t size = 0;
    CHECK(in[0] == '$' && absl::SimpleAtoi(in.substr(1, line - 1), &size)) << in.substr(0, line);
    const size_t whole = line + 2 + size + 2;
    return in.size() < whole ? 0 : whole;
  }
};

class RedisServed : public SocketServed {
 public:
  explicit RedisServed(const ServedOptions& options) : port_(FreePort()) {
    // Debian's redis-tools has the server under the name of its checker.
    const std::string command =
        absl::StrCat("exec -a redis-server redis-check-rdb --port ", port_,
                     " --bind 127.0.0.1 --save '' --appendonly no --dir /tmp --logfile /dev/null");
    CHECK_OK(process_.Start({"bash", "-c", command}, "/dev/null"));
    CHECK(Eventually(
        [this] {
          const int fd = ConnectTo(port_);
          if (fd >= 0) close(fd);
          return fd >= 0;
        },
        kStartTimeoutMs));
  }
  std::vector<pid_t> servers() const override { return {process_.pid()}; }
  std::string Describe() const override { return "redis-server, nothing saved"; }

 protected:
  const Protocol* protocol() const override { return &protocol_; }
  int port() const override { return port_; }

 private:
  const RedisProtocol protocol_;
  const int port_;
  ChildProcess process_;
};

}  // namespace

std::unique_ptr<Served> ServeEcho(const ServedOptions& options) {
  return std::make_unique<EchoServed>();
}
std::unique_ptr<Served> ServeRedis(const ServedOptions& options) {
  return std::make_unique<RedisServed>(options);
}

}  // namespace stele::bench
