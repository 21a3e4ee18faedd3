#include "tests/integration/child_cell.h"

#include <signal.h>

#include <sstream>

#include "common/base/check.h"

namespace stele {
namespace {

constexpr int64_t kReadyTimeoutMs = 60'000;
constexpr int64_t kEndTimeoutMs = 600'000;

std::string FieldOf(const std::string& line, const std::string& name) {
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    if (word.rfind(name + "=", 0) == 0) return word.substr(name.size() + 1);
  }
  return "";
}

}  // namespace

ChildCell::ChildCell(std::string binary, std::string directory, std::vector<std::string> flags,
                     std::vector<std::string> environment)
    : binary_(std::move(binary)),
      directory_(std::move(directory)),
      flags_(std::move(flags)),
      environment_(std::move(environment)) {}

Status ChildCell::Start() {
  std::vector<std::string> words = {"env"};
  words.insert(words.end(), environment_.begin(), environment_.end());
  for (const std::string& word :
       {binary_, std::string("local"), std::string("--data"), directory_ + "/data",
        std::string("--rpc"), rpc_, std::string("--http"), http_}) {
    words.push_back(word);
  }
  words.insert(words.end(), flags_.begin(), flags_.end());
  const std::string log = directory_ + "/stderr";
  RETURN_IF_ERROR(process_.Start(words, log));
  const std::string ready = process_.AwaitLine("READY ", kReadyTimeoutMs);
  if (ready.empty()) {
    Kill();
    return absl::UnavailableError("stele local did not come up:\n" + TailOf(log));
  }
  rpc_ = FieldOf(ready, "rpc");
  http_ = FieldOf(ready, "http");
  return OkStatus();
}

int ChildCell::WaitForEnd() {
  const std::optional<int> code = process_.AwaitExit(kEndTimeoutMs);
  CHECK(code.has_value());
  return *code;
}

int ChildCell::Stop() {
  process_.Signal(SIGTERM);
  return WaitForEnd();
}

}  // namespace stele
