// A supervisor hears what its process says, at a path and at an abstract name; no listener, and no
// address, are errors that stop nothing.
#include "common/net/notify.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "common/net/notify_listener.h"

namespace stele::net {
namespace {

TEST(NotifyTest, IsHeardAtAPathAndAtAnAbstractName) {
  const std::string path = testing::TempDir() + "notify-" + std::to_string(getpid());
  for (const std::string& name : {path, "@stele-notify-" + std::to_string(getpid())}) {
    NotifyListener supervisor(name);
    ASSERT_TRUE(supervisor.bound()) << name;
    EXPECT_EQ(supervisor.Heard(), "nothing");
    EXPECT_TRUE(NotifySupervisor(name, "READY=1\nSTATUS=serves").ok()) << name;
    EXPECT_EQ(supervisor.Heard(), "READY=1\nSTATUS=serves");
  }
  std::filesystem::remove(path);
}

TEST(NotifyTest, NobodyThereAndNoAddress) {
  EXPECT_EQ(NotifySupervisor("@stele-nobody-" + std::to_string(getpid()), "READY=1").code(),
            absl::StatusCode::kUnavailable);
  for (const std::string& name :
       {std::string(), std::string("@"), std::string("vsock:2:1"), "/" + std::string(200, 'x')}) {
    EXPECT_EQ(NotifySupervisor(name, "READY=1").code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

}  // namespace
}  // namespace stele::net
