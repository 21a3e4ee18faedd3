// ScanOp: the pages of one read, in key order or its reverse over all tablets. One page is fetched
// at a time, when asked for: NextParts gives it as it came, so memory is bounded by a page;
// NextPage puts the parts of a row together. A page that fails is fetched again from just after the
// last whole row; a row that came in parts is begun anew, so that no row mixes two states.
// Thread-safe, but one call at a time, and only calls of one kind; but Cancel at any time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "client/routing/locator.h"
#include "client/routing/row_assembler.h"
#include "client/routing/row_ranges.h"
#include "client/routing/scan_explainer.h"
#include "common/base/mutex.h"

namespace stele::routing {

struct ScanSpec {
  TableId table = 0;
  RowRanges rows;
  ReadSelection selection;
  uint64_t rows_limit = 0;   // 0: none
  Filter filter = {};        // of what the selection takes; kNone: no filter
  uint64_t sample_seed = 0;  // of its row samples
  bool reversed = false;     // rows descend; the cells of a row are as ever
  RetryOptions retry = {};
  std::shared_ptr<ReadExplanation> explanation = nullptr;  // null: nobody asks
};

class ScanOp : public std::enable_shared_from_this<ScanOp> {
 public:
  struct Page {
    std::vector<Row> rows;
    bool last = false;  // there are no more
  };
  struct Parts {
    std::vector<RowPart> parts;  // perhaps none: what was examined shows that it goes on
    bool last = false;           // there are no more
  };
  using Done = std::function<void(StatusOr<Page>)>;
  using PartsDone = std::function<void(StatusOr<Parts>)>;
  static std::shared_ptr<ScanOp> Create(Core* core, Locator* locator, ScanSpec spec);

  // The next page: at least one row, or `last`. After an error the scan is over. REQUIRES: the
  // previous call's `done` was called, and gave no error and no `last`.
  void NextPage(int64_t deadline_ns, Done done);
  // Likewise what one answer of a server brought.
  void NextParts(int64_t deadline_ns, PartsDone done);
  // Nobody wants the rest: the call under way ends with Cancelled as soon as the server answers, or
  // with its page; later ones with Cancelled. What a server keeps for this read is given back.
  void Cancel() EXCLUDES(mu_);
  // All that the servers have looked at so far. Between calls.
  const ScanProgress& examined() const { return examined_; }

 private:
  ScanOp(Core* core, Locator* locator, ScanSpec spec);

  void Attempt();
  void Ask(const TabletLocation& location);
  void OnPage(const TabletLocation& location, StatusOr<wire::ReadRowsResponse> reply);
  Status TakeIn(const TabletLocation& location, wire::ReadRowsResponse reply);
  Status TakePart(Row row, bool cut);
  // The row to look up next.
  std::string NextRow() const;
  // The row's end has come.
  Status RowIsDone(const std::string& row);
  void CollectRows(int64_t deadline_ns, Done done);
  void Failed(const Status& status);
  void Deliver();
  void Answer(StatusOr<Parts> parts);
  bool cancelled() const EXCLUDES(mu_) {
    MutexLock lock(&mu_);
    return cancelled_;
  }
  // Whether the read's state is to be given back, by whoever asks first.
  bool MustRelease() REQUIRES(mu_);
  void Release();

  Core* const core_;
  Locator* const locator_;
  // From here on used by one call chain at a time.
  ScanSpec spec_;
  const std::unique_ptr<ScanExplainer> explainer_;  // null: nobody asks
  uint64_t rows_given_ = 0;
  int64_t deadline_ns_ = 0;
  uint32_t attempt_ = 0;
  uint32_t empty_pages_ = 0;
  std::string asked_until_;     // how far a page that says `done` takes us
  std::vector<RowPart> parts_;  // to deliver
  // The row whose end has not come, and how many cells of it.
  std::optional<std::string> open_row_;
  uint64_t open_cells_ = 0;
  RowAssembler assembler_;  // of NextPage
  ScanProgress examined_;
  wire::RowCursor cursor_;                   // where it goes on
  std::optional<TabletLocation> cursor_at_;  // and on which server
  std::string cursor_resume_;
  PartsDone done_;
  Gate::Pass pass_;

  mutable Mutex mu_;
  bool busy_ GUARDED_BY(mu_) = false;  // between a NextParts and its answer
  bool cancelled_ GUARDED_BY(mu_) = false, released_ GUARDED_BY(mu_) = false;
  uint64_t requests_ GUARDED_BY(mu_) = 0;
  net::RpcClient::Canceller cancel_request_ GUARDED_BY(mu_);  // of the last request
};

}  // namespace stele::routing
