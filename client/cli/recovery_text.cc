#include "client/cli/recovery_text.h"

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"

namespace stele::cli {

std::string FormatSeconds(int64_t ms) {
  return absl::StrCat(ms / 1000, ".", ms % 1000 / 100, " s");
}

std::string RecoveryLine(const RecoveryProgress& recovery) {
  return absl::StrCat("recovery by ", recovery.by, ": ", FormatBytes(recovery.bytes_done), " of ",
                      FormatBytes(recovery.bytes_total), " read, ", recovery.tablets_done, " of ",
                      recovery.tablets_total, " tablets done, about ",
                      FormatSeconds(recovery.left_ms), " left");
}

nlohmann::ordered_json RecoveryJson(const std::optional<RecoveryProgress>& recovery) {
  if (!recovery.has_value()) return nullptr;
  return {{"by", recovery->by},
          {"bytes_done", recovery->bytes_done},
          {"bytes_total", recovery->bytes_total},
          {"tablets_done", recovery->tablets_done},
          {"tablets_total", recovery->tablets_total},
          {"left_ms", recovery->left_ms}};
}

}  // namespace stele::cli
