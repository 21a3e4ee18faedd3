// Goal: the system-call layer completes short transfers, maps every error, poisons a file after a
// failed sync, and its locks exclude inside and between processes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/store/fs.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"

namespace stele {
namespace {

using Mode = Fs::Mode;

class PosixFsTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  std::unique_ptr<FsFile> Create(const std::string& name) {
    StatusOr<std::unique_ptr<FsFile>> file = fs_->Open(Path(name), Mode::kCreateExclusive);
    EXPECT_OK(file);
    return *std::move(file);
  }

  Fs* const fs_ = PosixFs();
  TempDir dir_;
};

// Sets a limit of this process, and puts the old one back.
class LimitGuard {
 public:
  LimitGuard(__rlimit_resource what, rlim_t value) : what_(what) {
    getrlimit(what_, &old_);
    rlimit limit = old_;
    limit.rlim_cur = value;
    EXPECT_EQ(setrlimit(what_, &limit), 0);
  }
  ~LimitGuard() { setrlimit(what_, &old_); }

 private:
  const __rlimit_resource what_;
  rlimit old_;
};

TEST_F(PosixFsTest, WritesManyPartsAndReadsShortOnlyAtTheEnd) {
  auto file = Create("a");
  std::vector<std::string> texts;
  std::string all(3, '\0');
  for (int i = 0; i < 300; ++i)
    texts.push_back(std::string(i % 7, static_cast<char>('a' + i % 26)));
  const std::vector<Slice> parts(texts.begin(), texts.end());
  for (const std::string& text : texts) all += text;
  ASSERT_OK(file->WriteAt(3, parts));
  ASSERT_OK(file->Sync());
  EXPECT_EQ(*file->Size(), all.size());
  std::string content(all.size() + 50, '?');
  EXPECT_EQ(*file->ReadAt(0, content.size(), content.data()), all.size());
  EXPECT_EQ(content.substr(0, all.size()), all);
  EXPECT_EQ(*file->ReadAt(all.size(), 5, content.data()), 0u);
}

TEST_F(PosixFsTest, WhatIsReservedIsNoPartOfTheFileAndGivenBack) {
  auto file = Create("a");
  const auto room = [&] {
    struct stat info {};
    EXPECT_EQ(::stat(Path("a").c_str(), &info), 0);
    return static_cast<uint64_t>(info.st_blocks) * 512;
  };
  file->Reserve(0, 4u << 20);
  EXPECT_EQ(*file->Size(), 0u);
  const uint64_t reserved = room();
  const std::string content(100'000, 'x');
  ASSERT_OK(file->WriteAt(0, {Slice(content)}));
  file->GiveBack();
  ASSERT_OK(file->Sync());
  EXPECT_EQ(*file->Size(), content.size());
  EXPECT_LE(room(), 256u << 10);
  if (reserved == 0) GTEST_SKIP() << "this file system reserves nothing";
  EXPECT_GE(reserved, 4u << 20);
}

TEST_F(PosixFsTest, ReadsFromMemoryOnlyWhatIsThereWhole) {
  auto file = Create("f");
  const std::string text(64 * 1024, 'm');
  ASSERT_OK(file->WriteAt(0, {text}));
  std::string back(text.size(), '\0');
  const int fd = ::open(Path("f").c_str(), O_RDONLY | O_CLOEXEC);
  iovec whole{back.data(), back.size()};
  const bool tells = ::preadv2(fd, &whole, 1, 0, RWF_NOWAIT) >= 0;
  ::close(fd);
  back.assign(text.size(), '\0');
  EXPECT_EQ(file->ReadAtIfInMemory(0, back.size(), back.data()), tells) << "just written";
  if (tells) EXPECT_EQ(back, text);
  EXPECT_FALSE(file->ReadAtIfInMemory(text.size() - 1, 2, back.data())) << "ends before";
  EXPECT_FALSE(file->ReadAtIfInMemory(text.size(), 1, back.data()));
  ASSERT_OK_AND_ASSIGN(size_t got, file->ReadAt(1, 10, back.data()));
  EXPECT_EQ(got, 10u) << "whatever it tells, it reads";
}

TEST_F(PosixFsTest, TruncateAndAllocate) {
  auto file = Create("a");
  ASSERT_OK(file->Allocate(0));
  ASSERT_OK(file->Allocate(10000));
  EXPECT_EQ(*file->Size(), 10000u);
  ASSERT_OK(file->Truncate(10));
  EXPECT_EQ(*file->Size(), 10u);
}

TEST_F(PosixFsTest, NamesAndTheirErrors) {
  Create("a");
  EXPECT_STATUS(kAlreadyExists, "open " + Path("a"), fs_->Open(Path("a"), Mode::kCreateExclusive));
  EXPECT_STATUS(kNotFound, Path("b"), fs_->Open(Path("b"), Mode::kReadWrite));
  EXPECT_STATUS(kNotFound, Path("b"), fs_->Open(Path("b"), Mode::kRead));
  ASSERT_OK(fs_->Link(Path("a"), Path("b")));
  EXPECT_STATUS(kAlreadyExists, "link", fs_->Link(Path("a"), Path("b")));
  ASSERT_OK(fs_->Rename(Path("b"), Path("c")));
  EXPECT_STATUS(kNotFound, "rename", fs_->Rename(Path("b"), Path("c")));
  ASSERT_OK(fs_->MakeDir(Path("d")));
  EXPECT_STATUS(kAlreadyExists, "mkdir", fs_->MakeDir(Path("d")));
  EXPECT_STATUS(kNotFound, "mkdir", fs_->MakeDir(Path("x/y")));
  ASSERT_OK(fs_->SyncDir(dir_.path()));
  EXPECT_STATUS(kNotFound, Path("x"), fs_->SyncDir(Path("x")));
  EXPECT_STATUS(kInternal, "Not a directory", fs_->SyncDir(Path("a")));
  EXPECT_STATUS(kUnimplemented, "/proc", fs_->SyncDir("/proc"));
  EXPECT_EQ(*fs_->List(dir_.path()), (std::vector<std::string>{"a", "c", "d"}));
  EXPECT_STATUS(kNotFound, Path("x"), fs_->List(Path("x")));
  ASSERT_OK(fs_->Unlink(Path("c")));
  EXPECT_STATUS(kNotFound, "unlink", fs_->Unlink(Path("c")));
  EXPECT_TRUE(*fs_->Exists(Path("a")));
  EXPECT_FALSE(*fs_->Exists(Path("a/b")));
  EXPECT_STATUS(kInternal, "stat", fs_->Exists(Path(std::string(300, 'n'))));
  EXPECT_GT(*fs_->ModifiedMicros(Path("a")), 0);
  EXPECT_STATUS(kNotFound, "stat", fs_->ModifiedMicros(Path("c")));
  EXPECT_GT(*fs_->FreeBytes(dir_.path()), 0u);
  EXPECT_STATUS(kNotFound, "statvfs", fs_->FreeBytes(Path("c")));
  EXPECT_GE(*fs_->TotalBytes(dir_.path()), *fs_->FreeBytes(dir_.path()));
  EXPECT_STATUS(kNotFound, "statvfs", fs_->TotalBytes(Path("c")));
}

TEST_F(PosixFsTest, FullDiskIsResourceExhausted) {
  ASSERT_OK_AND_ASSIGN(auto full, fs_->Open("/dev/full", Mode::kReadWrite));
  EXPECT_STATUS(kResourceExhausted, "pwritev /dev/full", full->WriteAt(0, {"x"}));
}

TEST_F(PosixFsTest, NoMoreFilesIsResourceExhausted) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "the sanitizer's type check itself needs a file descriptor";
#endif
#endif
  LimitGuard limit(RLIMIT_NOFILE, 3);
  EXPECT_STATUS(kResourceExhausted, "open", fs_->Open(Path("a"), Mode::kCreateExclusive));
  EXPECT_STATUS(kResourceExhausted, "open", fs_->TryLock(Path("l")));
  EXPECT_STATUS(kResourceExhausted, "opendir", fs_->List(dir_.path()));
  EXPECT_STATUS(kResourceExhausted, "open", fs_->SyncDir(dir_.path()));
}

TEST_F(PosixFsTest, FailedSyncPoisonsTheFile) {
  ASSERT_OK_AND_ASSIGN(auto file, fs_->Open("/dev/full", Mode::kReadWrite));
  EXPECT_STATUS(kInternal, "fdatasync", file->Sync());  // a device that cannot be synced
  EXPECT_STATUS(kInternal, "poisoned", file->Sync());
  EXPECT_STATUS(kInternal, "poisoned", file->WriteAt(0, {"x"}));
  EXPECT_STATUS(kInternal, "poisoned", file->Truncate(0));
  EXPECT_STATUS(kInternal, "poisoned", file->Allocate(1));
}

TEST_F(PosixFsTest, ShortWriteIsContinuedUntilTheError) {
  auto file = Create("a");
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  {
    LimitGuard limit(RLIMIT_FSIZE, 1000);
    // The kernel takes the first 1000 bytes, across parts, and refuses the rest.
    EXPECT_STATUS(kInternal, "File too large",
                  file->WriteAt(0, {std::string(600, 'a'), std::string(600, 'b')}));
    EXPECT_STATUS(kInternal, "ftruncate", file->Truncate(5000));
    EXPECT_STATUS(kInternal, "fallocate", file->Allocate(5000));
  }
  signal(SIGXFSZ, old_handler);
  std::string content(2000, '?');
  EXPECT_EQ(*file->ReadAt(0, 2000, content.data()), 1000u);
  EXPECT_EQ(content.substr(0, 1000), std::string(600, 'a') + std::string(400, 'b'));
}

TEST_F(PosixFsTest, ReadErrorsAreNotTheEndOfTheFile) {
  ASSERT_OK_AND_ASSIGN(auto file, fs_->Open(dir_.path(), Mode::kRead));
  char c;
  EXPECT_STATUS(kInternal, "pread", file->ReadAt(0, 1, &c));
  ASSERT_OK_AND_ASSIGN(auto reader, fs_->Open("/dev/null", Mode::kRead));
  EXPECT_STATUS(kInternal, "pwritev", reader->WriteAt(0, {"x"}));
}

TEST_F(PosixFsTest, LockExcludesInsideTheProcess) {
  ASSERT_OK_AND_ASSIGN(auto lock, fs_->TryLock(Path("l")));
  EXPECT_STATUS(kUnavailable, "this process", fs_->TryLock(Path("l")));
  ASSERT_OK(fs_->Link(Path("l"), Path("other_name")));
  EXPECT_STATUS(kUnavailable, "this process", fs_->TryLock(Path("other_name")));
  ASSERT_OK(fs_->TryLock(Path("m")));
  lock.reset();
  EXPECT_OK(fs_->TryLock(Path("l")));
}

TEST_F(PosixFsTest, LockOfAKilledProcessIsFree) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    StatusOr<std::unique_ptr<FsLock>> lock = fs_->TryLock(Path("l"));
    const char answer = lock.ok() ? 'y' : 'n';
    if (write(ready[1], &answer, 1) != 1) _exit(1);
    while (true) pause();
  }
  char answer = '?';
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  EXPECT_STATUS(kUnavailable, "another process", fs_->TryLock(Path("l")));
  EXPECT_STATUS(kUnavailable, "another process", fs_->TryLock(Path("l")));
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_OK(fs_->TryLock(Path("l")));
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace stele
