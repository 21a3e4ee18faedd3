// Goal: version 1 of the format stays what it is: today's writer reproduces the committed file byte
// for byte, and today's reader reads it. With STELE_WRITE_GOLDEN set the file is written anew,
// which only a new format version may need.
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/store/fs.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/sstable/table_fixture.h"

namespace stele::storage {
namespace {

constexpr char kGoldenPath[] = STELE_GOLDEN_DIR "/sstable-v1.bin";

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

SSTableOptions GoldenOptions() {
  SSTableOptions options;
  options.codec = Codec::kNone;  // no library's output in the file
  options.block_bytes = 256;
  options.bloom_columns = true;
  options.index_partition_bytes = 200;
  options.filter_partition_keys = 20;
  return options;
}

std::string ReadGolden() {
  auto file = PosixFs()->Open(kGoldenPath, Fs::Mode::kRead);
  EXPECT_OK(file);
  if (!file.ok()) return "";
  auto size = (*file)->Size();
  EXPECT_OK(size);
  std::string bytes(size.ok() ? *size : 0, '\0');
  EXPECT_OK((*file)->ReadAt(0, bytes.size(), bytes.data()));
  return bytes;
}

TEST(SSTableGoldenTest, TheWriterReproducesVersion1) {
  const std::string bytes = Build(GoldenCells(), GoldenOptions());
  if (std::getenv("STELE_WRITE_GOLDEN") != nullptr) {
    ASSERT_OK_AND_ASSIGN(auto file, PosixFs()->Open(kGoldenPath, Fs::Mode::kCreateExclusive));
    const Slice parts[] = {bytes};
    ASSERT_OK(file->WriteAt(0, parts));
    ASSERT_OK(file->Sync());
  }
  EXPECT_TRUE(bytes == ReadGolden()) << "the bytes of format version 1 have changed";
}

TEST(SSTableGoldenTest, TheReaderReadsVersion1) {
  SSTable::OpenOptions open;
  open.expected_file_id = kTestFileId;
  ASSERT_OK_AND_ASSIGN(auto table, OpenBytes(ReadGolden(), open));
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

}  // namespace
}  // namespace stele::storage
