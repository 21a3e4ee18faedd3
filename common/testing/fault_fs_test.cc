// Goal: FaultFs forgets what a real disk may forget and nothing else, and its faults meet the call
// they were planned for.
#include "common/testing/fault_fs.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "common/testing/manual_clock.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"

namespace stele {
namespace {

using Fault = FaultFs::Fault;
using Mode = Fs::Mode;

// A file with content, written but not synced.
std::unique_ptr<FsFile> Create(Fs* fs, const std::string& path, Slice content) {
  StatusOr<std::unique_ptr<FsFile>> file = fs->Open(path, Mode::kCreateExclusive);
  EXPECT_OK(file);
  EXPECT_OK((*file)->WriteAt(0, {content}));
  return *std::move(file);
}

// A file in the root whose content and name are durable.
std::unique_ptr<FsFile> CreateDurable(Fs* fs, const std::string& path, Slice content) {
  std::unique_ptr<FsFile> file = Create(fs, path, content);
  EXPECT_OK(file->Sync());
  EXPECT_OK(fs->SyncDir("/"));
  return file;
}

// The names below the root of what a power cut leaves.
std::vector<std::string> FilesAfterCut(const FaultFs& fs, uint64_t seed) {
  return fs.Image(seed)->AllFiles();
}

using Names = std::vector<std::string>;

TEST(FaultFsTest, UnsyncedDataIsLostOrKeptByTheSeed) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", "old");
  ASSERT_OK(file->WriteAt(0, {"new and", " longer"}));
  EXPECT_EQ(*fs.Image(0)->Contents("/a"), "old");
  EXPECT_EQ(*fs.Image(1)->Contents("/a"), "new and longer");
  EXPECT_EQ(*fs.Contents("/a"), "new and longer");
  ASSERT_OK(file->Sync());
  EXPECT_EQ(*fs.Image(0)->Contents("/a"), "new and longer");
}

TEST(FaultFsTest, NameIsLostWithoutSyncDirThoughTheFileWasSynced) {
  FaultFs fs;
  auto file = Create(&fs, "/a", "x");
  ASSERT_OK(file->Sync());
  EXPECT_STATUS(kNotFound, "/a", fs.Image(0)->Contents("/a"));
  EXPECT_EQ(*fs.Image(1)->Contents("/a"), "x");
  ASSERT_OK(fs.SyncDir("/"));
  EXPECT_EQ(*fs.Image(0)->Contents("/a"), "x");
}

TEST(FaultFsTest, DirectoryItselfIsLostWithoutSyncOfItsParent) {
  FaultFs fs;
  ASSERT_OK(fs.MakeDir("/d"));
  auto file = Create(&fs, "/d/a", "x");
  ASSERT_OK(file->Sync());
  ASSERT_OK(fs.SyncDir("/d"));
  EXPECT_EQ(FilesAfterCut(fs, 0), Names{});
  ASSERT_OK(fs.SyncDir("/"));
  EXPECT_EQ(FilesAfterCut(fs, 0), Names{"/d/a"});
}

TEST(FaultFsTest, UnlinkAndRenameComeBackUnlessSynced) {
  FaultFs fs;
  CreateDurable(&fs, "/a", "1");
  CreateDurable(&fs, "/b", "2");
  ASSERT_OK(fs.Rename("/a", "/b"));
  EXPECT_EQ(FilesAfterCut(fs, 0), (Names{"/a", "/b"}));
  EXPECT_EQ(*fs.Image(0)->Contents("/b"), "2");
  EXPECT_EQ(FilesAfterCut(fs, 1), Names{"/b"});
  ASSERT_OK(fs.SyncDir("/"));
  EXPECT_EQ(*fs.Image(0)->Contents("/b"), "1");
  ASSERT_OK(fs.Unlink("/b"));
  EXPECT_EQ(FilesAfterCut(fs, 0), Names{"/b"});
  EXPECT_EQ(FilesAfterCut(fs, 1), Names{});
}

TEST(FaultFsTest, RenameInOneDirectoryIsNeverSeenHalf) {
  FaultFs fs;
  CreateDurable(&fs, "/a", "1");
  ASSERT_OK(fs.Rename("/a", "/b"));
  std::set<Names> seen;
  for (uint64_t seed = 0; seed < 100; ++seed) seen.insert(FilesAfterCut(fs, seed));
  EXPECT_EQ(seen, (std::set<Names>{{"/a"}, {"/b"}}));
}

TEST(FaultFsTest, RenameBetweenDirectoriesIsOneOperationInEach) {
  FaultFs fs;
  ASSERT_OK(fs.MakeDir("/d"));
  CreateDurable(&fs, "/a", "1");
  ASSERT_OK(fs.Rename("/a", "/d/a"));
  ASSERT_OK(fs.SyncDir("/d"));
  EXPECT_EQ(FilesAfterCut(fs, 0), (Names{"/a", "/d/a"}));
  ASSERT_OK(fs.SyncDir("/"));
  EXPECT_EQ(FilesAfterCut(fs, 0), Names{"/d/a"});
}

TEST(FaultFsTest, OperationsOfADirectorySurviveAsAPrefix) {
  FaultFs fs;
  for (const char* name : {"/1", "/2", "/3", "/4"}) Create(&fs, name, "x");
  ASSERT_OK(fs.Unlink("/1"));
  std::set<Names> seen;
  for (uint64_t seed = 0; seed < 300; ++seed) seen.insert(FilesAfterCut(fs, seed));
  const std::set<Names> prefixes{
      {}, {"/1"}, {"/1", "/2"}, {"/1", "/2", "/3"}, {"/1", "/2", "/3", "/4"}, {"/2", "/3", "/4"}};
  EXPECT_EQ(seen, prefixes);
}

TEST(FaultFsTest, LinksStayLinksToOneFile) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", "1");
  ASSERT_OK(fs.Link("/a", "/b"));
  EXPECT_STATUS(kAlreadyExists, "/b", fs.Link("/a", "/b"));
  ASSERT_OK(fs.SyncDir("/"));
  fs.Restart(0);
  ASSERT_OK_AND_ASSIGN(auto again, fs.Open("/a", Mode::kReadWrite));
  ASSERT_OK(again->WriteAt(0, {"2"}));
  EXPECT_EQ(*fs.Contents("/b"), "2");
}

TEST(FaultFsTest, SectorsSurviveOneByOne) {
  FaultFs fs;
  const std::string old(4 * 512, 'o');
  auto file = CreateDurable(&fs, "/a", old);
  ASSERT_OK(file->WriteAt(0, {std::string(4 * 512, 'n')}));
  std::set<std::string> patterns;
  bool torn = false;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const std::string content = *fs.Image(seed)->Contents("/a");
    ASSERT_EQ(content.size(), old.size());
    std::string pattern;
    for (int i = 0; i < 4; ++i) {
      const std::string sector = content.substr(i * 512, 512);
      const size_t fresh = sector.find('o');  // the front of a sector is the newer part
      if (fresh != std::string::npos && fresh > 0) torn = true;
      EXPECT_EQ(sector, std::string(std::min<size_t>(fresh, 512), 'n') +
                            std::string(512 - std::min<size_t>(fresh, 512), 'o'));
      pattern.push_back(sector[0]);
    }
    patterns.insert(pattern);
  }
  EXPECT_TRUE(torn);
  EXPECT_EQ(patterns.size(), 16u);
}

TEST(FaultFsTest, EveryContentSinceTheSyncIsPossible) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", "0");
  for (const char* content : {"1", "2", "3"}) ASSERT_OK(file->WriteAt(0, {content}));
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 200; ++seed) seen.insert(*fs.Image(seed)->Contents("/a"));
  EXPECT_EQ(seen, (std::set<std::string>{"0", "1", "2", "3"}));
}

TEST(FaultFsTest, SyncedBytesBesideAnUnsyncedWriteAreSafe) {
  const uint64_t base = TestSeed();
  STELE_TRACE_SEED(base);
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", std::string(700, 's'));
  ASSERT_OK(file->WriteAt(700, {std::string(900, 'u')}));
  for (uint64_t seed = base; seed < base + 200; ++seed) {
    const std::string content = *fs.Image(seed)->Contents("/a");
    ASSERT_TRUE(content.size() == 700 || content.size() == 1600);
    EXPECT_EQ(content.substr(0, 700), std::string(700, 's'));
    // What did not reach the disk below the new size reads as zeros.
    EXPECT_EQ(content.find_first_not_of(std::string("su\0", 3)), std::string::npos);
  }
}

TEST(FaultFsTest, TruncateAndAllocateAreUnsyncedUntilSync) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", "0123456789");
  ASSERT_OK(file->Truncate(4));
  EXPECT_EQ(*fs.Image(0)->Contents("/a"), "0123456789");
  EXPECT_EQ(*fs.Image(1)->Contents("/a"), "0123");
  ASSERT_OK(file->Allocate(6));
  EXPECT_EQ(*fs.Contents("/a"), std::string("0123\0\0", 6));
  ASSERT_OK(file->Allocate(2));  // never shrinks
  ASSERT_OK(file->Sync());
  EXPECT_EQ(*fs.Image(0)->Contents("/a"), std::string("0123\0\0", 6));
}

TEST(FaultFsTest, FailedSyncPoisonsTheFileAndLosesWhatItShouldHaveSynced) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", "old");
  ASSERT_OK(file->WriteAt(0, {"new"}));
  fs.InjectAt(fs.calls() + 1, Fault::kIoError);
  EXPECT_STATUS(kInternal, "injected I/O error", file->Sync());
  EXPECT_STATUS(kInternal, "poisoned", file->Sync());
  EXPECT_STATUS(kInternal, "poisoned", file->WriteAt(0, {"x"}));
  // Another handle's successful sync does not bring the pages back...
  ASSERT_OK_AND_ASSIGN(auto other, fs.Open("/a", Mode::kReadWrite));
  ASSERT_OK(other->Sync());
  EXPECT_EQ(*fs.Contents("/a"), "new");
  EXPECT_EQ(*fs.Image(0)->Contents("/a"), "old");
  // ...but writing them again does.
  ASSERT_OK(other->WriteAt(0, {"new"}));
  ASSERT_OK(other->Sync());
  EXPECT_EQ(*fs.Image(0)->Contents("/a"), "new");
}

TEST(FaultFsTest, PowerCutBeforeAndAfterACall) {
  for (Fault fault : {Fault::kPowerCutBefore, Fault::kPowerCutAfter}) {
    FaultFs fs;
    auto file = CreateDurable(&fs, "/a", "old");
    ASSERT_OK(file->WriteAt(0, {"new"}));
    fs.InjectAt(fs.calls() + 1, fault);
    EXPECT_STATUS(kInternal, "power", file->Sync());
    EXPECT_TRUE(fs.power_is_off());
    char c;
    EXPECT_STATUS(kInternal, "power", file->ReadAt(0, 1, &c));
    EXPECT_STATUS(kInternal, "power", fs.List("/"));
    EXPECT_STATUS(kInternal, "power", fs.MakeDir("/d"));
    EXPECT_EQ(fs.fault_report().size(), 1u);
    fs.Restart(0);
    EXPECT_FALSE(fs.power_is_off());
    EXPECT_EQ(*fs.Contents("/a"), fault == Fault::kPowerCutBefore ? "old" : "new");
    EXPECT_STATUS(kInternal, "power", file->WriteAt(0, {"zombie"}));
    EXPECT_OK(fs.MakeDir("/d"));
  }
}

TEST(FaultFsTest, PowerCutAfterACallThatFailsByItself) {
  FaultFs fs;
  fs.InjectAt(1, Fault::kPowerCutAfter);
  EXPECT_STATUS(kInternal, "power", fs.Rename("/none", "/b"));
  EXPECT_TRUE(fs.power_is_off());
}

TEST(FaultFsTest, ErrorsHaveNoEffectAndPass) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", "1");
  const uint64_t first = fs.calls() + 1;
  fs.InjectAt(first, Fault::kNoSpace);
  fs.InjectAt(first + 1, Fault::kIoError);
  fs.InjectAt(first + 2, Fault::kNoSpace);
  EXPECT_STATUS(kResourceExhausted, "full", file->WriteAt(0, {"2"}));
  EXPECT_STATUS(kInternal, "injected", fs.Rename("/a", "/b"));
  EXPECT_STATUS(kInternal, "injected", fs.Unlink("/a"));  // has no ENOSPC
  EXPECT_EQ(fs.AllFiles(), Names{"/a"});
  EXPECT_EQ(*fs.Contents("/a"), "1");
  EXPECT_OK(file->WriteAt(0, {"2"}));
  EXPECT_EQ(fs.calls(), first + 3);
}

TEST(FaultFsTest, ErrorAfterTheEffect) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", "1");
  const uint64_t first = fs.calls() + 1;
  for (uint64_t i = 0; i < 3; ++i) fs.InjectAt(first + i, Fault::kIoErrorAfter);
  EXPECT_STATUS(kInternal, "injected", file->WriteAt(0, {"2"}));
  EXPECT_STATUS(kInternal, "injected", fs.Rename("/a", "/b"));
  EXPECT_STATUS(kInternal, "injected", fs.SyncDir("/"));
  EXPECT_EQ(*fs.Image(0)->Contents("/b"), "1");
  EXPECT_EQ(*fs.Contents("/b"), "2");
  fs.InjectAt(first + 3, Fault::kIoErrorAfter);
  EXPECT_STATUS(kInternal, "injected", file->Sync());
  EXPECT_STATUS(kInternal, "poisoned", file->Sync());
  EXPECT_EQ(*fs.Image(0)->Contents("/b"), "2");
}

TEST(FaultFsTest, StickyFaultHoldsUntilCleared) {
  FaultFs fs;
  fs.InjectAt(2, Fault::kNoSpace, true);
  EXPECT_OK(fs.MakeDir("/1"));
  EXPECT_STATUS(kResourceExhausted, "", fs.MakeDir("/2"));
  EXPECT_STATUS(kResourceExhausted, "", fs.MakeDir("/3"));
  fs.ClearFaults();
  EXPECT_OK(fs.MakeDir("/3"));
}

TEST(FaultFsTest, ShortWriteChangesTheFrontOnly) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", "........");
  fs.InjectAt(fs.calls() + 1, Fault::kShortWrite);
  EXPECT_STATUS(kInternal, "short write", file->WriteAt(0, {"abc", "defgh"}));
  EXPECT_EQ(*fs.Contents("/a"), "abcd....");
}

TEST(FaultFsTest, ReadsFailByTheirOwnNumbers) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", "1");
  fs.FailReadAt(fs.reads() + 2);
  char c;
  EXPECT_OK(file->ReadAt(0, 1, &c));
  EXPECT_STATUS(kInternal, "injected", file->ReadAt(0, 1, &c));
  EXPECT_OK(file->Size());
  fs.FailReadAt(fs.reads() + 1, true);
  EXPECT_STATUS(kInternal, "injected", fs.List("/"));
  EXPECT_STATUS(kInternal, "injected", fs.Exists("/a"));
}

TEST(FaultFsTest, CapacityStopsAWriteInTheMiddle) {
  FaultFs fs;
  fs.SetCapacity(10);
  auto file = Create(&fs, "/a", "123456");
  EXPECT_STATUS(kResourceExhausted, "full", file->WriteAt(6, {"789012"}));
  EXPECT_EQ(*fs.Contents("/a"), "1234567890");
  EXPECT_STATUS(kResourceExhausted, "full", file->Allocate(11));
  EXPECT_EQ(*fs.FreeBytes("/"), 0u);
  EXPECT_OK(file->WriteAt(0, {"overwrites"}));
  EXPECT_OK(file->Sync());
  ASSERT_OK(fs.SyncDir("/"));
  ASSERT_OK(fs.Unlink("/a"));
  EXPECT_EQ(*fs.FreeBytes("/"), 0u);  // still open
  file.reset();
  EXPECT_EQ(*fs.FreeBytes("/"), 10u);
  EXPECT_EQ(fs.Image(0)->used_bytes(), 10u);  // the name came back
  Create(&fs, "/b", "123");
  EXPECT_EQ(fs.used_bytes(), 3u);
}

TEST(FaultFsTest, LocksExcludeAndAreReleased) {
  FaultFs fs;
  ASSERT_OK_AND_ASSIGN(auto lock, fs.TryLock("/lock"));
  EXPECT_STATUS(kUnavailable, "/lock", fs.TryLock("/lock"));
  lock.reset();
  ASSERT_OK_AND_ASSIGN(lock, fs.TryLock("/lock"));
  ASSERT_OK(fs.SyncDir("/"));
  fs.Restart(0);
  ASSERT_OK_AND_ASSIGN(auto after_cut, fs.TryLock("/lock"));
  lock.reset();  // of the time before the cut: releases nothing
  EXPECT_STATUS(kUnavailable, "/lock", fs.TryLock("/lock"));
}

TEST(FaultFsTest, ErrorsOfAFileSystem) {
  FaultFs fs;
  CreateDurable(&fs, "/a", "1");
  ASSERT_OK(fs.MakeDir("/d"));
  EXPECT_STATUS(kNotFound, "/b", fs.Open("/b", Mode::kReadWrite));
  EXPECT_STATUS(kAlreadyExists, "/a", fs.Open("/a", Mode::kCreateExclusive));
  EXPECT_STATUS(kInternal, "directory", fs.Open("/d", Mode::kRead));
  EXPECT_STATUS(kInternal, "not a directory", fs.List("/a"));
  EXPECT_STATUS(kInternal, "not a directory", fs.SyncDir("/a"));
  EXPECT_STATUS(kInternal, "is a directory", fs.Rename("/a", "/d"));
  EXPECT_STATUS(kNotFound, "/x", fs.MakeDir("/x/y"));
  EXPECT_STATUS(kAlreadyExists, "/d", fs.MakeDir("/d"));
  EXPECT_STATUS(kNotFound, "/b", fs.Unlink("/b"));
  EXPECT_STATUS(kInvalidArgument, "..", fs.Open("/d/../a", Mode::kRead));
  EXPECT_STATUS(kInvalidArgument, "", fs.MakeDir("/d/."));
  ASSERT_OK_AND_ASSIGN(auto reader, fs.Open("a", Mode::kRead));  // relative to the root
  EXPECT_STATUS(kInternal, "for reading", reader->WriteAt(0, {"2"}));
  EXPECT_FALSE(*fs.Exists("/a/b"));
  EXPECT_TRUE(*fs.Exists("."));
}

TEST(FaultFsTest, DamageIsDurable) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", "abc");
  ASSERT_OK(file->WriteAt(2, {"X"}));
  ASSERT_OK(fs.Damage("/a", 1, 0x01));
  EXPECT_EQ(*fs.Contents("/a"), "acX");
  EXPECT_EQ(*fs.Image(0)->Contents("/a"), "acc");
  EXPECT_STATUS(kOutOfRange, "/a", fs.Damage("/a", 3, 1));
  EXPECT_STATUS(kNotFound, "/b", fs.Damage("/b", 0, 1));
}

TEST(FaultFsTest, ModificationTimes) {
  ManualClock clock;
  FaultFs fs(&clock);
  auto file = Create(&fs, "/a", "1");
  EXPECT_EQ(*fs.ModifiedMicros("/a"), ManualClock::kStartWallMicros);
  clock.AdvanceMillis(5);
  ASSERT_OK(file->WriteAt(0, {"2"}));
  EXPECT_EQ(*fs.ModifiedMicros("/a"), ManualClock::kStartWallMicros + 5000);
}

TEST(FaultFsTest, ImagesDependOnTheSeedAlone) {
  FaultFs fs;
  SeededRandom random(TestSeed());
  for (int i = 0; i < 20; ++i) Create(&fs, "/" + std::to_string(i), random.Bytes(3000));
  std::set<std::map<std::string, std::string>> different;
  for (uint64_t seed = 2; seed < 12; ++seed) {
    std::map<std::string, std::string> disks[2];
    for (auto& disk : disks) {
      auto image = fs.Image(seed);
      for (const std::string& path : image->AllFiles()) disk[path] = *image->Contents(path);
    }
    EXPECT_EQ(disks[0], disks[1]);
    different.insert(disks[0]);
  }
  EXPECT_GT(different.size(), 5u);
}

TEST(FaultFsTest, ManyThreads) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", std::string(4096, 'a'));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&fs, &file, t] {
      auto mine = Create(&fs, "/t" + std::to_string(t), "x");
      char buffer[100];
      for (int i = 0; i < 200; ++i) {
        EXPECT_OK(mine->WriteAt(i, {"y"}));
        EXPECT_EQ(*file->ReadAt(i, 100, buffer), 100u);
        if (i % 50 == 0) {
          EXPECT_OK(mine->Sync());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fs.AllFiles().size(), 5u);
}

}  // namespace
}  // namespace stele
