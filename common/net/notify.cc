#include "common/net/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace stele::net {

Status NotifySupervisor(const std::string& socket, const std::string& state) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const bool known = socket.size() > 1 && (socket[0] == '/' || socket[0] == '@');
  if (!known || socket.size() >= sizeof(to.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("supervisor's socket '", socket, "'"));
  }
  std::memcpy(to.sun_path, socket.data(), socket.size());
  if (socket[0] == '@') to.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::UnavailableError(absl::StrCat("socket: ", std::strerror(errno)));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
  const ssize_t sent = sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                              reinterpret_cast<const sockaddr*>(&to), length);
  const int error = errno;
  close(fd);
  if (sent >= 0) return OkStatus();
  return absl::UnavailableError(
      absl::StrCat("supervisor's socket ", socket, ": ", std::strerror(error)));
}

}  // namespace stele::net
