// The read path of a tablet.
#include <algorithm>

#include "common/base/check.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/iterator/merging_iterator.h"
#include "tabletserver/storage/iterator/row_resolver.h"
#include "tabletserver/storage/tablet_store.h"

namespace stele::storage {
namespace {

// A page ends after so many rows also when none of them had a cell to show, so that a reader of a
// wide range of deleted rows comes back to its caller.
constexpr uint64_t kMaxRowsLookedAt = 65536;

// The keys of a range of rows, clipped to the tablet: [first, end).
struct KeyRange {
  std::string first;
  std::string end;  // empty: +infinity
};

KeyRange KeysOf(const RowRange& range, const TabletDescriptor& tablet) {
  KeyRange keys;
  if (!tablet.start_row.empty()) AppendRowEnd(&keys.first, tablet.start_row);
  std::string first;
  if (!range.start.empty()) {
    range.start_open ? AppendRowEnd(&first, range.start) : AppendRowStart(&first, range.start);
  }
  keys.first = std::max(keys.first, first);
  if (!tablet.end_row.empty()) AppendRowEnd(&keys.end, tablet.end_row);
  if (!range.end.empty()) {
    std::string end;
    range.end_open ? AppendRowStart(&end, range.end) : AppendRowEnd(&end, range.end);
    if (keys.end.empty() || end < keys.end) keys.end = std::move(end);
  }
  return keys;
}

// Whether the selection needs the locality group; all are needed when it names no family.
bool NeedsGroup(const TableSchema& schema, const ReadSelection& selection, Slice group) {
  if (selection.families.empty() && selection.columns.empty()) return true;
  auto in_group = [&](const std::string& name) {
    const FamilySchema* family = schema.FindFamily(name);
    return family != nullptr && family->locality_group == group;
  };
  return std::any_of(selection.families.begin(), selection.families.end(), in_group) ||
         std::any_of(selection.columns.begin(), selection.columns.end(),
                     [&](const auto& column) { return in_group(column.first); });
}

// The damage of the first damaged file with rows in the range, which is cut before them.
Status CutBeforeDamage(const TabletVersion& version, const ReadSelection& selection,
                       KeyRange* keys) {
  Status damage;
  for (const TabletGroup& group : version.groups) {
    for (const auto& table : group.tables) {
      if (table->damage.ok()) continue;
      if (!NeedsGroup(*version.schema, selection, group.name)) continue;
      std::string first, last;
      AppendRowStart(&first, table->file.first_row);
      if (!table->file.clip_start.empty()) {
        std::string clip;
        AppendRowEnd(&clip, table->file.clip_start);
        first = std::max(first, clip);
      }
      const bool clipped = !table->file.clip_end.empty();
      AppendRowEnd(&last, clipped ? std::min(table->file.clip_end, table->file.last_row)
                                  : table->file.last_row);
      first = std::max(first, keys->first);
      if (last <= first || (!keys->end.empty() && first >= keys->end)) continue;
      keys->end = first;
      damage = table->damage;
    }
  }
  return damage;
}

// EncodedColumn of the only column that the selection takes of the row; empty: it takes more.
std::string OnlyColumn(const TableSchema& schema, const ReadSelection& selection, Slice row) {
  if (!selection.families.empty() || selection.columns.size() != 1) return {};
  const auto& [name, qualifier] = selection.columns.front();
  const FamilySchema* family = schema.FindFamily(name);
  if (family == nullptr) return {};
  std::string key;
  AppendSetKey(&key, row, name, family->id, qualifier, 0, 0);
  return std::string(EncodedColumn(key));
}

}  // namespace

// Read: a row is one state that it really had, and nothing that is not durable is shown.
//
//  1. Pin the version, then read the visible sequence. Every write that was acknowledged before is
//  in
//     the version and not above the sequence; what is above it is filtered out.
//  2. Merge memtables and the files that may hold the rows, and resolve row by row into the sink.
//  3. Read the lease, after the state was taken: if it holds now, no other server can have
//     acknowledged anything that this state lacks. Only then the caller may answer.
StatusOr<ReadProgress> TabletStoreImpl::Read(const RowRange& range, const ReadOptions& options,
                                             RowSink* sink) {
  RETURN_IF_ERROR(ValidateSelection(options.selection));
  if (reads_stopped_) {
    return absl::UnavailableError(absl::StrCat("tablet ", tablet_.id, " is closed"));
  }
  ++reads_;
  auto v = version();                                                    // 1
  StatusOr<ReadProgress> progress = ReadRows(*v, range, options, sink);  // 2
  if (!progress.ok()) return progress;
  rows_read_ += progress->rows;
  // Of a tablet that was closed meanwhile the state was true when the read began.
  if (fenced_ && !reads_stopped_) {
    return absl::UnavailableError(absl::StrCat("tablet ", tablet_.id, " has another owner"));
  }
  RETURN_IF_ERROR(core_->CheckLease());  // 3
  return progress;
}

StatusOr<ReadProgress> TabletStoreImpl::ReadRow(Slice row, const ReadOptions& options,
                                                RowSink* sink) {
  if (!tablet_.Contains(row)) {
    return absl::OutOfRangeError(absl::StrCat("the row is not in tablet ", tablet_.id));
  }
  RowRange range;
  range.start = range.end = std::string(row);
  range.end_open = false;
  return Read(range, options, sink);
}

StatusOr<std::unique_ptr<Iterator>> TabletStoreImpl::CellsOf(const TabletVersion& version,
                                                             const RowRange& range, Slice first,
                                                             Slice end,
                                                             const ReadOptions& options) const {
  std::string row, column;  // encoded, when the range is one row
  if (!range.start.empty() && range.start == range.end) {
    AppendEscaped(&row, range.start);
    column = OnlyColumn(*version.schema, options.selection, range.start);
  }
  TabletIndex::ReadOptions read;
  read.fill_cache = options.fill_cache;
  read.may_block = options.may_block;
  std::vector<std::unique_ptr<Iterator>> parts;
  parts.push_back(version.active->cells.NewIterator());
  for (const auto& frozen : version.frozen) parts.push_back(frozen->cells.NewIterator());
  for (const TabletGroup& group : version.groups) {
    if (!NeedsGroup(*version.schema, options.selection, group.name)) continue;
    if (row.empty()) {
      parts.push_back(group.index->NewIterator(first, end, read));
    } else {
      ASSIGN_OR_RETURN(auto cells, group.index->NewPointIterator(row, column, read));
      parts.push_back(std::move(cells));
    }
  }
  return NewMergingIterator(std::move(parts));
}

StatusOr<ReadProgress> TabletStoreImpl::ReadRows(const TabletVersion& version,
                                                 const RowRange& range, const ReadOptions& options,
                                                 RowSink* sink) {
  RowResolverOptions resolve;
  resolve.families = version.families.get();
  resolve.drops = version.drops.get();
  resolve.snapshot = visible_sequence_.load(std::memory_order_acquire);
  resolve.now_us = core_->NowMicros();
  RowResolver resolver(resolve, options.selection);
  KeyRange keys = KeysOf(range, tablet_);
  ReadProgress progress;
  if (!keys.end.empty() && keys.first >= keys.end) {
    progress.done = true;
    return progress;
  }
  const Status damage = CutBeforeDamage(version, options.selection, &keys);
  if (!damage.ok() && keys.first >= keys.end) return damage;
  ASSIGN_OR_RETURN(std::unique_ptr<Iterator> cells,
                   CellsOf(version, range, keys.first, keys.end, options));
  uint64_t looked_at = 0;
  for (cells->Seek(keys.first); cells->Valid(); resolver.SkipRow(cells.get())) {
    if (!keys.end.empty() && cells->key() >= Slice(keys.end)) break;
    ASSIGN_OR_RETURN(ResolvedRow row, resolver.ResolveRow(cells.get(), sink));
    progress.resume_after = std::string(resolver.row());
    progress.rows += row.emitted ? 1 : 0;
    progress.cells += row.cells;
    progress.bytes += row.bytes;
    const bool enough = (options.rows_limit != 0 && progress.rows >= options.rows_limit) ||
                        progress.bytes >= options.max_bytes || ++looked_at >= kMaxRowsLookedAt;
    if (!row.sink_goes_on || enough) return progress;
  }
  RETURN_IF_ERROR(cells->status());
  // With nothing before the damage the caller must hear of it now.
  if (!damage.ok() && looked_at == 0) return damage;
  progress.done = damage.ok();
  return progress;
}

}  // namespace stele::storage
