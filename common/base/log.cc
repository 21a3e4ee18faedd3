#include "common/base/log.h"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace stele {
namespace {
// The process log's threshold is the one piece of process-wide state: it is written once at start.
std::atomic<int> min_level{
    static_cast<int>(LogLevel::kInfo)};  // tidy: allow mutable namespace state
}  // namespace

void SetMinLogLevel(LogLevel level) { min_level.store(static_cast<int>(level)); }
LogLevel MinLogLevel() { return static_cast<LogLevel>(min_level.load(std::memory_order_relaxed)); }

namespace internal {

LogLine::LogLine(LogLevel level, const char* file, int line) : level_(level) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);  // tidy: allow clock (display only)
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char time[100];  // the format can give no more, whatever the fields hold
  std::snprintf(time, sizeof time, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                now.tv_nsec / 1000000);
  const char* base = std::strrchr(file, '/');
  static constexpr char kLetters[] = "IWE";
  stream_ << time << " " << kLetters[static_cast<int>(level_)] << " " << (base ? base + 1 : file)
          << ":" << line << " ";
}

LogLine::~LogLine() {
  std::string text = stream_.str();
  text.push_back('\n');
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace internal
}  // namespace stele
