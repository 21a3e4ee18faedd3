// Goal: the versions of the format stay what they are: today's writer reproduces the committed
// files byte for byte (1 without pages, 2 with them), and today's reader reads them. With
// STELE_WRITE_GOLDEN set the files are written anew, which only a new format version may need.
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/store/fs.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/sstable/table_fixture.h"

namespace stele::storage {
namespace {

std::string PathOf(uint32_t version) {
  return absl::StrCat(STELE_GOLDEN_DIR "/sstable-v", version, ".bin");
}

// Every kind of cell, a row larger than a block, binary keys, several partitions.
CellMap GoldenCells() {
  CellMap cells;
  std::string marker;
  AppendRowMarkerKey(&marker, "deleted", 40);
  cells.emplace(std::move(marker), "");
  marker.clear();
  AppendFamilyMarkerKey(&marker, "deleted", "f", 1, 41);
  cells.emplace(std::move(marker), "");
  marker.clear();
  AppendColumnMarkerKey(&marker, "deleted", "f", 1, "q", 42);
  std::string range;
  AppendMarkerRange(&range, 1000, 9000);
  cells.emplace(std::move(marker), range);
  cells.emplace(SetKey(Slice("zero\0row", 8), Slice("\0", 1), 1000, 43), "binary");
  cells.emplace(SetKey("row", "", 0, 44), "");
  for (int i = 0; i < 30; ++i) {
    cells.emplace(SetKey("wide", "q" + std::to_string(i), 5000, 100), "value " + std::to_string(i));
    cells.emplace(SetKey("z" + std::to_string(i), "q", 1'600'000'000'000'000 + i * 1000, 200, "g"),
                  std::string(static_cast<size_t>(i), 'v'));
  }
  return cells;
}

SSTableOptions GoldenOptions(uint32_t version) {
  SSTableOptions options;
  if (version == 2) options.page_bytes = 100;
  options.codec = Codec::kNone;  // no library's output in the file
  options.block_bytes = 256;
  options.bloom_columns = true;
  options.index_partition_bytes = 200;
  options.filter_partition_keys = 20;
  return options;
}

std::string ReadGolden(uint32_t version) {
  auto file = PosixFs()->Open(PathOf(version), Fs::Mode::kRead);
  EXPECT_OK(file);
  if (!file.ok()) return "";
  auto size = (*file)->Size();
  EXPECT_OK(size);
  std::string bytes(size.ok() ? *size : 0, '\0');
  EXPECT_OK((*file)->ReadAt(0, bytes.size(), bytes.data()));
  return bytes;
}

class SSTableGoldenTest : public testing::TestWithParam<uint32_t> {};

TEST_P(SSTableGoldenTest, TheWriterReproducesIt) {
  const std::string bytes = Build(GoldenCells(), GoldenOptions(GetParam()));
  if (std::getenv("STELE_WRITE_GOLDEN") != nullptr) {
    ASSERT_OK_AND_ASSIGN(auto file,
                         PosixFs()->Open(PathOf(GetParam()), Fs::Mode::kCreateExclusive));
    const Slice parts[] = {bytes};
    ASSERT_OK(file->WriteAt(0, parts));
    ASSERT_OK(file->Sync());
  }
  EXPECT_TRUE(bytes == ReadGolden(GetParam())) << "the bytes of the version have changed";
}

TEST_P(SSTableGoldenTest, TheReaderReadsIt) {
  SSTable::OpenOptions open;
  open.expected_file_id = kTestFileId;
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(ReadGolden(GetParam()), open));
  EXPECT_TRUE(ReadAll(*table) == GoldenCells());
  EXPECT_OK(table->Verify());
  EXPECT_EQ(table->properties().cells, 65u);
  EXPECT_EQ(table->properties().markers, 3u);
  EXPECT_EQ(table->properties().rows, 34u);
  EXPECT_EQ(table->properties().families.size(), 2u);
  for (const auto& [key, value] : GoldenCells()) {
    EXPECT_TRUE(*table->MayContain(EncodedRow(key), EncodedColumn(key)));
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, SSTableGoldenTest, testing::Values(1u, 2u));

}  // namespace
}  // namespace stele::storage
