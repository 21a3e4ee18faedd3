#include "tests/bench/meter.h"

#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

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

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// From here on the kernel's high-water mark counts anew.
uint64_t ResetPeakThenWritten() {
  std::ofstream("/proc/self/clear_refs") << "5";
  return WrittenBytes();
}

}  // namespace

Meter::Meter()
    : written_at_start_(ResetPeakThenWritten()),
      cpu_at_start_(CpuSeconds()),
      start_ns_(MonotonicNanos()) {}

void Meter::StopClock() { stop_ns_ = MonotonicNanos(); }

Measure Meter::Finish(std::string name, uint64_t operations, uint64_t payload_bytes) {
  if (stop_ns_ == 0) StopClock();
  Measure measure;
  measure.name = std::move(name);
  measure.operations = operations;
  measure.payload_bytes = payload_bytes;
  measure.seconds = static_cast<double>(stop_ns_ - start_ns_) * 1e-9;
  measure.cpu_seconds = CpuSeconds() - cpu_at_start_;
  measure.written_bytes = WrittenBytes() - written_at_start_;
  measure.peak_resident_bytes = ProcNumber("/proc/self/status", "VmHWM:") * 1024;
  return measure;
}

void AwaitQuiet() {
  Mutex mu;
  CondVar never;
  MutexLock lock(&mu);
  uint64_t before = 0;
  for (uint64_t now = WrittenBytes(); now != before; now = WrittenBytes()) {
    before = now;
    never.WaitFor(&mu, kQuiet);
  }
}

std::string ToJson(const Measure& measure) {
  return nlohmann::json({{"name", measure.name},
                         {"operations", measure.operations},
                         {"payload_bytes", measure.payload_bytes},
                         {"seconds", measure.seconds},
                         {"cpu_seconds", measure.cpu_seconds},
                         {"written_bytes", measure.written_bytes},
                         {"peak_resident_bytes", measure.peak_resident_bytes},
                         {"p50_us", measure.p50_us},
                         {"p99_us", measure.p99_us},
                         {"options", measure.options}})
      .dump();
}

}  // namespace stele::bench
