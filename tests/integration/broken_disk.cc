// A library for LD_PRELOAD: file calls of the program that fail, or that do not return, while a
// file tells them to. BROKEN_DISK_CONTROL names that file; its content is one word:
//   fail-sync   fdatasync fails with EIO     fail-write   pwritev fails with EIO
//   hang        neither returns any more
//   slow        fdatasync works, 1.2 s later
// Only for files whose path contains BROKEN_DISK_PATH. No file, or no word: the calls work.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

std::string ControlWord() {
  const char* const path = std::getenv("BROKEN_DISK_CONTROL");
  if (path == nullptr) return "";
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  char word[32];
  const ssize_t size = read(fd, word, sizeof(word));
  close(fd);
  return size <= 0 ? "" : std::string(word, static_cast<size_t>(size));
}

bool IsConcerned(int fd) {
  const char* const part = std::getenv("BROKEN_DISK_PATH");
  if (part == nullptr) return false;
  char link[64], path[PATH_MAX];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof(path) - 1);
  if (size <= 0) return false;
  path[size] = '\0';
  return std::strstr(path, part) != nullptr;
}

// True when the call is to fail. `failing`: the word that makes it fail.
bool Fails(int fd, const char* failing) {
  if (!IsConcerned(fd)) return false;
  while (ControlWord() == "hang") pause();
  return ControlWord() == failing;
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int fdatasync(int fd) {
  static auto* const real = Real<int(int)>("fdatasync");
  if (!Fails(fd, "fail-sync")) {
    constexpr int kSlowMs = 1200;
    if (IsConcerned(fd) && ControlWord() == "slow") poll(nullptr, 0, kSlowMs);
    return real(fd);
  }
  errno = EIO;
  return -1;
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  static auto* const real = Real<ssize_t(int, const iovec*, int, off_t)>("pwritev");
  if (!Fails(fd, "fail-write")) return real(fd, parts, count, offset);
  errno = EIO;
  return -1;
}

}  // extern "C"
