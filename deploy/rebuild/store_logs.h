// Which logs of past servers a store of a cell of several processes holds. A function of the store.
#pragma once

#include <string>
#include <vector>

#include "common/store/blob_store.h"

namespace stele::deploy {

// Of all the store's logs (ListPosixLogs) those of incarnations that are not known to be recovered:
// what was sealed and dropped is.
StatusOr<std::vector<std::string>> LogsToRecover(BlobStore* store,
                                                 const std::vector<std::string>& all);

}  // namespace stele::deploy
