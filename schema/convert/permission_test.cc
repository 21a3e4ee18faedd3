// Goal: each method is granted to whom its declared permission says, an unknown one to nobody, and
// the system's tables are written by the cell's servers only.
#include "schema/convert/permission.h"

#include <gtest/gtest.h>

#include "schema/wire/method.h"

namespace stele::wire {
namespace {

net::RpcRequest RequestOf(uint16_t method, bool from_cell) {
  net::RpcRequest request;
  request.method = method;
  request.from_cell = from_cell;
  return request;
}

TEST(Permission, EachMethodNeedsWhatItDeclares) {
  int cluster = 0;
  for (const MethodInfo& info : kMethods) {
    const auto number = static_cast<uint16_t>(info.method);
    EXPECT_TRUE(CheckPermission(RequestOf(number, true)).ok()) << info.name;
    const Status anybody = CheckPermission(RequestOf(number, false));
    if (info.permission == Permission::kCluster) {
      ++cluster;
      EXPECT_TRUE(absl::IsPermissionDenied(anybody)) << info.name;
    } else {
      EXPECT_TRUE(anybody.ok()) << info.name;
    }
  }
  EXPECT_EQ(cluster, 15);
}

TEST(Permission, WhatIsNotDeclaredIsDenied) {
  EXPECT_FALSE(IsGranted(Caller::kCell, Permission::kNone));
  EXPECT_FALSE(IsGranted(Caller::kCell, static_cast<Permission>(200)));
  for (uint16_t number : {uint16_t{0}, static_cast<uint16_t>(Method::kEnd), uint16_t{65'535}}) {
    EXPECT_TRUE(absl::IsUnimplemented(CheckPermission(RequestOf(number, true)))) << number;
  }
}

TEST(Permission, SystemTablesAreTheCells) {
  const auto write = static_cast<uint16_t>(Method::kMutateRows);
  EXPECT_TRUE(CheckMayWrite(RequestOf(write, true), kFirstUserTable - 1).ok());
  EXPECT_TRUE(CheckMayWrite(RequestOf(write, false), kFirstUserTable).ok());
  EXPECT_TRUE(
      absl::IsPermissionDenied(CheckMayWrite(RequestOf(write, false), kFirstUserTable - 1)));
  EXPECT_TRUE(absl::IsPermissionDenied(CheckMayWrite(RequestOf(write, false), 1)));
}

}  // namespace
}  // namespace stele::wire
