// ZkAddress: where a ZooKeeper ensemble is and below which node a cell lives:
// zk://host:port[,host:port]*[/chroot]. The port may be left out: 2181. Value type, pure functions;
// only ResolveServers asks the system's name service.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"

namespace stele {

inline constexpr char kZkScheme[] = "zk://";

struct ZkAddress {
  struct Server {
    std::string host;  // a name, an IPv4 address, or an IPv6 address without its brackets
    std::string port;
    bool operator==(const Server&) const = default;
  };
  std::vector<Server> servers;
  std::string chroot;  // "" or "/a/b"
};

// InvalidArgument says what is wrong.
StatusOr<ZkAddress> ParseZkAddress(Slice address);
std::string FormatZkAddress(const ZkAddress& address);

// "10.0.0.1:2181,[fd00::1]:2181": numeric, for the client library never to look a name up itself
// (that of version 3.8 frees a name it still uses). A name that does not resolve is left out;
// Unavailable when none does. Blocks.
StatusOr<std::string> ResolveServers(const ZkAddress& address);

// InvalidArgument unless it is "/a/b" of printable ASCII without empty, "." and ".." parts.
Status CheckZkPath(Slice path);

}  // namespace stele
