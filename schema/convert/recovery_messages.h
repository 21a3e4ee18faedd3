// How far the recovery of a dead server's log is: what its server reports, and what the master
// shows. Plain values; parts of the messages in messages.h.
#pragma once

#include <cstdint>
#include <string>

namespace stele::wire {

// The recovery of another incarnation's log, under way.
struct LogSorting {
  std::string server_id;  // whose log it was
  uint64_t incarnation = 0;
  uint64_t bytes_done = 0, bytes_total = 0;
  uint64_t tablets_done = 0, tablets_total = 0;
  int64_t running_ms = 0;
  bool operator==(const LogSorting&) const = default;
};
// The same as the master shows it.
struct RecoveryProgress {
  std::string by;  // the server that sorts the log
  uint64_t bytes_done = 0, bytes_total = 0;
  uint64_t tablets_done = 0, tablets_total = 0;
  int64_t left_ms = 0;  // about
  bool operator==(const RecoveryProgress&) const = default;
};

}  // namespace stele::wire
