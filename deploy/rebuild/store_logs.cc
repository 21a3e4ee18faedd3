#include "deploy/rebuild/store_logs.h"

#include "locker/server_node.h"

namespace stele::deploy {

StatusOr<std::vector<std::string>> LogsToRecover(BlobStore* store,
                                                 const std::vector<std::string>& all) {
  std::vector<std::string> logs;
  for (const std::string& name : all) {
    if (!ParseLogName(name).ok()) continue;
    const Status opened = store->OpenSealedLog(name).status();
    if (IsNotFound(opened)) continue;
    if (!opened.ok() && !absl::IsFailedPrecondition(opened)) return opened;  // not: is not sealed
    logs.push_back(name);
  }
  return logs;
}

}  // namespace stele::deploy
