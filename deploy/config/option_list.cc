// The table itself.
#include "deploy/config/option_table.h"

namespace stele::config {
namespace {

using K = OptionKind;

constexpr RoleSet kLocal = Only(Role::kLocal);
constexpr RoleSet kMaster = Only(Role::kMaster);
constexpr RoleSet kServer = Only(Role::kTabletServer);
constexpr uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;
constexpr uint64_t kSecond = 1'000, kDay = 86'400 * kSecond, kYear = 365 * kDay;

constexpr char kHttpMeaning[] =
    "the status pages' address; `none` for no pages. They change nothing, but show keys: on an "
    "address that is not loopback's, to whoever reaches it (Prometheus, probes)";

std::vector<Option> PlaceOptions() {
  return {
      {.name = "data",
       .kind = K::kPath,
       .roles = kLocal,
       .by_default = "",
       .meaning = "the data directory; created when absent",
       .required = true},
      {.name = "rpc",
       .kind = K::kListen,
       .roles = kLocal,
       .by_default = "127.0.0.1:7600",
       .meaning = "the cell's address; port 0 takes a free one"},
      {.name = "id",
       .kind = K::kServerId,
       .roles = kServer,
       .by_default = "",
       .meaning = "the server's name in the cell, for ever",
       .required = true},
      {.name = "data-dir",
       .kind = K::kPath,
       .roles = kServer,
       .by_default = "",
       .meaning = "the cell's directory, shared by all its tablet servers",
       .required = true},
      {.name = "name",
       .kind = K::kText,
       .roles = kMaster,
       .by_default = "stele",
       .meaning = "the cell's name, for people"},
      {.name = "listen",
       .kind = K::kListen,
       .roles = kMaster,
       .by_default = "127.0.0.1:7600",
       .meaning = "the address that clients and servers are told; port 0 takes a free one"},
      {.name = "listen",
       .kind = K::kListen,
       .roles = kServer,
       .by_default = "127.0.0.1:0",
       .meaning = "the address that clients and masters are told; port 0 takes a free one"},
      {.name = "http",
       .kind = K::kListenOrNone,
       .roles = kLocal | kMaster,
       .by_default = "127.0.0.1:7601",
       .meaning = kHttpMeaning},
      {.name = "http",
       .kind = K::kListenOrNone,
       .roles = kServer,
       .by_default = "127.0.0.1:0",
       .meaning = kHttpMeaning},
      {.name = "advertise",
       .kind = K::kReachable,
       .roles = kMaster | kServer,
       .by_default = "",
       .meaning = "where clients, masters and servers reach this process, where that is not the "
                  "address it listens on: behind NAT or a proxy, in a container, listening on "
                  "0.0.0.0",
       .otherwise = "the address it listens on"},
      {.name = "tablet-servers",
       .kind = K::kCount,
       .roles = kLocal,
       .by_default = "1",
       .meaning = "tablet servers in the process",
       .min = 1,
       .max = 64,
       .unit = "servers"},
  };
}

std::vector<Option> LockerOptions() {
  return {
      {.name = "locker",
       .kind = K::kLocker,
       .roles = kMaster | kServer,
       .by_default = "",
       .meaning = "the cell's address",
       .required = true},
      {.name = "locker-auth",
       .kind = K::kSecretFile,
       .roles = kMaster | kServer,
       .by_default = "",
       .meaning = "file with user:password; what is made in ZooKeeper is then only for who has it",
       .otherwise = "open to whoever reaches ZooKeeper"},
      {.name = "session-timeout-ms",
       .kind = K::kCount,
       .roles = kAllRoles,
       .by_default = "10000",
       .meaning =
           "time after which a silent server counts as gone; ZooKeeper has limits of its own",
       .min = 500,
       .max = 3'600'000,
       .unit = "ms"},
      {.name = "zookeeper-tick-ms",
       .kind = K::kCount,
       .roles = kMaster | kServer,
       .by_default = "0",
       .meaning = "ZooKeeper's tickTime: leases may then last longer",
       .max = 3'600'000,
       .zero = "not known",
       .unit = "ms"},
      {.name = "leave-timeout-ms",
       .kind = K::kCount,
       .roles = kServer,
       .by_default = "60000",
       .meaning = "how long SIGTERM waits for other servers to take the tablets",
       .max = kDay,
       .zero = "it does not wait",
       .unit = "ms",
       .live = true},
  };
}

std::vector<Option> EngineOptions() {
  return {
      {.name = "memory-limit",
       .kind = K::kBytes,
       .roles = kLocal | kServer,
       .by_default = "1g",
       .meaning = "resident memory of the whole process",
       .min = 128 * kMiB},
      {.name = "ring-limit",
       .kind = K::kBytes,
       .roles = kLocal | kServer,
       .by_default = "1g",
       .meaning = "commit log of each tablet server at most: two segments or more",
       .min = 2 * kKiB},
      {.name = "ring-segment",
       .kind = K::kBytes,
       .roles = kLocal | kServer,
       .by_default = "64m",
       .meaning = "one segment of the commit log",
       .min = kKiB,
       .max = kGiB},
      {.name = "disk-reserve",
       .kind = K::kBytes,
       .roles = kLocal | kServer,
       .by_default = "",
       .meaning = "below so many free bytes writes are refused",
       .min = 1,
       .zero = "the default",
       .otherwise = "1 % of the disk, at least 1g, but no more than a tenth of it",
       .live = true},
      {.name = "block-cache",
       .kind = K::kBytes,
       .roles = kLocal | kServer,
       .by_default = "",
       .meaning = "decoded blocks that each tablet server keeps in memory, of memory-limit",
       .min = kMiB,
       .otherwise = "a quarter of what memory-limit leaves each server"},
      {.name = "compaction-rate",
       .kind = K::kBytes,
       .roles = kLocal | kServer,
       .by_default = "0",
       .meaning = "bytes a second that the compactions of each tablet server may read and write",
       .min = kMiB,
       .zero = "no limit",
       .live = true},
      {.name = "trash-keep",
       .kind = K::kDuration,
       .roles = kLocal | kServer,
       .by_default = "1d",
       .meaning = "how long files that nothing names stay in the trash",
       .max = kYear,
       .zero = "they go with the next round"},
  };
}

std::vector<Option> ThreadOptions() {
  return {
      {.name = "maintenance-threads",
       .kind = K::kCount,
       .roles = kLocal | kServer,
       .by_default = "1",
       .meaning = "compactions that each tablet server runs at once",
       .min = 1,
       .max = 64,
       .unit = "threads"},
      {.name = "io-threads",
       .kind = K::kCount,
       .roles = kLocal | kServer,
       .by_default = "",
       .meaning = "threads on which each tablet server reads from memory and talks to clients",
       .min = 1,
       .max = 64,
       .unit = "threads",
       .otherwise = "one for each processor, at most 8"},
      {.name = "disk-threads",
       .kind = K::kCount,
       .roles = kLocal | kServer,
       .by_default = "8",
       .meaning = "reads of each tablet server that wait for the disk at once",
       .min = 1,
       .max = 256,
       .unit = "threads"},
  };
}

std::vector<Option> ReshapeOptions() {
  return {
      {.name = "metadata-split",
       .kind = K::kBytes,
       .roles = kLocal | kMaster,
       .by_default = "16m",
       .meaning = "size at which a tablet of METADATA splits",
       .zero = "never",
       .live = true},
      {.name = "split-load",
       .kind = K::kCount,
       .roles = kLocal | kMaster,
       .by_default = "20000",
       .meaning = "pages and changed rows a second above which a tablet is hot",
       .zero = "no split by load",
       .unit = "requests/s",
       .live = true},
      {.name = "split-load-after",
       .kind = K::kDuration,
       .roles = kLocal | kMaster,
       .by_default = "1m",
       .meaning = "a tablet that is hot for so long splits where its requests halve",
       .max = kYear,
       .live = true},
      {.name = "merge-small-after",
       .kind = K::kDuration,
       .roles = kLocal | kMaster,
       .by_default = "1h",
       .meaning =
           "neighbours that for so long have less than a quarter of their table's split size "
           "are merged",
       .max = kYear,
       .zero = "never",
       .live = true},
  };
}

std::vector<Option> BalanceOptions() {
  return {
      {.name = "balance-after",
       .kind = K::kDuration,
       .roles = kLocal | kMaster,
       .by_default = "5m",
       .meaning =
           "tablets move by themselves when for so long a server has had too many of them or "
           "too much load",
       .min = kSecond,
       .max = kYear,
       .zero = "only when `stele admin balance` says so",
       .live = true},
      {.name = "balance-tolerance",
       .kind = K::kCount,
       .roles = kLocal | kMaster,
       .by_default = "25",
       .meaning = "a server has too much load when it has so much more than the average",
       .min = 5,
       .max = 1'000,
       .unit = "percent",
       .live = true},
      {.name = "balance-min-load",
       .kind = K::kCount,
       .roles = kLocal | kMaster,
       .by_default = "100",
       .meaning = "and so many requests a second more; 4 KiB count like one more request",
       .min = 1,
       .unit = "requests/s",
       .live = true},
  };
}

}  // namespace

const std::vector<Option>& AllOptions() {
  static const std::vector<Option> all = [] {
    std::vector<Option> options = PlaceOptions();
    for (auto make :
         {LockerOptions, EngineOptions, ThreadOptions, ReshapeOptions, BalanceOptions}) {
      for (const Option& option : make()) options.push_back(option);
    }
    return options;
  }();
  return all;
}

}  // namespace stele::config
