// RowAssembler: whole rows out of the parts of a scan. A row that begins anew drops what came of it
// before. Bounded by kMaxRowReadBytes. Thread-compatible.
#pragma once

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/status.h"
#include "schema/model/limits.h"
#include "schema/model/model.h"

namespace stele::routing {

class RowAssembler {
 public:
  // The row, when this was its last part. FailedPrecondition for one that is too large to be held.
  StatusOr<std::optional<Row>> Add(RowPart part) {
    uint64_t part_bytes = 0;
    for (const Cell& cell : part.cells) {
      part_bytes += cell.family.size() + cell.qualifier.size() + cell.value.size() +
                    sizeof(cell.timestamp_us);  // as servers count
    }
    if (part.first) {
      row_ = Row{std::move(part.key), std::move(part.cells)};
      bytes_ = part_bytes;
    } else {
      std::move(part.cells.begin(), part.cells.end(), std::back_inserter(row_.cells));
      bytes_ += part_bytes;
    }
    if (bytes_ > kMaxRowReadBytes) {
      return absl::FailedPreconditionError(absl::StrCat("row \"", absl::CHexEscape(row_.key),
                                                        "\" is larger than ", kMaxRowReadBytes,
                                                        " bytes and cannot be read whole"));
    }
    if (!part.last) return std::optional<Row>();
    return std::optional<Row>(std::exchange(row_, Row()));
  }

 private:
  Row row_;
  uint64_t bytes_ = 0;
};

}  // namespace stele::routing
