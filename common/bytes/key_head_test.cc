// Prefixes and heads of keys against what they mean, byte by byte.
#include "common/bytes/key_head.h"

#include <algorithm>
#include <string>

#include "common/testing/seeded_random.h"
#include "gtest/gtest.h"

namespace stele {
namespace {

std::string RandomKey(SeededRandom* random) {
  std::string key(random->Below(24), '\0');
  // Few letters, the highest among them: long prefixes, and no byte may be taken as negative.
  for (char& c : key) c = "\x00\x01\x7f\xff"[random->Below(4)];
  return key;
}

TEST(KeyHead, CommonPrefixIsWhatIsEqual) {
  SeededRandom random(1);
  for (int i = 0; i < 200'000; ++i) {
    std::string a = RandomKey(&random), b = RandomKey(&random);
    if (random.OneIn(2)) b = a.substr(0, random.Below(a.size() + 1)) + b;
    size_t equal = 0;
    while (equal < a.size() && equal < b.size() && a[equal] == b[equal]) ++equal;
    ASSERT_EQ(CommonPrefix(a, b), equal);
    ASSERT_EQ(CommonPrefix(b, a), equal);
    ASSERT_EQ(Ascends(a, b, equal), Slice(a) < Slice(b));
    ASSERT_EQ(KeyLess(a, b), Slice(a) < Slice(b));
    ASSERT_EQ(Ascends(b, a, equal), Slice(b) < Slice(a));
  }
}

TEST(KeyHead, OrdersKeysBehindTheirPrefix) {
  SeededRandom random(2);
  uint64_t decided = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string prefix = RandomKey(&random);
    const std::string a = prefix + RandomKey(&random), b = prefix + RandomKey(&random);
    const size_t skip = random.Below(prefix.size() + 1);
    const uint64_t head_a = KeyHead(a, skip), head_b = KeyHead(b, skip);
    if (head_a == head_b) continue;
    ++decided;
    ASSERT_EQ(head_a < head_b, Slice(a) < Slice(b));
  }
  EXPECT_GT(decided, 50'000u);
}

TEST(KeyHead, FindsTheFirstZero) {
  SeededRandom random(3);
  for (int i = 0; i < 100'000; ++i) {
    std::string s(random.Below(100), 'x');
    for (char& c : s) c = "\x01\x7f\x80\xff"[random.Below(4)];
    for (uint64_t zeros = random.Below(3); zeros > 0 && !s.empty(); --zeros) {
      s[random.Below(s.size())] = '\0';
    }
    ASSERT_EQ(FindZero(s), std::min(s.find('\0'), s.size())) << i;
  }
}

TEST(KeyHead, OfWhatIsMissingIsZero) {
  EXPECT_EQ(KeyHead("", 0), 0u);
  EXPECT_EQ(KeyHead("abc", 3), 0u);
  EXPECT_EQ(KeyHead("abc", 100), 0u);
  EXPECT_EQ(KeyHead("abc", 2), uint64_t{'c'} << 56);
  EXPECT_EQ(KeyHead("12345678", 0), 0x3132333435363738u);
}

}  // namespace
}  // namespace stele
