// Goal: every backend of BlobStore does what blob_store.h documents, each error included. The suite
// runs on the real disk and on the modelled one.
#include <gtest/gtest.h>

#include <thread>

#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "common/testing/fault_fs.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"

namespace stele {
namespace {

enum class Disk { kReal, kModelled };

class BlobStoreTest : public ::testing::TestWithParam<Disk> {
 protected:
  BlobStoreTest() { Reopen(); }

  bool real() const { return GetParam() == Disk::kReal; }
  std::unique_ptr<BlobStore> OpenAnother() {
    Fs* fs = real() ? PosixFs() : &modelled_;
    StatusOr<std::unique_ptr<BlobStore>> store =
        OpenPosixStore(fs, real() ? temp_.path() + "/store" : "/store", true);
    EXPECT_OK(store);
    return *std::move(store);
  }
  void Reopen() {
    store_.reset();
    store_ = OpenAnother();
  }

  void PutBlob(Slice name, Slice content) {
    ASSERT_OK_AND_ASSIGN(std::unique_ptr<BlobWriter> writer, store_->CreateBlob(name));
    ASSERT_OK(writer->Append(content));
    ASSERT_OK(writer->Finish());
  }
  std::string GetBlob(Slice name) {
    StatusOr<std::shared_ptr<BlobReader>> reader = store_->OpenBlob(name);
    if (!reader.ok()) return reader.status().ToString();
    std::string content((*reader)->size(), '?');
    EXPECT_OK((*reader)->Read(0, content.size(), content.data()));
    return content;
  }
  std::vector<std::string> BlobNames(Slice prefix) {
    std::vector<std::string> names;
    StatusOr<std::vector<BlobInfo>> blobs = store_->ListBlobs(prefix);
    EXPECT_OK(blobs);
    for (const BlobInfo& blob : *blobs) names.push_back(blob.name);
    return names;
  }

  TempDir temp_;
  FaultFs modelled_;
  std::unique_ptr<BlobStore> store_;
};

using Names = std::vector<std::string>;

INSTANTIATE_TEST_SUITE_P(Backends, BlobStoreTest, ::testing::Values(Disk::kReal, Disk::kModelled),
                         [](const ::testing::TestParamInfo<Disk>& info) {
                           return info.param == Disk::kReal ? "PosixOnDisk" : "PosixOnModel";
                         });

TEST_P(BlobStoreTest, BlobOfManyAppendsReadsBackInRanges) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  std::string content;
  {
    ASSERT_OK_AND_ASSIGN(auto writer, store_->CreateBlob("t/1/big.sst"));
    while (content.size() < 3'000'000) {
      // Small pieces, ones about the size of the buffer, and empty ones.
      const std::string piece =
          random.Bytes(random.OneIn(20) ? random.Below(1'500'000) : random.Below(70'000));
      ASSERT_OK(writer->Append(piece));
      content += piece;
      EXPECT_EQ(writer->size(), content.size());
    }
    ASSERT_OK(writer->Append(""));
    ASSERT_OK(writer->Finish());
  }
  Reopen();
  EXPECT_TRUE(GetBlob("t/1/big.sst") == content);
  ASSERT_OK_AND_ASSIGN(auto reader, store_->OpenBlob("t/1/big.sst"));
  for (int i = 0; i < 50; ++i) {
    const uint64_t offset = random.Below(content.size());
    std::string part(random.Below(content.size() - offset), '?');
    ASSERT_OK(reader->Read(offset, part.size(), part.data()));
    EXPECT_TRUE(part == content.substr(offset, part.size()));
  }
}

TEST_P(BlobStoreTest, EmptyBlob) {
  ASSERT_OK_AND_ASSIGN(auto writer, store_->CreateBlob("empty"));
  ASSERT_OK(writer->Finish());
  ASSERT_OK_AND_ASSIGN(auto reader, store_->OpenBlob("empty"));
  EXPECT_EQ(reader->size(), 0u);
  char c;
  EXPECT_OK(reader->Read(0, 0, &c));
  EXPECT_STATUS(kOutOfRange, "empty", reader->Read(0, 1, &c));
}

TEST_P(BlobStoreTest, ReadPastTheEndIsOutOfRange) {
  PutBlob("a", "0123456789");
  ASSERT_OK_AND_ASSIGN(auto reader, store_->OpenBlob("a"));
  char buffer[16];
  EXPECT_OK(reader->Read(5, 5, buffer));
  EXPECT_OK(reader->Read(10, 0, buffer));
  EXPECT_STATUS(kOutOfRange, "of 10", reader->Read(5, 6, buffer));
  EXPECT_STATUS(kOutOfRange, "of 10", reader->Read(11, 0, buffer));
  EXPECT_STATUS(kOutOfRange, "of 10", reader->Read(UINT64_MAX, 2, buffer));
}

TEST_P(BlobStoreTest, BlobIsInvisibleUntilFinished) {
  ASSERT_OK_AND_ASSIGN(auto writer, store_->CreateBlob("t/a"));
  ASSERT_OK(writer->Append("x"));
  EXPECT_STATUS(kNotFound, "t/a", store_->OpenBlob("t/a"));
  EXPECT_EQ(BlobNames(""), Names{});
  EXPECT_STATUS(kNotFound, "t/a", store_->DeleteBlob("t/a"));
  ASSERT_OK(writer->Finish());
  EXPECT_EQ(BlobNames(""), Names{"t/a"});
}

TEST_P(BlobStoreTest, AbandonedBlobLeavesNothingAndItsNameIsFree) {
  {
    ASSERT_OK_AND_ASSIGN(auto writer, store_->CreateBlob("a"));
    ASSERT_OK(writer->Append(std::string(2 << 20, 'x')));
  }
  EXPECT_EQ(BlobNames(""), Names{});
  PutBlob("a", "second");
  EXPECT_EQ(GetBlob("a"), "second");
}

TEST_P(BlobStoreTest, FinishedBlobNeverChanges) {
  PutBlob("a", "first");
  EXPECT_STATUS(kAlreadyExists, "a", store_->CreateBlob("a"));
  EXPECT_EQ(GetBlob("a"), "first");
  ASSERT_OK_AND_ASSIGN(auto writer, store_->CreateBlob("b"));
  ASSERT_OK(writer->Finish());
  EXPECT_STATUS(kFailedPrecondition, "finished", writer->Append("more"));
  EXPECT_STATUS(kFailedPrecondition, "finished", writer->Finish());
  EXPECT_EQ(GetBlob("b"), "");
}

TEST_P(BlobStoreTest, OfTwoWritersTheFirstToFinishWins) {
  ASSERT_OK_AND_ASSIGN(auto one, store_->CreateBlob("a"));
  ASSERT_OK_AND_ASSIGN(auto two, store_->CreateBlob("a"));
  ASSERT_OK(one->Append("one"));
  ASSERT_OK(two->Append("two"));
  ASSERT_OK(two->Finish());
  EXPECT_STATUS(kAlreadyExists, "a", one->Finish());
  EXPECT_STATUS(kAlreadyExists, "a", one->Finish());
  EXPECT_EQ(GetBlob("a"), "two");
}

TEST_P(BlobStoreTest, DeletedBlobIsGoneButOpenReadersReadOn) {
  PutBlob("a", "content");
  ASSERT_OK_AND_ASSIGN(auto reader, store_->OpenBlob("a"));
  ASSERT_OK(store_->DeleteBlob("a"));
  EXPECT_STATUS(kNotFound, "a", store_->OpenBlob("a"));
  EXPECT_STATUS(kNotFound, "a", store_->DeleteBlob("a"));
  char buffer[7];
  ASSERT_OK(reader->Read(0, 7, buffer));
  EXPECT_EQ(Slice(buffer, 7), "content");
  PutBlob("a", "again");
  EXPECT_EQ(GetBlob("a"), "again");
}

TEST_P(BlobStoreTest, WriterOutlivesTheStore) {
  ASSERT_OK_AND_ASSIGN(auto writer, store_->CreateBlob("a"));
  Reopen();  // must not take the unfinished file for a leftover
  ASSERT_OK(writer->Append("x"));
  ASSERT_OK(writer->Finish());
  EXPECT_EQ(GetBlob("a"), "x");
}

TEST_P(BlobStoreTest, BlobsAreListedByPrefixPath) {
  for (const char* name : {"t/2/b", "t/1/a", "t/10/c", "t", "u", "t/1/z/deep"}) PutBlob(name, "xy");
  EXPECT_EQ(BlobNames(""), (Names{"t", "t/1/a", "t/1/z/deep", "t/10/c", "t/2/b", "u"}));
  EXPECT_EQ(BlobNames("t"), (Names{"t/1/a", "t/1/z/deep", "t/10/c", "t/2/b"}));
  EXPECT_EQ(BlobNames("t/"), BlobNames("t"));
  EXPECT_EQ(BlobNames("t/1"), (Names{"t/1/a", "t/1/z/deep"}));
  EXPECT_EQ(BlobNames("none"), Names{});
  EXPECT_STATUS(kInvalidArgument, "", store_->ListBlobs("/t"));
  EXPECT_STATUS(kInvalidArgument, "", store_->ListBlobs("t//"));
  ASSERT_OK_AND_ASSIGN(std::vector<BlobInfo> blobs, store_->ListBlobs(""));
  for (const BlobInfo& blob : blobs) {
    EXPECT_EQ(blob.size, 2u);
    EXPECT_GT(blob.modified_us, 0);
  }
}

TEST_P(BlobStoreTest, BadNamesAreRefusedEverywhere) {
  for (const std::string& name :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string("."),
        std::string("a/.."), std::string("../a"), std::string("a b"), std::string("a@b"),
        std::string("a\0b", 3), std::string("\xc3\xa4"), std::string(201, 'a')}) {
    EXPECT_STATUS(kInvalidArgument, "store name", store_->CreateBlob(name));
    EXPECT_STATUS(kInvalidArgument, "store name", store_->OpenBlob(name));
    EXPECT_STATUS(kInvalidArgument, "store name", store_->DeleteBlob(name));
    EXPECT_STATUS(kInvalidArgument, "store name", store_->ReadCell(name));
    EXPECT_STATUS(kInvalidArgument, "store name", store_->CreateCell(name, ""));
    EXPECT_STATUS(kInvalidArgument, "store name", store_->SwapCell(name, 1, ""));
    EXPECT_STATUS(kInvalidArgument, "store name", store_->DeleteCell(name, 1));
    EXPECT_STATUS(kInvalidArgument, "store name", store_->OpenLog(name));
  }
  for (const std::string& name : {std::string(200, 'a'), std::string("A-z_0.9/..."),
                                  std::string("LOCK"), std::string(".hidden")}) {
    PutBlob(name, name);
    EXPECT_EQ(GetBlob(name), name);
  }
}

TEST_P(BlobStoreTest, CellLife) {
  EXPECT_STATUS(kNotFound, "m", store_->ReadCell("m"));
  EXPECT_STATUS(kNotFound, "m", store_->SwapCell("m", 1, "x"));
  EXPECT_STATUS(kNotFound, "m", store_->DeleteCell("m", 1));
  ASSERT_OK(store_->CreateCell("m", "one"));
  EXPECT_STATUS(kAlreadyExists, "m", store_->CreateCell("m", "other"));
  ASSERT_OK_AND_ASSIGN(StoredCell cell, store_->ReadCell("m"));
  EXPECT_EQ(cell.version, 1u);
  EXPECT_EQ(cell.value, "one");
  EXPECT_EQ(*store_->SwapCell("m", 1, ""), 2u);
  EXPECT_STATUS(kAborted, "version is 2, not 1", store_->SwapCell("m", 1, "late"));
  EXPECT_STATUS(kAborted, "version is 2, not 3", store_->SwapCell("m", 3, "early"));
  EXPECT_STATUS(kAborted, "version is 2, not 1", store_->DeleteCell("m", 1));
  Reopen();
  ASSERT_OK_AND_ASSIGN(cell, store_->ReadCell("m"));
  EXPECT_EQ(cell.version, 2u);
  EXPECT_EQ(cell.value, "");
  ASSERT_OK(store_->DeleteCell("m", 2));
  EXPECT_STATUS(kNotFound, "m", store_->ReadCell("m"));
  ASSERT_OK(store_->CreateCell("m", "again"));
  EXPECT_EQ(store_->ReadCell("m")->version, 1u);
}

TEST_P(BlobStoreTest, CellsOfEverySizeUpToTheLimit) {
  const std::string large(16u << 20, 'v');
  ASSERT_OK(store_->CreateCell("m", large));
  EXPECT_TRUE(store_->ReadCell("m")->value == large);
  EXPECT_STATUS(kInvalidArgument, "n", store_->CreateCell("n", large + "x"));
  EXPECT_STATUS(kInvalidArgument, "m", store_->SwapCell("m", 1, large + "x"));
  EXPECT_EQ(store_->ReadCell("m")->version, 1u);
}

TEST_P(BlobStoreTest, CellsAreListedByPrefixPathAndApartFromBlobs) {
  for (const char* name : {"t/2/m", "t/1/m", "t", "servers/ts-1"}) {
    ASSERT_OK(store_->CreateCell(name, "v"));
  }
  PutBlob("t/1/m", "blob");
  EXPECT_EQ(*store_->ListCells(""), (Names{"servers/ts-1", "t", "t/1/m", "t/2/m"}));
  EXPECT_EQ(*store_->ListCells("t"), (Names{"t/1/m", "t/2/m"}));
  EXPECT_STATUS(kInvalidArgument, "", store_->ListCells(".."));
}

// Each of four threads raises a letter of its own; one that was stopped for so long that the
// outcome of its swap is unknown sees there what became of it.
TEST_P(BlobStoreTest, ConcurrentSwapsOfTwoStoresLoseNone) {
  constexpr int kThreads = 4, kEach = 25;
  ASSERT_OK(store_->CreateCell("counter", std::string(kThreads, 'a')));
  std::unique_ptr<BlobStore> other = OpenAnother();
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      BlobStore* store = t % 2 == 0 ? store_.get() : other.get();
      for (int done = 0; done < kEach;) {
        StatusOr<StoredCell> cell = store->ReadCell("counter");
        ASSERT_OK(cell);
        const int known = cell->value.at(t) - 'a';
        ASSERT_TRUE(known == done || known == done + 1) << "only an unknown swap may have done it";
        done = known;
        if (done == kEach) break;
        ++cell->value.at(t);
        StatusOr<uint64_t> swapped = store->SwapCell("counter", cell->version, cell->value);
        ASSERT_TRUE(swapped.ok() || IsFenced(swapped.status()) || absl::IsUnknown(swapped.status()))
            << swapped.status();
        if (swapped.ok()) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_OK_AND_ASSIGN(StoredCell cell, store_->ReadCell("counter"));
  EXPECT_EQ(cell.value, std::string(kThreads, 'a' + kEach));
  EXPECT_EQ(cell.version, kThreads * kEach + 1u);
}

TEST_P(BlobStoreTest, LogIsHeldByOneAndItsEpochRises) {
  uint64_t last = 0;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(auto log, store_->OpenLog("ts-1"));
    EXPECT_GT(log->epoch(), last);
    last = log->epoch();
    EXPECT_STATUS(kUnavailable, "ts-1", store_->OpenLog("ts-1"));
    EXPECT_STATUS(kUnavailable, "ts-1", OpenAnother()->OpenLog("ts-1"));
    ASSERT_OK(store_->OpenLog("ts-2"));  // another log
    ASSERT_OK(store_->OpenLog("ts-1/sub"));
    log.reset();
    if (i == 1) Reopen();
  }
}

TEST_P(BlobStoreTest, LogStaysHeldWhileASegmentCanBeWritten) {
  ASSERT_OK_AND_ASSIGN(auto log, store_->OpenLog("ts"));
  ASSERT_OK_AND_ASSIGN(auto segment, log->Create(1, 1024));
  log.reset();
  Reopen();
  EXPECT_STATUS(kUnavailable, "ts", store_->OpenLog("ts"));
  EXPECT_OK(segment->Write(0, {"still mine"}, true));
  segment.reset();
  EXPECT_OK(store_->OpenLog("ts"));
}

TEST_P(BlobStoreTest, ASealedLogIsReadByOthersAndWrittenByNobodyNew) {
  ASSERT_OK_AND_ASSIGN(auto holder, store_->OpenLog("ts"));
  ASSERT_OK_AND_ASSIGN(auto segment, holder->Create(1, 1024));
  ASSERT_OK(segment->Write(0, {"acknowledged"}, true));
  auto other = OpenAnother();
  EXPECT_STATUS(kFailedPrecondition, "not sealed", other->OpenSealedLog("ts"));
  EXPECT_STATUS(kFailedPrecondition, "not sealed", other->DropSealedLog("ts"));
  ASSERT_OK(other->SealLog("ts"));
  ASSERT_OK(other->SealLog("ts"));
  EXPECT_STATUS(kAborted, "sealed", holder->Create(2, 1024));
  for (int i = 0; i < 2; ++i) {  // as often as one likes
    ASSERT_OK_AND_ASSIGN(auto sealed, other->OpenSealedLog("ts"));
    EXPECT_GT(sealed->epoch(), holder->epoch());
    ASSERT_OK_AND_ASSIGN(auto segments, sealed->List());
    ASSERT_EQ(segments.size(), 1u);
    ASSERT_OK_AND_ASSIGN(auto read_only, sealed->Open(1));
    char content[12];
    EXPECT_EQ(*read_only->Read(0, sizeof(content), content), sizeof(content));
    EXPECT_EQ(std::string(content, sizeof(content)), "acknowledged");
    EXPECT_STATUS(kFailedPrecondition, "sealed", read_only->Write(0, {"x"}, true));
    EXPECT_STATUS(kFailedPrecondition, "sealed", read_only->Sync());
    EXPECT_STATUS(kFailedPrecondition, "sealed", sealed->Create(3, 1024));
    EXPECT_STATUS(kFailedPrecondition, "sealed", sealed->Remove(1));
  }
  segment.reset();
  holder.reset();
  EXPECT_STATUS(kAborted, "sealed", store_->OpenLog("ts"));
}

TEST_P(BlobStoreTest, ADroppedLogStaysSealed) {
  {
    ASSERT_OK_AND_ASSIGN(auto log, store_->OpenLog("ts"));
    ASSERT_OK(log->Create(1, 1024));
  }
  ASSERT_OK(store_->SealLog("ts"));
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(store_->DropSealedLog("ts"));
    EXPECT_STATUS(kNotFound, "dropped", store_->OpenSealedLog("ts"));
    EXPECT_STATUS(kAborted, "sealed", store_->OpenLog("ts"));
    ASSERT_OK(store_->SealLog("ts"));
    Reopen();
  }
  ASSERT_OK(store_->SealLog("never-was"));
  EXPECT_STATUS(kAborted, "sealed", store_->OpenLog("never-was"));
  ASSERT_OK_AND_ASSIGN(auto empty, store_->OpenSealedLog("never-was"));
  ASSERT_OK_AND_ASSIGN(auto segments, empty->List());
  EXPECT_TRUE(segments.empty());
}

TEST_P(BlobStoreTest, SegmentsAreZeroFilledAndOfAnyCapacity) {
  ASSERT_OK_AND_ASSIGN(auto log, store_->OpenLog("ts"));
  for (uint64_t capacity : {1u, 1024u, 4096u, (2u << 20) + 17u}) {
    ASSERT_OK_AND_ASSIGN(auto segment, log->Create(capacity, capacity));
    EXPECT_EQ(segment->capacity(), capacity);
    std::string content(capacity + 10, '?');
    EXPECT_EQ(*segment->Read(0, content.size(), content.data()), capacity);
    EXPECT_TRUE(content.substr(0, capacity) == std::string(capacity, '\0'));
  }
  EXPECT_STATUS(kInvalidArgument, "capacity", log->Create(9, 0));
  ASSERT_OK_AND_ASSIGN(std::vector<LogStore::SegmentInfo> segments, log->List());
  ASSERT_EQ(segments.size(), 4u);
  for (const LogStore::SegmentInfo& info : segments) EXPECT_EQ(info.index, info.capacity);
}

TEST_P(BlobStoreTest, SegmentNamesAreStableAndSortedByNumber) {
  ASSERT_OK_AND_ASSIGN(auto log, store_->OpenLog("ts"));
  EXPECT_STATUS(kNotFound, "ts", log->Open(7));
  EXPECT_STATUS(kNotFound, "ts", log->Remove(7));
  for (uint64_t index : {uint64_t{10}, uint64_t{9}, UINT64_MAX, uint64_t{0}}) {
    ASSERT_OK(log->Create(index, 1024));
  }
  EXPECT_STATUS(kAlreadyExists, "ts", log->Create(9, 2048));
  ASSERT_OK(log->Remove(10));
  log.reset();
  Reopen();
  ASSERT_OK_AND_ASSIGN(log, store_->OpenLog("ts"));
  ASSERT_OK_AND_ASSIGN(std::vector<LogStore::SegmentInfo> segments, log->List());
  std::vector<uint64_t> indices;
  for (const LogStore::SegmentInfo& info : segments) indices.push_back(info.index);
  EXPECT_EQ(indices, (std::vector<uint64_t>{0, 9, UINT64_MAX}));
  EXPECT_STATUS(kNotFound, "ts", log->Open(10));
}

TEST_P(BlobStoreTest, SegmentWritesAreReadBack) {
  ASSERT_OK_AND_ASSIGN(auto log, store_->OpenLog("ts"));
  {
    ASSERT_OK_AND_ASSIGN(auto segment, log->Create(1, 1024));
    ASSERT_OK(segment->Write(1000, {"abc", "", "defg"}, false));
    ASSERT_OK(segment->Write(0, {"front"}, true));
    ASSERT_OK(segment->Write(1007, {std::string(17, 'z')}, false));  // to the last byte
    ASSERT_OK(segment->Sync());
  }
  ASSERT_OK_AND_ASSIGN(auto segment, log->Open(1));
  EXPECT_EQ(segment->capacity(), 1024u);
  std::string content(1024, '?');
  ASSERT_EQ(*segment->Read(0, 1024, content.data()), 1024u);
  EXPECT_EQ(content, "front" + std::string(995, '\0') + "abcdefg" + std::string(17, 'z'));
  EXPECT_EQ(*segment->Read(1020, 100, content.data()), 4u);
  EXPECT_EQ(*segment->Read(2000, 100, content.data()), 0u);
}

TEST_P(BlobStoreTest, SegmentNeverGrows) {
  ASSERT_OK_AND_ASSIGN(auto log, store_->OpenLog("ts"));
  ASSERT_OK_AND_ASSIGN(auto segment, log->Create(1, 1024));
  EXPECT_STATUS(kInvalidArgument, "capacity", segment->Write(1020, {"abcde"}, true));
  EXPECT_STATUS(kInvalidArgument, "capacity", segment->Write(UINT64_MAX, {"a"}, true));
  EXPECT_OK(segment->Write(1020, {"abcd"}, true));
  EXPECT_EQ((*log->List())[0].capacity, 1024u);
}

TEST_P(BlobStoreTest, FreeBytes) {
  EXPECT_GT(*store_->FreeBytes(), 0u);
  EXPECT_GE(*store_->TotalBytes(), *store_->FreeBytes());
}

}  // namespace
}  // namespace stele
