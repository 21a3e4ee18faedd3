// Goal: a store of one kind of cell is refused by the other, and by a cell with another key.
#include "deploy/cell/store_owner.h"

#include <gtest/gtest.h>

#include "common/testing/fault_fs.h"
#include "common/testing/status_asserts.h"

namespace stele::deploy {
namespace {

TEST(StoreOwner, IsOfOneKindAndOneKey) {
  FaultFs fs;
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&fs, "/cell", true));
  ASSERT_OK(CheckForOneProcess(store.get()));
  ASSERT_OK(ClaimForProcesses(store.get(), "the key", false));
  ASSERT_OK(ClaimForProcesses(store.get(), "the key", false));
  EXPECT_STATUS(kFailedPrecondition, "another key", ClaimForProcesses(store.get(), "other", false));
  EXPECT_STATUS(kFailedPrecondition, "several processes", CheckForOneProcess(store.get()));
}

TEST(StoreOwner, AnEmptyDirectoryIsNotThatOfACellWithData) {
  FaultFs fs;
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&fs, "/cell", true));
  EXPECT_STATUS(kFailedPrecondition, "mounted", ClaimForProcesses(store.get(), "the key", true));
  EXPECT_STATUS(kFailedPrecondition, "of no cell", ReadClaim(store.get())) << "nothing was claimed";
  ASSERT_OK(ClaimForProcesses(store.get(), "the key", false));
  ASSERT_OK(ClaimForProcesses(store.get(), "the key", true));
  EXPECT_STATUS(kFailedPrecondition, "another key", ClaimForProcesses(store.get(), "other", true));
}

TEST(StoreOwner, OfOneProcessIsNotForSeveral) {
  FaultFs fs;
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&fs, "/cell", true));
  ASSERT_OK(store->CreateCell("locker/state", "x"));
  EXPECT_STATUS(kFailedPrecondition, "stele local",
                ClaimForProcesses(store.get(), "the key", false));
  ASSERT_OK(CheckForOneProcess(store.get()));
}

TEST(StoreOwner, AnErrorIsNoAnswer) {
  FaultFs fs;
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&fs, "/cell", true));
  fs.CutPower();
  EXPECT_FALSE(ClaimForProcesses(store.get(), "the key", false).ok());
  EXPECT_FALSE(CheckForOneProcess(store.get()).ok());
}

}  // namespace
}  // namespace stele::deploy
