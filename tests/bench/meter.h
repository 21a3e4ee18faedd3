// Meter: what a stretch of work cost this process, or those that served it: wall time, CPU time,
// bytes handed to write calls and read from the disk, peak of resident memory. Read from the
// kernel's books (getrusage, /proc). Begins when made; bound to one thread, counts all threads of
// the processes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace stele::bench {

struct Measure {
  std::string name;
  uint64_t operations = 0;
  uint64_t payload_bytes = 0;  // keys and values that the work was about
  double seconds = 0;
  double cpu_seconds = 0;
  double user_cpu_seconds = 0;    // of those, outside of the kernel
  double caller_cpu_seconds = 0;  // of this process, when others are counted
  uint64_t written_bytes = 0;
  uint64_t disk_read_bytes = 0;
  uint64_t peak_resident_bytes = 0;
  double p50_us = 0, p99_us = 0;  // of one operation; 0: not taken
  std::string options;
};

class Meter {
 public:
  // Counts those processes, which outlive it; none: this one.
  explicit Meter(std::vector<pid_t> servers = {});
  // Counts that process instead, which was started since, from its start on.
  void CountWholeProcess(pid_t server);
  // Fixes the time; CPU, bytes and memory go on until Finish.
  void StopClock();
  // Returns when the servers did hardly anything for so long; costs end with the last that they
  // did.
  void AwaitQuiet(std::chrono::milliseconds quiet);
  Measure Finish(std::string name, uint64_t operations, uint64_t payload_bytes);

 private:
  // What the kernel's books say.
  struct Costs {
    double user_seconds = 0, cpu_seconds = 0;
    uint64_t written = 0, disk_read = 0;
  };
  Costs Look() const;

  std::vector<pid_t> servers_;
  Costs start_;
  std::optional<Costs> end_;  // after AwaitQuiet
  const double own_cpu_at_start_;
  const int64_t start_ns_;
  int64_t stop_ns_ = 0;
};

// Returns when this process has written nothing for a while and needed no CPU time, and is_working,
// if any, denies: background work is over. The sync of a large file is neither of the first two.
void AwaitQuiet(const std::function<bool()>& is_working = nullptr);
// One line of JSON.
std::string ToJson(const Measure& measure);

}  // namespace stele::bench
