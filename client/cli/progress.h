// Progress: one line on a terminal, drawn over itself: what is done of how much, the rate, the time
// that is left. Nothing at all when the output is not a terminal. Used by one thread.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "common/time/clock.h"

namespace stele::cli {

class Progress {
 public:
  // total 0: not known. `unit` in the plural, "pages". `first` were done before and do not count
  // for the rate.
  Progress(std::ostream* err, bool enabled, Clock* clock, std::string unit, uint64_t total,
           uint64_t first = 0);
  ~Progress();  // clears the line
  void Update(uint64_t done) { Update(done, total_); }
  void Update(uint64_t done, uint64_t total);  // where the total becomes known by and by

  // "1,234 of 4,424 pages, 310/s, 10 s left".
  static std::string Line(uint64_t done, uint64_t total, int64_t elapsed_ns,
                          const std::string& unit, uint64_t first = 0);

 private:
  std::ostream* const err_;
  const bool enabled_;
  Clock* const clock_;
  const std::string unit_;
  const uint64_t total_;
  const uint64_t first_;
  const int64_t started_ns_;
  int64_t drawn_ns_ = 0;
};

// 1234567 -> "1,234,567".
std::string WithCommas(uint64_t n);

}  // namespace stele::cli
