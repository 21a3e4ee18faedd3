// Goal: the POSIX store's own rules, which the conformance suite does not know: its format marker,
// damage on the disk, several openers of one directory, and leftovers of dead processes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"
#include "common/store/blob_store.h"
#include "common/store/cell_directory.h"
#include "common/store/cell_format.h"
#include "common/store/fs.h"
#include "common/store/names.h"
#include "common/testing/fault_fs.h"
#include "common/testing/hooked_fs.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"

namespace stele {
namespace {

using Fault = FaultFs::Fault;
using Mode = Fs::Mode;
using Names = std::vector<std::string>;

std::unique_ptr<BlobStore> MustOpen(Fs* fs, const std::string& root) {
  StatusOr<std::unique_ptr<BlobStore>> store = OpenPosixStore(fs, root, true);
  EXPECT_OK(store);
  return *std::move(store);
}

void WriteFile(Fs* fs, const std::string& path, Slice content) {
  StatusOr<bool> exists = fs->Exists(path);
  EXPECT_OK(exists);
  if (*exists) {
    EXPECT_OK(fs->Unlink(path));
  }
  StatusOr<std::unique_ptr<FsFile>> file = fs->Open(path, Mode::kCreateExclusive);
  EXPECT_OK(file);
  EXPECT_OK((*file)->WriteAt(0, {content}));
}

void PutBlob(BlobStore* store, Slice name, Slice content) {
  ASSERT_OK_AND_ASSIGN(auto writer, store->CreateBlob(name));
  ASSERT_OK(writer->Append(content));
  ASSERT_OK(writer->Finish());
}

Names FilesBelow(const FaultFs& fs, Slice prefix) {
  Names names;
  for (const std::string& path : fs.AllFiles()) {
    if (absl::StartsWith(path, prefix)) names.push_back(path);
  }
  return names;
}

// The file of the cell's only version.
std::string CellFile(const FaultFs& fs, Slice name) {
  const Names files = FilesBelow(fs, absl::StrCat("/s/", CellFolder(name), "/"));
  EXPECT_EQ(files.size(), 1u);
  return files.front();
}

TEST(PosixStoreTest, MissingDirectoryIsMadeOnlyOnRequest) {
  FaultFs fs;
  EXPECT_STATUS(kFailedPrecondition, "/deep/er/s does not exist",
                OpenPosixStore(&fs, "/deep/er/s", false));
  EXPECT_FALSE(*fs.Exists("/deep"));
  EXPECT_STATUS(kInvalidArgument, "no name", OpenPosixStore(&fs, "", true));
  MustOpen(&fs, "/deep/er/s/");
  EXPECT_EQ(*fs.Contents("/deep/er/s/STELE"), "stele store format 2\n");
  EXPECT_OK(OpenPosixStore(&fs, "/deep/er/s", false));
  // All of it is durable.
  auto image = fs.Image(0);
  EXPECT_OK(OpenPosixStore(image.get(), "/deep/er/s", false));
}

TEST(PosixStoreTest, DirectoriesThatOthersMadeBecomeDurable) {
  FaultFs fs;
  ASSERT_OK(fs.MakeDir("/data"));
  ASSERT_OK(fs.MakeDir("/data/cell"));  // as `mkdir -p` leaves them: not synced
  PutBlob(MustOpen(&fs, "/data/cell").get(), "a", "x");
  auto image = fs.Image(0);
  EXPECT_OK(MustOpen(image.get(), "/data/cell")->OpenBlob("a"));
}

TEST(PosixStoreTest, RelativeRoot) {
  FaultFs fs;
  PutBlob(MustOpen(&fs, "data").get(), "a", "x");
  EXPECT_OK(fs.Contents("/data/blobs/a@blob"));
}

TEST(PosixStoreTest, ForeignDirectoryIsRefusedUnchanged) {
  FaultFs fs;
  ASSERT_OK(fs.MakeDir("/home"));
  WriteFile(&fs, "/home/thesis.tex", "x");
  for (bool create : {false, true}) {
    EXPECT_STATUS(kFailedPrecondition, "not a Stele store: it holds thesis.tex",
                  OpenPosixStore(&fs, "/home", create));
  }
  EXPECT_EQ(fs.AllFiles(), Names{"/home/thesis.tex"});
}

TEST(PosixStoreTest, EmptyDirectoryBecomesAStore) {
  FaultFs fs;
  ASSERT_OK(fs.MakeDir("/s"));
  ASSERT_OK(fs.MakeDir("/s/lost+found"));
  WriteFile(&fs, "/s/STELE.new", "stele st");  // of a crash
  EXPECT_STATUS(kFailedPrecondition, "holds no STELE", OpenPosixStore(&fs, "/s", false));
  EXPECT_OK(OpenPosixStore(&fs, "/s", true));
  EXPECT_FALSE(*fs.Exists("/s/STELE.new"));
}

TEST(PosixStoreTest, MarkerOfAnotherMakerIsAccepted) {
  FaultFs fs;
  ASSERT_OK(fs.MakeDir("/s"));
  ASSERT_OK_AND_ASSIGN(auto lock, fs.TryLock("/s/STELE.lock"));
  EXPECT_STATUS(kUnavailable, "STELE.lock", OpenPosixStore(&fs, "/s", true));
  WriteFile(&fs, "/s/STELE", "stele store format 2\n");
  EXPECT_OK(OpenPosixStore(&fs, "/s", true));
}

TEST(PosixStoreTest, NewerOrDamagedMarkerIsRefusedUnchanged) {
  FaultFs fs;
  ASSERT_OK(fs.MakeDir("/s"));
  WriteFile(&fs, "/s/STELE", "stele store format 3\n");
  EXPECT_STATUS(kFailedPrecondition, "/s holds a store of format 3; this program knows formats up",
                OpenPosixStore(&fs, "/s", true));
  for (const std::string& text :
       {std::string(), std::string("stele store format 1"), std::string("stele store format 0\n"),
        std::string("stele store format x\n"), std::string("other\n"), std::string(5000, 'x')}) {
    WriteFile(&fs, "/s/STELE", text);
    EXPECT_STATUS(kDataLoss, "/s/STELE", OpenPosixStore(&fs, "/s", true));
  }
  EXPECT_EQ(fs.AllFiles(), Names{"/s/STELE"});
}

TEST(PosixStoreTest, NoByteOfADamagedCellIsBelieved) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  ASSERT_OK(store->CreateCell("t/m", "some value"));
  const std::string path = CellFile(fs, "t/m");
  const std::string good = *fs.Contents(path);
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    ASSERT_OK(fs.Damage(path, bit / 8, static_cast<uint8_t>(1u << (bit % 8))));
    EXPECT_STATUS(kDataLoss, "cell t/m", store->ReadCell("t/m"));
    EXPECT_STATUS(kDataLoss, "cell t/m", store->SwapCell("t/m", 1, "x"));
    EXPECT_STATUS(kDataLoss, "cell t/m", store->DeleteCell("t/m", 1));
    ASSERT_OK(fs.Damage(path, bit / 8, static_cast<uint8_t>(1u << (bit % 8))));
  }
  for (size_t size = 0; size < good.size(); ++size) {
    WriteFile(&fs, path, Slice(good).substr(0, size));
    EXPECT_STATUS(kDataLoss, "cell t/m", store->ReadCell("t/m"));
  }
  WriteFile(&fs, path, good + "x");
  EXPECT_STATUS(kDataLoss, "cell t/m", store->ReadCell("t/m"));
  WriteFile(&fs, path, std::string((16u << 20) + 1000, 'x'));
  EXPECT_STATUS(kDataLoss, path, store->ReadCell("t/m"));
  WriteFile(&fs, path, good);
  EXPECT_OK(store->ReadCell("t/m"));
}

TEST(PosixStoreTest, CellInAnotherCellsPlaceIsFoundOut) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  ASSERT_OK(store->CreateCell("a", "value of a"));
  ASSERT_OK(store->CreateCell("b", "value of b"));
  ASSERT_OK(fs.Rename(CellFile(fs, "a"), CellFile(fs, "b")));
  EXPECT_STATUS(kDataLoss, "cell b: bad crc", store->ReadCell("b"));
}

TEST(PosixStoreTest, CellOfANewerFormatIsRefused) {
  std::string file = EncodeCellFile("m", 3, "value");
  EncodeFixed32(file.data() + 4, 2);
  const Slice head = Slice(file).substr(0, 28);
  const uint32_t crc = ExtendCrc32c(ExtendCrc32c(Crc32c("m"), head), "value");
  EncodeFixed32(file.data() + 28, MaskCrc(crc));
  EXPECT_STATUS(kFailedPrecondition, "cell m: format 2", DecodeCellFile("m", file));
}

TEST(PosixStoreTest, BlobThatShrankIsDataLoss) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  PutBlob(store.get(), "a", "0123456789");
  ASSERT_OK_AND_ASSIGN(auto reader, store->OpenBlob("a"));
  ASSERT_OK_AND_ASSIGN(auto file, fs.Open("/s/blobs/a@blob", Mode::kReadWrite));
  ASSERT_OK(file->Truncate(5));
  char buffer[10];
  EXPECT_STATUS(kDataLoss, "shrank", reader->Read(0, 10, buffer));
}

TEST(PosixStoreTest, ALargeBlobTakesNoMoreRoomThanItsBytes) {
  TempDir dir;
  auto store = MustOpen(PosixFs(), dir.path());
  for (const size_t bytes : {1u << 20, (3u << 20) + 5, 9u << 20, (20u << 20) - 1}) {
    const std::string name = absl::StrCat("b", bytes);
    ASSERT_OK_AND_ASSIGN(auto writer, store->CreateBlob(name));
    std::string content;
    for (size_t i = 0; content.size() < bytes; ++i) absl::StrAppend(&content, i, ",");
    content.resize(bytes);
    for (size_t at = 0; at < bytes; at += 700'000) {
      ASSERT_OK(writer->Append(Slice(content).substr(at, 700'000)));
    }
    ASSERT_OK(writer->Finish());
    ASSERT_OK_AND_ASSIGN(auto reader, store->OpenBlob(name));
    ASSERT_EQ(reader->size(), bytes);
    std::string back(bytes, '\0');
    ASSERT_OK(reader->Read(0, bytes, back.data()));
    EXPECT_TRUE(back == content);
    struct stat info {};
    ASSERT_EQ(::stat(absl::StrCat(dir.path(), "/blobs/", name, "@blob").c_str(), &info), 0);
    EXPECT_LE(static_cast<size_t>(info.st_blocks) * 512, bytes + (256u << 10)) << bytes;
  }
}

// Pages of the file that the machine holds in memory.
size_t PagesInMemory(const std::string& path, size_t bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* map = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  EXPECT_NE(map, MAP_FAILED);
  std::vector<unsigned char> pages(bytes / static_cast<size_t>(::sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(::mincore(map, bytes, pages.data()), 0);
  ::munmap(map, bytes);
  return static_cast<size_t>(
      std::count_if(pages.begin(), pages.end(), [](unsigned char p) { return (p & 1) != 0; }));
}

TEST(PosixStoreTest, AReleasedBlobLeavesTheMachinesMemoryAndIsReadAllTheSame) {
  TempDir dir;
  struct statfs info {};
  ASSERT_EQ(::statfs(dir.path().c_str(), &info), 0);
  if (info.f_type == TMPFS_MAGIC) GTEST_SKIP() << "its files are nowhere but in memory";
  auto store = MustOpen(PosixFs(), dir.path());
  constexpr size_t kMiB = 1u << 20;  // 2 of them, aligned: no piece of memory holds more
  const std::string content(8 * kMiB, 'x');
  PutBlob(store.get(), "a", content);
  ASSERT_OK_AND_ASSIGN(auto reader, store->OpenBlob("a"));
  const std::string path = dir.path() + "/blobs/a@blob";
  std::string back(content.size(), '\0');
  ASSERT_OK(reader->Read(0, back.size(), back.data()));
  const size_t pages = PagesInMemory(path, content.size());
  EXPECT_GT(pages, 0u);
  reader->ReleaseCached(2 * kMiB, 2 * kMiB);
  const size_t left = PagesInMemory(path, content.size());
  EXPECT_LT(left, pages);
  EXPECT_GE(left, pages / 2) << "what lies before and behind stays";
  reader->ReleaseCached(0, reader->size());
  EXPECT_EQ(PagesInMemory(path, content.size()), 0u);
  // It begins the reading, which not every disk ends later.
  if (reader->ReadIfInMemory(0, back.size(), back.data())) EXPECT_EQ(back, content);
  EXPECT_FALSE(reader->ReadIfInMemory(content.size() - 1, 2, back.data())) << "past the end";
  ASSERT_OK(reader->Read(0, back.size(), back.data()));
  EXPECT_EQ(back, content);
}

// Who syncs a small file meanwhile does not stand behind a large one.
TEST(PosixStoreTest, LargeFilesGoToTheDiskAsTheyAreWritten) {
  constexpr size_t kMiB = 1u << 20;
  FaultFs disk;
  HookedFs fs(&disk);
  std::string calls;
  fs.after = [&](Slice op, Slice) {
    if (op == "write" || op == "writeback" || op == "sync") absl::StrAppend(&calls, op, " ");
  };
  auto store = MustOpen(&fs, "/s");
  calls.clear();
  ASSERT_OK_AND_ASSIGN(auto blob, store->CreateBlob("a"));
  for (int i = 0; i < 3; ++i) ASSERT_OK(blob->Append(std::string(kMiB, 'x')));
  ASSERT_OK(blob->Append("rest"));
  ASSERT_OK(blob->Finish());
  EXPECT_EQ(calls, "write writeback write writeback write writeback write sync ");

  size_t writes = 0, most = 0;
  fs.after = [&](Slice op, Slice path) {
    if (!absl::StrContains(path, "/logs/")) return;
    if (op == "write") most = std::max(most, ++writes);
    if (op == "sync") writes = 0;
  };
  ASSERT_OK_AND_ASSIGN(auto log, store->OpenLog("ts"));
  ASSERT_OK(log->Create(1, 10 * kMiB + 7, LogStore::Space::kWritten));
  EXPECT_EQ(most, 4u) << "megabytes";
}

TEST(PosixStoreTest, ListingRefusesWhatTheStoreDidNotMake) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  PutBlob(store.get(), "t/a", "x");
  WriteFile(&fs, "/s/blobs/t/a~", "backup");
  EXPECT_STATUS(kFailedPrecondition, "/s/blobs/t/a~ was not made by this store",
                store->ListBlobs(""));
  ASSERT_OK(fs.Unlink("/s/blobs/t/a~"));
  WriteFile(&fs, "/s/blobs/t/plain", "x");
  EXPECT_STATUS(kInternal, "not a directory", store->ListBlobs(""));
}

TEST(PosixStoreTest, ReadErrorIsNeverAnAbsence) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  ASSERT_OK(store->CreateCell("t/m", "v"));
  PutBlob(store.get(), "t/a", "x");
  const uint64_t before = fs.reads();
  ASSERT_OK(store->ReadCell("t/m"));
  ASSERT_OK(store->ListBlobs("t"));
  ASSERT_OK(store->ListCells("t"));
  ASSERT_OK(store->OpenBlob("t/a"));
  ASSERT_OK(store->FreeBytes());
  const uint64_t reads = fs.reads() - before;
  for (uint64_t n = 1; n <= reads; ++n) {
    fs.FailReadAt(fs.reads() + n);
    const Status results[] = {store->ReadCell("t/m").status(), store->ListBlobs("t").status(),
                              store->ListCells("t").status(), store->OpenBlob("t/a").status(),
                              store->FreeBytes().status()};
    int failed = 0;
    for (const Status& s : results) {
      if (s.ok()) continue;
      ++failed;
      EXPECT_STATUS(kInternal, "injected", s);
    }
    EXPECT_EQ(failed, 1) << "read " << n;
    fs.ClearFaults();
  }
}

TEST(PosixStoreTest, UnfinishedFilesOfTheDeadAreRemovedAndOfTheLivingKept) {
  FaultFs fs;
  auto alive = MustOpen(&fs, "/s");
  ASSERT_OK_AND_ASSIGN(auto writer, alive->CreateBlob("a"));
  // What killed processes with two other slots left.
  WriteFile(&fs, "/s/tmp/1.5", "x");
  WriteFile(&fs, "/s/tmp/7.0", "x");
  auto second = MustOpen(&fs, "/s");
  EXPECT_EQ(FilesBelow(fs, "/s/tmp"), Names{"/s/tmp/0.0"});
  ASSERT_OK(writer->Append("x"));
  ASSERT_OK(writer->Finish());
  EXPECT_EQ(FilesBelow(fs, "/s/tmp"), Names{});
  EXPECT_OK(second->OpenBlob("a"));
}

TEST(PosixStoreTest, OpenersAreLimited) {
  FaultFs fs;
  auto first = MustOpen(&fs, "/s");
  std::vector<std::unique_ptr<FsLock>> others;
  for (int slot = 1; slot < 1024; ++slot) {
    others.push_back(*fs.TryLock("/s/locks/tmp." + std::to_string(slot)));
  }
  EXPECT_STATUS(kResourceExhausted, "1024", OpenPosixStore(&fs, "/s", true));
  others.pop_back();
  EXPECT_OK(OpenPosixStore(&fs, "/s", true));
}

TEST(PosixStoreTest, ReadMakesAVersionDurableThatItsDeadWriterDidNot) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  ASSERT_OK(store->CreateCell("t/m", "old"));
  // A writer that was killed between the link and the sync of the directory.
  std::string next = CellFile(fs, "t/m");
  next.back() = '2';
  WriteFile(&fs, next, EncodeCellFile("t/m", 2, "new"));
  ASSERT_OK_AND_ASSIGN(auto file, fs.Open(next, Mode::kReadWrite));
  ASSERT_OK(file->Sync());
  EXPECT_EQ(MustOpen(fs.Image(0).get(), "/s")->ReadCell("t/m")->value, "old");
  EXPECT_EQ(store->ReadCell("t/m")->value, "new");
  EXPECT_EQ(MustOpen(fs.Image(0).get(), "/s")->ReadCell("t/m")->value, "new");
}

TEST(PosixStoreTest, AfterAnUnknownOutcomeTheStoreRefusesChanges) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  ASSERT_OK(store->CreateCell("m", "v"));
  PutBlob(store.get(), "a", "x");
  ASSERT_OK(store->SwapCell("m", 1, "w"));
  fs.InjectAt(fs.calls() + 5, Fault::kIoError);  // after create, write, sync and link
  EXPECT_STATUS(kUnknown, "syncdir", store->SwapCell("m", 2, "x"));
  EXPECT_STATUS(kInternal, "broken", store->SwapCell("m", 3, "y"));
  EXPECT_STATUS(kInternal, "broken", store->CreateCell("n", "y"));
  EXPECT_STATUS(kInternal, "broken", store->DeleteCell("m", 3));
  EXPECT_STATUS(kInternal, "broken", store->ReadCell("m"));
  EXPECT_STATUS(kInternal, "broken", store->CreateBlob("b"));
  EXPECT_STATUS(kInternal, "broken", store->DeleteBlob("a"));
  EXPECT_STATUS(kInternal, "broken", store->OpenLog("ts"));
  EXPECT_OK(store->OpenBlob("a"));
}

TEST(PosixLogTest, DamagedEpochStopsTheOpen) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  ASSERT_OK(store->OpenLog("ts"));
  ASSERT_OK(fs.Damage("/s/logs/ts@log/EPOCH", 8, 0x01));
  EXPECT_STATUS(kDataLoss, "logs/ts", store->OpenLog("ts"));
}

TEST(PosixLogTest, UnfinishedSegmentIsRemovedByTheNextHolder) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  ASSERT_OK_AND_ASSIGN(auto log, store->OpenLog("ts"));
  ASSERT_OK(log->Create(1, 1024));
  log.reset();
  const std::string half = "/s/logs/ts@log/00000000000000000002.new";
  WriteFile(&fs, half, "half");
  ASSERT_OK_AND_ASSIGN(log, store->OpenLog("ts"));
  EXPECT_FALSE(*fs.Exists(half));
  EXPECT_EQ(log->List()->size(), 1u);
  WriteFile(&fs, half, "of a Create that failed and could not clean up");
  EXPECT_OK(log->Create(2, 1024));
}

TEST(PosixLogTest, OpenMakesSegmentNamesDurableThatTheirDeadMakerDidNot) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  ASSERT_OK(store->OpenLog("ts"));
  ASSERT_OK_AND_ASSIGN(auto file,
                       fs.Open("/s/logs/ts@log/00000000000000000001.seg", Mode::kCreateExclusive));
  ASSERT_OK(file->WriteAt(0, {std::string(1024, '\0')}));
  ASSERT_OK(file->Sync());
  ASSERT_OK_AND_ASSIGN(auto log, store->OpenLog("ts"));
  ASSERT_OK_AND_ASSIGN(auto segment, log->Open(1));
  ASSERT_OK(segment->Write(0, {"acked"}, true));
  auto image = fs.Image(0);
  EXPECT_EQ(image->Contents("/s/logs/ts@log/00000000000000000001.seg")->substr(0, 5), "acked");
}

TEST(PosixLogTest, FailedWriteOrSyncPoisonsTheSegmentForGood) {
  for (Fault fault : {Fault::kIoError, Fault::kNoSpace, Fault::kShortWrite}) {
    for (uint64_t nth : {1, 2}) {  // the write, the sync
      FaultFs fs;
      auto store = MustOpen(&fs, "/s");
      ASSERT_OK_AND_ASSIGN(auto log, store->OpenLog("ts"));
      ASSERT_OK_AND_ASSIGN(auto other, log->Create(2, 1024));
      ASSERT_OK_AND_ASSIGN(auto segment, log->Create(1, 1024));
      fs.InjectAt(fs.calls() + nth, fault);
      EXPECT_FALSE(segment->Write(0, {"abc"}, true).ok());
      EXPECT_STATUS(kInternal, "poisoned", segment->Write(0, {"abc"}, true));
      EXPECT_STATUS(kInternal, "poisoned", segment->Sync());
      ASSERT_OK_AND_ASSIGN(auto again, log->Open(1));
      EXPECT_STATUS(kInternal, "poisoned", again->Write(0, {"abc"}, true));
      EXPECT_OK(other->Write(0, {"abc"}, true));
      char buffer[3];
      EXPECT_OK(again->Read(0, 3, buffer));
    }
  }
}

TEST(PosixLogTest, FullDiskFailsCreateAndLeavesNothing) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  ASSERT_OK_AND_ASSIGN(auto log, store->OpenLog("ts"));
  ASSERT_OK_AND_ASSIGN(auto kept, log->Create(1, 4096));
  fs.SetCapacity(fs.used_bytes() + 1000);
  EXPECT_STATUS(kResourceExhausted, "full", log->Create(2, 4096));
  EXPECT_EQ(log->List()->size(), 1u);
  EXPECT_STATUS(kNotFound, "ts", log->Open(2));
  // What exists was reserved.
  EXPECT_OK(kept->Write(0, {std::string(4096, 'x')}, true));
  fs.SetCapacity(fs.used_bytes() + 5000);
  EXPECT_OK(log->Create(2, 4096));
}

TEST(PosixStoreTest, FullDiskFailsABlobAndLeavesNothing) {
  FaultFs fs;
  auto store = MustOpen(&fs, "/s");
  fs.SetCapacity(fs.used_bytes() + 1000);
  {
    ASSERT_OK_AND_ASSIGN(auto writer, store->CreateBlob("a"));
    ASSERT_OK(writer->Append(std::string(2000, 'x')));  // buffered
    EXPECT_STATUS(kResourceExhausted, "full", writer->Finish());
    EXPECT_STATUS(kResourceExhausted, "full", writer->Append("more"));
    EXPECT_STATUS(kResourceExhausted, "full", writer->Finish());
  }
  EXPECT_EQ(FilesBelow(fs, "/s/tmp"), Names{});
  PutBlob(store.get(), "a", "fits");
}

// Several processes on the real disk.
TEST(PosixProcessesTest, KilledProcessFreesItsLogAndItsTemporaryFiles) {
  TempDir dir;
  const std::string root = dir.path() + "/s";
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto store = MustOpen(PosixFs(), root);
    auto log = store->OpenLog("ts");
    auto writer = store->CreateBlob("half");
    const char answer = log.ok() && writer.ok() ? 'y' : 'n';
    if (write(ready[1], &answer, 1) != 1) _exit(1);
    while (true) pause();
  }
  char answer = '?';
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  auto store = MustOpen(PosixFs(), root);
  EXPECT_STATUS(kUnavailable, "another process", store->OpenLog("ts"));
  EXPECT_EQ(PosixFs()->List(root + "/tmp")->size(), 1u);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  ASSERT_OK_AND_ASSIGN(auto log, store->OpenLog("ts"));
  EXPECT_EQ(log->epoch(), 2u);
  auto another = MustOpen(PosixFs(), root);
  EXPECT_EQ(PosixFs()->List(root + "/tmp")->size(), 0u);
  close(ready[0]);
  close(ready[1]);
}

TEST(StoreNamesTest, ParentPath) {
  EXPECT_EQ(ParentPath("a"), ".");
  EXPECT_EQ(ParentPath("/a"), "/");
  EXPECT_EQ(ParentPath("/a/b"), "/a");
  EXPECT_EQ(ParentPath("a/b/c"), "a/b");
}

}  // namespace
}  // namespace stele
