#include "tests/bench/rows.h"

#include <algorithm>
#include <latch>
#include <numeric>
#include <thread>

namespace stele::bench {

Rows::Rows(uint64_t count, uint64_t seed) : order_(count), random_(seed) {
  std::iota(order_.begin(), order_.end(), 0);
  std::shuffle(order_.begin(), order_.end(), random_);
  pool_.reserve(kPoolBytes);
  while (pool_.size() < kPoolBytes) {
    const uint64_t word = random_();
    pool_.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
}

Key::Key(uint64_t row, bool absent) {
  uint64_t rest = 2 * row + (absent ? 1 : 0);
  for (size_t i = kKeyBytes; i-- > 0; rest /= 10) {
    digits_[i] = static_cast<char>('0' + rest % 10);
  }
}

Meter RunThreads(uint32_t threads, uint64_t count, const std::function<void(uint64_t)>& fn) {
  std::latch ready(threads + 1);
  std::vector<std::thread> running;
  for (uint32_t t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      ready.arrive_and_wait();
      for (uint64_t i = t; i < count; i += threads) fn(i);
    });
  }
  Meter meter;
  ready.arrive_and_wait();
  for (std::thread& thread : running) thread.join();
  meter.StopClock();
  return meter;
}

}  // namespace stele::bench
