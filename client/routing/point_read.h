// PointRead: one row, whole, as ScanOp would give it, for a fraction of its cost: no ranges to
// shorten, no pages to keep. A row that comes in parts is put together here; when a part is lost it
// begins anew, so no row mixes two states. Lives as long as its callbacks; used by one call chain
// at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "client/routing/locator.h"
#include "client/routing/row_assembler.h"

namespace stele::routing {

struct PointReadSpec {
  TableId table = 0;
  std::string row;
  const ReadSelection& selection;  // used by Start alone
  const Filter& filter;            // likewise; of what the selection takes; kNone: no filter
  uint64_t sample_seed = 0;        // of its row samples
};

class PointRead : public std::enable_shared_from_this<PointRead> {
 public:
  // Without a value: the row has no cell that is asked for.
  using Done = absl::AnyInvocable<void(StatusOr<std::optional<Row>>)>;
  // `done` runs once. REQUIRES: the spec is valid.
  static void Start(Core* core, Locator* locator, PointReadSpec&& spec, const CallTerms& terms,
                    Done done);

  // For Start.
  PointRead(Core* core, Locator* locator, PointReadSpec&& spec, const CallTerms& terms, Done done);

 private:
  void Attempt();
  void Ask();
  void Answered(StatusOr<net::Buffer> answer);
  void Lost(const Status& status);
  // The row, when that was all; nothing: it goes on.
  StatusOr<std::optional<Row>> TakeIn(wire::ReadRowsResponse* page, size_t response_bytes,
                                      bool* ended);
  void Failed(const Status& status);
  void Finish(StatusOr<std::optional<Row>> row);

  Core* const core_;
  Locator* const locator_;
  const CallTerms terms_;
  Gate::Pass pass_;
  wire::ReadRowsRequest request_;
  LocationCache::Found location_;  // of the request
  RowAssembler assembler_;
  bool in_row_ = false;     // a part of it came
  uint64_t row_cells_ = 0;  // in its parts
  uint32_t attempts_ = 0;
  uint32_t empty_pages_ = 0;
  Done done_;
};

}  // namespace stele::routing
