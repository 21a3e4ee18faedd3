// LogSorting: what the engine tells of the recovery of another server's log (engine.h). Plain
// value.
#pragma once

#include <cstdint>
#include <string>

namespace stele::storage {

// How far the recovery of another server's log is. Bytes are about, and come first; the tablets in
// it become known as it is read.
struct LogSorting {
  std::string log;
  uint64_t bytes_done = 0, bytes_total = 0;
  uint64_t tablets_done = 0, tablets_total = 0;  // done: in files that manifests name
  int64_t running_ms = 0;
};

// Of a log whose recovery is measured.
inline constexpr uint64_t kLeastMeasuredLogBytes = 1u << 20;

}  // namespace stele::storage
