// Process log: one line an event on standard error, `time level file:line message`. LOG(INFO) <<
// ...; LOG(WARNING) << ...; LOG(ERROR) << .... Thread-safe. Never prints cell values.
#pragma once

#include <sstream>

namespace stele {

enum class LogLevel { kInfo = 0, kWarning = 1, kError = 2, kOff = 3 };

// Lines below this level are dropped. Set once, in main or a test's main.
void SetMinLogLevel(LogLevel level);
LogLevel MinLogLevel();

namespace internal {
class LogLine {
 public:
  LogLine(LogLevel level, const char* file, int line);
  ~LogLine();
  std::ostream& stream() { return stream_; }

 private:
  const LogLevel level_;
  std::ostringstream stream_;
};
}  // namespace internal

}  // namespace stele

#define STELE_LOG_INFO ::stele::LogLevel::kInfo
#define STELE_LOG_WARNING ::stele::LogLevel::kWarning
#define STELE_LOG_ERROR ::stele::LogLevel::kError
#define LOG(level)                                  \
  if (STELE_LOG_##level < ::stele::MinLogLevel()) { \
  } else /* NOLINT */                               \
    ::stele::internal::LogLine(STELE_LOG_##level, __FILE__, __LINE__).stream()
