// Goal: every number comes back as it was written, big-endian numbers sort as bytes, and malformed
// or cut input is refused.
#include "common/bytes/coding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "common/testing/seeded_random.h"

namespace stele {
namespace {

// Numbers around every power of two, and the ends.
std::vector<uint64_t> EdgeNumbers() {
  std::vector<uint64_t> numbers{0, UINT64_MAX};
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t power = uint64_t{1} << bit;
    for (uint64_t n : {power - 1, power, power + 1}) numbers.push_back(n);
  }
  return numbers;
}

TEST(CodingTest, FixedRoundTripAndLayout) {
  for (uint64_t n : EdgeNumbers()) {
    std::string out;
    PutFixed64(&out, n);
    PutFixed32(&out, static_cast<uint32_t>(n));
    ASSERT_EQ(out.size(), 12u);
    EXPECT_EQ(DecodeFixed64(out.data()), n);
    Slice input = out;
    uint64_t wide;
    uint32_t narrow;
    ASSERT_TRUE(GetFixed64(&input, &wide) && GetFixed32(&input, &narrow));
    EXPECT_EQ(wide, n);
    EXPECT_EQ(narrow, static_cast<uint32_t>(n));
    EXPECT_TRUE(input.empty());
  }
  std::string out;
  PutFixed32(&out, 0x01020304);
  EXPECT_EQ(out, "\x04\x03\x02\x01");
}

TEST(CodingTest, FixedRefusesShortInput) {
  const std::string bytes(8, 'x');
  uint32_t narrow;
  uint64_t wide;
  for (size_t n = 0; n < 8; ++n) {
    Slice input = Slice(bytes).substr(0, n);
    EXPECT_FALSE(GetFixed64(&input, &wide)) << n;
    input = Slice(bytes).substr(0, n);
    EXPECT_EQ(GetFixed32(&input, &narrow), n >= 4) << n;
  }
}

TEST(CodingTest, BigEndianSortsAsBytes) {
  std::vector<uint64_t> numbers = EdgeNumbers();
  SeededRandom random(TestSeed());
  for (int i = 0; i < 200; ++i) numbers.push_back(random.Next() >> random.Below(64));
  std::sort(numbers.begin(), numbers.end());
  std::string last;
  uint64_t last_number = 0;
  for (uint64_t n : numbers) {
    std::string key;
    PutBig64(&key, n);
    EXPECT_EQ(DecodeBig64(key.data()), n);
    if (!last.empty()) {
      EXPECT_EQ(last < key, last_number < n) << last_number << " " << n;
    }
    last = key;
    last_number = n;
  }
  for (uint32_t n : {0u, 1u, 0x7fu, 0x80u, 0xffu, 0x100u, 0x8000u, 0xffffu}) {
    char key[2];
    EncodeBig16(key, static_cast<uint16_t>(n));
    EXPECT_EQ(DecodeBig16(key), n);
    EXPECT_EQ(static_cast<uint8_t>(key[0]), n >> 8);
  }
}

TEST(CodingTest, VarintRoundTrip) {
  for (uint64_t n : EdgeNumbers()) {
    std::string out;
    PutVarint64(&out, n);
    EXPECT_LE(out.size(), kMaxVarint64Bytes);
    for (size_t cut = 0; cut < out.size(); ++cut) {
      Slice part = Slice(out).substr(0, cut);
      uint64_t v;
      EXPECT_FALSE(GetVarint64(&part, &v)) << n << " cut to " << cut;
    }
    Slice input = out;
    uint64_t v = ~n;
    ASSERT_TRUE(GetVarint64(&input, &v));
    EXPECT_EQ(v, n);
    EXPECT_TRUE(input.empty());
    input = out;
    uint32_t narrow;
    EXPECT_EQ(GetVarint32(&input, &narrow), n <= UINT32_MAX) << n;
  }
}

TEST(CodingTest, VarintRefusesOverflow) {
  uint64_t v;
  for (const char* bytes : {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",         // 65 bits
                            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}) {  // eleven bytes
    Slice input = bytes;
    EXPECT_FALSE(GetVarint64(&input, &v));
  }
  Slice largest = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  ASSERT_TRUE(GetVarint64(&largest, &v));
  EXPECT_EQ(v, UINT64_MAX);
}

TEST(CodingTest, LengthPrefixed) {
  std::string out;
  const std::string big(300, 'b');
  for (const std::string& s : {std::string(), std::string("a\0b", 3), big}) {
    PutLengthPrefixed(&out, s);
  }
  Slice input = out;
  Slice s;
  ASSERT_TRUE(GetLengthPrefixed(&input, &s) && s.empty());
  ASSERT_TRUE(GetLengthPrefixed(&input, &s) && s == Slice("a\0b", 3));
  Slice cut = input.substr(0, input.size() - 1);
  EXPECT_FALSE(GetLengthPrefixed(&cut, &s));
  ASSERT_TRUE(GetLengthPrefixed(&input, &s) && s == big);
  EXPECT_FALSE(GetLengthPrefixed(&input, &s));
  // A length that would overflow an address.
  std::string huge;
  PutVarint64(&huge, UINT64_MAX);
  huge += "xyz";
  input = huge;
  EXPECT_FALSE(GetLengthPrefixed(&input, &s));
}

}  // namespace
}  // namespace stele
