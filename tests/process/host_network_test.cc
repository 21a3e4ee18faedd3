// Goal: hosts reach each other and the outside; what is dropped in one direction is counted and
// does not arrive while the other direction passes; what a killed test left is removed, with its
// processes.
#include "tests/process/host_network.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/testing/status_asserts.h"
#include "tests/process/child_process.h"

namespace stele {
namespace {

constexpr int kPort = 7;

class HostNetworkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = HostNetwork::WhyNot();
    if (!why.empty()) GTEST_SKIP() << "no hosts in network namespaces here: " << why;
    ASSERT_OK_AND_ASSIGN(network_, HostNetwork::Create(2));
  }
  // Prints a line for each datagram, with where it came from.
  void Listen(int host, ChildProcess* listener) {
    std::vector<std::string> words =
        host == HostNetwork::kOutside ? std::vector<std::string>() : network_->WordsOn(host);
    words.insert(words.end(), {"python3", "-uc",
                               absl::StrCat("import socket\n"
                                            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                            "s.bind(('",
                                            network_->address(host), "', ", kPort,
                                            "))\n"
                                            "print('READY')\n"
                                            "while True: print('FROM', s.recvfrom(9)[1][0])\n")});
    ASSERT_OK(listener->Start(words, dir_.path() + "/stderr"));
    ASSERT_FALSE(listener->AwaitLine("READY", 30'000).empty()) << TailOf(dir_.path() + "/stderr");
  }
  void Send(int from, int to) {
    std::vector<std::string> words =
        from == HostNetwork::kOutside ? std::vector<std::string>() : network_->WordsOn(from);
    words.insert(words.end(), {"python3", "-c",
                               absl::StrCat("import socket\n"
                                            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                            "s.bind(('",
                                            network_->address(from),
                                            "', 0))\n"
                                            "try: s.sendto(b'x', ('",
                                            network_->address(to), "', ", kPort,
                                            "))\n"
                                            "except PermissionError: pass\n")});
    ChildProcess sender;
    ASSERT_OK(sender.Start(words, dir_.path() + "/stderr"));
    EXPECT_EQ(sender.AwaitExit(30'000), 0) << TailOf(dir_.path() + "/stderr");
  }
  bool Arrives(int from, int to, ChildProcess* listener) {
    Send(from, to);
    return listener->AwaitLine("FROM " + network_->address(from), 500) != "";
  }

  TempDir dir_;
  std::unique_ptr<HostNetwork> network_;
};

TEST_F(HostNetworkTest, DropsOneDirectionAndCounts) {
  constexpr int kOutside = HostNetwork::kOutside;
  ChildProcess at_0, at_1, outside;
  Listen(0, &at_0);
  Listen(1, &at_1);
  Listen(kOutside, &outside);
  EXPECT_TRUE(Arrives(0, 1, &at_1));
  EXPECT_TRUE(Arrives(kOutside, 0, &at_0));
  EXPECT_TRUE(Arrives(0, kOutside, &outside));

  ASSERT_OK(network_->Drop(0, 1));
  EXPECT_FALSE(Arrives(0, 1, &at_1));
  EXPECT_TRUE(Arrives(1, 0, &at_0)) << "the other direction";
  EXPECT_TRUE(Arrives(kOutside, 1, &at_1)) << "another sender";
  ASSERT_OK_AND_ASSIGN(const uint64_t dropped, network_->Dropped(0, 1));
  EXPECT_GE(dropped, 1u);
  ASSERT_OK_AND_ASSIGN(const uint64_t back, network_->Dropped(1, 0));
  EXPECT_EQ(back, 0u);

  ASSERT_OK(network_->Drop(0, kOutside));
  EXPECT_FALSE(Arrives(0, kOutside, &outside));
  EXPECT_TRUE(Arrives(kOutside, 0, &at_0));
  ASSERT_OK(network_->Pass(0, 1));
  ASSERT_OK(network_->Pass(0, kOutside));
  EXPECT_TRUE(Arrives(0, 1, &at_1));
  EXPECT_TRUE(Arrives(0, kOutside, &outside));
}

TEST_F(HostNetworkTest, WhatAKilledTestLeftIsRemoved) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // what the child leaves becomes ours
  const std::string left = dir_.path() + "/left";
  const pid_t child = fork();
  if (child == 0) {
    auto network = HostNetwork::Create(1);
    if (!network.ok()) kill(getpid(), SIGTERM);
    auto words = (*network)->WordsOn(0);
    words.insert(words.end(), {"sh", "-c", "echo READY; exec sleep 600"});
    ChildProcess process;
    const bool runs = process.Start(words, dir_.path() + "/stderr").ok() &&
                      !process.AwaitLine("READY", 30'000).empty();
    std::ofstream(left) << process.pid();
    kill(getpid(), runs ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(WTERMSIG(status), SIGKILL) << "it could not make its network";
  const std::string bridge = absl::StrCat("/sys/class/net/stlt", child, "b");
  EXPECT_TRUE(std::filesystem::exists(bridge));
  ASSERT_OK_AND_ASSIGN(const int removed, HostNetwork::RemoveStale());
  EXPECT_GE(removed, 2) << "a namespace and a bridge";
  EXPECT_FALSE(std::filesystem::exists(bridge));
  EXPECT_FALSE(std::filesystem::exists(absl::StrCat("/run/netns/stele-test-", child, "-0")));
  pid_t sleeper = 0;
  std::ifstream(left) >> sleeper;
  ASSERT_GT(sleeper, 1);
  ASSERT_EQ(waitpid(sleeper, &status, 0), sleeper);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

}  // namespace
}  // namespace stele
