// Live changes: what is refused and why, what arrives where, and what is listed afterwards.
#include "deploy/bin/live_options.h"

#include <gtest/gtest.h>

#include "common/testing/manual_clock.h"

namespace stele::bin {
namespace {

using config::Role;

struct Running {
  explicit Running(Role role, std::map<std::string, std::string> flags = {}) {
    config::SettingsInput input;
    input.flags = std::move(flags);
    settings = std::make_unique<config::Settings>(role, config::Resolve(role, input).settings);
    live = std::make_unique<LiveOptions>(settings.get(), &clock);
  }
  // A process tells what it runs, no more.
  void Attach() {
    LiveOptions::Hooks hooks;
    if (settings->role() != Role::kTabletServer) {
      hooks.master = [this](const auto& r, const auto& b) {
        reshape = r;
        balance = b;
        ++told;
      };
    }
    if (settings->role() != Role::kMaster) {
      hooks.servers = [this](const storage::EngineTuning& t) {
        tuning = t;
        ++told;
      };
      hooks.disk_bytes = [this] { return disk_bytes; };
    }
    live->Attach(std::move(hooks));
  }
  StatusOr<std::string> Set(const char* name, const char* value) {
    return live->Set({"ts-1", name, value, "10.0.0.9:5"});
  }

  ManualClock clock;
  std::unique_ptr<config::Settings> settings;
  std::unique_ptr<LiveOptions> live;
  master::ReshapeOptions reshape;
  master::BalanceOptions balance;
  storage::EngineTuning tuning;
  StatusOr<uint64_t> disk_bytes = uint64_t{4} << 30;
  int told = 0;
};

TEST(LiveOptions, Refusals) {
  struct Case {
    Role role;
    const char *name, *value;
    absl::StatusCode code;
    const char* why;  // a part
  };
  constexpr auto kBad = absl::StatusCode::kInvalidArgument;
  constexpr auto kFixed = absl::StatusCode::kFailedPrecondition;
  const Case cases[] = {
      {Role::kTabletServer, "frob", "1", kBad, "\"frob\" is no option of tabletserver"},
      {Role::kTabletServer, "compaction_rate", "1", kBad, "is compaction-rate meant?"},
      {Role::kTabletServer, "split-load", "1", kBad, "is no option of tabletserver"},
      {Role::kMaster, "compaction-rate", "1m", kBad, "is no option of master"},
      {Role::kTabletServer, "compaction-rate", "1k", kBad, "is out of range, which is 0 or 1m .."},
      {Role::kTabletServer, "compaction-rate", "", kBad, "is not a size"},
      {Role::kMaster, "balance-tolerance", "4", kBad, "is out of range, which is 5 .. 1000"},
      {Role::kTabletServer, "memory-limit", "2g", kFixed,
       "write `memory-limit = 2g` into its file"},
      {Role::kTabletServer, "block-cache", "64m", kFixed, "is fixed when a process starts"},
      {Role::kMaster, "listen", "127.0.0.1:9", kFixed, "is fixed when a process starts"},
  };
  for (const Case& c : cases) {
    Running running(c.role);
    running.Attach();
    const Status status = running.Set(c.name, c.value).status();
    EXPECT_EQ(status.code(), c.code) << c.name << " " << status;
    EXPECT_NE(std::string(status.message()).find(c.why), std::string::npos) << status;
    EXPECT_EQ(running.told, 0) << c.name;
  }
}

TEST(LiveOptions, NothingArrivesBeforeTheStartAndAfterTheEnd) {
  Running running(Role::kMaster);
  EXPECT_EQ(running.Set("split-load", "7").status().code(), absl::StatusCode::kUnavailable);
  running.Attach();
  EXPECT_TRUE(running.Set("split-load", "7").ok());
  running.live->Detach();
  EXPECT_EQ(running.Set("split-load", "8").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(running.settings->Number("split-load"), 7u);
}

TEST(LiveOptions, AChangeArrivesAndIsListed) {
  Running running(Role::kLocal, {{"balance-tolerance", "50"}});
  running.Attach();
  auto done = running.Set("compaction-rate", "8m");
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(*done, "local: compaction-rate is 8m, was 0, until the process ends");
  EXPECT_EQ(*running.tuning.compaction_bytes_per_second, 8u << 20);
  EXPECT_EQ(*running.tuning.disk_reserve_bytes, 0u);
  ASSERT_TRUE(running.Set("disk-reserve", "2g").ok());
  EXPECT_EQ(*running.tuning.disk_reserve_bytes, uint64_t{2} << 30);
  EXPECT_EQ(*running.tuning.compaction_bytes_per_second, 8u << 20);
  ASSERT_TRUE(running.Set("balance-after", "9s").ok());
  ASSERT_TRUE(running.Set("merge-small-after", "0s").ok());
  EXPECT_EQ(running.balance.after_ms, 9'000);
  EXPECT_EQ(running.balance.tolerance_percent, 50u);
  EXPECT_EQ(running.reshape.merge_small_after_ms, 0);
  bool seen = false;
  for (const wire::OptionValue& option : running.live->List()) {
    if (option.name != "compaction-rate") continue;
    seen = true;
    EXPECT_EQ(option.value, "8m");
    EXPECT_EQ(option.source, "live");
    EXPECT_EQ(option.place, "10.0.0.9:5");
    EXPECT_TRUE(option.live);
  }
  EXPECT_TRUE(seen);
}

TEST(LiveOptions, AReserveThatTheDiskCannotHaveIsRefused) {
  for (Role role : {Role::kLocal, Role::kTabletServer}) {
    Running running(role);
    running.Attach();
    ASSERT_TRUE(running.Set("disk-reserve", "2g").ok());
    const int told = running.told;
    for (const char* value : {"2147483649", "100t"}) {
      const Status refused = running.Set("disk-reserve", value).status();
      EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << refused;
      EXPECT_NE(std::string(refused.message()).find("more than half of the disk"),
                std::string::npos)
          << refused;
    }
    EXPECT_EQ(running.settings->Text("disk-reserve"), "2g");
    EXPECT_EQ(running.told, told);
    // Back to the default, whatever it is.
    ASSERT_TRUE(running.Set("disk-reserve", "0").ok());
    EXPECT_EQ(*running.tuning.disk_reserve_bytes, 0u);
    running.disk_bytes = absl::UnavailableError("no statvfs");
    EXPECT_EQ(running.Set("disk-reserve", "1m").status().code(), absl::StatusCode::kUnavailable);
    EXPECT_TRUE(running.Set("compaction-rate", "8m").ok());
    EXPECT_EQ(*running.tuning.disk_reserve_bytes, 0u);
  }
}

TEST(LiveOptions, TheDoorKnowsWhatIsWhose) {
  Running running(Role::kMaster);
  const wire::ProcessOptions* door = running.live->door();
  EXPECT_EQ(door->role, "master");
  EXPECT_FALSE(door->version.empty());
  EXPECT_EQ(door->list().size(), config::OptionsOf(Role::kMaster).size());
  EXPECT_TRUE(door->has("split-load"));
  EXPECT_FALSE(door->shared("split-load"));
  EXPECT_FALSE(door->has("compaction-rate"));
  EXPECT_TRUE(door->shared("compaction-rate"));
  EXPECT_EQ(door->set({"master", "frob", "1", ""}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace stele::bin
