// The Locker's paths, and what a server writes about itself in its /servers node. Shared by all
// roles. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/status.h"

namespace stele {

inline constexpr char kMasterLockPath[] = "/master/lock";  // lock; epoch = the master's
inline constexpr char kServersPath[] = "/servers";         // /servers/<id>: ephemeral, ServerNode
inline constexpr char kServerLocksPath[] =
    "/server-locks";  // /server-locks/<id>: lock; epoch = incarnation
// /logs/<log name>: value; there from before a server's first record until its log was recovered.
inline constexpr char kLogsPath[] = "/logs";
inline constexpr char kMasterTermPath[] = "/master/term";  // value: number of the last term
// value: bytes of logs that are recovered in a second, as measured; a hint
inline constexpr char kRecoveryRatePath[] = "/master/recovery-rate";
inline constexpr char kMastersPath[] = "/masters";            // /masters/<address>: ephemeral
inline constexpr char kRootPath[] = "/root";                  // value: TabletLocation
inline constexpr char kCatalogPath[] = "/catalog";            // value: TabletLocation
inline constexpr char kServerIdsPath[] = "/cell/server-ids";  // value: number of in-process servers

// A tablet server that has recovered its log and serves.
struct ServerNode {
  std::string server_id;
  uint64_t incarnation = 0;
  std::string address;       // rpc
  std::string http_address;  // empty: none
  bool operator==(const ServerNode&) const = default;
};
std::string EncodeServerNode(const ServerNode& node);
StatusOr<ServerNode> DecodeServerNode(Slice encoded);  // DataLoss

// The log of one incarnation of a server: "<server id>.<incarnation>".
std::string LogName(const std::string& server_id, uint64_t incarnation);
struct LogOwner {
  std::string server_id;
  uint64_t incarnation = 0;
  auto operator<=>(const LogOwner&) const = default;
};
StatusOr<LogOwner> ParseLogName(const std::string& log);  // InvalidArgument

}  // namespace stele
