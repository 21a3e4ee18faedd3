// What the numbers in a tablet server's status mean: the sentence and the unit that the status page
// and /metrics give them. A number that is not described here is still shown, under its own name.
// Pure.
#pragma once

#include <cstdint>
#include <string>

#include "common/obs/metrics.h"

namespace stele::deploy {

struct ServerNumber {
  std::string metric;  // "stele_block_cache_hits"
  std::string help;    // one sentence
  std::string unit;    // "bytes", "milliseconds", "" for a count
  bool counter = false;
  obs::Labels labels;
};

// `name` as in wire::NamedNumber: "block_cache.hits".
ServerNumber DescribeServerNumber(const std::string& name);

// For people: "1.5 MiB", "2 h 5 min", "1,234".
std::string FormatServerNumber(const ServerNumber& number, int64_t value);

}  // namespace stele::deploy
