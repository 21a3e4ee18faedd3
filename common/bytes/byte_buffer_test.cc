// A buffer holds what it was given last, short or long.
#include "common/bytes/byte_buffer.h"

#include <string>

#include "gtest/gtest.h"

namespace stele {
namespace {

TEST(ByteBuffer, HoldsTheLastBytes) {
  ByteBuffer buffer;
  EXPECT_EQ(buffer.bytes(), "");
  for (size_t size : {5u, 96u, 0u, 97u, 3u, 200u, 1000u, 96u, 1001u}) {
    const std::string bytes(size, static_cast<char>('a' + size % 26));
    buffer.Assign(bytes);
    EXPECT_EQ(buffer.bytes(), bytes);
  }
  EXPECT_GE(buffer.heap_bytes(), 1001u);
}

TEST(ByteBuffer, CopiesSoManyBytesAndNoMore) {
  for (size_t size = 0; size < 200; ++size) {
    std::string from(size, '\0'), to(size + 2, '#');
    for (size_t i = 0; i < size; ++i) from[i] = static_cast<char>(i + 1);
    CopyBytes(to.data() + 1, from.data(), size);
    ASSERT_EQ(to, "#" + from + "#");
  }
}

TEST(ByteBuffer, GrowsAndIsCut) {
  ByteBuffer buffer;
  std::string expected;
  for (size_t i = 0; i < 200; ++i) {
    const std::string more(i % 7, static_cast<char>('a' + i % 26));
    if (i % 10 == 9) {
      expected.resize(expected.size() / 2);
      buffer.Replace(expected.size(), more);
    } else if (i % 10 == 8) {
      CopyBytes(buffer.Extend(more.size()), more.data(), more.size());
    } else if (i % 100 == 75) {
      expected.clear();
      buffer.Clear();
      buffer.Append(more);
    } else {
      buffer.Append(more);
    }
    expected += more;
    ASSERT_EQ(buffer.bytes(), expected);
  }
}

TEST(ByteBuffer, ShortBytesTakeNoHeap) {
  ByteBuffer buffer;
  buffer.Assign(std::string(96, 'x'));
  EXPECT_EQ(buffer.heap_bytes(), 0u);
}

}  // namespace
}  // namespace stele
