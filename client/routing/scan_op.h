// ScanOp: the pages of one read, in key order over all tablets. One page is fetched at a time, when
// asked for, so memory is bounded by a page (or one row, when a row is larger). A page that fails
// is fetched again from just after the last whole row; a row that came in parts is begun anew, so
// that no row mixes two states. Thread-safe, but one NextPage at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "client/routing/locator.h"
#include "client/routing/row_ranges.h"

namespace stele::routing {

struct ScanSpec {
  TableId table = 0;
  RowRanges rows;
  ReadSelection selection;
  uint64_t rows_limit = 0;   // 0: none
  Filter filter = {};        // of what the selection takes; kNone: no filter
  uint64_t sample_seed = 0;  // of its row samples
};

class ScanOp : public std::enable_shared_from_this<ScanOp> {
 public:
  struct Page {
    std::vector<Row> rows;
    bool last = false;  // there are no more
  };
  using Done = std::function<void(StatusOr<Page>)>;
  static std::shared_ptr<ScanOp> Create(Core* core, Locator* locator, ScanSpec spec);

  // The next page: at least one row, or `last`. After an error the scan is over. REQUIRES: the
  // previous call's `done` was called, and gave no error and no `last`.
  void NextPage(int64_t deadline_ns, Done done);

 private:
  ScanOp(Core* core, Locator* locator, ScanSpec spec);

  void Attempt();
  void Ask(const TabletLocation& location);
  void OnPage(const TabletLocation& location, StatusOr<wire::ReadRowsResponse> reply);
  Status TakeIn(const TabletLocation& location, wire::ReadRowsResponse reply);
  void Failed(const Status& status);
  void Deliver();
  void Answer(StatusOr<Page> page);

  Core* const core_;
  Locator* const locator_;
  // From here on used by one call chain at a time.
  ScanSpec spec_;
  uint64_t rows_given_ = 0;
  int64_t deadline_ns_ = 0;
  uint32_t attempt_ = 0;
  uint32_t empty_pages_ = 0;
  std::string asked_until_;      // how far a page that says `done` takes us
  std::vector<Row> whole_rows_;  // to deliver
  std::optional<Row> part_;      // of a row that comes in parts
  size_t part_bytes_ = 0;
  wire::RowCursor cursor_;                   // where it goes on
  std::optional<TabletLocation> cursor_at_;  // and on which server
  std::string cursor_resume_;
  Done done_;
  Gate::Pass pass_;
};

}  // namespace stele::routing
