#include "common/pool/in_parallel.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "common/base/check.h"

namespace stele {

void InParallel(size_t threads, size_t count, const std::function<bool(size_t)>& work) {
  CHECK_GT(threads, size_t{0});
  std::atomic<size_t> next{0};
  std::atomic<bool> ended{false};
  const auto take_turns = [&] {
    while (!ended) {
      const size_t i = next.fetch_add(1);
      if (i >= count) return;
      if (!work(i)) ended = true;
    }
  };
  std::vector<std::thread> others;
  try {
    for (size_t i = 1; i < std::min(threads, count); ++i) others.emplace_back(take_turns);
  } catch (const std::system_error&) {
    // The system has no more threads: those that are there do it.
  }
  take_turns();
  for (std::thread& thread : others) thread.join();
}

}  // namespace stele
