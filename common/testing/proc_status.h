// What the kernel counts of a process's memory. Pure reading of /proc.
#pragma once

#include <cstdint>
#include <string>

namespace stele {

// A line of /proc/PID/status in bytes: "VmRSS:" (resident now), "VmHWM:" (resident at most so far).
// `pid`: a number or "self". 0: there is no such process or line.
uint64_t ProcStatusBytes(const std::string& pid, const std::string& field);

// What it does: 'R' runs, 'S' and 'D' wait, 'T' is stopped, 'Z' has ended; 0: there is none.
char ProcState(const std::string& pid);

}  // namespace stele
