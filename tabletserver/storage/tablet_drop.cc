// Drops of whole runs of rows.
#include <algorithm>

#include "common/base/log.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/manifest/row_drops.h"
#include "tabletserver/storage/tablet_store.h"
#include "tabletserver/storage/write_throttle.h"

namespace stele::storage {
namespace {

constexpr int64_t kManyDropsDelayMs = 1000;

// The least row above `row`.
std::string After(const std::string& row) { return row + '\0'; }

// The rows of the range that are in the tablet; nothing when there are none.
std::optional<RowDrop> RowsOf(const RowRange& range, const TabletDescriptor& tablet) {
  RowDrop drop;
  drop.start = range.start_open ? After(range.start) : range.start;
  if (!range.end.empty()) drop.end = range.end_open ? range.end : After(range.end);
  if (!tablet.start_row.empty()) drop.start = std::max(drop.start, After(tablet.start_row));
  if (!tablet.end_row.empty()) {
    std::string end = After(tablet.end_row);
    if (drop.end.empty() || end < drop.end) drop.end = std::move(end);
  }
  if (!drop.end.empty() && drop.start >= drop.end) return std::nullopt;
  return drop;
}

}  // namespace

// DropRows: what survives a crash after each step. The names are those of the fault points.
//
//  1. The drop gets its sequence under the write mutex: above every write that is queued or
//     acknowledged, below every later one. Until 4 writes to its rows are refused, so that nobody
//     sees in one row what came before the drop and what came after it.
//  2. drop_rows.before_meta_cas: the lease is read. A crash up to here: nothing was dropped. An
//     error: the next writer gets the sequence, or what came behind it is flushed. Sequences with a
//     hole that no drop explains would look like lost records if the log were damaged.
//  3. drop_rows.after_meta_cas: the manifest has the drop, and no longer the files that it covers.
//     A crash from here on: all is dropped. Records of earlier writes that replay finds in the log
//     have smaller sequences, whether they were acknowledged or not: the drop hides them.
//  4. The version shows it. The active memtable is frozen: a reader that pinned the version before
//     sees none of the writes that come after. Earlier writes that are still in the log's queue are
//     applied to the new one, and hidden.
Status TabletStoreImpl::DropRows(const RowRange& range, uint64_t order) {
  RETURN_IF_ERROR(core_->CheckUsable());
  bool left_hole = false;
  Status status = PublishDrop(range, order, &left_hole);
  if (left_hole) {
    if (Status flushed = Flush(); !flushed.ok()) {
      LOG(WARNING) << "tablet " << tablet_.id
                   << ": not flushed after a drop that failed: " << flushed.ToString();
    }
  }
  if (core_->wake_maintenance) core_->wake_maintenance();
  return status;
}

Status TabletStoreImpl::PublishDrop(const RowRange& range, uint64_t order, bool* left_hole) {
  MutexLock manifest_lock(&manifest_mu_);
  Manifest next = manifest_.current();
  if (order != 0 && order <= next.last_drop_order) return OkStatus();
  if (next.drops.size() >= kMaxRowDrops) {
    return RetryLaterError(absl::StrCat("tablet ", tablet_.id, " has ", next.drops.size(),
                                        " drops of rows that compactions have not worked off"),
                           kManyDropsDelayMs);
  }
  next.last_drop_order = std::max(next.last_drop_order, order);
  std::optional<RowDrop> drop = RowsOf(range, tablet_);
  if (drop) {
    ASSIGN_OR_RETURN(drop->sequence, HoldRows(*drop));  // 1
    AddRowDrop(*drop, &next);
  }
  Status status = Point("drop_rows.before_meta_cas");  // 2
  if (status.ok()) status = Publish(next);
  const bool published = status.ok();
  if (published) {
    // Whatever this point answers, the manifest has the drop: the version must follow.
    status = Point("drop_rows.after_meta_cas");  // 3
    ShowDrop(next);                              // 4
  }
  *left_hole = drop && !published && !TakeBack(drop->sequence);
  LetRowsGo();
  return status;
}

StatusOr<Sequence> TabletStoreImpl::HoldRows(const RowDrop& drop) {
  MutexLock lock(&write_mu_);
  if (closing_ || fenced_) {
    return absl::UnavailableError(absl::StrCat("tablet ", tablet_.id, " is closing"));
  }
  if (next_sequence_ >= kMaxSequence - 1) {
    return absl::FailedPreconditionError("the tablet has used up its sequences");
  }
  held_ = drop;
  ++drops_;
  return next_sequence_++;
}

// False: later ones are in use.
bool TabletStoreImpl::TakeBack(Sequence sequence) {
  MutexLock lock(&write_mu_);
  if (next_sequence_ != sequence + 1) return false;
  next_sequence_ = sequence;
  return true;
}

void TabletStoreImpl::LetRowsGo() {
  MutexLock lock(&write_mu_);
  held_.reset();
  ++drops_;
}

void TabletStoreImpl::ShowDrop(const Manifest& next) {
  auto v = version();
  std::vector<TabletGroup> groups;
  for (const TabletGroup& group : v->groups) {
    std::vector<std::shared_ptr<const OpenTable>> tables;
    for (const auto& table : group.tables) {
      const bool stays = std::any_of(
          next.files.begin(), next.files.end(),
          [&](const ManifestFile& file) { return file.file_id == table->file.file_id; });
      if (stays) tables.push_back(table);
    }
    if (tables.size() == group.tables.size()) {
      groups.push_back(group);
    } else if (!tables.empty()) {
      groups.push_back(MakeGroup(group.name, std::move(tables), &group));
    }
  }
  auto drops = DropsOf(next);
  last_drop_order_ = next.last_drop_order;
  MutexLock apply(&apply_mu_);
  std::shared_ptr<TabletMemtable> fresh;
  if (!active_->cells.empty()) {
    fresh = std::make_shared<TabletMemtable>(&core_->memtable_memory);
    active_ = fresh.get();
  }
  ChangeVersion([&](TabletVersion* version) {
    version->groups = std::move(groups);
    version->drops = drops;
    if (fresh) version->frozen.push_back(std::exchange(version->active, fresh));
  });
}

}  // namespace stele::storage
