// ChildProcess: one process that a test starts, watches, signals and ends, by its id alone. Its
// standard error is appended to a file; of its standard output whole lines can be waited for. It
// dies with the test, also when the test is killed. Owned by one test; thread-compatible.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace stele {

class ChildProcess {
 public:
  ChildProcess() = default;
  ~ChildProcess() { Kill(); }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // `words`: program (looked up in PATH) and arguments. Not when one is running.
  Status Start(const std::vector<std::string>& words, const std::string& stderr_file);
  // The next line of its output that begins with `prefix`; "" at its end or after the timeout.
  std::string AwaitLine(const std::string& prefix, int64_t timeout_ms);

  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  void Signal(int signal);  // SIGSTOP, SIGCONT, SIGTERM ..
  void Kill();              // SIGKILL, and waits for the end
  // Its exit code, or 128 + the signal that ended it; nothing when it still runs after the timeout.
  std::optional<int> AwaitExit(int64_t timeout_ms);

 private:
  pid_t pid_ = -1;
  int output_ = -1;
};

// Asks again and again, without burning the processor, until it is so or the time is over.
bool Eventually(const std::function<bool()>& is_so, int64_t timeout_ms);

// A port of 127.0.0.1 that was free a moment ago.
int FreePort();

// The end of a file, for messages.
std::string TailOf(const std::string& path);

}  // namespace stele
