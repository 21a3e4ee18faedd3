// A supervisor hears what its process says, at a path and at an abstract name; no listener, and no
// address, are errors that stop nothing.
#include "common/net/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>

namespace stele::net {
namespace {

// A bound datagram socket; `name` begins with '/' or '@'.
class Supervisor {
 public:
  explicit Supervisor(const std::string& name) : fd_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    if (name[0] == '@') at.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    bound_ = bind(fd_, reinterpret_cast<const sockaddr*>(&at), length) == 0;
  }
  ~Supervisor() { close(fd_); }
  bool bound() const { return bound_; }
  std::string Heard() {
    std::array<char, 256> buffer;
    const ssize_t n = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(buffer.data(), static_cast<size_t>(n));
  }

 private:
  int fd_;
  bool bound_ = false;
};

TEST(NotifyTest, IsHeardAtAPathAndAtAnAbstractName) {
  const std::string path = testing::TempDir() + "notify-" + std::to_string(getpid());
  for (const std::string& name : {path, "@stele-notify-" + std::to_string(getpid())}) {
    Supervisor supervisor(name);
    ASSERT_TRUE(supervisor.bound()) << name;
    EXPECT_EQ(supervisor.Heard(), "nothing");
    EXPECT_TRUE(NotifySupervisor(name, "READY=1\nSTATUS=serves").ok()) << name;
    EXPECT_EQ(supervisor.Heard(), "READY=1\nSTATUS=serves");
  }
  std::filesystem::remove(path);
}

TEST(NotifyTest, NobodyThereAndNoAddress) {
  EXPECT_EQ(NotifySupervisor("@stele-nobody-" + std::to_string(getpid()), "READY=1").code(),
            absl::StatusCode::kUnavailable);
  for (const std::string& name :
       {std::string(), std::string("@"), std::string("vsock:2:1"), "/" + std::string(200, 'x')}) {
    EXPECT_EQ(NotifySupervisor(name, "READY=1").code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

}  // namespace
}  // namespace stele::net
