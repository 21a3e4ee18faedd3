// Goal: no damaged, cut, hostile or failing file yields a wrong or missing cell without an error;
// damage spoils only the rows that it hits; errors of the blob come through.
#include <gtest/gtest.h>

#include <algorithm>

#include "common/bytes/coding.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/sstable/sstable_dump.h"
#include "tabletserver/storage/sstable/table_fixture.h"
#include "tabletserver/storage/sstable/table_reader.h"

namespace stele::storage {
namespace {

SSTableOptions TinyOptions(Codec codec = Codec::kNone) {
  SSTableOptions options;
  options.codec = codec;
  options.block_bytes = 100;
  options.index_partition_bytes = 150;
  options.filter_partition_keys = 6;
  options.bloom_columns = true;
  return options;
}

CellMap TinyCells() {
  CellMap cells;
  for (int i = 0; i < 16; ++i) {
    cells.emplace(SetKey("row" + std::to_string(10 + i), "q", 1000, 5),
                  "value" + std::string(static_cast<size_t>(i), 'x'));
  }
  std::string marker;
  AppendFamilyMarkerKey(&marker, "row17", "f", 1, 9);
  cells.emplace(marker, "");
  return cells;
}

// Reads everything that can be read of a perhaps damaged file, and never trusts a cell: what is
// returned must be in `cells`, and what is missing must be explained by an error.
struct Outcome {
  bool opened = false;
  bool any_error = false;
  size_t found = 0;
};

void ReadPastErrors(const SSTable& table, const CellMap& cells, Outcome* outcome) {
  auto fences = table.LoadFences();
  if (!fences.ok()) {
    outcome->any_error = true;
    return;
  }
  for (const Fence& fence : *fences) {
    auto block = table.OpenBlock(fence.handle, {.fill_cache = false});
    if (!block.ok()) {
      ASSERT_TRUE(IsCorrupt(block.status())) << block.status();
      outcome->any_error = true;
      continue;
    }
    Iterator* it = block->get();
    for (it->SeekToFirst(); it->Valid(); it->Next(), ++outcome->found) {
      auto cell = cells.find(std::string(it->key().data(), it->key().size()));
      ASSERT_TRUE(cell != cells.end()) << "a cell that was never written";
      ASSERT_EQ(it->value(), Slice(cell->second));
    }
    if (!it->status().ok()) {
      ASSERT_TRUE(fence.handle.pages_bytes != 0 && IsCorrupt(it->status())) << it->status();
      outcome->any_error = true;
    }
  }
}

Outcome ReadDamaged(const std::string& bytes, const CellMap& cells) {
  Outcome outcome;
  SSTable::OpenOptions open;
  open.expected_file_id = kTestFileId;
  auto table = OpenBytes(bytes, open);
  if (!table.ok()) {
    EXPECT_TRUE(IsCorrupt(table.status())) << table.status();
    outcome.any_error = true;
    return outcome;
  }
  outcome.opened = true;
  EXPECT_NO_FATAL_FAILURE(ReadPastErrors(**table, cells, &outcome));
  for (const auto& [key, value] : cells) {
    auto found = (*table)->MayContain(EncodedRow(key), EncodedColumn(key));
    if (!found.ok()) {
      EXPECT_TRUE(IsCorrupt(found.status())) << found.status();
      outcome.any_error = true;
    } else {
      EXPECT_TRUE(*found) << "a damaged filter said no";
    }
    // Who may not block gets the same from memory; of damage he hears that it would block.
    uint64_t page_cache_bytes = 1u << 20;
    auto tried =
        (*table)->MayContain(EncodedRow(key), SSTable::HashOf(EncodedRow(key)), EncodedColumn(key),
                             {.may_block = false, .page_cache_bytes = &page_cache_bytes});
    EXPECT_EQ(tried.ok(), found.ok()) << tried.status();
    EXPECT_TRUE(tried.ok() ? *tried : absl::IsUnavailable(tried.status())) << tried.status();
  }
  Status status;
  CellMap scanned = ReadAll((*table)->NewIterator(false).get(), &status);
  EXPECT_TRUE(!status.ok() || scanned == cells);
  EXPECT_TRUE(std::includes(cells.begin(), cells.end(), scanned.begin(), scanned.end()));
  return outcome;
}

TEST(SSTableDamageTest, EveryFlippedBitIsFound) {
  const CellMap cells = TinyCells();
  for (Codec codec : {Codec::kNone, Codec::kZstd}) {
    const std::string good = Build(cells, TinyOptions(codec));
    ASSERT_OK_AND_ASSIGN(auto sound, OpenBytes(good));
    ASSERT_OK_AND_ASSIGN(auto fences, sound->LoadFences());
    const uint64_t data_end = fences.back().handle.offset + fences.back().handle.stored_bytes;
    ASSERT_GT(fences.size(), 5u);
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
      SCOPED_TRACE(testing::Message() << "bit " << bit % 8 << " of byte " << bit / 8);
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
      Outcome outcome = ReadDamaged(bad, cells);
      ASSERT_FALSE(HasFailure());
      ASSERT_TRUE(outcome.any_error);
      if (bit / 8 >= data_end) continue;
      ASSERT_TRUE(outcome.opened) << "damage in the data must not spoil the file";
      ASSERT_GE(outcome.found, cells.size() - 4) << "more than one block failed";
      auto table = OpenBytes(bad);
      auto hit = std::find_if(fences.begin(), fences.end(), [&](const Fence& f) {
        return bit / 8 < f.handle.offset + f.handle.stored_bytes;
      });
      ASSERT_STATUS(kDataLoss, absl::StrCat("at offset ", hit->handle.offset, ", rows 'row"),
                    (*table)->Verify());
    }
  }
}

SSTableOptions TinyPages(Codec codec) {
  SSTableOptions options = TinyOptions(codec);
  options.block_bytes = 300;
  options.page_bytes = 90;
  return options;
}

TEST(SSTableDamageTest, EveryFlippedBitOfAFileOfPagesIsFound) {
  const CellMap cells = TinyCells();
  for (Codec codec : {Codec::kNone, Codec::kZstd}) {
    const std::string good = Build(cells, TinyPages(codec));
    ASSERT_OK_AND_ASSIGN(auto sound, OpenBytes(good));
    ASSERT_OK_AND_ASSIGN(auto fences, sound->LoadFences());
    ASSERT_GE(fences.size(), 2u);
    ASSERT_NE(fences[0].handle.pages_bytes, 0u);
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
      SCOPED_TRACE(testing::Message() << "bit " << bit % 8 << " of byte " << bit / 8);
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
      Outcome outcome = ReadDamaged(bad, cells);
      ASSERT_FALSE(HasFailure());
      ASSERT_TRUE(outcome.any_error);
      if (bit / 8 >= fences.back().handle.end()) continue;
      ASSERT_TRUE(outcome.opened) << "damage in the data must not spoil the file";
      ASSERT_STATUS(kDataLoss, ", rows 'row", (*OpenBytes(bad))->Verify());
    }
  }
}

TEST(SSTableDamageTest, VerifyFindsEveryFlippedBit) {
  const std::string good = Build(TinyCells(), TinyOptions());
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    auto table = OpenBytes(bad);
    Status status = table.ok() ? (*table)->Verify() : table.status();
    EXPECT_TRUE(IsCorrupt(status)) << "byte " << at << ": " << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "t.sst")) << status;
  }
}

TEST(SSTableDamageTest, EveryTruncationIsFound) {
  const CellMap cells = TinyCells();
  const std::string good = Build(cells, TinyOptions());
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_TRUE(IsCorrupt(OpenBytes(good.substr(0, n)).status())) << n;
  }
  EXPECT_TRUE(IsCorrupt(OpenBytes(good + "x").status()));
}

TEST(SSTableDamageTest, TheIteratorGoesOnBehindTheDamage) {
  const CellMap cells = TinyCells();
  std::string bytes = Build(cells, TinyOptions());
  ASSERT_OK_AND_ASSIGN(auto sound, OpenBytes(bytes));
  ASSERT_OK_AND_ASSIGN(auto fences, sound->LoadFences());
  bytes[fences[2].handle.offset + 5] ^= 1;
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(bytes));
  auto it = table->NewIterator(true);
  it->SeekToFirst();
  size_t before = 0;
  for (; it->Valid(); it->Next()) {
    ++before;
    EXPECT_LT(it->key(), Slice(fences[2].first_key));
  }
  EXPECT_GT(before, 0u);
  EXPECT_STATUS(kDataLoss, "check failed at offset", it->status());
  it->Seek(fences[2].first_key);
  EXPECT_FALSE(it->Valid());
  EXPECT_STATUS(kDataLoss, "rows", it->status());
  it->Seek(fences[3].first_key);
  ASSERT_OK(it->status());
  ASSERT_TRUE(it->Valid());
  EXPECT_GE(it->key(), Slice(fences[3].first_key));
}

TEST(SSTableDamageTest, MisplacedAndForeignBlocksAreFound) {
  const CellMap cells = TinyCells();
  std::string bytes = Build(cells, TinyOptions());
  // The same cells in a file of another id: byte for byte the same blocks, other checks.
  std::string other;
  auto builder = SSTableBuilder::Create(TinyOptions(), kTestFileId + 1,
                                        std::make_unique<MemoryWriter>(&other));
  for (const auto& [key, value] : cells) ASSERT_OK(builder->Add(key, value));
  ASSERT_OK(builder->Finish());
  SSTable::OpenOptions open;
  open.expected_file_id = kTestFileId;
  EXPECT_STATUS(kDataLoss, "is expected", OpenBytes(other, open));
  // Its index over our blocks: a lost write, so to say.
  ASSERT_OK_AND_ASSIGN(auto sound, OpenBytes(bytes));
  ASSERT_OK_AND_ASSIGN(auto fences, sound->LoadFences());
  ASSERT_EQ(other.substr(0, fences[1].handle.offset), bytes.substr(0, fences[1].handle.offset));
  ASSERT_OK_AND_ASSIGN(auto foreign, OpenBytes(other));
  EXPECT_STATUS(kDataLoss, "check failed", foreign->OpenBlock(fences[0].handle, {}));
  // Our first block at the place of another one of the same size.
  BlockHandle moved = fences[0].handle;
  moved.offset = fences[1].handle.offset;
  bytes.replace(moved.offset, moved.stored_bytes, bytes.substr(0, moved.stored_bytes));
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(bytes));
  EXPECT_STATUS(kDataLoss, "check failed", table->OpenBlock(moved, {}));
}

// Rewrites every check of a file whose sections are where `sound` has them, bottom up, so that only
// the content is hostile.
class Resealer {
 public:
  explicit Resealer(const std::string& sound) : sound_(sound) {
    TableReader table(std::make_shared<MemoryReader>(sound), "sound", {});
    EXPECT_OK(table.Load());
    footer_ = table.footer();
    footer_offset_ = table.footer_offset();
    AddChildren(footer_.top_index, true);
    AddChildren(footer_.filter_index, false);
  }

  void Reseal(std::string* bytes) const {
    for (const auto& [handle, place] : seals_) Seal(bytes, handle, place);
    Seal(bytes, footer_.top_index, footer_offset_ + 16);
    Seal(bytes, footer_.filter_index, footer_offset_ + 40);
    Seal(bytes, footer_.properties, footer_offset_ + 64);
    Slice covered = Slice(*bytes).substr(footer_offset_, kFooterBytes - 12);
    uint64_t file_id = DecodeFixed64(bytes->data() + footer_offset_ + 80);
    EncodeFixed32(&(*bytes)[footer_offset_ + 100], SectionCheck(covered, file_id, footer_offset_));
  }
  uint64_t footer_offset() const { return footer_offset_; }

 private:
  // Children before their parent, for each index block.
  void AddChildren(const BlockHandle& parent, bool partitions) {
    auto block = CachedBlock::Allocate(parent.stored_bytes);
    sound_.copy(block->mutable_data(), parent.stored_bytes, parent.offset);
    BlockIterator it(block);
    for (it.SeekToFirst(); it.Valid(); it.Next()) {
      BlockHandle child;
      ASSERT_TRUE(ParseHandle(it.value(), &child));
      if (partitions || child.pages_bytes != 0) AddChildren(child, false);
      auto in_block = static_cast<uint64_t>(it.value().data() - block->data().data());
      seals_.emplace_back(child, parent.offset + in_block + it.value().size() - 5);
    }
  }
  void Seal(std::string* bytes, const BlockHandle& handle, uint64_t place) const {
    Slice stored = Slice(*bytes).substr(handle.offset, handle.stored_bytes);
    uint64_t file_id = DecodeFixed64(bytes->data() + footer_offset_ + 80);
    EncodeFixed32(&(*bytes)[place], SectionCheck(stored, file_id, handle.offset));
  }

  const std::string sound_;
  Footer footer_;
  uint64_t footer_offset_ = 0;
  std::vector<std::pair<BlockHandle, uint64_t>> seals_;
};

// Uses every reading path; only crashes, hangs and malformed cells are failures here.
void Exercise(const std::string& bytes, const CellMap& cells, bool preload) {
  BlockCache cache(1 << 20, nullptr);
  SSTable::OpenOptions open;
  open.block_cache = open.filter_cache = &cache;
  open.preload = preload;
  auto table = OpenBytes(bytes, open);
  if (!table.ok()) return;
  std::string before, scratch;
  ParsedCellKey parsed;
  auto it = (*table)->NewIterator(preload);
  size_t steps = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    ASSERT_LE(++steps, bytes.size());
    ASSERT_TRUE(before.empty() || Slice(before) < it->key());
    before.assign(it->key().data(), it->key().size());
    ASSERT_OK(ParseCellKey(before, &parsed, &scratch));
  }
  for (const auto& [key, value] : cells) {
    it->Seek(key);
    ASSERT_TRUE(!it->Valid() || it->key() >= Slice(key));
    (void)(*table)->MayContain(EncodedRow(key), EncodedColumn(key));
  }
  if (auto fences = (*table)->LoadFences(); fences.ok()) {
    for (const Fence& fence : *fences) ASSERT_FALSE(EncodedRow(fence.first_key).empty());
  }
  (void)(*table)->Verify();
  SSTableDumpOptions dump;
  dump.fences = dump.cells = dump.values = true;
  (void)DumpSSTable(**table, dump, [](Slice) {});
}

TEST(SSTableDamageTest, HostileContentUnderValidChecksIsHarmless) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  const CellMap cells = TinyCells();
  const std::vector<SSTableOptions> kinds = {TinyOptions(),
                                             TinyOptions(Codec::kSnappy),
                                             TinyOptions(Codec::kLz4),
                                             TinyOptions(Codec::kZstd),
                                             TinyPages(Codec::kNone),
                                             TinyPages(Codec::kZstd)};
  for (const SSTableOptions& options : kinds) {
    const std::string good = Build(cells, options);
    const Resealer resealer(good);
    std::string same = good;
    resealer.Reseal(&same);
    ASSERT_TRUE(same == good) << "the resealer must change nothing in a sound file";
    for (size_t at = 0; at < good.size(); ++at) {
      for (int variant = 0; variant < 5; ++variant) {
        std::string bad = good;
        bad[at] = variant == 0   ? '\0'
                  : variant == 1 ? '\xff'
                  : variant == 2 ? static_cast<char>(bad[at] + 1)
                  : variant == 3 ? static_cast<char>(bad[at] ^ 0x80)
                                 : static_cast<char>(random.Next());
        if (variant == 4) bad[random.Below(bad.size())] = static_cast<char>(random.Next());
        resealer.Reseal(&bad);
        SCOPED_TRACE(testing::Message()
                     << "codec " << int(options.codec) << " page " << options.page_bytes << " byte "
                     << at << " variant " << variant);
        ASSERT_NO_FATAL_FAILURE(Exercise(bad, cells, variant % 2 == 1));
      }
    }
  }
}

TEST(SSTableDamageTest, VerifyComparesPropertiesWithTheContent) {
  const CellMap cells = TinyCells();
  const std::string good = Build(cells, TinyOptions());
  const Resealer resealer(good);
  // A value byte of the first block: well formed and sealed, but not what the properties tell.
  const size_t at = good.find("value");
  ASSERT_NE(at, std::string::npos);
  std::string bad = good;
  bad[at] = 'V';
  resealer.Reseal(&bad);
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(bad));
  EXPECT_EQ(ReadAll(*table).size(), cells.size());
  EXPECT_STATUS(kDataLoss, "disagree with the content", table->Verify());
}

TEST(SSTableDamageTest, ANewerVersionIsRefusedNotGuessed) {
  std::string bytes = Build(TinyCells(), TinyOptions());
  const Resealer resealer(bytes);
  EncodeFixed32(&bytes[resealer.footer_offset() + 88], kSSTableVersion + 1);
  EXPECT_STATUS(kDataLoss, "footer check failed", OpenBytes(bytes));
  resealer.Reseal(&bytes);
  EXPECT_STATUS(kFailedPrecondition,
                absl::StrCat("format version ", kSSTableVersion + 1, " is newer"),
                OpenBytes(bytes));
  EncodeFixed32(&bytes[resealer.footer_offset() + 88], 0);
  resealer.Reseal(&bytes);
  EXPECT_STATUS(kDataLoss, "unknown layout", OpenBytes(bytes));
}

TEST(SSTableDamageTest, ImpossibleHandlesAreRefusedBeforeAllocation) {
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(Build(TinyCells(), TinyOptions())));
  ASSERT_OK_AND_ASSIGN(auto fences, table->LoadFences());
  auto expect_refused = [&](auto change) {
    BlockHandle handle = fences[0].handle;
    change(&handle);
    EXPECT_STATUS(kDataLoss, "impossible handle", table->OpenBlock(handle, {}));
  };
  expect_refused([](BlockHandle* h) { h->offset = UINT64_MAX; });
  expect_refused([](BlockHandle* h) { h->offset = 1u << 30; });
  expect_refused([](BlockHandle* h) { h->stored_bytes = h->raw_bytes = UINT32_MAX; });
  expect_refused([](BlockHandle* h) { h->stored_bytes = h->raw_bytes = 0; });
  expect_refused([](BlockHandle* h) { h->raw_bytes += 1; });
  expect_refused([](BlockHandle* h) {
    h->codec = Codec::kZstd;
    h->raw_bytes = kMaxRawBlockBytes + 1;
  });
  expect_refused([](BlockHandle* h) { h->pages_bytes = 1; });  // before the file
  expect_refused([&](BlockHandle* h) {
    h->offset = fences.back().handle.offset;
    h->pages_bytes = kMaxRawBlockBytes + 1;
  });
  expect_refused([&](BlockHandle* h) {  // an index partition posing as data
    h->offset = fences.back().handle.offset + fences.back().handle.stored_bytes;
  });
}

// A sound file whose data is this, though its index tells of other blocks.
std::string WithData(const std::string& data) {
  const std::string sound = Build(TinyCells(), TinyOptions());
  const uint64_t footer_offset = sound.size() - kFooterBytes;
  StatusOr<Footer> footer = DecodeFooter(Slice(sound).substr(footer_offset), footer_offset);
  EXPECT_OK(footer);
  std::string file = data + sound.substr(footer->data_end, footer_offset - footer->data_end);
  const uint64_t shift = data.size() - footer->data_end;
  for (BlockHandle* moved : {&footer->top_index, &footer->filter_index, &footer->properties}) {
    moved->offset += shift;
    moved->crc = SectionCheck(Slice(file).substr(moved->offset, moved->stored_bytes), kTestFileId,
                              moved->offset);
  }
  footer->data_end = data.size();
  return file + EncodeFooter(*footer, file.size());
}

// Sound checks over pages that each claim what one may, but together more than a block.
TEST(SSTableDamageTest, PagesThatClaimTooMuchAreRefusedBeforeAllocation) {
  BlockBuilder directory(1, kRestartBytes);
  for (uint64_t page = 0; page < 1000; ++page) {
    BlockHandle handle;
    handle.offset = page;
    handle.stored_bytes = 1;
    handle.raw_bytes = kMaxRawBlockBytes;
    handle.codec = Codec::kZstd;
    std::string row, value;
    AppendRowStart(&row, absl::StrCat("row", 1000 + page));
    AppendHandle(&value, handle);
    directory.Add(row, value);
  }
  const std::string built(directory.Finish());
  BlockHandle handle;
  handle.offset = 1000;
  handle.stored_bytes = handle.raw_bytes = static_cast<uint32_t>(built.size());
  handle.pages_bytes = 1000;
  handle.crc = SectionCheck(built, kTestFileId, handle.offset);
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(WithData(std::string(1000, 'p') + built)));
  EXPECT_STATUS(kDataLoss, "impossible pages", table->OpenBlock(handle, {}));
}

TEST(SSTableDamageTest, DecompressionMustYieldExactlyTheAnnouncedSize) {
  const std::string raw(1000, 'x');
  for (Codec codec : {Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    BlockCompressor compressor(codec, 1);
    BlockHandle handle;
    Slice stored = compressor.Compress(raw, &handle.codec);
    ASSERT_EQ(handle.codec, codec);
    std::string out(1001, '\0');
    handle.raw_bytes = 1000;
    EXPECT_TRUE(Decompress(handle, stored, out.data()));
    EXPECT_EQ(out.substr(0, 1000), raw);
    handle.raw_bytes = 999;
    EXPECT_FALSE(Decompress(handle, stored, out.data()));
    handle.raw_bytes = 1001;
    EXPECT_FALSE(Decompress(handle, stored, out.data()));
  }
}

TEST(SSTableDamageTest, EveryFailedReadIsReportedAsSuch) {
  const CellMap cells = TinyCells();
  const std::string good = Build(cells, TinyOptions());
  uint64_t total = 0;
  auto count = [&](uint64_t, size_t) {
    ++total;
    return OkStatus();
  };
  auto run = [&](MemoryReader::Fault fault) -> Status {
    auto table = OpenBytes(good, {}, std::move(fault));
    RETURN_IF_ERROR(table.status());
    Status status;
    CellMap read = ReadAll((*table)->NewIterator(true).get(), &status);
    RETURN_IF_ERROR(status);
    EXPECT_TRUE(read == cells);
    RETURN_IF_ERROR((*table)->MayContain(EncodedRow(cells.begin()->first), "").status());
    return (*table)->Verify();
  };
  ASSERT_OK(run(count));
  for (uint64_t fail = 1; fail <= total; ++fail) {
    uint64_t calls = 0;
    EXPECT_STATUS(kInternal, "t.sst at offset", run([&](uint64_t, size_t) {
                    return ++calls == fail ? absl::InternalError("injected read error")
                                           : OkStatus();
                  }))
        << fail;
    calls = 0;
    EXPECT_STATUS(kDataLoss, "the file ends before", run([&](uint64_t, size_t) {
                    return ++calls == fail ? absl::OutOfRangeError("shrunk") : OkStatus();
                  }))
        << fail;
  }
}

TEST(SSTableDamageTest, AFailedRunStillGivesTheBlocksBeforeTheFault) {
  const CellMap cells = TinyCells();
  const std::string good = Build(cells, TinyOptions());
  ASSERT_OK_AND_ASSIGN(auto sound, OpenBytes(good));
  ASSERT_OK_AND_ASSIGN(auto fences, sound->LoadFences());
  const uint64_t broken = fences[fences.size() - 2].handle.offset;
  auto fault = [&](uint64_t offset, size_t n) {
    return offset <= broken && broken < offset + n ? absl::InternalError("bad sector") : OkStatus();
  };
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(good, {}, fault));
  Status status;
  CellMap read = ReadAll(table->NewIterator(false).get(), &status);
  EXPECT_STATUS(kInternal, "bad sector", status);
  EXPECT_GE(read.size(), cells.size() - 6);
}

TEST(SSTableDamageTest, EveryFailedWriteIsReportedAndSticks) {
  const CellMap cells = TinyCells();
  uint64_t calls = 0;
  std::string bytes;
  ASSERT_OK(BuildInto(cells, TinyOptions(), std::make_unique<MemoryWriter>(&bytes, 0, &calls)));
  ASSERT_GT(calls, 10u);
  for (uint64_t fail = 1; fail <= calls; ++fail) {
    std::string partial;
    auto builder = SSTableBuilder::Create(TinyOptions(), kTestFileId,
                                          std::make_unique<MemoryWriter>(&partial, fail));
    Status first;
    for (const auto& [key, value] : cells) {
      Status added = builder->Add(key, value);
      EXPECT_TRUE(first.ok() || added == first) << "an error must stick";
      first.Update(added);
    }
    EXPECT_STATUS(kInternal, "injected write error", builder->Finish()) << fail;
    if (fail < calls) EXPECT_FALSE(OpenBytes(partial).ok() && fail + 1 < calls);
  }
}

TEST(SSTableDamageTest, OversizedCellsAndEmptyFilesAreRefused) {
  std::string bytes;
  auto builder = SSTableBuilder::Create({}, kTestFileId, std::make_unique<MemoryWriter>(&bytes));
  const std::string key = SetKey("r", "q");
  std::string huge(kMaxValueBytes + 1, 'x');
  EXPECT_STATUS(kInvalidArgument, "limits", builder->Add(key, huge));
  EXPECT_STATUS(kInvalidArgument, "limits", builder->Add(std::string(kMaxKeyBytes + 1, 'k'), ""));
  EXPECT_STATUS(kInvalidArgument, "without cells", builder->Finish());
}

TEST(SSTableDamageTest, KeysOutOfOrderAreABug) {
  std::string bytes;
  auto builder = SSTableBuilder::Create({}, kTestFileId, std::make_unique<MemoryWriter>(&bytes));
  ASSERT_OK(builder->Add(SetKey("b", "q"), ""));
  EXPECT_DEATH((void)builder->Add(SetKey("b", "q"), ""), "keys must ascend");
  EXPECT_DEATH((void)builder->Add(SetKey("a", "q"), ""), "keys must ascend");
}

TEST(SSTableDamageTest, PropertiesMustBeWholeAndWellFormed) {
  SSTableProperties properties;
  std::string bytes = Build(TinyCells(), TinyOptions(), &properties);
  const std::string good = EncodeProperties(properties);
  ASSERT_OK_AND_ASSIGN(SSTableProperties decoded, DecodeProperties(good));
  decoded.file_id = properties.file_id;
  decoded.file_bytes = properties.file_bytes;
  EXPECT_EQ(decoded, properties);
  std::string unknown;
  PutVarint64(&unknown, 77);
  PutLengthPrefixed(&unknown, "from a later writer");
  EXPECT_OK(DecodeProperties(good + unknown));
  EXPECT_STATUS(kDataLoss, "twice", DecodeProperties(good + good));
  EXPECT_STATUS(kDataLoss, "missing", DecodeProperties(""));
  for (size_t n = 1; n < good.size(); ++n) {
    auto cut = DecodeProperties(Slice(good).substr(0, n));
    EXPECT_TRUE(!cut.ok() || cut->families.empty()) << n;
  }
}

}  // namespace
}  // namespace stele::storage
