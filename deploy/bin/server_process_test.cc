// What a server tells the supervisor of NOTIFY_SOCKET, and that none is no trouble.
#include "deploy/bin/server_process.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace stele::bin {
namespace {

// Listens at an abstract name, as systemd may, and is the one of this process's environment.
class Supervisor {
 public:
  Supervisor() : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const std::string name = "@stele-server-process-" + std::to_string(getpid());
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path + 1, name.data() + 1, name.size() - 1);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&at), length), 0);
    setenv("NOTIFY_SOCKET", name.c_str(), /*overwrite=*/1);
  }
  ~Supervisor() {
    unsetenv("NOTIFY_SOCKET");
    close(fd_);
  }
  std::string Heard() {
    std::array<char, 256> buffer;
    const ssize_t n = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(buffer.data(), static_cast<size_t>(n));
  }

 private:
  int fd_;
};

TEST(NotifyLeaving, AsksForTheTimeThatLeavingAndFlushesTake) {
  Supervisor supervisor;
  NotifyLeaving(60'000);
  EXPECT_EQ(supervisor.Heard(),
            "STOPPING=1\nSTATUS=gives its tablets away\nEXTEND_TIMEOUT_USEC=150000000");
  NotifyLeaving(0);
  EXPECT_EQ(supervisor.Heard(),
            "STOPPING=1\nSTATUS=gives its tablets away\nEXTEND_TIMEOUT_USEC=90000000");
  NotifyLeaving(24 * 3'600'000);
  EXPECT_EQ(supervisor.Heard(),
            "STOPPING=1\nSTATUS=gives its tablets away\nEXTEND_TIMEOUT_USEC=86490000000");
  EXPECT_EQ(supervisor.Heard(), "nothing");
}

TEST(NotifyLeaving, WithoutASupervisorNothingIsSaid) {
  unsetenv("NOTIFY_SOCKET");
  NotifyLeaving(60'000);
}

}  // namespace
}  // namespace stele::bin
