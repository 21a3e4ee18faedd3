#include "client/routing/locator.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "schema/convert/error_payload.h"

namespace stele::routing {
namespace {

// A walk asks again at once when a server says where the tablet went; and goes on to the next
// METADATA tablet when the one it asked ends before the tablet looked for.
constexpr int kMaxStepsPerWalk = 8;

Status NoOwner(Slice what) {
  return absl::UnavailableError(absl::StrCat(what, " has no server at the moment"));
}

}  // namespace

struct Locator::Walk {
  Gate::Pass pass;
  Range range;
  TableId table = 0;
  std::string row;
  int64_t deadline_ns = 0;
  int steps_left = kMaxStepsPerWalk;
};

// The cell's addresses are asked one after the other, beginning with the one that answered last.
struct Locator::CellSearch {
  Gate::Pass pass;
  int64_t deadline_ns = 0;
  size_t first = 0;
  size_t asked = 0;
};

Locator::Locator(Core* core)
    : core_(core),
      addresses_(absl::StrSplit(core->options().cell_address, ',')),
      cache_(core->options().max_cached_locations) {}

LocationCache::Found Locator::Cached(TableId table, Slice row) const {
  return cache_.Find(table, row);
}

std::vector<ReadExplanation::Step> Locator::KnownPath(TableId table, Slice row) const {
  std::optional<wire::GetRootResponse> cell;
  {
    MutexLock lock(&mu_);
    cell = cell_;
  }
  std::vector<ReadExplanation::Step> path;
  const auto add = [&path](const char* what, const TabletLocation* found) {
    ReadExplanation::Step& step = path.emplace_back();
    step.what = what;
    if (found == nullptr) return;
    step.tablet = found->tablet.id;
    step.cached = true;
    step.server = found->server_id;
    step.address = found->address;
  };
  if (table == kCatalogTable) {
    add("catalog tablet", cell.has_value() ? &cell->catalog : nullptr);
    return path;
  }
  add("root tablet", cell.has_value() ? &cell->root : nullptr);
  if (table != kMetadataTable) {
    add("METADATA tablet", cache_.Find(kMetadataTable, MetadataLookup(table, row).start).get());
  }
  add("tablet", cache_.Find(table, row).get());
  return path;
}

void Locator::Learn(const TabletLocation& used, const Status& failure) {
  const bool by_cell = used.tablet.id == kRootTablet || used.tablet.id == kCatalogTablet;
  if (by_cell && LocationIsSuspect(failure)) ForgetCell();
  if (std::optional<TabletLocation> moved = wire::MovedTo(failure); moved.has_value()) {
    cache_.Invalidate(used);
    return cache_.Insert(*moved);
  }
  if (LocationIsSuspect(failure)) cache_.Invalidate(used);
}

void Locator::GetCell(int64_t deadline_ns, CellCallback done) {
  std::optional<wire::GetRootResponse> known;
  {
    MutexLock lock(&mu_);
    known = cell_;
  }
  if (known.has_value()) return done(*std::move(known));
  CellCallback waiter = FireBy(core_, deadline_ns, "looking up the cell", std::move(done));
  {
    MutexLock lock(&mu_);
    cell_waiters_.push_back(std::move(waiter));
    if (cell_waiters_.size() > 1) return;  // somebody asks already
  }
  auto search = std::make_shared<CellSearch>();
  search->deadline_ns = deadline_ns;
  search->first = answered_.load();
  if (Status s = core_->gate()->Enter(&search->pass); !s.ok()) return FinishCell(search, s);
  AskForCell(search);
}

void Locator::FinishCell(const std::shared_ptr<CellSearch>& search,
                         StatusOr<wire::GetRootResponse> cell) {
  std::vector<CellCallback> waiters;
  {
    MutexLock lock(&mu_);
    if (cell.ok()) cell_ = *cell;
    waiters.swap(cell_waiters_);
  }
  for (CellCallback& waiter : waiters) waiter(cell);
}

// A master that stands by refuses; one that is gone, or hangs, costs a part of the time that is
// left.
void Locator::AskForCell(std::shared_ptr<CellSearch> search) {
  const size_t index = (search->first + search->asked++) % addresses_.size();
  const auto left = static_cast<int64_t>(addresses_.size() - search->asked + 1);
  const int64_t timeout_ms = std::max<int64_t>(
      1, std::min(core_->LeftMs(search->deadline_ns) / left, core_->options().attempt_timeout_ms));
  Call<wire::GetRootResponse>(core_, addresses_[index], wire::Method::kGetRoot, wire::Empty{},
                              timeout_ms,
                              [this, search, index](StatusOr<wire::GetRootResponse> cell) {
                                if (cell.ok()) answered_ = index;
                                const bool others = search->asked < addresses_.size() &&
                                                    core_->LeftMs(search->deadline_ns) > 0;
                                if (!cell.ok() && others) return AskForCell(search);
                                FinishCell(search, std::move(cell));
                              });
}

void Locator::ForgetCell() {
  MutexLock lock(&mu_);
  cell_.reset();
}

void Locator::Locate(TableId table, const std::string& row, int64_t deadline_ns,
                     LocateCallback done) {
  if (const LocationCache::Found hit = cache_.Find(table, row); hit != nullptr) return done(*hit);
  Wait(table,
       {row, deadline_ns, FireBy(core_, deadline_ns, "looking up a tablet", std::move(done))});
}

Locator::Range Locator::RangeOf(TableId table, Slice row) const {
  if (table == kMetadataTable || table == kCatalogTable) return {table, 0};
  auto holder = cache_.Find(kMetadataTable, MetadataLookup(table, row).start);
  return {table, holder != nullptr ? holder->tablet.id : 0};
}

void Locator::Wait(TableId table, Waiter waiter) {
  const Range range = RangeOf(table, waiter.row);
  {
    MutexLock lock(&mu_);
    auto [it, first] = waiters_.try_emplace(range);
    it->second.push_back(waiter);
    if (!first) return;
  }
  StartWalk(range, waiter);
}

void Locator::StartWalk(const Range& range, const Waiter& first) {
  const TableId table = range.first;
  auto walk = std::make_shared<Walk>();
  walk->range = range;
  walk->table = table;
  walk->row = first.row;
  // Others may come to wait for it with more time than the first: each has a deadline of its own.
  walk->deadline_ns = core_->DeadlineAfterMs(core_->options().attempt_timeout_ms);
  if (Status s = core_->gate()->Enter(&walk->pass); !s.ok()) return FinishWalk(walk, s);
  const bool in_root = table == kMetadataTable && RootTabletDescriptor().Contains(first.row);
  if (in_root || table == kCatalogTable) {
    return FixedTablet(
        walk, [this, walk](StatusOr<TabletLocation> found) { FinishWalk(walk, std::move(found)); });
  }
  SeekFrom(walk, MetadataLookup(table, first.row).start);
}

// The root tablet or the catalog: where the cell says.
void Locator::FixedTablet(std::shared_ptr<Walk> walk, LocateCallback done) {
  const bool catalog = walk->table == kCatalogTable;
  GetCell(walk->deadline_ns,
          [this, catalog, done = std::move(done)](StatusOr<wire::GetRootResponse> cell) {
            if (!cell.ok()) return done(cell.status());
            const TabletLocation& found = catalog ? cell->catalog : cell->root;
            if (found.assignment == TabletAssignment::kAssigned && !found.address.empty()) {
              return done(found);
            }
            ForgetCell();
            done(NoOwner(catalog ? "the catalog" : "the root tablet"));
          });
}

void Locator::SeekFrom(std::shared_ptr<Walk> walk, const std::string& metadata_row) {
  auto seek = [this, walk](StatusOr<TabletLocation> holder) {
    if (!holder.ok()) return FinishWalk(walk, holder.status());
    Seek(walk, *holder);
  };
  // The rows of METADATA's own tablets are in the root tablet: the recursion ends there.
  if (walk->table == kMetadataTable) return FixedTablet(walk, std::move(seek));
  Locate(kMetadataTable, metadata_row, walk->deadline_ns, std::move(seek));
}

void Locator::Seek(std::shared_ptr<Walk> walk, const TabletLocation& holder) {
  wire::ReadRowsRequest request;
  request.table = kMetadataTable;
  request.tablet = holder.tablet.id;
  RowRange range = MetadataLookup(walk->table, walk->row);
  // Behind the end of one METADATA tablet the next is asked, but not for rows before its own.
  if (range.start <= holder.tablet.start_row) {
    range.start = holder.tablet.start_row;
    range.start_open = !range.start.empty();
  }
  request.rows.ranges.push_back(std::move(range));
  request.rows_limit = core_->options().prefetch_locations;
  request.selection.cells_per_column = 1;
  Call<wire::ReadRowsResponse>(core_, holder.address, wire::Method::kReadRows, request,
                               core_->LeftMs(walk->deadline_ns),
                               [this, walk, holder](StatusOr<wire::ReadRowsResponse> page) {
                                 OnSeek(walk, holder, std::move(page));
                               });
}

void Locator::OnSeek(std::shared_ptr<Walk> walk, const TabletLocation& holder,
                     StatusOr<wire::ReadRowsResponse> page) {
  if (!page.ok()) {
    Learn(holder, page.status());
    const bool moved = wire::MovedTo(page.status()).has_value();
    if (moved && --walk->steps_left > 0 && core_->LeftMs(walk->deadline_ns) > 0) {
      return SeekFrom(walk, MetadataLookup(walk->table, walk->row).start);
    }
    return FinishWalk(walk, WithContext(page.status(), "reading METADATA"));
  }
  StatusOr<std::optional<TabletLocation>> found = TakeIn(*walk, *page);
  if (!found.ok()) return FinishWalk(walk, found.status());
  if (found->has_value()) {
    if ((*found)->assignment == TabletAssignment::kAssigned && !(*found)->address.empty()) {
      return FinishWalk(walk, **found);
    }
    return FinishWalk(walk, NoOwner(absl::StrCat("tablet ", (*found)->tablet.id)));
  }
  const RowRange range = MetadataLookup(walk->table, walk->row);
  const std::string& end = holder.tablet.end_row;
  if (walk->table != kMetadataTable && !end.empty() && end < range.end && --walk->steps_left > 0) {
    return SeekFrom(walk, end + '\0');
  }
  FinishWalk(walk, absl::NotFoundError(absl::StrCat("table ", walk->table, " has no tablets")));
}

// Caches what the page says; the tablet of the walk's row if it is among it.
StatusOr<std::optional<TabletLocation>> Locator::TakeIn(const Walk& walk,
                                                        const wire::ReadRowsResponse& page) {
  std::optional<TabletLocation> found;
  std::string end_before;
  for (const Row& row : page.rows) {
    for (const Cell& cell : row.cells) {
      if (cell.family != kSystemFamily || cell.qualifier != kLocationQualifier) continue;
      ASSIGN_OR_RETURN(TabletLocation location, DecodeTabletLocation(cell.value));
      if (location.tablet.table != walk.table) continue;
      // Rows tile the table by their ends; a start may be written a moment after a split.
      location.tablet.start_row = std::max(location.tablet.start_row, end_before);
      end_before = location.tablet.end_row;
      cache_.Insert(location);
      if (location.tablet.Contains(walk.row)) found = std::move(location);
      break;
    }
  }
  if (!found.has_value() && !page.rows.empty()) {
    return absl::UnavailableError("METADATA has no tablet for the row at the moment");
  }
  return found;
}

void Locator::FinishWalk(std::shared_ptr<Walk> walk, StatusOr<TabletLocation> result) {
  if (result.ok()) cache_.Insert(*result);
  std::vector<Waiter> waiters;
  {
    MutexLock lock(&mu_);
    auto it = waiters_.find(walk->range);
    waiters = std::move(it->second);
    waiters_.erase(it);
  }
  std::vector<Waiter> rest;
  for (Waiter& waiter : waiters) {
    if (result.ok() && result->tablet.Contains(waiter.row)) {
      waiter.done(result);
    } else if (auto hit = cache_.Find(walk->table, waiter.row); hit != nullptr) {
      waiter.done(*hit);
    } else if (result.ok() || RangeOf(walk->table, waiter.row) != RangeOf(walk->table, walk->row)) {
      rest.push_back(std::move(waiter));
    } else {
      waiter.done(result);
    }
  }
  for (Waiter& waiter : rest) Wait(walk->table, std::move(waiter));
}

}  // namespace stele::routing
