// Goal: the POSIX store's own rules that the conformance suite does not know: its format marker,
// several openers of one directory, leftovers of killed processes, and what is on the disk.
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/store/blob_store.h"
#include "common/store/fs.h"

namespace stele {
namespace {

TEST(PosixStoreTest, Smoke) {
  std::string root = ::testing::TempDir() + "/stele-smoke-" + std::to_string(getpid());
  auto store = OpenPosixStore(PosixFs(), root, true);
  ASSERT_TRUE(store.ok()) << store.status();
  auto w = (*store)->CreateBlob("t/1/a.sst");
  ASSERT_TRUE(w.ok()) << w.status();
  ASSERT_TRUE((*w)->Append("hello").ok());
  ASSERT_TRUE((*w)->Finish().ok());
  auto blobs = (*store)->ListBlobs("t");
  ASSERT_TRUE(blobs.ok()) << blobs.status();
  ASSERT_EQ(blobs->size(), 1u);
  EXPECT_TRUE((*store)->CreateCell("t/1/manifest", "v1").ok());
  EXPECT_EQ((*store)->SwapCell("t/1/manifest", 1, "v2").value(), 2u);
  EXPECT_EQ((*store)->ReadCell("t/1/manifest")->value, "v2");
  auto log = (*store)->OpenLog("ts");
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ((*log)->epoch(), 1u);
  auto seg = (*log)->Create(1, 1024);
  ASSERT_TRUE(seg.ok()) << seg.status();
  EXPECT_TRUE((*seg)->Write(0, {"abc"}, true).ok());
  EXPECT_FALSE((*store)->OpenLog("ts").ok());
}

}  // namespace
}  // namespace stele
