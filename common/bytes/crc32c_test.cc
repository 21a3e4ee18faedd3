// Goal: the published vectors of CRC-32C, extension over any split, and the mask's inverse.
#include "common/bytes/crc32c.h"

#include <gtest/gtest.h>

#include <string>

#include "common/testing/seeded_random.h"

namespace stele {
namespace {

TEST(Crc32cTest, KnownVectors) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  // RFC 3720, B.4.
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  std::string up(32, '\0'), down(32, '\0');
  for (int i = 0; i < 32; ++i) {
    up[i] = static_cast<char>(i);
    down[i] = static_cast<char>(31 - i);
  }
  EXPECT_EQ(Crc32c(up), 0x46dd794eu);
  EXPECT_EQ(Crc32c(down), 0x113fdb5cu);
}

TEST(Crc32cTest, ExtendsOverEverySplitAndAlignment) {
  SeededRandom random(TestSeed());
  const std::string bytes = random.Bytes(67);
  for (size_t begin = 0; begin < 9; ++begin) {
    const Slice data = Slice(bytes).substr(begin);
    for (size_t split = 0; split <= data.size(); ++split) {
      EXPECT_EQ(ExtendCrc32c(Crc32c(data.substr(0, split)), data.substr(split)), Crc32c(data));
    }
  }
}

// Bit by bit, as the polynomial defines it.
uint32_t SlowCrc32c(Slice data) {
  uint32_t state = 0xffffffffu;
  for (const char c : data) {
    state ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82f63b78u : 0);
  }
  return state ^ 0xffffffffu;
}

// Around the sizes at which it goes to work on more at once, alone and together.
TEST(Crc32cTest, LongRunsAreTheSameAsBitByBit) {
  SeededRandom random(TestSeed());
  const std::string bytes = random.Bytes(20'000);
  for (const size_t size :
       {192, 256, 256 + 64, 512, 512 + 192, 768, 4096, 6144, 6144 + 768 + 192}) {
    for (size_t n = size - 9; n < size + 10; ++n) {
      const Slice data = Slice(bytes).substr(random.Next() % 9, n);
      EXPECT_EQ(Crc32c(data), SlowCrc32c(data)) << n;
      EXPECT_EQ(ExtendCrc32cInLanes(0, data), SlowCrc32c(data)) << n;
      const size_t split = random.Next() % n;
      EXPECT_EQ(ExtendCrc32c(Crc32c(data.substr(0, split)), data.substr(split)), Crc32c(data)) << n;
    }
  }
  for (int i = 0; i < 100; ++i) {
    const Slice data = Slice(bytes).substr(random.Next() % 100, random.Next() % 19'900);
    EXPECT_EQ(Crc32c(data), SlowCrc32c(data)) << data.size();
    EXPECT_EQ(ExtendCrc32cInLanes(0, data), SlowCrc32c(data)) << data.size();
  }
}

TEST(Crc32cTest, WideProductsAreTheSameAsLanes) {
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("vpclmulqdq")) {
    GTEST_SKIP() << "this machine has none: only the lanes are tested";
  }
  SeededRandom random(TestSeed());
  const std::string bytes = random.Bytes(5'000);
  for (size_t n = 0; n < 4'600; ++n) {
    const auto before = static_cast<uint32_t>(random.Next());
    const Slice data = Slice(bytes).substr(random.Next() % 65, n);
    ASSERT_EQ(ExtendCrc32c(before, data), ExtendCrc32cInLanes(before, data)) << n;
  }
}

TEST(Crc32cTest, EveryBitCounts) {
  std::string bytes = SeededRandom(TestSeed()).Bytes(40);
  const uint32_t crc = Crc32c(bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(Crc32c(bytes), crc) << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
}

TEST(Crc32cTest, MaskIsInvertibleAndChangesTheValue) {
  SeededRandom random(TestSeed());
  for (int i = 0; i < 1000; ++i) {
    const uint32_t crc = static_cast<uint32_t>(random.Next());
    EXPECT_EQ(UnmaskCrc(MaskCrc(crc)), crc);
    EXPECT_NE(MaskCrc(crc), crc);
  }
}

}  // namespace
}  // namespace stele
