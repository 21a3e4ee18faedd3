// Goal: what goes into an SSTable comes out of it, for all codecs, block sizes and shapes of rows;
// fences, filter, properties, caches and the dump say the truth about it.
#include "tabletserver/storage/sstable/sstable.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/sstable/sstable_dump.h"
#include "tabletserver/storage/sstable/table_fixture.h"

namespace stele::storage {
namespace {

constexpr Codec kCodecs[] = {Codec::kNone, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

SSTableOptions SmallBlocks(uint32_t block_bytes, Codec codec = Codec::kNone) {
  SSTableOptions options;
  options.codec = codec;
  options.block_bytes = block_bytes;
  options.index_partition_bytes = 300;
  options.filter_partition_keys = 50;
  return options;
}

void ExpectSeek(Iterator* it, const CellMap& cells, const std::string& target) {
  it->Seek(target);
  auto want = cells.lower_bound(target);
  ASSERT_OK(it->status());
  ASSERT_EQ(it->Valid(), want != cells.end());
  for (int i = 0; i < 3 && want != cells.end(); ++i, ++want, it->Next()) {
    ASSERT_TRUE(it->Valid());
    ASSERT_EQ(it->key(), Slice(want->first));
    ASSERT_EQ(it->value(), Slice(want->second));
  }
}

// At, just before, just after and between all keys, and past both ends.
void ExpectAllSeeks(const SSTable& table, const CellMap& cells) {
  auto it = table.NewIterator(true);
  ExpectSeek(it.get(), cells, "");
  ExpectSeek(it.get(), cells, "\xff\xff\xff");
  for (const auto& [key, value] : cells) {
    ASSERT_NO_FATAL_FAILURE(ExpectSeek(it.get(), cells, key));
    ASSERT_NO_FATAL_FAILURE(ExpectSeek(it.get(), cells, key + '\0'));
    ASSERT_NO_FATAL_FAILURE(ExpectSeek(it.get(), cells, key.substr(0, key.size() - 1)));
    Slice row = EncodedRow(key);
    ASSERT_NO_FATAL_FAILURE(ExpectSeek(it.get(), cells, std::string(row.data(), row.size())));
  }
}

void ExpectFencesTrue(const SSTable& table, const CellMap& cells) {
  ASSERT_OK_AND_ASSIGN(std::vector<Fence> fences, table.LoadFences());
  ASSERT_EQ(fences.size(), table.properties().blocks);
  auto cell = cells.begin();
  for (size_t i = 0; i < fences.size(); ++i) {
    if (i > 0) ASSERT_LT(fences[i - 1].first_key, fences[i].first_key);
    ASSERT_OK_AND_ASSIGN(auto it, table.OpenBlock(fences[i].handle, {}));
    it->SeekToFirst();
    ASSERT_TRUE(it->Valid());
    ASSERT_GE(it->key(), Slice(fences[i].first_key));
    for (; it->Valid(); it->Next(), ++cell) {
      ASSERT_TRUE(cell != cells.end());
      ASSERT_EQ(it->key(), Slice(cell->first));
      ASSERT_EQ(it->value(), Slice(cell->second));
      if (i + 1 < fences.size()) ASSERT_LT(it->key(), Slice(fences[i + 1].first_key));
    }
    ASSERT_OK(it->status());
  }
  EXPECT_TRUE(cell == cells.end());
}

void ExpectAllInFilter(const SSTable& table, const CellMap& cells) {
  for (const auto& [key, value] : cells) {
    ASSERT_OK_AND_ASSIGN(bool row, table.MayContain(EncodedRow(key), ""));
    ASSERT_OK_AND_ASSIGN(bool column, table.MayContain(EncodedRow(key), EncodedColumn(key)));
    ASSERT_TRUE(row && column) << key;
  }
}

TEST(SSTableTest, RoundTripOverCodecsAndBlockSizes) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  const CellMap cells = RandomCells(&random, 400);
  for (Codec codec : kCodecs) {
    for (const auto& [block_bytes, page_bytes] : std::vector<std::pair<uint32_t, uint32_t>>{
             {64, 0}, {100, 0}, {1000, 0}, {1000, 64}, {4096, 1000}, {4096, 2048}, {65536, 0}}) {
      SCOPED_TRACE(testing::Message()
                   << "codec " << int(codec) << " block " << block_bytes << " page " << page_bytes);
      SSTableOptions options = SmallBlocks(block_bytes, codec);
      options.page_bytes = page_bytes;
      options.bloom_columns = block_bytes % 1000 == 0;
      SSTableProperties written;
      ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, options, &written)));
      EXPECT_EQ(table->properties(), written);
      EXPECT_TRUE(ReadAll(*table) == cells);
      EXPECT_TRUE(ReadAll(*table, false) == cells);
      ASSERT_NO_FATAL_FAILURE(ExpectAllSeeks(*table, cells));
      ASSERT_NO_FATAL_FAILURE(ExpectFencesTrue(*table, cells));
      ASSERT_NO_FATAL_FAILURE(ExpectAllInFilter(*table, cells));
      EXPECT_OK(table->Verify());
    }
  }
}

TEST(SSTableTest, EveryZstdLevelRoundTrips) {
  SeededRandom random(TestSeed());
  const CellMap cells = RandomCells(&random, 300);
  for (uint32_t level : {1u, 2u, 3u}) {
    SSTableOptions options = SmallBlocks(4096, Codec::kZstd);
    options.zstd_level = level;
    ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, options)));
    EXPECT_TRUE(ReadAll(*table) == cells);
  }
}

TEST(SSTableTest, OneCellWithAnEmptyValue) {
  const CellMap cells = {{SetKey("r", "q"), ""}};
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, {})));
  EXPECT_TRUE(ReadAll(*table) == cells);
  ASSERT_NO_FATAL_FAILURE(ExpectAllSeeks(*table, cells));
  EXPECT_OK(table->Verify());
}

TEST(SSTableTest, ARowOfManyCellsIsCutOnCells) {
  SeededRandom random(TestSeed());
  CellMap cells = {{SetKey("a", "q"), "before"}, {SetKey("c", "q"), "after"}};
  for (int i = 0; i < 5000; ++i) {
    cells.emplace(SetKey("b", "q" + std::to_string(i)), random.Letters(20));
  }
  SSTableOptions options = SmallBlocks(4096);
  options.bloom_columns = true;
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, options)));
  EXPECT_EQ(table->properties().rows, 3u);
  EXPECT_GT(table->properties().blocks, 20u);
  EXPECT_TRUE(ReadAll(*table) == cells);
  ASSERT_NO_FATAL_FAILURE(ExpectFencesTrue(*table, cells));
  ASSERT_NO_FATAL_FAILURE(ExpectAllInFilter(*table, cells));
  auto it = table->NewIterator(false);
  for (auto cell = cells.begin(); cell != cells.end(); std::advance(cell, 7)) {
    ASSERT_NO_FATAL_FAILURE(ExpectSeek(it.get(), cells, cell->first));
    if (std::distance(cell, cells.end()) <= 7) break;
  }
  EXPECT_OK(table->Verify());
}

TEST(SSTableTest, AHugeValueHasABlockOfItsOwn) {
  SeededRandom random(TestSeed());
  for (Codec codec : kCodecs) {
    CellMap cells;
    for (int i = 0; i < 50; ++i) cells.emplace(SetKey("a" + std::to_string(i), "q"), "small");
    cells.emplace(SetKey("b", "q"), random.Bytes(1 << 20));
    cells.emplace(SetKey("b", "z"), std::string(1 << 20, 'x'));
    cells.emplace(SetKey("c", "q"), "small");
    ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, SmallBlocks(4096, codec))));
    EXPECT_EQ(table->properties().blocks, 4u);
    EXPECT_TRUE(ReadAll(*table) == cells);
    EXPECT_OK(table->Verify());
  }
}

TEST(SSTableTest, BlocksBeginOnRowsAndStayNearTheirSize) {
  SeededRandom random(TestSeed());
  CellMap cells;
  for (int i = 0; i < 3000; ++i) {
    std::string row = "row" + std::to_string(100000 + i / 3);
    cells.emplace(SetKey(row, std::to_string(i)), random.Letters(random.Below(300)));
  }
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, SmallBlocks(2048))));
  ASSERT_OK_AND_ASSIGN(auto fences, table->LoadFences());
  std::string row;
  for (size_t i = 0; i < fences.size(); ++i) {
    EXPECT_OK(Unescape(fences[i].first_key, &row)) << "fence " << i << " is no row";
    EXPECT_LT(fences[i].handle.raw_bytes, 2u * 2048 + 200);
    if (i + 1 < fences.size()) EXPECT_GE(fences[i].handle.raw_bytes, 2048u);
  }
}

TEST(SSTableTest, BlocksThatDoNotShrinkAreStoredRaw) {
  SeededRandom random(TestSeed());
  for (Codec codec : {Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    CellMap cells;
    cells.emplace(SetKey("a", "q"), random.Bytes(5000));
    cells.emplace(SetKey("b", "q"), std::string(5000, 'x'));
    ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, SmallBlocks(4096, codec))));
    ASSERT_OK_AND_ASSIGN(auto fences, table->LoadFences());
    ASSERT_EQ(fences.size(), 2u);
    EXPECT_EQ(fences[0].handle.codec, Codec::kNone);
    EXPECT_EQ(fences[1].handle.codec, codec);
    EXPECT_EQ(table->properties().codec, codec);
  }
}

TEST(SSTableTest, PropertiesCountWhatIsThere) {
  CellMap cells;
  std::string row_marker, family_marker, column_marker;
  AppendRowMarkerKey(&row_marker, "a", 7);
  AppendFamilyMarkerKey(&family_marker, "a", "f", 1, 8);
  AppendColumnMarkerKey(&column_marker, "a", "g", 2, "q", 9);
  cells = {{row_marker, ""}, {family_marker, ""}, {column_marker, "xx"}};
  cells.emplace(SetKey("a", "q", 5000, 20), "value");
  cells.emplace(SetKey("b", "q", 3000, 21), "v");
  cells.emplace(SetKey("b", "q", 9000, 5, "g"), "v");
  uint64_t hash = 0, bytes = 0;
  for (const auto& [key, value] : cells) {
    hash += CellContentHash(key, value);
    bytes += key.size() + value.size();
  }
  std::string file = Build(cells, {});
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(file));
  const SSTableProperties& p = table->properties();
  EXPECT_EQ(p.file_id, kTestFileId);
  EXPECT_EQ(p.file_bytes, file.size());
  EXPECT_EQ(p.cells, 6u);
  EXPECT_EQ(p.markers, 3u);
  EXPECT_EQ(p.wide_markers, 2u);
  EXPECT_EQ(p.rows, 2u);
  EXPECT_EQ(p.key_value_bytes, bytes);
  EXPECT_EQ(p.content_hash, hash);
  EXPECT_EQ(p.min_sequence, 5u);
  EXPECT_EQ(p.max_sequence, 21u);
  EXPECT_EQ(p.min_timestamp_us, 3000);
  EXPECT_EQ(p.max_timestamp_us, 9000);
  EXPECT_EQ(p.first_key, cells.begin()->first);
  EXPECT_EQ(p.last_key, cells.rbegin()->first);
  ASSERT_EQ(p.families.size(), 3u) << "f(1), g(2) by the marker, g(1)";
  EXPECT_EQ(p.families[0].name, "f");
  EXPECT_EQ(p.families[0].cells, 3u);
  EXPECT_EQ(p.families[0].markers, 1u);
  EXPECT_EQ(p.families[0].min_timestamp_us, 3000);
  EXPECT_EQ(p.families[0].max_timestamp_us, 5000);
  EXPECT_EQ(p.families[1].id, 2);
  EXPECT_EQ(p.families[1].markers, 1u);
}

TEST(SSTableTest, ContentHashTellsSwappedValuesApart) {
  EXPECT_NE(CellContentHash("k1", "a") + CellContentHash("k2", "b"),
            CellContentHash("k1", "b") + CellContentHash("k2", "a"));
}

TEST(SSTableTest, FilterHasFewFalsePositives) {
  CellMap cells;
  for (int i = 0; i < 10000; ++i) {
    cells.emplace(SetKey("row" + std::to_string(i * 2), "q" + std::to_string(i)), "v");
  }
  for (bool columns : {false, true}) {
    SSTableOptions options;
    options.bloom_columns = columns;
    options.filter_partition_keys = 1500;
    ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, options)));
    int rows = 0, cols = 0;
    for (int i = 0; i < 10000; ++i) {
      std::string absent = SetKey("row" + std::to_string(i * 2 + 1), "q");
      std::string other = SetKey("row" + std::to_string(i * 2), "other");
      ASSERT_OK_AND_ASSIGN(bool row, table->MayContain(EncodedRow(absent), ""));
      ASSERT_OK_AND_ASSIGN(bool col, table->MayContain(EncodedRow(other), EncodedColumn(other)));
      rows += row;
      cols += col;
    }
    EXPECT_LT(rows, 200);
    if (columns) EXPECT_LT(cols, 200);
    if (!columns) EXPECT_EQ(cols, 10000) << "without column hashes only the row counts";
  }
}

TEST(SSTableTest, RowAndFamilyMarkersCoverTheirColumns) {
  CellMap cells;
  std::string row_marker, family_marker;
  AppendRowMarkerKey(&row_marker, "deleted", 7);
  AppendFamilyMarkerKey(&family_marker, "family", "f", 1, 8);
  cells = {{row_marker, ""}, {family_marker, ""}, {SetKey("z", "q"), "v"}};
  SSTableOptions options;
  options.bloom_columns = true;
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, options)));
  auto may_contain = [&](Slice row, Slice family) {
    std::string key = SetKey(row, "any", 1000, 1, family);
    auto result = table->MayContain(EncodedRow(key), EncodedColumn(key));
    EXPECT_OK(result);
    return result.ok() && *result;
  };
  EXPECT_TRUE(may_contain("deleted", "f"));
  EXPECT_TRUE(may_contain("deleted", "g"));
  EXPECT_TRUE(may_contain("family", "f"));
  EXPECT_FALSE(may_contain("family", "g"));
  EXPECT_FALSE(may_contain("z", "f"));
}

TEST(SSTableTest, WithoutAFilterOnlyTheRowRangeExcludes) {
  SSTableOptions options;
  options.bloom_bits_per_key = 0;
  options.bloom_columns = true;
  const CellMap cells = {{SetKey("b", "q"), "v"}, {SetKey("d", "q"), "v"}};
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, options)));
  EXPECT_FALSE(table->properties().bloom_columns);
  auto row = [](Slice r) {
    std::string out;
    AppendRowStart(&out, r);
    return out;
  };
  EXPECT_FALSE(*table->MayContain(row("a"), ""));
  EXPECT_TRUE(*table->MayContain(row("b"), ""));
  EXPECT_TRUE(*table->MayContain(row("c"), ""));
  EXPECT_TRUE(*table->MayContain(row("d"), ""));
  EXPECT_FALSE(*table->MayContain(row("e"), ""));
  EXPECT_FALSE(*table->MayContain(row("dd"), ""));
  EXPECT_OK(table->Verify());
}

TEST(SSTableTest, CachesServeBlocksAndGiveEverythingBack) {
  SeededRandom random(TestSeed());
  const CellMap cells = RandomCells(&random, 500);
  const std::string file = Build(cells, SmallBlocks(256));
  MemoryTracker memory("caches", 0);
  {
    BlockCache blocks(8 << 20, &memory), filters(1 << 20, &memory);
    uint64_t reads = 0;
    auto count = [&](uint64_t, size_t) {
      ++reads;
      return OkStatus();
    };
    SSTable::OpenOptions open;
    open.block_cache = &blocks;
    open.filter_cache = &filters;
    ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(file, open, count));
    ASSERT_OK_AND_ASSIGN(auto fences, table->LoadFences());
    EXPECT_FALSE(table->IsCached(fences[3].handle));
    EXPECT_TRUE(ReadAll(*table, false) == cells);
    EXPECT_EQ(blocks.stats().entries, 0u) << "a scan must not fill the cache";
    Slice row = EncodedRow(table->properties().first_key);
    EXPECT_STATUS(kUnavailable, "would block",
                  table->MayContain(row, SSTable::HashOf(row), "", {.may_block = false}));
    EXPECT_TRUE(*table->MayContain(row, ""));
    EXPECT_TRUE(*table->MayContain(row, SSTable::HashOf(row), "", {.may_block = false}));
    EXPECT_EQ(filters.stats().misses, 1u);
    EXPECT_EQ(filters.stats().hits, 1u);
    EXPECT_TRUE(ReadAll(*table) == cells);
    EXPECT_TRUE(table->IsCached(fences[3].handle));
    const uint64_t before = reads;
    EXPECT_TRUE(ReadAll(*table) == cells);
    EXPECT_TRUE(ReadAll(*table, false) == cells);
    EXPECT_EQ(reads, before) << "everything is in the cache";
    ASSERT_OK_AND_ASSIGN(auto it, table->OpenBlock(fences[3].handle, {}));
    table.reset();
    EXPECT_EQ(blocks.stats().entries + filters.stats().entries, 0u);
    EXPECT_EQ(blocks.stats().bytes + filters.stats().bytes, 0u);
    it->SeekToFirst();
    EXPECT_TRUE(it->Valid());
  }
  EXPECT_EQ(memory.used(), 0);
}

TEST(SSTableTest, TwoTablesShareACacheWithoutMixing) {
  SeededRandom random(TestSeed());
  const CellMap a = RandomCells(&random, 200), b = RandomCells(&random, 200);
  BlockCache cache(8 << 20, nullptr);
  SSTable::OpenOptions open;
  open.block_cache = open.filter_cache = &cache;
  ASSERT_OK_AND_ASSIGN(auto table_a, OpenBytes(Build(a, SmallBlocks(256)), open));
  ASSERT_OK_AND_ASSIGN(auto table_b, OpenBytes(Build(b, SmallBlocks(256)), open));
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(ReadAll(*table_a) == a);
    EXPECT_TRUE(ReadAll(*table_b) == b);
    ASSERT_NO_FATAL_FAILURE(ExpectAllInFilter(*table_a, a));
    ASSERT_NO_FATAL_FAILURE(ExpectAllInFilter(*table_b, b));
  }
  table_a.reset();
  EXPECT_GT(cache.stats().entries, 0u);
  EXPECT_TRUE(ReadAll(*table_b) == b);
}

TEST(SSTableTest, ThreadsShareATableAndASmallCache) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  const CellMap cells = RandomCells(&random, 300);
  const std::vector<std::pair<std::string, std::string>> list(cells.begin(), cells.end());
  BlockCache cache(16 * 1024, nullptr);
  SSTable::OpenOptions open;
  open.block_cache = open.filter_cache = &cache;
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, SmallBlocks(512, Codec::kLz4)), open));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, mine = random.Fork()]() mutable {
      auto it = table->NewIterator(true);
      for (int i = 0; i < 2000; ++i) {
        const auto& [key, value] = list[mine.Below(list.size())];
        auto found = table->MayContain(EncodedRow(key), "");
        it->Seek(key);
        bool right = found.ok() && *found && it->Valid() && it->key() == Slice(key) &&
                     it->value() == Slice(value);
        if (!right) wrong.fetch_add(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  CacheStats stats = cache.stats();
  EXPECT_GT(stats.evictions, 0u);
  EXPECT_LE(stats.bytes, stats.capacity);
}

TEST(SSTableTest, PreloadedTablesReadNothingLater) {
  SeededRandom random(TestSeed());
  const CellMap cells = RandomCells(&random, 500);
  bool closed = false;
  auto gate = [&](uint64_t, size_t) {
    return closed ? absl::InternalError("no reads now") : OkStatus();
  };
  SSTable::OpenOptions open;
  SSTableOptions options = SmallBlocks(512, Codec::kLz4);
  options.page_bytes = 200;
  ASSERT_OK_AND_ASSIGN(auto plain, OpenBytes(Build(cells, options)));
  open.preload = true;
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, options), open, gate));
  EXPECT_GE(table->memory_bytes(), plain->memory_bytes() + table->properties().raw_block_bytes);
  ASSERT_OK_AND_ASSIGN(auto fences, table->LoadFences());
  closed = true;
  for (const Fence& fence : fences) {
    EXPECT_TRUE(table->IsCached(fence.handle));
    ASSERT_OK_AND_ASSIGN(auto it, table->OpenBlock(fence.handle, {.may_block = false}));
    it->SeekToFirst();
    EXPECT_TRUE(it->Valid()) << it->status();
  }
  ASSERT_NO_FATAL_FAILURE(ExpectAllInFilter(*table, cells));
  for (const auto& [key, value] : cells) {
    const Slice row = EncodedRow(key);
    EXPECT_OK(table->MayContain(row, SSTable::HashOf(row), "", {.may_block = false}));
  }
  EXPECT_TRUE(ReadAll(*table) == cells) << "the index is in memory as well";
}

// What one reader of a table does at random, against the cells themselves.
class RandomReader {
 public:
  RandomReader(const SSTable* table, const std::vector<Fence>* fences, const CellMap* cells,
               uint64_t seed)
      : table_(table), fences_(fences), cells_(cells), random_(seed) {}

  // A block opened, sought in and walked; false after an answer that is wrong.
  bool Step() {
    const size_t block = random_.Below(fences_->size());
    const bool may_block = !random_.OneIn(3);
    auto opened = table_->OpenBlock((*fences_)[block].handle,
                                    {.fill_cache = !random_.OneIn(4), .may_block = may_block});
    if (!opened.ok()) return Explained(opened.status(), may_block);
    Iterator* it = opened->get();
    const auto first = cells_->lower_bound(std::string((*fences_)[block].first_key));
    const auto end = block + 1 == fences_->size()
                         ? cells_->end()
                         : cells_->lower_bound(std::string((*fences_)[block + 1].first_key));
    for (int seeks = 0; seeks < 3; ++seeks) {
      auto at = first;
      std::advance(at, random_.Below(static_cast<uint64_t>(std::distance(first, end))));
      if (random_.OneIn(4)) {
        const std::string target = at->first;
        it->SeekBefore(target);
        if (!it->Valid()) {
          if (at == first && it->status().ok()) continue;
          return Explained(it->status(), may_block);
        }
        if (at == first || it->key() != std::prev(at)->first) return false;
        continue;
      }
      if (random_.OneIn(4)) at = first;
      at == first ? it->SeekToFirst() : it->Seek(at->first);
      for (uint64_t steps = random_.Below(40); at != end; ++at, it->Next()) {
        if (!it->Valid()) return Explained(it->status(), may_block);
        if (it->key() != at->first || it->value() != at->second) return false;
        if (steps-- == 0) break;
      }
      if (at == end && (it->Valid() || !it->status().ok()))
        return Explained(it->status(), may_block);
      ++walks_;
    }
    return true;
  }
  uint64_t walks() const { return walks_; }

 private:
  static bool Explained(const Status& status, bool may_block) {
    return !may_block && absl::IsUnavailable(status);
  }

  const SSTable* const table_;
  const std::vector<Fence>* const fences_;
  const CellMap* const cells_;
  SeededRandom random_;
  uint64_t walks_ = 0;
};

TEST(SSTableTest, ReadersOfPagesShareCachesOfAnySize) {
  const uint64_t seed = TestSeed();
  SeededRandom random(seed);
  CellMap cells;
  for (int i = 0; i < 600; ++i) {
    cells.emplace(SetKey(std::to_string(100'000 + i), "q"), random.Letters(random.Below(400)));
  }
  for (Codec codec : {Codec::kNone, Codec::kLz4, Codec::kSnappy, Codec::kZstd}) {
    SSTableOptions options = SmallBlocks(8192, codec);
    options.page_bytes = 700;
    const std::string bytes = Build(cells, options);
    for (uint64_t cache_bytes : {1u << 10, 24u << 10, 4u << 20}) {
      SCOPED_TRACE(absl::StrCat("codec ", int(codec), " cache ", cache_bytes, " seed ", seed));
      BlockCache cache(cache_bytes, nullptr);
      SSTable::OpenOptions open;
      open.block_cache = &cache;
      ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(bytes, open));
      ASSERT_OK_AND_ASSIGN(auto fences, table->LoadFences());
      ASSERT_GT(fences.size(), 5u);
      ASSERT_GT(fences[2].handle.pages_bytes, 0u);
      std::atomic<int> wrong{0};
      std::atomic<uint64_t> walks{0};
      std::vector<std::thread> threads;
      for (uint64_t t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
          RandomReader reader(table.get(), &fences, &cells, seed + t);
          for (int step = 0; step < 300; ++step) wrong += reader.Step() ? 0 : 1;
          walks += reader.walks();
        });
      }
      for (auto& thread : threads) thread.join();
      EXPECT_EQ(wrong.load(), 0);
      EXPECT_GT(walks.load(), 500u);
    }
  }
}

// Blocks of 64 KiB in pages of 4: the sizes of a file that is not compressed.
class PagesTest : public testing::Test {
 protected:
  void SetUp() override {
    SeededRandom random(TestSeed());
    for (int i = 0; i < 1000; ++i) {
      cells_.emplace(SetKey(std::to_string(100'000 + i), "q"), random.Letters(1000));
    }
    OpenTable(&cache_, nullptr);
    ASSERT_GT(fences_.size(), 10u);
    ASSERT_GT(fences_[3].handle.pages_bytes, 60'000u);
  }
  void OpenTable(BlockCache* blocks, BlockCache* filters) {
    SSTableOptions options;
    options.codec = Codec::kNone;
    const auto note = [this](uint64_t offset, size_t n) {
      reads_.push_back(n);
      return closed_ ? absl::InternalError("no reads now") : OkStatus();
    };
    SSTable::OpenOptions open;
    open.block_cache = blocks;
    open.filter_cache = filters;
    ASSERT_OK_AND_ASSIGN(table_, OpenBytes(Build(cells_, options), open, note));
    ASSERT_OK_AND_ASSIGN(fences_, table_->LoadFences());
    reads_.clear();
  }
  std::unique_ptr<Iterator> Open(size_t block, bool may_block = true) {
    auto it = table_->OpenBlock(fences_[block].handle, {.may_block = may_block});
    EXPECT_OK(it.status());
    return it.ok() ? *std::move(it) : nullptr;
  }
  // The key of the n-th cell at or behind the block's fence.
  std::string KeyIn(size_t block, int n) {
    auto it = cells_.lower_bound(fences_[block].first_key);
    std::advance(it, n);
    return it->first;
  }

  BlockCache cache_{64u << 20, nullptr};
  CellMap cells_;
  std::vector<size_t> reads_;
  bool closed_ = false;
  std::shared_ptr<SSTable> table_;
  std::vector<Fence> fences_;
};

TEST_F(PagesTest, APointReadReadsOnePage) {
  auto it = Open(3);
  it->Seek(KeyIn(3, 20));
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->key(), KeyIn(3, 20));
  ASSERT_EQ(reads_.size(), 2u) << "the directory and the page";
  EXPECT_LT(reads_[0], 2000u);
  EXPECT_LT(reads_[1], 9000u);
  EXPECT_FALSE(table_->IsCached(fences_[3].handle));
  reads_.clear();
  it = Open(3, /*may_block=*/false);
  it->Seek(KeyIn(3, 20));
  ASSERT_TRUE(it->Valid()) << it->status();
  it->Seek(KeyIn(3, 50));
  EXPECT_FALSE(it->Valid());
  EXPECT_STATUS(kUnavailable, "would block", it->status());
  EXPECT_STATUS(kUnavailable, "would block",
                table_->OpenBlock(fences_[4].handle, {.may_block = false}));
  EXPECT_TRUE(reads_.empty());
  it->Seek(KeyIn(3, 21));
  EXPECT_TRUE(it->Valid()) << "an error does not stick to the next seek";
}

// 8 MB and more, read by who replaces the file.
class ReplacingTest : public testing::Test {
 protected:
  void SetUp() override {
    SeededRandom random(TestSeed());
    for (int i = 0; i < 4000; ++i) {
      cells_.emplace(SetKey(std::to_string(100'000 + i), "q"), random.Letters(2000));
    }
    SSTableOptions options;
    options.codec = Codec::kNone;
    const auto read = [this](uint64_t offset, size_t n) {
      // The index, between two reads of data, stands behind all of it.
      if (!fences_.empty() && offset < fences_.back().handle.end()) read_to_ = offset + n;
      return OkStatus();
    };
    const auto release = [this](uint64_t offset, uint64_t n) {
      released_.emplace_back(offset, offset + n);
      early_ |= offset + n > read_to_;
    };
    SSTable::OpenOptions open;
    open.block_cache = &cache_;
    blob_ = std::make_shared<MemoryReader>(Build(cells_, options), read, release);
    ASSERT_OK_AND_ASSIGN(table_, SSTable::Open(blob_, "t.sst", open));
    ASSERT_OK_AND_ASSIGN(fences_, table_->LoadFences());
  }
  void ReadBlock(size_t block) {
    ASSERT_OK_AND_ASSIGN(auto it, table_->OpenBlock(fences_[block].handle, {}));
    it->SeekToFirst();
    ASSERT_TRUE(it->Valid());
  }

  BlockCache cache_{64u << 20, nullptr};
  CellMap cells_;
  uint64_t read_to_ = 0;                                 // of the data
  std::vector<std::pair<uint64_t, uint64_t>> released_;  // begin, end
  bool early_ = false;                                   // what was not read yet was released
  std::shared_ptr<MemoryReader> blob_;
  std::shared_ptr<SSTable> table_;
  std::vector<Fence> fences_;
};

TEST_F(ReplacingTest, WhatWasPassedIsReleased) {
  Status status;
  EXPECT_EQ(ReadAll(table_->NewIterator(/*fill_cache=*/false).get(), &status), cells_);
  EXPECT_TRUE(released_.empty()) << "the file stays";
  EXPECT_EQ(ReadAll(table_->NewReplacingIterator().get(), &status), cells_);
  ASSERT_OK(status);
  EXPECT_FALSE(early_);
  ASSERT_GE(released_.size(), 3u);
  for (size_t i = 1; i < released_.size(); ++i) {
    EXPECT_EQ(released_[i].first, released_[i - 1].second);
  }
  EXPECT_LT(released_.front().first, 100'000u);
  EXPECT_GT(released_.back().second, blob_->size() - 4'000'000);
  table_->ReleaseCached();
  EXPECT_EQ(released_.back(), std::make_pair(uint64_t{0}, blob_->size()));
}

TEST_F(ReplacingTest, NothingMoreIsReleasedOnceSomebodyReadsTheFile) {
  ReadBlock(3);
  auto it = table_->NewReplacingIterator();
  it->SeekToFirst();
  while (released_.empty() && it->Valid()) it->Next();
  ReadBlock(3);
  while (released_.size() == 1 && it->Valid()) it->Next();
  ASSERT_EQ(released_.size(), 2u) << "what the cache has is not read";
  ReadBlock(4);
  while (it->Valid()) it->Next();
  EXPECT_OK(it->status());
  EXPECT_EQ(released_.size(), 2u);
}

TEST_F(ReplacingTest, WhatWasReleasedIsReadAgain) {
  auto it = table_->NewReplacingIterator();
  it->SeekToFirst();
  while (released_.size() < 2 && it->Valid()) it->Next();
  released_.clear();
  Status status;
  EXPECT_EQ(ReadAll(it.get(), &status), cells_);
  EXPECT_OK(status);
  EXPECT_GE(released_.size(), 3u) << "its own reads do not count";
}

// One access is one hit or one miss, whatever had to be looked up for it.
TEST_F(PagesTest, AnAccessCountsOnce) {
  uint64_t hits = 0, misses = 0;
  const auto expect = [&](uint64_t more_hits, uint64_t more_misses, const char* what) {
    const CacheStats stats = cache_.stats();
    EXPECT_EQ(stats.hits - hits, more_hits) << what;
    EXPECT_EQ(stats.misses - misses, more_misses) << what;
    hits = stats.hits;
    misses = stats.misses;
  };
  Open(3)->Seek(KeyIn(3, 20));
  expect(0, 1, "a page that had to be read, and its directory");
  Open(3)->Seek(KeyIn(3, 20));
  expect(1, 0, "a page that is there");
  Open(3, /*may_block=*/false)->Seek(KeyIn(3, 50));
  expect(0, 0, "a page that may not be waited for");
  Open(3)->Seek(KeyIn(3, 50));
  expect(0, 1, "and is read then");
  Open(5)->SeekToFirst();
  expect(0, 1, "a whole");
  Open(5)->Seek(KeyIn(5, 9));
  Open(5)->SeekToFirst();
  expect(2, 0, "a whole that is there");
  for (int n = 0; n < 63 && !table_->IsCached(fences_[4].handle); ++n) {
    Open(4)->Seek(KeyIn(4, n));
    const CacheStats stats = cache_.stats();
    EXPECT_EQ(stats.hits + stats.misses, hits + misses + 1) << "the pages that make room, " << n;
    hits = stats.hits;
    misses = stats.misses;
  }
  auto compaction = table_->NewIterator(/*fill_cache=*/false);
  for (compaction->SeekToFirst(); compaction->Valid(); compaction->Next()) continue;
  expect(0, 0, "who does not fill the cache");
}

TEST_F(PagesTest, PagesDoNotPushOutDirectories) {
  for (const uint64_t filter_bytes : {1u << 20, 0u}) {
    BlockCache blocks(20'000, nullptr), filters(filter_bytes, nullptr);
    OpenTable(&blocks, &filters);
    for (const int n : {10, 30}) {
      for (size_t block = 0; block < 10; ++block) Open(block)->Seek(KeyIn(block, n));
    }
    // Ten blocks, of which each gave two pages: more than there is room for.
    EXPECT_EQ(reads_.size(), filter_bytes != 0 ? 30u : 40u);
    EXPECT_EQ(filters.stats().entries, filter_bytes != 0 ? 10u : 0u);
    EXPECT_EQ(filters.stats().hits + filters.stats().misses, 0u);
    table_.reset();
    EXPECT_EQ(filters.stats().entries, 0u);
  }
}

TEST_F(PagesTest, NothingIsReadBehindTheEnd) {
  for (int n = 0; n < 40; ++n) {
    const std::string key = KeyIn(6, n);
    std::string end(EncodedRow(key));
    ++end.back();  // behind the row
    auto it = table_->OpenBlock(fences_[6].handle, {.end = end});
    ASSERT_OK(it);
    (*it)->Seek(key);
    ASSERT_EQ((*it)->key(), key);
    const size_t before = reads_.size();
    (*it)->Next();
    EXPECT_EQ(reads_.size(), before) << n;
    EXPECT_TRUE(!(*it)->Valid() || (*it)->key() >= Slice(end));
    EXPECT_OK((*it)->status());
    if (table_->IsCached(fences_[6].handle)) break;
  }
}

TEST_F(PagesTest, AWalkReadsTheRestOfTheBlockAtOnce) {
  auto it = Open(5);
  it->Seek(KeyIn(5, 9));
  size_t cells = 0;
  for (; it->Valid(); it->Next()) ++cells;
  ASSERT_OK(it->status());
  EXPECT_GT(cells, 40u);
  ASSERT_EQ(reads_.size(), 4u) << "the directory, two pages, the whole";
  EXPECT_GT(reads_[3], 60'000u);
  it->Seek(KeyIn(5, 0));
  for (; it->Valid(); it->Next()) ++cells;
  EXPECT_TRUE(table_->IsCached(fences_[5].handle));
  closed_ = true;
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++cells;
  EXPECT_OK(it->status());
}

TEST_F(PagesTest, ABlockWhoseMostPagesAreCachedIsCachedWhole) {
  for (int n = 0; n < 63 && !table_->IsCached(fences_[4].handle); ++n) {
    auto it = Open(4);
    it->Seek(KeyIn(4, n));
    ASSERT_TRUE(it->Valid());
    ASSERT_EQ(it->key(), KeyIn(4, n));
    ASSERT_EQ(it->value(), cells_[KeyIn(4, n)]);
  }
  ASSERT_TRUE(table_->IsCached(fences_[4].handle));
  EXPECT_GT(reads_.size(), 8u) << "not for a few pages";
  EXPECT_GT(reads_.back(), 60'000u);
  EXPECT_EQ(cache_.stats().entries, 1u) << "the pages have made room";
  closed_ = true;
  auto it = Open(4);
  for (int n = 62; n >= 0; --n) {
    it->Seek(KeyIn(4, n));
    ASSERT_TRUE(it->Valid());
    ASSERT_EQ(it->value(), cells_[KeyIn(4, n)]);
  }
}

// The short way to one row: the same cells, reads and counts as through OpenBlock.
TEST_F(PagesTest, ARowIsFoundInThePageThatIsReadForIt) {
  const BlockHandle& handle = fences_[4].handle;
  const auto find = [&](int n, bool may_block) {
    const std::string key = KeyIn(4, n);
    const std::string row(EncodedRow(key));
    std::string end = row;
    ++end.back();  // behind the row
    return table_->FindRow(handle, row, end, {.may_block = may_block});
  };
  EXPECT_EQ(find(20, true), nullptr) << "the directory is not there yet";
  Open(4)->Seek(KeyIn(4, 20));
  reads_.clear();
  EXPECT_EQ(find(40, false), nullptr);
  EXPECT_TRUE(reads_.empty());
  closed_ = true;
  EXPECT_EQ(find(40, true), nullptr) << "whoever opens the block is told the error";
  closed_ = false;
  reads_.clear();
  const uint64_t accesses = cache_.stats().hits + cache_.stats().misses;
  int found = 0;
  for (int n = 0; n < 63 && !table_->IsCached(handle); ++n, ++found) {
    for (const bool may_block : {true, false}) {
      auto it = find(n, may_block);
      ASSERT_NE(it, nullptr) << n;
      ASSERT_TRUE(it->Valid());
      ASSERT_EQ(it->key(), KeyIn(4, n));
      ASSERT_EQ(it->value(), cells_[KeyIn(4, n)]);
    }
  }
  EXPECT_EQ(cache_.stats().hits + cache_.stats().misses, accesses + 2 * found);
  EXPECT_TRUE(table_->IsCached(handle)) << "most of its pages had been read";
  EXPECT_GT(reads_.size(), 8u) << "not for a few pages";
  EXPECT_LT(reads_[0], 9000u) << "a page";
  EXPECT_GT(reads_.back(), 60'000u);
}

TEST_F(PagesTest, BackwardOverTheEdgesOfPages) {
  auto it = Open(2);
  const auto first = cells_.lower_bound(fences_[2].first_key);
  const auto end = cells_.lower_bound(fences_[3].first_key);
  it->SeekBefore("");
  for (auto cell = end; cell != first;) {
    ASSERT_TRUE(it->Valid()) << it->status();
    --cell;
    ASSERT_EQ(it->key(), cell->first);
    ASSERT_EQ(it->value(), cell->second);
    it->SeekBefore(cell->first);
  }
  EXPECT_FALSE(it->Valid());
  EXPECT_OK(it->status());
}

TEST_F(PagesTest, AFailedReadIsToldAndTheNextSeekTriesAgain) {
  auto it = Open(7);
  closed_ = true;
  it->Seek(KeyIn(7, 3));
  EXPECT_FALSE(it->Valid());
  EXPECT_STATUS(kInternal, "no reads now", it->status());
  EXPECT_STATUS(kInternal, "no reads now", table_->OpenBlock(fences_[8].handle, {}));
  closed_ = false;
  it->Seek(KeyIn(7, 3));
  ASSERT_TRUE(it->Valid());
  closed_ = true;
  while (it->Valid()) it->Next();
  EXPECT_STATUS(kInternal, "no reads now", it->status());
  closed_ = false;
  EXPECT_TRUE(ReadAll(*table_) == cells_);
  EXPECT_OK(table_->Verify());
}

TEST(SSTableTest, AForwardScanReadsRunsOfBlocks) {
  SeededRandom random(TestSeed());
  CellMap cells;
  for (int i = 0; i < 1000; ++i)
    cells.emplace(SetKey(std::to_string(i), "q"), random.Letters(1000));
  uint64_t reads = 0;
  auto count = [&](uint64_t, size_t n) {
    EXPECT_LE(n, 512u * 1024);
    ++reads;
    return OkStatus();
  };
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, SmallBlocks(4096)), {}, count));
  ASSERT_GT(table->properties().blocks, 200u);
  reads = 0;
  EXPECT_TRUE(ReadAll(*table, false) == cells);
  EXPECT_LT(reads, 60u);
}

TEST(SSTableTest, DumpShowsPropertiesFencesCellsAndVerifies) {
  const CellMap cells = {{SetKey("row\n1", "q", 5000, 3), "secret"},
                         {SetKey("row2", "", 0, 4), ""}};
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(cells, {})));
  SSTableDumpOptions options;
  options.fences = options.cells = options.verify = true;
  std::string text;
  auto sink = [&](Slice line) { absl::StrAppend(&text, line, "\n"); };
  ASSERT_OK(DumpSSTable(*table, options, sink));
  for (Slice part : {"file_id 0123456789abcdef", "cells 2", "block at 0 ", "from row 'row\\n1'",
                     "'row\\n1' f(1):'q' @5000 #3 6 bytes", "'row2' f(1):'' @0 #4 0 bytes",
                     "family f(1) cells 2", "verified"}) {
    EXPECT_TRUE(absl::StrContains(text, part)) << part << " not in\n" << text;
  }
  EXPECT_FALSE(absl::StrContains(text, "secret"));
  options.values = true;
  options.max_cells = 1;
  text.clear();
  ASSERT_OK(DumpSSTable(*table, options, sink));
  EXPECT_TRUE(absl::StrContains(text, "'secret'"));
  EXPECT_FALSE(absl::StrContains(text, "'row2' f(1):'' @0 #4 0 bytes"));
}

}  // namespace
}  // namespace stele::storage
