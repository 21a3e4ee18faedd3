// Locator: finds the server of a row by the three-level walk
//
//   cell address --GetRoot--> root tablet --one seek--> METADATA tablet --one seek--> user tablet
//
// where a seek reads the first rows at or after the METADATA key of (table, row): the first is the
// answer, the others are prefetched neighbours. Answers are cached; at most one walk is under way
// for the rows of a table that one METADATA tablet knows (for all rows, as long as it is not known
// which does): whoever asks meanwhile waits for it, and a METADATA server that hangs holds up its
// own range only. Owned by the client. Thread-safe; callbacks run without locks, once, by their
// deadline, on an io or timer thread or before Locate returns.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/routing/core.h"
#include "client/routing/location_cache.h"
#include "stele/read_explanation.h"

namespace stele::routing {

class Locator {
 public:
  explicit Locator(Core* core);  // outlives it

  // Errors: NotFound (the table has no tablets), Unavailable (no owner at the moment, or a server
  // on the way could not be asked), DeadlineExceeded. None has an effect; one attempt only: the
  // caller decides about another.
  using LocateCallback = std::function<void(StatusOr<TabletLocation>)>;
  void Locate(TableId table, const std::string& row, int64_t deadline_ns, LocateCallback done);
  // Null when a walk is needed.
  LocationCache::Found Cached(TableId table, Slice row) const;
  // The levels of the walk from the root down to the row's tablet, as far as each is known now.
  std::vector<ReadExplanation::Step> KnownPath(TableId table, Slice row) const;

  // Learns from a failed call to the tablet's server: forgets the location, or takes the new one
  // that came with the answer.
  void Learn(const TabletLocation& used, const Status& failure);

  // Where the cell's root, catalog and master are; remembered until ForgetCell.
  using CellCallback = std::function<void(StatusOr<wire::GetRootResponse>)>;
  void GetCell(int64_t deadline_ns, CellCallback done);
  void ForgetCell();

 private:
  struct Waiter {
    std::string row;
    int64_t deadline_ns;
    LocateCallback done;
  };
  // A table, and the METADATA tablet that knows the rows; 0: none is known to, or none is needed.
  using Range = std::pair<TableId, TabletId>;
  struct Walk;
  struct CellSearch;

  void AskForCell(std::shared_ptr<CellSearch> search);
  void FinishCell(const std::shared_ptr<CellSearch>& search, StatusOr<wire::GetRootResponse> cell);
  Range RangeOf(TableId table, Slice row) const;
  void Wait(TableId table, Waiter waiter);
  void StartWalk(const Range& range, const Waiter& first);
  void FixedTablet(std::shared_ptr<Walk> walk, LocateCallback done);
  void SeekFrom(std::shared_ptr<Walk> walk, const std::string& metadata_row);
  void Seek(std::shared_ptr<Walk> walk, const TabletLocation& holder);
  void OnSeek(std::shared_ptr<Walk> walk, const TabletLocation& holder,
              StatusOr<wire::ReadRowsResponse> page);
  void FinishWalk(std::shared_ptr<Walk> walk, StatusOr<TabletLocation> result);
  StatusOr<std::optional<TabletLocation>> TakeIn(const Walk& walk,
                                                 const wire::ReadRowsResponse& page);

  Core* const core_;
  const std::vector<std::string> addresses_;
  LocationCache cache_;
  std::atomic<size_t> answered_{0};  // which address did last
  mutable Mutex mu_;
  std::map<Range, std::vector<Waiter>> waiters_ GUARDED_BY(mu_);  // a key: a walk is under way
  std::optional<wire::GetRootResponse> cell_ GUARDED_BY(mu_);
  std::vector<CellCallback> cell_waiters_ GUARDED_BY(mu_);
};

}  // namespace stele::routing
