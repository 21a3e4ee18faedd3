#include "deploy/bin/masters_of_cell.h"

#include "absl/strings/match.h"
#include "locker/server_node.h"
#include "locker/zk/zk_locker.h"

namespace stele::bin {
namespace {

constexpr int64_t kTimeoutNs = 10'000'000'000;

}  // namespace

StatusOr<std::string> MastersOfCell(const std::string& cell) {
  if (!absl::StartsWith(cell, "zk://")) return cell;
  ZkLockerOptions options;
  options.address = cell;
  options.call_timeout_ns = kTimeoutNs;
  ASSIGN_OR_RETURN(auto locker, OpenZkLocker(options, SystemClock()));
  ASSIGN_OR_RETURN(auto session, locker->OpenSession("client"));
  auto active = session->Get(kMasterLockPath);
  if (!active.ok() && !IsNotFound(active.status())) return active.status();
  ASSIGN_OR_RETURN(const std::vector<std::string> masters, session->Children(kMastersPath));
  std::string all = active.ok() ? active->value : "";
  for (const std::string& master : masters) {
    if (active.ok() && master == active->value) continue;
    absl::StrAppend(&all, all.empty() ? "" : ",", master);
  }
  if (all.empty()) return absl::NotFoundError(absl::StrCat("no master is at ", cell));
  return all;
}

}  // namespace stele::bin
