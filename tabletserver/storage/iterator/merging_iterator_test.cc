// Goal: a merge yields the sorted union of its inputs, each key once, from any seek on, and the
// error of one input ends it.
#include "tabletserver/storage/iterator/merging_iterator.h"

#include <gtest/gtest.h>

#include <map>

#include "common/testing/seeded_random.h"
#include "tabletserver/storage/iterator/vector_iterator.h"

namespace stele::storage {
namespace {

const uint64_t kSeed = TestSeed();

std::unique_ptr<Iterator> Input(KeyValues pairs, Status end = OkStatus()) {
  return std::make_unique<VectorIterator>(std::move(pairs), std::move(end));
}

TEST(MergingIteratorTest, RandomInputsWithTwins) {
  SeededRandom random(kSeed);
  for (int round = 0; round < 2'000; ++round) {
    const size_t inputs = random.Next() % 7;
    const uint64_t keys = 1 + random.Next() % 40;
    std::map<std::string, std::string> all;
    std::vector<std::unique_ptr<Iterator>> parts;
    for (size_t i = 0; i < inputs; ++i) {
      std::map<std::string, std::string> part;
      for (uint64_t n = random.Next() % 20; n > 0; --n) {
        std::string key = absl::StrCat(random.Next() % keys);
        part[key] = "v" + key;
      }
      all.insert(part.begin(), part.end());
      parts.push_back(Input(KeyValues(part.begin(), part.end())));
    }
    auto merged = NewMergingIterator(std::move(parts));
    EXPECT_FALSE(merged->Valid());
    for (int pass = 0; pass < 3; ++pass) {
      auto expected = all.begin();
      if (pass == 0) {
        merged->SeekToFirst();
      } else {
        std::string target = absl::StrCat(random.Next() % keys);
        merged->Seek(target);
        expected = all.lower_bound(target);
      }
      while (expected != all.end()) {
        ASSERT_TRUE(merged->Valid()) << "seed " << kSeed << " round " << round;
        ASSERT_EQ(merged->key(), expected->first) << "seed " << kSeed << " round " << round;
        ASSERT_EQ(merged->value(), expected->second);
        ++expected;
        if (random.OneIn(2)) {
          merged->Next();
          continue;
        }
        Slice key, value;
        ASSERT_EQ(merged->Step(&key, &value), expected != all.end());
        if (expected == all.end()) break;
        ASSERT_EQ(key, expected->first);
        ASSERT_EQ(value, expected->second);
      }
      ASSERT_FALSE(merged->Valid());
      ASSERT_TRUE(merged->status().ok());
    }
  }
}

TEST(MergingIteratorTest, AnErrorEndsTheMerge) {
  std::vector<std::unique_ptr<Iterator>> parts;
  parts.push_back(Input({{"a", ""}, {"c", ""}, {"e", ""}}));
  parts.push_back(Input({{"b", ""}}, CorruptError("bad block")));
  parts.push_back(Input({{"a", ""}, {"d", ""}}));
  auto merged = NewMergingIterator(std::move(parts));
  merged->SeekToFirst();
  EXPECT_EQ(merged->key(), "a");
  merged->Next();
  EXPECT_EQ(merged->key(), "b");
  EXPECT_TRUE(merged->status().ok());
  merged->Next();
  EXPECT_FALSE(merged->Valid());
  EXPECT_TRUE(IsCorrupt(merged->status()));
  merged->Seek("c");  // the bad input fails at once
  EXPECT_FALSE(merged->Valid());
  EXPECT_TRUE(IsCorrupt(merged->status()));
  merged->Seek("a");  // and a seek to where all are whole heals
  EXPECT_TRUE(merged->Valid());
  EXPECT_TRUE(merged->status().ok());
}

TEST(MergingIteratorTest, AnErrorWhileATwinMovesEndsTheMerge) {
  for (bool first_is_bad : {true, false}) {
    std::vector<std::unique_ptr<Iterator>> parts;
    parts.push_back(Input({{"a", ""}}, first_is_bad ? CorruptError("x") : OkStatus()));
    parts.push_back(Input({{"a", ""}}, first_is_bad ? OkStatus() : CorruptError("x")));
    auto merged = NewMergingIterator(std::move(parts));
    merged->SeekToFirst();
    ASSERT_TRUE(merged->Valid());
    merged->Next();
    EXPECT_FALSE(merged->Valid());
    EXPECT_TRUE(IsCorrupt(merged->status()));
  }
}

}  // namespace
}  // namespace stele::storage
