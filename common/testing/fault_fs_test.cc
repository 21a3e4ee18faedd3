// Goal: FaultFs forgets what a real disk may forget and nothing else, and its faults meet the call
// they were planned for.
#include "common/testing/fault_fs.h"

#include <gtest/gtest.h>

#include <set>

#include "common/testing/manual_clock.h"
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

// A file whose content and name are durable.
std::unique_ptr<FsFile> CreateDurable(Fs* fs, const std::string& path, Slice content) {
  std::unique_ptr<FsFile> file = Create(fs, path, content);
  EXPECT_OK(file->Sync());
  EXPECT_OK(fs->SyncDir("/"));
  return file;
}

TEST(FaultFsTest, UnsyncedDataIsLostOrKeptByTheSeed) {
  FaultFs fs;
  auto file = CreateDurable(&fs, "/a", "old");
  ASSERT_OK(file->WriteAt(0, {"new and longer"}));
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

}  // namespace
}  // namespace stele
