// How an operator names tablets: one word that is no number is a table, numbers are tablets. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"
#include "stele/admin.h"

namespace stele::cli {

// Into `order`'s table or tablets; InvalidArgument.
Status ReadTabletNames(const std::vector<std::string>& words, TabletOrder* order);

}  // namespace stele::cli
