// CountedCalls: a cell in this process, called over loopback through the client library, so that
// what one call costs client, network layer and server together can be counted. A fixed number of
// calls is under way at any time, each begun by the answer to one before. Used by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace stele::bench {

class CountedCalls {
 public:
  enum class Kind { kRead, kWrite, kBatch, kIncrement };
  static constexpr uint64_t kRows = 2'000;  // that are there, merged and in the cache
  static constexpr uint32_t kDepth = 16;

  static std::unique_ptr<CountedCalls> Start(const std::string& directory);
  virtual ~CountedCalls() = default;
  // Returns when the last of so many calls was answered.
  virtual void Run(Kind kind, uint64_t calls) = 0;
};

}  // namespace stele::bench
