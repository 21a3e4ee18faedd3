// Goal: an address of a ZooKeeper cell is read as written, and each wrong one is refused with what
// is wrong about it; names become numbers.
#include "locker/zk/zk_address.h"

#include <gtest/gtest.h>

#include "common/testing/status_asserts.h"
#include "locker/zk/zk_locker.h"

namespace stele {
namespace {

TEST(ZkAddress, IsReadAsWritten) {
  ASSERT_OK_AND_ASSIGN(ZkAddress a, ParseZkAddress("zk://a:1,b.example:65535,c/cells/one"));
  EXPECT_EQ(a.servers,
            (std::vector<ZkAddress::Server>{{"a", "1"}, {"b.example", "65535"}, {"c", "2181"}}));
  EXPECT_EQ(a.chroot, "/cells/one");
  EXPECT_EQ(FormatZkAddress(a), "zk://a:1,b.example:65535,c:2181/cells/one");
  for (const char* whole : {"zk://a:2181", "zk://[::1]:2181", "zk://[fd00::2]:1,10.0.0.1:2/x"}) {
    ASSERT_OK_AND_ASSIGN(a, ParseZkAddress(whole));
    EXPECT_EQ(FormatZkAddress(a), whole);
  }
  ASSERT_OK_AND_ASSIGN(a, ParseZkAddress("zk://a/"));
  EXPECT_EQ(a.chroot, "");
}

TEST(ZkAddress, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"a:2181", "begin with zk://"},
      {"zk://", "host is missing"},
      {"zk://a:1,,b:1", "host is missing"},
      {"zk://:2181", "host is missing"},
      {"zk://a:0", "no port"},
      {"zk://a:65536", "no port"},
      {"zk://a:", "no port"},
      {"zk://a:+1", "no port"},
      {"zk://a:1x", "no port"},
      {"zk://a b:1", "no host"},
      {"zk://[::1:1", "bracket"},
      {"zk://[::1]1", "bracket"},
      {"zk://a:1//x", "part is empty"},
      {"zk://a:1/x/", "part is empty"},
      {"zk://a:1/x/../y", ". or .."},
      {"zk://a:1/x y", "ASCII"},
  };
  for (const auto& [address, why] : kWrong) {
    EXPECT_STATUS(kInvalidArgument, why, ParseZkAddress(address)) << address;
  }
  std::string many = "zk://a";
  for (int i = 0; i < 32; ++i) many += ",a";
  EXPECT_STATUS(kInvalidArgument, "32 servers", ParseZkAddress(many));
}

TEST(ZkAddress, NamesBecomeNumbers) {
  ASSERT_OK_AND_ASSIGN(ZkAddress a, ParseZkAddress("zk://127.0.0.1:7,[::1]:8"));
  ASSERT_OK_AND_ASSIGN(std::string servers, ResolveServers(a));
  EXPECT_EQ(servers, "127.0.0.1:7,[::1]:8");
  ASSERT_OK_AND_ASSIGN(a, ParseZkAddress("zk://no-such-host.invalid:1"));
  EXPECT_STATUS(kUnavailable, "no-such-host.invalid", ResolveServers(a));
  ASSERT_OK_AND_ASSIGN(a, ParseZkAddress("zk://no-such-host.invalid:1,127.0.0.1:7"));
  ASSERT_OK_AND_ASSIGN(servers, ResolveServers(a));
  EXPECT_EQ(servers, "127.0.0.1:7");
}

TEST(ZkLocker, RefusesWrongOptions) {
  auto open = [](ZkLockerOptions options) { return OpenZkLocker(options, SystemClock()).status(); };
  EXPECT_OK(open({.address = "zk://a:1"}));
  EXPECT_STATUS(kInvalidArgument, "zk://", open({.address = "a:1"}));
  EXPECT_STATUS(kInvalidArgument, "user:password",
                open({.address = "zk://a:1", .credentials = "user"}));
  EXPECT_STATUS(kInvalidArgument, "100 ms",
                open({.address = "zk://a:1", .session_timeout_ns = 1'000'000}));
}

}  // namespace
}  // namespace stele
