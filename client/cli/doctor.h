// The checks that an expert would make first of a cell, each a line: ok, a warning or bad, what was
// seen, and what to do next. Pure: what was asked of the cell in, findings out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "stele/admin.h"

namespace stele::cli {

// A process of the cell as it answered, twice: what grows meanwhile is going on.
struct ExaminedProcess {
  std::string address;
  bool master = false;    // else a tablet server
  std::string server_id;  // of a tablet server
  Status error;           // not OK: it did not answer, and what follows is empty
  ProcessInfo info;
  int64_t local_us = 0;  // our clock, in the middle of the question
  int64_t round_trip_us = 0;
  std::optional<ServerStatus> before, after;  // of tablet servers
};

struct Examination {
  Status cell_error;  // not OK: no master answered, and `cell` is empty
  CellStatus cell;
  std::vector<ExaminedProcess> processes;
  bool locker_named = false;  // the cell was named by its Locker: all masters are known
  Status events_error;
  std::vector<Event> events;  // of the last hour
  int64_t now_us = 0;
};

enum class Verdict : uint8_t { kOk, kWarn, kBad };
const char* NameOf(Verdict verdict);  // "ok", "warn", "bad"

struct Finding {
  std::string check;  // "clocks"
  Verdict verdict = Verdict::kOk;
  std::string evidence;  // what was seen
  std::string next;      // what to do; "" where there is nothing to do
};

// One finding a check, always all of them, in the order in which one would look.
std::vector<Finding> Diagnose(const Examination& examination);

}  // namespace stele::cli
