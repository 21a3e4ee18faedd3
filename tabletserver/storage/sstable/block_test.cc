// Goal: blocks give back what was put in, CheckBlock refuses every malformed one, and the iterator
// stays inside the block whatever its bytes are.
#include "tabletserver/storage/sstable/block.h"

#include <gtest/gtest.h>

#include <cstring>

#include "common/bytes/coding.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/sstable/sstable_format.h"
#include "tabletserver/storage/sstable/table_fixture.h"

namespace stele::storage {
namespace {

std::shared_ptr<const CachedBlock> BlockOf(Slice bytes) {
  auto block = CachedBlock::Allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(block->mutable_data(), bytes.data(), bytes.size());
  return block;
}

std::string BlockBytes(const CellMap& entries, uint32_t restart_entries = 16,
                       uint32_t restart_bytes = 2048) {
  BlockBuilder builder(restart_entries, restart_bytes);
  for (const auto& [key, value] : entries) builder.Add(key, value);
  Slice bytes = builder.Finish();
  return std::string(bytes.data(), bytes.size());
}

// A block of raw parts: entries as (shared, suffix, value) and the given restart points.
struct RawEntry {
  uint64_t shared;
  std::string suffix;
  std::string value;
};
std::string RawBlock(const std::vector<RawEntry>& entries, const std::vector<uint32_t>& restarts) {
  std::string out;
  for (const RawEntry& e : entries) {
    PutVarint64(&out, e.shared);
    PutVarint64(&out, e.suffix.size());
    PutVarint64(&out, e.value.size());
    out += e.suffix + e.value;
  }
  for (uint32_t restart : restarts) PutFixed32(&out, restart);
  PutFixed32(&out, static_cast<uint32_t>(restarts.size()));
  return out;
}

TEST(BlockTest, SeeksAgreeWithAMap) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  for (uint32_t restart : {1u, 2u, 16u}) {
    CellMap entries;
    while (entries.size() < 200) entries.emplace(HardBytes(&random, 6), random.Letters(5));
    const std::string bytes = BlockBytes(entries, restart);
    ASSERT_OK(CheckBlock(bytes, false));
    BlockIterator it(BlockOf(bytes));
    for (int i = 0; i < 1000; ++i) {
      std::string target = random.OneIn(20) ? "" : HardBytes(&random, 7);
      auto want = entries.lower_bound(target);
      it.Seek(target);
      ASSERT_EQ(it.Valid(), want != entries.end());
      if (it.Valid()) ASSERT_EQ(it.key(), Slice(want->first));
      auto below = target.empty() ? entries.end() : want;
      it.SeekBefore(target);
      ASSERT_EQ(it.Valid(), below != entries.begin());
      if (it.Valid()) ASSERT_EQ(it.key(), Slice((--below)->first));
      auto floor = entries.upper_bound(target);
      it.SeekFloor(target);
      ASSERT_EQ(it.Valid(), floor != entries.begin());
      if (!it.Valid()) continue;
      ASSERT_EQ(it.key(), Slice((--floor)->first));
      ASSERT_EQ(it.value(), Slice(floor->second));
      Slice key, value;
      const bool stepped = random.OneIn(2);
      if (stepped) {
        ASSERT_EQ(it.Step(&key, &value), std::next(floor) != entries.end());
      } else {
        it.Next();
      }
      ASSERT_EQ(it.Valid(), ++floor != entries.end());
      if (!it.Valid()) continue;
      ASSERT_EQ(it.key(), Slice(floor->first));
      ASSERT_EQ(it.value(), Slice(floor->second));
      if (!stepped) continue;
      ASSERT_EQ(key, it.key());
      ASSERT_EQ(value, it.value());
    }
    ASSERT_OK(it.status());
  }
}

TEST(BlockTest, LargeEntriesRestartByBytes) {
  CellMap entries;
  for (int i = 0; i < 10; ++i) entries.emplace("key" + std::to_string(i), std::string(3000, 'v'));
  const std::string bytes = BlockBytes(entries);
  EXPECT_EQ(DecodeFixed32(bytes.data() + bytes.size() - 4), 10u);
}

TEST(BlockTest, CheckAcceptsOnlyWhatTheFormatSays) {
  EXPECT_OK(CheckBlock(RawBlock({{0, "ab", "1"}, {1, "c", "2"}, {0, "b", ""}}, {0, 11}), false));
  struct Bad {
    const char* why;
    std::string block;
  };
  const std::vector<Bad> bads = {
      {"empty", ""},
      {"no entries", RawBlock({}, {0})},
      {"no restarts", RawBlock({{0, "a", ""}}, {})},
      {"more restarts than bytes", RawBlock({{0, "a", ""}}, {0}).substr(0, 8) + "\xff\xff\xff\x7f"},
      {"restart past the end", RawBlock({{0, "a", ""}, {0, "b", ""}}, {0, 400})},
      {"restart inside an entry", RawBlock({{0, "a", ""}, {0, "b", ""}}, {0, 5})},
      {"first restart not 0", RawBlock({{0, "a", ""}, {0, "b", ""}}, {4})},
      {"restarts descend", RawBlock({{0, "a", ""}, {0, "b", ""}}, {4, 0})},
      {"restart twice", RawBlock({{0, "a", ""}, {0, "b", ""}}, {0, 0})},
      {"restart that shares", RawBlock({{0, "a", ""}, {1, "b", ""}}, {0, 4})},
      {"shares more than there is", RawBlock({{0, "a", ""}, {2, "b", ""}}, {0})},
      {"keys descend", RawBlock({{0, "b", ""}, {0, "a", ""}}, {0})},
      {"a key twice", RawBlock({{0, "a", ""}, {0, "a", ""}}, {0})},
      {"a key twice by sharing", RawBlock({{0, "ab", ""}, {2, "", ""}}, {0})},
      {"descends by sharing", RawBlock({{0, "ab", ""}, {1, "", ""}}, {0})},
      {"huge shared", RawBlock({{0, "a", ""}, {uint64_t{1} << 33, "b", ""}}, {0})},
  };
  for (const Bad& bad : bads) {
    EXPECT_TRUE(IsCorrupt(CheckBlock(bad.block, false))) << bad.why;
  }
}

TEST(BlockTest, SizesBeyondTheBlockAreRefused) {
  for (uint64_t size : {uint64_t{100}, uint64_t{UINT32_MAX}, uint64_t{UINT64_MAX}}) {
    for (int field = 0; field < 3; ++field) {
      std::string out;
      for (int i = 0; i < 3; ++i) PutVarint64(&out, i == field ? size : 0);
      PutFixed32(&out, 0);
      PutFixed32(&out, 1);
      EXPECT_TRUE(IsCorrupt(CheckBlock(out, false))) << size << " in field " << field;
    }
  }
}

TEST(BlockTest, CellKeysMustBeWellFormed) {
  const CellMap good = {{SetKey("r", "q", 2000, 5), "a"},
                        {SetKey("r", "q", 2000, 4), "b"},
                        {SetKey("r", "q", 1000, 9), "c"}};
  ASSERT_OK(CheckBlock(BlockBytes(good), true));
  EXPECT_TRUE(IsCorrupt(CheckBlock(BlockBytes({{"no cell key", ""}}), true)));
  // A second version whose kind is nonsense, in the place where only the end of the key differs.
  std::string bad = SetKey("r", "q", 1000, 9);
  bad.back() = static_cast<char>(~0x77);
  CellMap cells = good;
  cells.emplace(bad, "d");
  EXPECT_TRUE(IsCorrupt(CheckBlock(BlockBytes(cells), true)));
  // And one whose timestamp is negative.
  bad = SetKey("r", "q", 2000, 5);
  bad[bad.size() - 16] = 0x01;
  cells = good;
  cells.emplace(bad, "d");
  EXPECT_TRUE(IsCorrupt(CheckBlock(BlockBytes(cells), true)));
}

void WalkEverything(const std::string& bytes, const std::vector<std::string>& targets) {
  BlockIterator it(BlockOf(bytes));
  size_t steps = 0;
  for (it.SeekToFirst(); it.Valid(); it.Next()) ++steps;
  ASSERT_LE(steps, bytes.size());
  for (const std::string& target : targets) {
    it.Seek(target);
    if (it.Valid()) ASSERT_GE(it.key(), Slice(target));
    it.SeekFloor(target);
    if (it.Valid()) (void)it.value();
  }
}

TEST(BlockTest, TheIteratorIsSafeOverAnyBytes) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  std::vector<std::string> targets = {"", "a", "row", "zz", "\xff\xff"};
  for (int i = 0; i < 3000; ++i) WalkEverything(random.Bytes(random.Below(60)), targets);
  CellMap entries;
  while (entries.size() < 40) entries.emplace(HardBytes(&random, 6), random.Letters(5));
  const std::string good = BlockBytes(entries, 4);
  for (size_t at = 0; at < good.size(); ++at) {
    for (int i = 0; i < 8; ++i) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << i));
      ASSERT_NO_FATAL_FAILURE(WalkEverything(bad, targets)) << at;
      (void)CheckBlock(bad, false);
    }
  }
}

TEST(BlockTest, AMalformedBlockIsAnErrorNotAnEnd) {
  BlockIterator it(BlockOf("xyz"));
  it.SeekToFirst();
  EXPECT_FALSE(it.Valid());
  EXPECT_STATUS(kDataLoss, "malformed block", it.status());
  it.Seek("a");
  it.SeekFloor("a");
  EXPECT_STATUS(kDataLoss, "malformed block", it.status());
  BlockIterator broken(BlockOf(RawBlock({{0, "a", ""}, {5, "b", ""}}, {0})));
  broken.SeekToFirst();
  ASSERT_TRUE(broken.Valid());
  broken.Next();
  EXPECT_FALSE(broken.Valid());
  EXPECT_STATUS(kDataLoss, "malformed block", broken.status());
}

// Handles as FORMAT.md has them, read byte by byte.
bool ReadHandle(Slice input, uint64_t* offset, uint32_t* stored, uint32_t* raw) {
  uint32_t crc;
  return GetVarint64(&input, offset) && GetVarint32(&input, stored) && GetVarint32(&input, raw) &&
         GetFixed32(&input, &crc) && input.size() == 1 && static_cast<uint8_t>(input[0]) <= 3;
}

TEST(BlockTest, HandlesOfAnySizeAreRead) {
  SeededRandom random(TestSeed());
  const auto number = [&random](uint64_t most_bits) {
    return random.Next() >> (64 - random.Between(1, most_bits));
  };
  for (int i = 0; i < 50'000; ++i) {
    BlockHandle handle;
    handle.offset = number(64);
    handle.stored_bytes = static_cast<uint32_t>(number(32));
    handle.raw_bytes = static_cast<uint32_t>(number(32));
    handle.crc = static_cast<uint32_t>(random.Next());
    handle.codec = static_cast<Codec>(random.Below(4));
    std::string bytes;
    AppendHandle(&bytes, handle);
    BlockHandle read;
    ASSERT_TRUE(ParseHandle(bytes, &read));
    ASSERT_EQ(read, handle);
    // And what is none, or another one.
    if (random.OneIn(2)) bytes.resize(random.Below(bytes.size()));
    if (random.OneIn(4)) bytes += '\0';
    if (!bytes.empty()) bytes[random.Below(bytes.size())] ^= static_cast<char>(random.Below(256));
    uint64_t offset;
    uint32_t stored, raw;
    const bool is_handle = ReadHandle(bytes, &offset, &stored, &raw);
    if (!bytes.empty() && bytes.back() == 4) continue;  // of pages: has rules of its own
    ASSERT_EQ(ParseHandle(bytes, &read), is_handle) << i;
    if (!is_handle) continue;
    ASSERT_EQ(read.offset, offset);
    ASSERT_EQ(read.stored_bytes, stored);
    ASSERT_EQ(read.raw_bytes, raw);
  }
}

}  // namespace
}  // namespace stele::storage
