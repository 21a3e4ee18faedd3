#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "common/base/check.h"
#include "tests/bench/driver.h"

namespace stele::bench {
namespace {

// A request: this, then `request` bytes. The answer is `reply` bytes.
struct FrameHead {
  uint32_t request = 0;
  uint32_t reply = 0;
};

constexpr uint32_t kReadReplyBytes = 1000;
constexpr uint32_t kWriteReplyBytes = 8;
constexpr size_t kMaxFrameBytes = 64 * 1024;

bool ReadAll(int fd, char* to, size_t n) {
  while (n > 0) {
    const ssize_t got = read(fd, to, n);
    if (got <= 0) return false;
    to += got;
    n -= static_cast<size_t>(got);
  }
  return true;
}

bool WriteAll(int fd, Slice bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(fd, bytes.data(), bytes.size());
    if (wrote <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return true;
}

void NoDelay(int fd) {
  const int on = 1;
  CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
}

// One frame of a readable connection; false at its end.
bool Answer(int fd, std::string* buffer) {
  FrameHead head;
  if (!ReadAll(fd, reinterpret_cast<char*>(&head), sizeof head)) return false;
  CHECK(head.request <= kMaxFrameBytes && head.reply <= kMaxFrameBytes);
  return ReadAll(fd, buffer->data(), head.request) &&
         WriteAll(fd, Slice(buffer->data(), head.reply));
}

void Serve(int listener) {
  std::string buffer(kMaxFrameBytes, 'x');
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
        CHECK(accepted >= 0);
        NoDelay(accepted);
        event = {.events = EPOLLIN, .data = {.fd = accepted}};
        CHECK_EQ(epoll_ctl(poll, EPOLL_CTL_ADD, accepted, &event), 0);
      } else if (!Answer(fd, &buffer)) {
        close(fd);
      }
    }
  }
}

class EchoDriver : public Driver {
 public:
  EchoDriver() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    CHECK_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address_), size), 0);
    CHECK_EQ(listen(listener, 128), 0);
    CHECK_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address_), &size), 0);
    server_ = fork();
    CHECK(server_ >= 0);
    if (server_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      Serve(listener);
    }
    close(listener);
  }
  ~EchoDriver() override {
    kill(server_, SIGKILL);
    waitpid(server_, nullptr, 0);
  }

  void Put(Slice key, Slice value) override {
    char reply[kWriteReplyBytes];
    Call(key, value, reply, sizeof reply);
  }
  bool Get(Slice key, std::string* value) override {
    value->resize(kReadReplyBytes);
    Call(key, Slice(), value->data(), value->size());
    return true;
  }
  uint64_t Scan(Slice start, uint64_t rows, uint64_t* bytes) override { return 0; }
  void Settle(bool compact) override {}
  std::string Describe() const override {
    return "a process with one epoll thread that answers at once, a connection a client thread";
  }

 private:
  // Closed when its thread ends.
  struct Connection {
    ~Connection() {
      if (fd >= 0) close(fd);
    }
    int fd = -1;
  };

  void Call(Slice first, Slice second, char* reply, size_t reply_bytes) {
    thread_local Connection connection;
    if (connection.fd < 0) {
      connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      CHECK_EQ(
          connect(connection.fd, reinterpret_cast<const sockaddr*>(&address_), sizeof address_), 0);
      NoDelay(connection.fd);
    }
    const FrameHead head{.request = static_cast<uint32_t>(first.size() + second.size()),
                         .reply = static_cast<uint32_t>(reply_bytes)};
    std::string frame(reinterpret_cast<const char*>(&head), sizeof head);
    frame.append(first.data(), first.size());
    frame.append(second.data(), second.size());
    CHECK(WriteAll(connection.fd, frame) && ReadAll(connection.fd, reply, reply_bytes));
  }

  sockaddr_in address_{};
  pid_t server_ = -1;
};

}  // namespace

std::unique_ptr<Driver> OpenEcho(const DriverOptions& options) {
  return std::make_unique<EchoDriver>();
}

}  // namespace stele::bench
