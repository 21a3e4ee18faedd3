#include "tests/integration/child_cell.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "common/base/check.h"

extern char** environ;

namespace stele {
namespace {

constexpr int kReadyTimeoutMs = 60'000;

// Reads from `fd` until a whole line that begins with READY, the end, or a minute without a byte.
std::string ReadReadyLine(int fd) {
  std::string text;
  char c;
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  while (poll(&wait, 1, kReadyTimeoutMs) > 0 && read(fd, &c, 1) == 1) {
    if (c != '\n') {
      text.push_back(c);
      continue;
    }
    if (text.rfind("READY ", 0) == 0) return text;
    text.clear();
  }
  return "";
}

std::string FieldOf(const std::string& line, const std::string& name) {
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    if (word.rfind(name + "=", 0) == 0) return word.substr(name.size() + 1);
  }
  return "";
}

std::string LastLines(const std::string& path) {
  std::ifstream in(path);
  std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return all.size() > 2000 ? all.substr(all.size() - 2000) : all;
}

}  // namespace

ChildCell::ChildCell(std::string binary, std::string directory, std::vector<std::string> flags,
                     std::vector<std::string> environment)
    : binary_(std::move(binary)),
      directory_(std::move(directory)),
      flags_(std::move(flags)),
      environment_(std::move(environment)) {}

ChildCell::~ChildCell() { Kill(); }

Status ChildCell::Start() {
  CHECK(!running());
  std::vector<std::string> words = {binary_, "local", "--data", directory_ + "/data",
                                    "--rpc", rpc_,    "--http", http_};
  words.insert(words.end(), flags_.begin(), flags_.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  std::vector<std::string> settings = environment_;
  std::vector<char*> env;
  for (std::string& setting : settings) env.push_back(setting.data());
  for (char** setting = environ; *setting != nullptr; ++setting) env.push_back(*setting);
  env.push_back(nullptr);

  int ends[2];
  CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
  const std::string log = directory_ + "/stderr";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  const int error = posix_spawn(&pid_, binary_.c_str(), &actions, nullptr, argv.data(), env.data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    pid_ = -1;
    return absl::InternalError("cannot start " + binary_);
  }
  const std::string ready = ReadReadyLine(ends[0]);
  close(ends[0]);
  if (ready.empty()) {
    Kill();
    return absl::UnavailableError("stele local did not come up:\n" + LastLines(log));
  }
  rpc_ = FieldOf(ready, "rpc");
  http_ = FieldOf(ready, "http");
  return OkStatus();
}

int ChildCell::WaitForEnd() {
  int status = 0;
  CHECK_EQ(waitpid(pid_, &status, 0), pid_);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void ChildCell::Kill() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  WaitForEnd();
}

int ChildCell::Stop() {
  CHECK(running());
  kill(pid_, SIGTERM);
  return WaitForEnd();
}

}  // namespace stele
