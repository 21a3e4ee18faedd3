// RowAssembler: whole rows out of the parts of a scan. A row that begins anew drops what came of it
// before. Bounded by kMaxRowReadBytes. Thread-compatible.
#pragma once

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
    if (part.first) {
      row_ = Row{std::move(part.key), {}};
      bytes_ = 0;
    }
    for (Cell& cell : part.cells) {
      bytes_ += cell.family.size() + cell.qualifier.size() + cell.value.size() +
                sizeof(cell.timestamp_us);  // as servers count
      row_.cells.push_back(std::move(cell));
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
