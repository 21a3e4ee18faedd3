#include "tests/bench/meter.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/time/clock.h"

namespace stele::bench {
namespace {

constexpr std::chrono::milliseconds kQuiet(300);

// The number behind `label` in a file of /proc.
uint64_t ProcNumber(const std::string& file, const std::string& label) {
  std::ifstream in(file);
  std::string word;
  uint64_t number = 0;
  while (in >> word) {
    if (word == label && in >> number) return number;
  }
  CHECK(false) << file << " has no " << label;
  return 0;
}

uint64_t WrittenBytes() { return ProcNumber("/proc/self/io", "wchar:"); }

struct Cpu {
  double user = 0, all = 0;  // seconds
};

Cpu OwnCpu() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  const double user = seconds(usage.ru_utime);
  return {user, user + seconds(usage.ru_stime)};
}

double OwnCpuSeconds() { return OwnCpu().all; }

std::string ProcFile(pid_t pid, const char* name) { return absl::StrCat("/proc/", pid, "/", name); }

// User and system time of another process; a hundredth of a second is its grain.
Cpu CpuOf(pid_t pid) {
  std::ifstream in(ProcFile(pid, "stat"));
  std::string line;
  CHECK(std::getline(in, line));
  // Behind the name, which may hold anything, stand 11 other fields.
  std::istringstream rest(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double user = 0, system = 0;
  CHECK(rest >> user >> system);
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  return {user / ticks, (user + system) / ticks};
}

Cpu CpuOf(const std::vector<pid_t>& servers) {
  if (servers.empty()) return OwnCpu();
  Cpu sum;
  for (pid_t pid : servers) {
    const Cpu one = CpuOf(pid);
    sum.user += one.user;
    sum.all += one.all;
  }
  return sum;
}

uint64_t SumOf(const std::vector<pid_t>& servers, const char* file, const char* label) {
  uint64_t sum = 0;
  for (pid_t pid : servers) sum += ProcNumber(ProcFile(pid, file), label);
  return servers.empty() ? ProcNumber(absl::StrCat("/proc/self/", file), label) : sum;
}

// From here on the kernel's high-water mark counts anew.
std::vector<pid_t> WithPeakReset(std::vector<pid_t> servers) {
  if (servers.empty()) std::ofstream("/proc/self/clear_refs") << "5";
  for (pid_t pid : servers) std::ofstream(ProcFile(pid, "clear_refs")) << "5";
  return servers;
}

}  // namespace

Meter::Meter(std::vector<pid_t> servers)
    : servers_(WithPeakReset(std::move(servers))),
      start_(Look()),
      own_cpu_at_start_(OwnCpuSeconds()),
      start_ns_(MonotonicNanos()) {}

Meter::Costs Meter::Look() const {
  const Cpu cpu = CpuOf(servers_);
  return {cpu.user, cpu.all, SumOf(servers_, "io", "wchar:"), SumOf(servers_, "io", "read_bytes:")};
}

void Meter::CountWholeProcess(pid_t server) {
  servers_ = {server};
  start_ = Costs();
}

void Meter::StopClock() { stop_ns_ = MonotonicNanos(); }

Measure Meter::Finish(std::string name, uint64_t operations, uint64_t payload_bytes) {
  if (stop_ns_ == 0) StopClock();
  Measure measure;
  measure.name = std::move(name);
  measure.operations = operations;
  measure.payload_bytes = payload_bytes;
  measure.seconds = static_cast<double>(stop_ns_ - start_ns_) * 1e-9;
  const Costs end = end_.has_value() ? *end_ : Look();
  measure.cpu_seconds = end.cpu_seconds - start_.cpu_seconds;
  measure.user_cpu_seconds = end.user_seconds - start_.user_seconds;
  if (!servers_.empty()) measure.caller_cpu_seconds = OwnCpuSeconds() - own_cpu_at_start_;
  measure.written_bytes = end.written - start_.written;
  measure.disk_read_bytes = end.disk_read - start_.disk_read;
  measure.peak_resident_bytes = SumOf(servers_, "status", "VmHWM:") * 1024;
  return measure;
}

void AwaitQuiet(const std::function<bool()>& is_working) {
  Mutex mu;
  CondVar never;
  MutexLock lock(&mu);
  // What is written is read back, and what waits for its turn may write nothing for long.
  constexpr double kIdleCpuSeconds = 0.01;
  for (bool quiet = false; !quiet;) {
    const uint64_t written = WrittenBytes();
    const double cpu_seconds = OwnCpuSeconds();
    never.WaitFor(&mu, kQuiet);
    quiet = WrittenBytes() == written && OwnCpuSeconds() - cpu_seconds < kIdleCpuSeconds &&
            !(is_working && is_working());
  }
}

void Meter::AwaitQuiet(std::chrono::milliseconds quiet) {
  constexpr uint64_t kHardlyBytes = 256 * 1024;
  constexpr double kHardlyCpuSeconds = 0.025;
  constexpr std::chrono::minutes kAtMost(30);
  Mutex mu;
  CondVar never;
  MutexLock lock(&mu);
  Costs now = Look();
  end_ = now;
  std::chrono::milliseconds waited{};
  for (std::chrono::milliseconds seen{}; seen < quiet; seen += kQuiet) {
    CHECK(waited < kAtMost) << "the servers do not come to rest";
    never.WaitFor(&mu, kQuiet);
    waited += kQuiet;
    const Costs before = std::exchange(now, Look());
    const bool hardly = now.written - before.written < kHardlyBytes &&
                        now.cpu_seconds - before.cpu_seconds < kHardlyCpuSeconds;
    if (hardly) continue;
    end_ = now;
    seen = {};
  }
}

std::string ToJson(const Measure& measure) {
  return nlohmann::json({{"name", measure.name},
                         {"operations", measure.operations},
                         {"payload_bytes", measure.payload_bytes},
                         {"seconds", measure.seconds},
                         {"cpu_seconds", measure.cpu_seconds},
                         {"user_cpu_seconds", measure.user_cpu_seconds},
                         {"caller_cpu_seconds", measure.caller_cpu_seconds},
                         {"written_bytes", measure.written_bytes},
                         {"disk_read_bytes", measure.disk_read_bytes},
                         {"peak_resident_bytes", measure.peak_resident_bytes},
                         {"p50_us", measure.p50_us},
                         {"p99_us", measure.p99_us},
                         {"options", measure.options}})
      .dump();
}

}  // namespace stele::bench
