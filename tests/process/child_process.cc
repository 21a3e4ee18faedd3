#include "tests/process/child_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/time/clock.h"

extern char** environ;

namespace stele {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr std::chrono::milliseconds kBetweenLooks{10};

}  // namespace

Status ChildProcess::Start(const std::vector<std::string>& words, const std::string& stderr_file) {
  CHECK(!running());
  std::vector<std::string> all = {"setpriv", "--pdeathsig", "KILL", "--"};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& word : all) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, stderr_file.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  const int error = posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    pid_ = -1;
    return absl::InternalError("cannot start " + words[0]);
  }
  output_ = ends[0];
  return OkStatus();
}

std::string ChildProcess::AwaitLine(const std::string& prefix, int64_t timeout_ms) {
  const int64_t deadline = SystemClock()->BootNanos() + timeout_ms * kNanosPerMilli;
  std::string line;
  while (true) {
    const int64_t left = (deadline - SystemClock()->BootNanos()) / kNanosPerMilli;
    pollfd wait{.fd = output_, .events = POLLIN, .revents = 0};
    char c = 0;
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) <= 0) return "";
    if (read(output_, &c, 1) != 1) return "";
    if (c != '\n') {
      line.push_back(c);
    } else if (line.rfind(prefix, 0) == 0) {
      return line;
    } else {
      line.clear();
    }
  }
}

void ChildProcess::Signal(int signal) {
  CHECK(running());
  CHECK_EQ(kill(pid_, signal), 0);
}

void ChildProcess::Kill() {
  if (!running()) return;
  Signal(SIGKILL);
  CHECK_EQ(waitpid(pid_, nullptr, 0), pid_);
  pid_ = -1;
  close(output_);
}

std::optional<int> ChildProcess::AwaitExit(int64_t timeout_ms) {
  CHECK(running());
  int status = 0;
  const bool ended =
      Eventually([&] { return waitpid(pid_, &status, WNOHANG) == pid_; }, timeout_ms);
  if (!ended) return std::nullopt;
  pid_ = -1;
  close(output_);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Eventually(const std::function<bool()>& is_so, int64_t timeout_ms) {
  const int64_t deadline = SystemClock()->BootNanos() + timeout_ms * kNanosPerMilli;
  Mutex mu;
  CondVar nobody_signals;
  MutexLock lock(&mu);
  while (!is_so()) {
    if (SystemClock()->BootNanos() >= deadline) return false;
    nobody_signals.WaitFor(&mu, kBetweenLooks);
  }
  return true;
}

// Not from the range of which the system gives connections their own ports: one of those could have
// it before the server is started, or started again.
int FreePort() {
  constexpr int kFirst = 12'000, kPorts = 20'000, kStride = 61;
  static std::atomic<int> next{static_cast<int>(getpid() * kStride % kPorts)};
  while (true) {
    const int port = kFirst + next.fetch_add(1) % kPorts;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    close(fd);
    if (bound == 0) return port;
  }
}

std::string TailOf(const std::string& path) {
  constexpr size_t kMost = 3000;
  std::ifstream in(path);
  const std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return all.size() > kMost ? all.substr(all.size() - kMost) : all;
}

}  // namespace stele
