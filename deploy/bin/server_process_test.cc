// What a server tells the supervisor of NOTIFY_SOCKET, and that none is no trouble.
#include "deploy/bin/server_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "common/net/notify_listener.h"

namespace stele::bin {
namespace {

TEST(NotifyLeaving, AsksForTheTimeThatLeavingAndFlushesTake) {
  const std::string name = "@stele-server-process-" + std::to_string(getpid());
  net::NotifyListener supervisor(name);
  ASSERT_TRUE(supervisor.bound());
  setenv("NOTIFY_SOCKET", name.c_str(), /*overwrite=*/1);
  NotifyLeaving(60'000);
  EXPECT_EQ(supervisor.Heard(),
            "STOPPING=1\nSTATUS=gives its tablets away\nEXTEND_TIMEOUT_USEC=150000000");
  NotifyLeaving(0);
  EXPECT_EQ(supervisor.Heard(),
            "STOPPING=1\nSTATUS=gives its tablets away\nEXTEND_TIMEOUT_USEC=90000000");
  NotifyLeaving(24 * 3'600'000);
  EXPECT_EQ(supervisor.Heard(),
            "STOPPING=1\nSTATUS=gives its tablets away\nEXTEND_TIMEOUT_USEC=86490000000");
  EXPECT_EQ(supervisor.Heard(), "nothing");
  unsetenv("NOTIFY_SOCKET");
}

TEST(NotifyLeaving, WithoutASupervisorNothingIsSaid) {
  unsetenv("NOTIFY_SOCKET");
  NotifyLeaving(60'000);
}

}  // namespace
}  // namespace stele::bin
