// For tests: a supervisor's end of what notify.h says. A datagram socket at a name that begins with
// '/' or '@'. Bound to one thread.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>

namespace stele::net {

class NotifyListener {
 public:
  explicit NotifyListener(const std::string& name)
      : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    if (name[0] == '@') at.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    bound_ = bind(fd_, reinterpret_cast<const sockaddr*>(&at), length) == 0;
  }
  ~NotifyListener() { close(fd_); }
  NotifyListener(const NotifyListener&) = delete;
  NotifyListener& operator=(const NotifyListener&) = delete;

  bool bound() const { return bound_; }
  // The next message, "nothing" when there is none.
  std::string Heard() {
    std::array<char, 256> buffer;
    const ssize_t n = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string(buffer.data(), static_cast<size_t>(n));
  }

 private:
  const int fd_;
  bool bound_ = false;
};

}  // namespace stele::net
