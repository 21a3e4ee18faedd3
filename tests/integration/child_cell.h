// ChildCell: a `stele local` in a process of its own, for tests that kill it. Started on free ports
// that it keeps over restarts. Owned by one test; thread-compatible. Its standard error goes to a
// file beside the data, shown when it does not come up.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"
#include "tests/process/child_process.h"

namespace stele {

class ChildCell {
 public:
  // `binary`: the stele program; `directory`: where data and output go; `flags`: further flags of
  // `stele local`; `environment`: NAME=VALUE, beside those of this process.
  ChildCell(std::string binary, std::string directory, std::vector<std::string> flags = {},
            std::vector<std::string> environment = {});

  // Starts it and waits for its READY line.
  Status Start();
  // SIGKILL, and waits for the end.
  void Kill() { process_.Kill(); }
  // SIGTERM, and waits; the exit code, or 128 + signal.
  int Stop();

  // Waits until it ends by itself; the same.
  int WaitForEnd();

  bool running() const { return process_.running(); }
  pid_t pid() const { return process_.pid(); }
  const std::string& rpc_address() const { return rpc_; }
  const std::string& http_address() const { return http_; }

 private:
  const std::string binary_;
  const std::string directory_;
  const std::vector<std::string> flags_;
  const std::vector<std::string> environment_;
  ChildProcess process_;
  std::string rpc_ = "127.0.0.1:0";
  std::string http_ = "127.0.0.1:0";
};

}  // namespace stele
