// Goal: the tablet index finds in one search what each file knows of a key, scans and point reads
// yield exactly the cells of all files inside their clips, and damage stays where it is.
#include "tabletserver/storage/index/tablet_index.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/base/check.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/index/file_fences.h"
#include "tabletserver/storage/iterator/merging_iterator.h"
#include "tabletserver/storage/sstable/table_fixture.h"

namespace stele::storage {
namespace {

// Counts block reads and fails those at chosen offsets.
struct Reads {
  std::set<uint64_t> offsets;
  uint64_t bad_from = UINT64_MAX, bad_to = 0;
};

struct TestFile {
  CellMap cells;  // inside the clip
  TabletIndex::File file;
  std::shared_ptr<Reads> reads = std::make_shared<Reads>();
};

std::string RowOf(Slice key) {
  ParsedCellKey parsed;
  std::string scratch;
  CHECK_OK(ParseCellKey(key, &parsed, &scratch));
  return std::string(parsed.row);
}

TestFile MakeFile(const CellMap& cells, const SSTableOptions& options, Slice clip_start,
                  Slice clip_end, bool cached = false) {
  static BlockCache* const cache = new BlockCache(64 << 20, nullptr);
  TestFile out;
  auto fault = [reads = out.reads](uint64_t offset, size_t) {
    reads->offsets.insert(offset);
    const bool bad = offset >= reads->bad_from && offset < reads->bad_to;
    return bad ? absl::InternalError("injected read error") : OkStatus();
  };
  auto table =
      OpenBytes(Build(cells, options), {.block_cache = cached ? cache : nullptr}, std::move(fault));
  CHECK_OK(table.status());
  out.file = {*table, std::string(clip_start), std::string(clip_end)};
  for (const auto& [key, value] : cells) {
    const std::string row = RowOf(key);
    if (row <= clip_start && !clip_start.empty()) continue;
    if (row > clip_end && !clip_end.empty()) continue;
    out.cells[key] = value;
  }
  return out;
}

std::shared_ptr<const TabletIndex> BuildIndex(const std::vector<TestFile>& files,
                                              const TabletIndex* base = nullptr) {
  std::vector<TabletIndex::File> list;
  for (const TestFile& f : files) list.push_back(f.file);
  return TabletIndex::Build(std::move(list), base);
}

CellMap Union(const std::vector<TestFile>& files) {
  CellMap all;
  for (const TestFile& f : files) all.insert(f.cells.begin(), f.cells.end());
  return all;
}

std::vector<TestFile> RandomFiles(SeededRandom* random) {
  std::vector<TestFile> files;
  const CellMap shared = RandomCells(random, 1 + random->Below(300), 60);
  for (uint64_t n = random->Below(random->OneIn(8) ? 30 : 6); n > 0; --n) {
    SSTableOptions options;
    options.block_bytes = random->OneIn(3) ? 4096 : static_cast<uint32_t>(64 + random->Below(400));
    if (random->OneIn(2)) options.page_bytes = static_cast<uint32_t>(32 + random->Below(200));
    options.bloom_columns = random->OneIn(2);
    CellMap cells = RandomCells(random, 1 + random->Below(400), 60);
    for (const auto& cell : shared) {  // the same keys in several files
      if (random->OneIn(4)) cells.insert(cell);
    }
    // Equal keys of different files hold equal values.
    for (auto& [key, value] : cells) value = std::string(key.rbegin(), key.rend());
    std::string low, high;
    if (random->OneIn(2)) low = HardBytes(random, 3);
    if (random->OneIn(2)) high = HardBytes(random, 3);
    if (!high.empty() && low > high) std::swap(low, high);
    files.push_back(MakeFile(cells, options, low, high, /*cached=*/random->OneIn(2)));
  }
  return files;
}

std::string RandomBound(SeededRandom* random, const CellMap& all) {
  std::string out;
  if (random->OneIn(2) && !all.empty()) {
    auto it = all.begin();
    std::advance(it, static_cast<ptrdiff_t>(random->Below(all.size())));
    return it->first;
  }
  AppendRowStart(&out, HardBytes(random, 4));
  return out;
}

void ExpectRun(Iterator* it, CellMap::const_iterator from, CellMap::const_iterator to, int steps) {
  for (; from != to && steps > 0; ++from, --steps) {
    ASSERT_TRUE(it->Valid()) << it->status().ToString();
    ASSERT_EQ(it->key(), from->first);
    ASSERT_EQ(it->value(), from->second);
    if (steps % 3 == 0) {
      it->Next();
      continue;
    }
    Slice key, value;
    ASSERT_EQ(it->Step(&key, &value), std::next(from) != to) << it->status().ToString();
    if (std::next(from) == to) continue;
    ASSERT_EQ(key, std::next(from)->first);
    ASSERT_EQ(value, std::next(from)->second);
  }
  if (from == to) {
    ASSERT_FALSE(it->Valid());
  }
  ASSERT_OK(it->status());
}

TEST(TabletIndexTest, ScansYieldTheUnionOfAllFiles) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  for (int round = 0; round < 60 && !HasFailure(); ++round) {
    const std::vector<TestFile> files = RandomFiles(&random);
    const CellMap all = Union(files);
    auto index = BuildIndex(files);
    ASSERT_OK(index->status());
    ExpectRun(
        [&] {
          auto it = index->NewIterator("", "", {});
          it->SeekToFirst();
          return it;
        }()
            .get(),
        all.begin(), all.end(), INT32_MAX);
    for (int i = 0; i < 20 && !HasFailure(); ++i) {
      std::string start = random.OneIn(4) ? "" : RandomBound(&random, all);
      std::string end = random.OneIn(4) ? "" : RandomBound(&random, all);
      if (!end.empty() && end < start) std::swap(start, end);
      auto it = index->NewIterator(start, end, {.fill_cache = false});
      const auto to = end.empty() ? all.end() : all.lower_bound(end);
      for (int seeks = 0; seeks < 5 && !HasFailure(); ++seeks) {
        const std::string target = seeks == 0 ? "" : RandomBound(&random, all);
        auto from = all.lower_bound(std::max(start, target));
        if (!end.empty() && target >= end) from = to;
        auto before = target.empty() || (!end.empty() && target >= end) ? to : from;
        it->SeekBefore(target);
        ASSERT_EQ(it->Valid(), before != all.lower_bound(start)) << "before a key";
        if (it->Valid()) ASSERT_EQ(it->key(), Slice(std::prev(before)->first));
        it->Seek(target);
        ExpectRun(it.get(), from, to, seeks == 0 ? INT32_MAX : static_cast<int>(random.Below(30)));
      }
    }
  }
}

TEST(TabletIndexTest, OneSearchFindsTheBlockOfEveryFile) {
  const uint64_t seed = TestSeed() + 1;
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  for (int round = 0; round < 40; ++round) {
    const std::vector<TestFile> files = RandomFiles(&random);
    auto index = BuildIndex(files);
    TabletIndex::Blocks blocks;
    for (int i = 0; i < 200; ++i) {
      const std::string key = RandomBound(&random, Union(files));
      index->FindBlocks(key, &blocks);
      ASSERT_EQ(blocks.size(), files.size());
      for (size_t f = 0; f < files.size(); ++f) {
        int32_t expected = -1;
        for (size_t b = 0; b < index->fences(f).size(); ++b) {
          if (index->fences(f).key(b) <= Slice(key)) expected = static_cast<int32_t>(b);
        }
        ASSERT_EQ(blocks[f], expected) << "round " << round << " file " << f;
      }
      if (i == 20 && round % 4 != 0) break;
    }
  }
}

// The parts of a row, merged; an empty merge when no file has any.
std::unique_ptr<Iterator> FindRow(const TabletIndex& index, const std::string& row, Slice column) {
  std::string end = row;
  ++end.back();
  TabletIndex::RowParts parts;
  CHECK_OK(index.FindRow(row, end, column, {}, &parts));
  for (const auto& part : parts) {
    CHECK(part->Valid());
    CHECK(part->key() >= Slice(row) && part->key() < Slice(end));
  }
  return MergePlaced(absl::MakeSpan(parts));
}

void ExpectRow(Iterator* it, Slice row, CellMap::const_iterator from, CellMap::const_iterator to) {
  for (; from != to; ++from, it->Next()) {
    ASSERT_TRUE(it->Valid()) << it->status().ToString();
    ASSERT_EQ(it->key(), from->first);
    ASSERT_EQ(it->value(), from->second);
  }
  ASSERT_FALSE(it->Valid() && EncodedRow(it->key()) == row);
  ASSERT_OK(it->status());
}

TEST(TabletIndexTest, PointReadsSeeTheWholeRowOrColumn) {
  const uint64_t seed = TestSeed() + 2;
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  for (int round = 0; round < 40 && !HasFailure(); ++round) {
    const std::vector<TestFile> files = RandomFiles(&random);
    const CellMap all = Union(files);
    auto index = BuildIndex(files);
    // Blocks as a scan leaves them in the cache, and as point reads do.
    if (round % 2 == 0) {
      Status status;
      ASSERT_EQ(ReadAll(index->NewIterator("", "", {}).get(), &status).size(), all.size());
    }
    for (int i = 0; i < 60 && !HasFailure(); ++i) {
      const std::string bound = RandomBound(&random, all);
      const std::string row(EncodedRow(bound));
      CellMap expected;
      for (const auto& cell : all) {
        if (EncodedRow(cell.first) == Slice(row)) expected.insert(cell);
      }
      auto it = FindRow(*index, row, "");
      ExpectRow(it.get(), row, expected.begin(), expected.end());
      if (expected.empty()) continue;
      // To and fro inside the row.
      for (int seeks = 0; seeks < 3 && !HasFailure(); ++seeks) {
        auto from =
            std::next(expected.begin(), static_cast<ptrdiff_t>(random.Below(expected.size())));
        it->Seek(from->first);
        ExpectRow(it.get(), row, from, expected.end());
      }
      const std::string column(EncodedColumn(expected.rbegin()->first));
      CellMap got;
      for (it = FindRow(*index, row, column); it->Valid(); it->Next()) {
        if (EncodedRow(it->key()) != Slice(row)) break;
        got[std::string(it->key())] = std::string(it->value());
      }
      ASSERT_OK(it->status());
      for (const auto& [key, value] : expected) {
        if (EncodedColumn(key) == Slice(column)) {
          ASSERT_EQ(got.count(key), 1u);
        }
      }
      for (const auto& cell : got) ASSERT_EQ(expected.count(cell.first), 1u);
    }
  }
}

TEST(TabletIndexTest, IncrementalBuildsEqualFreshOnes) {
  const uint64_t seed = TestSeed() + 3;
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  std::vector<TestFile> files = RandomFiles(&random);
  auto index = BuildIndex(files);
  for (int round = 0; round < 40; ++round) {
    for (uint64_t n = random.Below(3); n > 0 && !files.empty(); --n) {
      files.erase(files.begin() + static_cast<ptrdiff_t>(random.Below(files.size())));
    }
    for (TestFile& added : RandomFiles(&random)) {
      if (files.size() < 8) files.push_back(std::move(added));
    }
    if (!files.empty() && random.OneIn(3)) files.push_back(files[0]);  // a table twice
    for (const TestFile& f : files) f.reads->offsets.clear();
    const std::set<const SSTable*> before = [&] {
      std::set<const SSTable*> tables;
      for (const auto& f : index->files()) tables.insert(f.table.get());
      return tables;
    }();
    index = BuildIndex(files, index.get());
    for (const TestFile& f : files) {
      if (before.count(f.file.table.get()) > 0) {
        ASSERT_TRUE(f.reads->offsets.empty());
      }
    }
    ASSERT_EQ(index->entry_count(), BuildIndex(files)->entry_count());
    const CellMap all = Union(files);
    auto it = index->NewIterator("", "", {});
    it->SeekToFirst();
    ExpectRun(it.get(), all.begin(), all.end(), INT32_MAX);
    TabletIndex::Blocks blocks, fresh;
    for (int i = 0; i < 20; ++i) {
      const std::string key = RandomBound(&random, all);
      index->FindBlocks(key, &blocks);
      BuildIndex(files)->FindBlocks(key, &fresh);
      ASSERT_EQ(blocks, fresh);
    }
  }
}

// Rows 000..999 in ten-row blocks or so.
CellMap Rows(int from, int to, uint64_t sequence = 1) {
  CellMap cells;
  for (int r = from; r < to; ++r) {
    char row[8];
    std::snprintf(row, sizeof(row), "%03d", r);
    cells[SetKey(row, "q", 1000, sequence)] = std::string(50, 'v');
  }
  return cells;
}
SSTableOptions SmallBlocks() {
  SSTableOptions options;
  options.block_bytes = 600;
  options.codec = Codec::kNone;
  return options;
}

TEST(TabletIndexTest, AScanReadsABlockOnlyWhenItGetsThere) {
  std::vector<TestFile> files;
  files.push_back(MakeFile(Rows(0, 300), SmallBlocks(), "", ""));
  files.push_back(MakeFile(Rows(500, 900), SmallBlocks(), "", ""));
  auto index = BuildIndex(files);
  for (const TestFile& f : files) f.reads->offsets.clear();
  auto it = index->NewIterator("", "", {});
  it->SeekToFirst();
  for (int i = 0; i < 3; ++i) it->Next();
  EXPECT_EQ(files[0].reads->offsets.size(), 1u);
  EXPECT_EQ(files[1].reads->offsets.size(), 0u);
  for (int i = 3; i < 300; ++i) it->Next();
  EXPECT_EQ(files[0].reads->offsets.size(), index->fences(0).size());
  EXPECT_EQ(files[1].reads->offsets.size(), 1u);
  std::string row;
  AppendRowStart(&row, "650");
  files[1].reads->offsets.clear();
  EXPECT_TRUE(FindRow(*index, row, "")->Valid());
  EXPECT_EQ(files[1].reads->offsets.size(), 2u) << "a filter and a block";
}

TEST(TabletIndexTest, ABadBlockFailsOnlyReadsThatNeedIt) {
  std::vector<TestFile> files;
  files.push_back(MakeFile(Rows(0, 300), SmallBlocks(), "", ""));
  files.push_back(MakeFile(Rows(0, 300, 2), SmallBlocks(), "", ""));
  auto index = BuildIndex(files);
  const size_t bad = index->fences(1).size() / 2;
  files[1].reads->bad_from = index->fences(1).handle(bad).offset;
  files[1].reads->bad_to = index->fences(1).handle(bad + 1).offset;
  const std::string first_bad(index->fences(1).key(bad)), behind(index->fences(1).key(bad + 1));
  auto it = index->NewIterator("", "", {});
  size_t below = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    ASSERT_LT(it->key(), first_bad);
    ++below;
  }
  EXPECT_STATUS(kInternal, "injected", it->status());
  const CellMap all = Union(files);
  EXPECT_EQ(below, static_cast<size_t>(std::distance(all.begin(), all.lower_bound(first_bad))));
  it->Seek(behind);
  ExpectRun(it.get(), all.lower_bound(behind), all.end(), INT32_MAX);
  auto before = index->NewIterator("", first_bad, {});
  before->SeekToFirst();
  ExpectRun(before.get(), all.begin(), all.lower_bound(first_bad), INT32_MAX);
}

// Else it would look like a small one to who merges small ones, and fail again and again.
TEST(TabletIndexTest, AClippedFileWithoutFencesCountsAsAWhole) {
  std::vector<TestFile> files;
  files.push_back(MakeFile(Rows(200, 400), SmallBlocks(), "250", "300"));
  const uint64_t all = files[0].file.table->properties().file_bytes;
  EXPECT_LT(BuildIndex(files)->BytesOf(0), all / 2);
  files[0].reads->bad_from = 0;
  files[0].reads->bad_to = UINT64_MAX;
  EXPECT_EQ(BuildIndex(files)->BytesOf(0), all);
}

TEST(TabletIndexTest, AFileWithoutFencesFailsOnlyReadsInItsRows) {
  std::vector<TestFile> files;
  files.push_back(MakeFile(Rows(0, 300), SmallBlocks(), "", ""));
  files.push_back(MakeFile(Rows(200, 400), SmallBlocks(), "", ""));
  files[1].reads->bad_from = 0;
  files[1].reads->bad_to = UINT64_MAX;
  auto index = BuildIndex(files);
  EXPECT_STATUS(kInternal, "injected", index->status());
  auto it = index->NewIterator("", "", {});
  size_t served = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++served;
  EXPECT_EQ(served, 200u);
  EXPECT_STATUS(kInternal, "injected", it->status());
  files[1].reads->bad_to = 0;  // the next build tries again
  index = BuildIndex(files, index.get());
  EXPECT_OK(index->status());
  const CellMap all = Union(files);
  it = index->NewIterator("", "", {});
  it->SeekToFirst();
  ExpectRun(it.get(), all.begin(), all.end(), INT32_MAX);
}

TEST(TabletIndexTest, WithoutBlockingOnlyBlocksInMemoryAreRead) {
  std::vector<TestFile> files;
  files.push_back(MakeFile(Rows(0, 300), SmallBlocks(), "", "", /*cached=*/true));
  auto index = BuildIndex(files);
  auto it = index->NewIterator("", "", {.may_block = false});
  it->SeekToFirst();
  EXPECT_FALSE(it->Valid());
  EXPECT_STATUS(kUnavailable, "would block", it->status());
  auto reader = index->NewIterator("", "", {});
  reader->SeekToFirst();
  it->SeekToFirst();
  EXPECT_TRUE(it->Valid());
}

TEST(TabletIndexTest, FilesOutOfReachAreNotTouched) {
  std::vector<TestFile> files;
  files.push_back(MakeFile(Rows(0, 300, 5), SmallBlocks(), "", ""));
  auto index = BuildIndex(files);
  files[0].reads->offsets.clear();
  std::string low, high;
  AppendRowStart(&low, "4");
  AppendRowStart(&high, "5");
  auto it = index->NewIterator(low, high, {});
  it->SeekToFirst();
  EXPECT_FALSE(it->Valid());
  it = index->NewIterator("", "", {.snapshot = 4});
  it->SeekToFirst();
  EXPECT_FALSE(it->Valid());
  EXPECT_TRUE(files[0].reads->offsets.empty());
}

TEST(TabletIndexTest, EmptyAndMemory) {
  auto empty = TabletIndex::Build({}, nullptr);
  auto it = empty->NewIterator("", "", {});
  it->SeekToFirst();
  EXPECT_FALSE(it->Valid());
  EXPECT_OK(it->status());
  TabletIndex::Blocks blocks(3);
  empty->FindBlocks("x", &blocks);
  EXPECT_TRUE(blocks.empty());
  std::vector<TestFile> files;
  files.push_back(MakeFile(Rows(0, 900), SmallBlocks(), "", ""));
  auto index = BuildIndex(files);
  const size_t entries = index->entry_count();
  EXPECT_GT(entries, 60u);
  EXPECT_GT(index->memory_bytes(), empty->memory_bytes() + entries * (8 + sizeof(BlockHandle)));
  EXPECT_LT(index->memory_bytes(), empty->memory_bytes() + entries * 100 + 2000);
}

}  // namespace
}  // namespace stele::storage
