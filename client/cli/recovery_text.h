// How far the recovery of a dead server's log is, for people and for programs. Pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "stele/cell_status.h"

namespace stele::cli {

std::string FormatSeconds(int64_t ms);  // "3.2 s"
std::string RecoveryLine(const RecoveryProgress& recovery);
nlohmann::ordered_json RecoveryJson(const std::optional<RecoveryProgress>& recovery);

}  // namespace stele::cli
