#include "common/testing/seeded_random.h"

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "common/base/check.h"

namespace stele {

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
uint64_t SeededRandom::Next() {
  state_ += 0x9e3779b97f4a7c15u;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint64_t SeededRandom::Below(uint64_t n) {
  CHECK_GT(n, 0u);
  // The high half of a 128-bit product: no division, and a bias far below what a test could see.
  return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * n) >> 64);
}

uint64_t SeededRandom::Between(uint64_t low, uint64_t high) {
  CHECK_LE(low, high);
  const uint64_t span = high - low;
  return span == UINT64_MAX ? Next() : low + Below(span + 1);
}

std::string SeededRandom::Bytes(size_t n) {
  std::string out(n, '\0');
  for (char& c : out) c = static_cast<char>(Next() >> 56);
  return out;
}

std::string SeededRandom::Letters(size_t n) {
  std::string out(n, '\0');
  for (char& c : out) c = static_cast<char>('a' + Below(26));
  return out;
}

uint64_t TestSeed() {
  constexpr uint64_t kDefaultSeed = 20061106;
  const char* text = std::getenv("STELE_SEED");
  uint64_t seed = kDefaultSeed;
  if (text != nullptr) CHECK(absl::SimpleAtoi(text, &seed)) << "STELE_SEED=" << text;
  return seed;
}

}  // namespace stele
