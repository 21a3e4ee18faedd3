// Goal: the memtable holds what was added in key order, counts its memory, and readers beside the
// writer see whole cells only.
#include "tabletserver/storage/memtable/memtable.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/testing/seeded_random.h"

namespace stele::storage {
namespace {

const uint64_t kSeed = TestSeed();

std::string RandomKey(SeededRandom* random) {
  std::string key(1 + random->Next() % 12, '\0');
  for (char& c : key) c = static_cast<char>(random->Next() % 3 == 0 ? random->Next() : 'a');
  return key;
}

TEST(MemtableTest, SameAsAMap) {
  SeededRandom random(kSeed);
  Memtable table;
  std::map<std::string, std::string> model;
  for (int i = 0; i < 20'000; ++i) {
    std::string key = RandomKey(&random), value(random.Next() % 40, static_cast<char>(i));
    if (model.emplace(key, value).second) table.Add(key, value);
  }
  ASSERT_EQ(table.cell_count(), model.size());
  auto it = table.NewIterator();
  it->SeekToFirst();
  for (const auto& [key, value] : model) {
    ASSERT_TRUE(it->Valid());
    ASSERT_EQ(it->key(), key) << "seed " << kSeed;
    ASSERT_EQ(it->value(), value);
    it->Next();
  }
  EXPECT_FALSE(it->Valid());
  for (int i = 0; i < 20'000; ++i) {
    std::string target = RandomKey(&random);
    it->Seek(target);
    auto expected = model.lower_bound(target);
    ASSERT_EQ(it->Valid(), expected != model.end());
    if (it->Valid()) {
      ASSERT_EQ(it->key(), expected->first) << "seed " << kSeed;
    }
    it->SeekBefore(target);
    ASSERT_EQ(it->Valid(), expected != model.begin());
    if (it->Valid()) {
      ASSERT_EQ(it->key(), std::prev(expected)->first) << "seed " << kSeed;
    }
  }
  it->SeekBefore("");
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->key(), model.rbegin()->first);
  EXPECT_TRUE(it->status().ok());
}

// Keys that share long beginnings, end in zeros, or begin each other: where heads are equal.
TEST(MemtableTest, KeysThatDifferLate) {
  SeededRandom random(kSeed + 3);
  Memtable table;
  std::map<std::string, std::string> model;
  const auto make = [&random] {
    std::string key(random.Next() % 3 * 17, 'p');
    for (uint64_t n = 1 + random.Next() % 14; n > 0; --n) {
      key += static_cast<char>(random.Next() % 4 == 0 ? random.Next() % 3 : 0);
    }
    return key;
  };
  for (int i = 0; i < 30'000; ++i) {
    const std::string key = make();
    if (model.emplace(key, absl::StrCat(i)).second) table.Add(key, absl::StrCat(i));
  }
  ASSERT_GT(model.size(), 5000u) << "seed " << kSeed;
  auto it = table.NewIterator();
  it->SeekToFirst();
  for (const auto& [key, value] : model) {
    ASSERT_TRUE(it->Valid());
    ASSERT_EQ(it->key(), key) << "seed " << kSeed;
    ASSERT_EQ(it->value(), value);
    it->Next();
  }
  EXPECT_FALSE(it->Valid());
  for (int i = 0; i < 20'000; ++i) {
    const std::string target = make();
    auto expected = model.lower_bound(target);
    it->Seek(target);
    ASSERT_EQ(it->Valid(), expected != model.end());
    if (it->Valid()) ASSERT_EQ(it->key(), expected->first) << "seed " << kSeed;
    it->SeekBefore(target);
    ASSERT_EQ(it->Valid(), expected != model.begin());
    if (it->Valid()) ASSERT_EQ(it->key(), std::prev(expected)->first) << "seed " << kSeed;
  }
}

// Each of these orders splits its nodes elsewhere.
TEST(MemtableTest, AscendingDescendingAndTowardsTheMiddle) {
  constexpr int kCells = 20'000;
  const auto key = [](int n) { return absl::StrCat("row", 1'000'000 + n); };
  for (int order = 0; order < 3; ++order) {
    Memtable table;
    for (int i = 0; i < kCells; ++i) {
      int n = order == 0 ? i : kCells - 1 - i;
      if (order == 2) n = i % 2 == 0 ? i / 2 : kCells - 1 - i / 2;
      table.Add(key(n), "v");
    }
    // Ascending keys fill their nodes, others at least half.
    EXPECT_LT(table.memory_bytes(), size_t{kCells} * (order == 0 ? 60 : 80) + (2u << 20));
    auto it = table.NewIterator();
    it->SeekToFirst();
    for (int n = 0; n < kCells; ++n, it->Next()) {
      ASSERT_TRUE(it->Valid());
      ASSERT_EQ(it->key(), key(n)) << "order " << order;
    }
    EXPECT_FALSE(it->Valid());
  }
}

// The place beside the last insert is taken only when the key belongs there.
TEST(MemtableTest, AscendingRunsBetweenOthers) {
  SeededRandom random(kSeed + 1);
  Memtable table;
  std::map<std::string, int> model;
  for (int run = 0; run < 300; ++run) {
    const uint64_t start = random.Next() % 100'000;
    for (uint64_t n = start; n < start + 20; ++n) {
      char key[8];
      for (int b = 0; b < 8; ++b) key[b] = static_cast<char>(n >> (56 - 8 * b));
      if (model.emplace(std::string(key, 8), 0).second) table.Add(Slice(key, 8), "");
    }
  }
  auto it = table.NewIterator();
  it->SeekToFirst();
  for (const auto& entry : model) {
    ASSERT_TRUE(it->Valid());
    ASSERT_EQ(it->key(), entry.first) << "seed " << kSeed;
    it->Next();
  }
  EXPECT_FALSE(it->Valid());
}

TEST(MemtableTest, EmptyAndMemory) {
  Memtable table;
  EXPECT_TRUE(table.empty());
  auto it = table.NewIterator();
  it->SeekToFirst();
  EXPECT_FALSE(it->Valid());
  it->Seek("a");
  EXPECT_FALSE(it->Valid());
  const size_t before = table.memory_bytes();
  EXPECT_LT(before, 8u << 10);  // thousands of tablets are idle
  const std::string value(100'000, 'v');
  for (int i = 0; i < 100; ++i) table.Add(absl::StrCat("key", i), value);
  EXPECT_FALSE(table.empty());
  const size_t grown = table.memory_bytes() - before;
  EXPECT_GE(grown, 100 * value.size());
  EXPECT_LE(grown, 100 * value.size() * 3 / 2);
}

TEST(MemtableDeathTest, TheSameKeyTwiceIsABug) {
  Memtable table;
  table.Add("a", "1");
  EXPECT_DEATH(table.Add("a", "2"), "added twice");
}

std::string ValueOf(Slice key) { return absl::StrCat("value of ", key, std::string(30, key[0])); }

// Whatever a reader meets is in order and whole, and what was published before is there.
void ReadUntilDone(const Memtable& table, const std::vector<std::string>& keys,
                   const std::atomic<size_t>& published, uint64_t seed) {
  SeededRandom random(seed);
  for (size_t n = 0; n < keys.size();) {
    n = published.load(std::memory_order_acquire);
    auto it = table.NewIterator();
    if (n > 0) {
      const std::string& known = keys[random.Next() % n];
      it->Seek(known);
      ASSERT_TRUE(it->Valid());
      ASSERT_EQ(it->key(), known);
    } else {
      it->SeekToFirst();
    }
    std::string last;
    for (int steps = 0; it->Valid() && steps < 200; it->Next(), ++steps) {
      ASSERT_LT(last, it->key());
      ASSERT_EQ(it->value(), ValueOf(it->key()));
      last = std::string(it->key());
    }
    ASSERT_GE(table.cell_count(), n);
  }
}

TEST(MemtableTest, ReadersBesideTheWriter) {
  SeededRandom random(kSeed + 2);
  std::vector<std::string> keys;
  for (int i = 0; i < 20'000; ++i) keys.push_back(absl::StrCat(random.Next(), ".", i));
  Memtable table;
  std::atomic<size_t> published{0};
  std::vector<std::thread> readers;
  for (uint64_t r = 0; r < 3; ++r) {
    readers.emplace_back([&, r] { ReadUntilDone(table, keys, published, kSeed + 10 + r); });
  }
  for (const std::string& key : keys) {
    table.Add(key, ValueOf(key));
    published.fetch_add(1, std::memory_order_release);
  }
  for (std::thread& t : readers) t.join();
  EXPECT_EQ(table.cell_count(), keys.size());
}

// Beside a writer that appends behind every target: what a seek finds is never on its wrong side.
TEST(MemtableTest, SeeksBesideAppends) {
  constexpr uint64_t kCells = 60'000;
  const auto key = [](uint64_t n) {
    return absl::StrCat("a long common beginning ", kCells * 4 + n);
  };
  Memtable table;
  std::atomic<uint64_t> published{0};
  std::vector<std::thread> readers;
  for (uint64_t r = 0; r < 2; ++r) {
    readers.emplace_back([&, r] {
      SeededRandom random(kSeed + 20 + r);
      auto it = table.NewIterator();
      for (uint64_t n = 0; n < kCells;) {
        n = published.load(std::memory_order_acquire);
        // Even numbers are added, odd ones never; just ahead of the writer.
        const std::string target = key(2 * n + 1 + 2 * (random.Next() % 3));
        it->Seek(target);
        if (it->Valid()) ASSERT_GE(it->key(), target);
        it->SeekBefore(target);
        if (it->Valid()) ASSERT_LT(it->key(), target);
        if (n == 0) continue;
        ASSERT_TRUE(it->Valid());
        ASSERT_GE(it->key(), key(2 * (n - 1)));
        it->SeekBefore("");
        ASSERT_TRUE(it->Valid());
        ASSERT_GE(it->key(), key(2 * (n - 1)));
      }
    });
  }
  for (uint64_t n = 0; n < kCells; ++n) {
    table.Add(key(2 * n), "v");
    published.store(n + 1, std::memory_order_release);
  }
  for (std::thread& t : readers) t.join();
}

}  // namespace
}  // namespace stele::storage
