#include "tabletserver/storage/tablet_reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/check.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/iterator/merging_iterator.h"

namespace stele::storage {
namespace {

// How often a budget's stop is asked.
constexpr uint64_t kKeysBetweenStops = 4096, kRowsBetweenStops = 64;

// The keys of the file's rows: [first, last).
void RowsOf(const ManifestFile& file, std::string* first, std::string* last) {
  AppendRowStart(first, file.first_row);
  if (!file.clip_start.empty()) {
    std::string clip;
    AppendRowEnd(&clip, file.clip_start);
    *first = std::max(*first, clip);
  }
  const bool clipped = !file.clip_end.empty();
  AppendRowEnd(last, clipped ? std::min(file.clip_end, file.last_row) : file.last_row);
}

// Whether cells newer than the selected ones can decide about those: a rule counts versions.
bool NewerCellsMatter(const TableSchema& schema, const VisibleFamilies& families, Slice group) {
  return std::any_of(
      schema.families.begin(), schema.families.end(), [&](const FamilySchema& family) {
        if (family.locality_group != group) return false;
        const VisibleFamilies::Family* visible = families.Find(family.name, family.id);
        return visible != nullptr && !visible->gc.version_limits().empty();
      });
}

}  // namespace

TabletReader::TabletReader(const TabletDescriptor& tablet, const RowRange& range,
                           const ReadOptions& options)
    : only_row_(range.start == range.end ? Slice(range.start) : Slice()), options_(options) {
  if (!IsOneRow()) {
    TakeRange(range, tablet);
    return;
  }
  nothing_left_ = range.start_open || range.end_open || !tablet.Contains(only_row_);
  if (!nothing_left_) TakeRow(only_row_);
}

TabletReader::TabletReader(Slice row, const ReadOptions& options)
    : only_row_(row), options_(options) {
  TakeRow(row);
}

void TabletReader::TakeRow(Slice row) {
  AssignRowStart(&left_first_, row);
  AssignRowEnd(&left_end_, row);
}

void TabletReader::TakeRange(const RowRange& range, const TabletDescriptor& tablet) {
  std::string first, end;
  if (!tablet.start_row.empty()) AppendRowEnd(&first, tablet.start_row);
  std::string from;
  if (!range.start.empty()) {
    range.start_open ? AppendRowEnd(&from, range.start) : AppendRowStart(&from, range.start);
  }
  if (!tablet.end_row.empty()) AppendRowEnd(&end, tablet.end_row);
  if (!range.end.empty()) {
    std::string upto;
    range.end_open ? AppendRowStart(&upto, range.end) : AppendRowEnd(&upto, range.end);
    if (end.empty() || upto < end) end = std::move(upto);
  }
  left_first_.Assign(std::max(first, from));
  left_end_.Assign(end);
  nothing_left_ = left().empty();
}

void TabletReader::LeaveBehind(Slice row) {
  options_.reversed ? AssignRowStart(&left_end_, row) : AssignRowEnd(&left_first_, row);
  nothing_left_ = left().empty();
}

// Whether the selection needs the locality group; all are needed when it names no family.
bool TabletReader::NeedsGroup(const TableSchema& schema, Slice group) const {
  const ReadSelection& selection = options_.selection;
  if (!options_.shortcuts.groups) return true;
  if (selection.TakesAllColumns()) return true;
  return std::any_of(schema.families.begin(), schema.families.end(), [&](const auto& family) {
    return Slice(family.locality_group) == group && selection.TakesFamily(family.name);
  });
}

Status TabletReader::CutBeforeDamage(const TabletVersion& version, std::optional<Cut>* cut) const {
  Status damage;
  for (const TabletGroup& group : version.groups) {
    for (const auto& table : group.tables) {
      if (table->damage.ok() || !NeedsGroup(*version.schema, group.name)) continue;
      const KeyRange keys = cut->has_value() ? (*cut)->keys() : left();
      std::string first, last;
      RowsOf(table->file, &first, &last);
      first = std::max(first, std::string(keys.first));
      if (last <= first || (!keys.end.empty() && Slice(first) >= keys.end)) continue;
      if (!cut->has_value()) *cut = Cut{std::string(keys.first), std::string(keys.end)};
      if (options_.reversed) {
        (*cut)->first = (*cut)->end.empty() ? last : std::min(last, (*cut)->end);
      } else {
        (*cut)->end = first;
      }
      damage = table->damage;
    }
  }
  return damage;
}

// EncodedColumn of the only column that the selection takes of the row; empty: it takes more.
std::string TabletReader::OnlyColumn(const TableSchema& schema) const {
  const ReadSelection& selection = options_.selection;
  if (!selection.families.empty() || !selection.ranges.empty() || selection.columns.size() != 1) {
    return {};
  }
  const auto& [name, qualifier] = selection.columns.front();
  const FamilySchema* family = schema.FindFamily(name);
  if (family == nullptr || !options_.shortcuts.spans) return {};
  std::string key;
  AppendSetKey(&key, only_row_, name, family->id, qualifier, 0, 0);
  return std::string(EncodedColumn(key));
}

Status TabletReader::OpenCells(const TabletSnapshot& at, const KeyRange& keys,
                               const ReadBudget& budget) {
  const TabletVersion& version = *at.version;
  const ReadSelection& selection = options_.selection;
  const bool one_row = IsOneRow() && options_.shortcuts.filters;
  std::string column;
  if (one_row) column = OnlyColumn(*version.schema);
  TabletIndex::ReadOptions read;
  read.fill_cache = options_.fill_cache;
  read.may_block = budget.may_block;
  read.page_cache_bytes = page_cache_left_ > 0 ? &page_cache_left_ : nullptr;
  read.trace = budget.trace;
  TabletIndex::RowParts parts;
  // A read that goes on opens its sources anew: they count once.
  uint64_t memtables = 0, out_of_reach = 0;
  bool are_bounded = true;
  if (budget.trace != nullptr) out_of_reach = std::exchange(budget.trace->files_out_of_reach, 0);
  const auto add = [&, trace = budget.trace](const TabletMemtable& memtable) {
    // What the snapshot sees was added before it was taken.
    if (memtable.cells.empty()) return;
    std::unique_ptr<Iterator> cells = memtable.cells.NewIterator();
    if (trace != nullptr) {
      trace->memtables = std::max(trace->memtables, ++memtables);
      cells = std::make_unique<CountingIterator>(std::move(cells), &trace->memtable_cells);
    }
    if (one_row) {
      cells->Seek(keys.first);
      if (!cells->Valid() || cells->key() >= keys.end) return;
    }
    parts.push_back(std::move(cells));
    are_bounded = false;
  };
  add(*version.active);
  for (const auto& frozen : version.frozen) add(*frozen);
  for (const TabletGroup& group : version.groups) {
    if (!NeedsGroup(*version.schema, group.name)) continue;
    if (options_.shortcuts.timestamps) {
      read.min_timestamp_us = selection.min_timestamp_us;
      const bool all = selection.max_timestamp_us == 0 ||
                       NewerCellsMatter(*version.schema, *version.families, group.name);
      read.max_timestamp_us = all ? 0 : selection.max_timestamp_us;
    }
    if (one_row) {
      RETURN_IF_ERROR(group.index->FindRow(keys.first, keys.end, column, read, &parts));
    } else {
      parts.push_back(group.index->NewIterator(keys.first, keys.end, read));
    }
  }
  if (budget.trace != nullptr) {
    budget.trace->files_out_of_reach = std::max(out_of_reach, budget.trace->files_out_of_reach);
  }
  parts_.clear();
  if (options_.reversed) {
    for (const auto& part : parts) parts_.push_back(part.get());
  }
  fresh_ = !one_row;
  cells_are_bounded_ = are_bounded;
  cells_ = one_row ? MergePlaced(absl::MakeSpan(parts))
                   : NewMergingIterator({std::make_move_iterator(parts.begin()),
                                         std::make_move_iterator(parts.end())});
  return OkStatus();
}

// A new state for the rows that come.
Status TabletReader::Begin(TabletSnapshot now, std::optional<Cut>* cut, Status* damage) {
  kept_ = std::move(now);
  const TabletVersion& version = *kept_.version;
  *damage = CutBeforeDamage(version, cut);
  if (!damage->ok() && (*cut)->keys().empty()) return *damage;
  RowResolverOptions resolve;
  resolve.families = version.families.get();
  resolve.drops = version.drops.get();
  resolve.snapshot = kept_.sequence;
  resolve.now_us = kept_.now_us;
  resolve.max_row_bytes = options_.max_row_bytes;
  resolve.seek_to_spans = options_.shortcuts.spans;
  resolver_.emplace(resolve, options_.selection);
  return OkStatus();
}

StatusOr<ReadProgress> TabletReader::Run(TabletSnapshot now, const ReadBudget& budget,
                                         RowSink* sink) {
  progress_ = ReadProgress();
  last_row_.Assign("");
  if (!in_row_ && nothing_left_) {
    progress_.done = true;
    return std::move(progress_);
  }
  std::optional<Cut> cut;
  Status damage;
  if (!in_row_) RETURN_IF_ERROR(Begin(std::move(now), &cut, &damage));
  const KeyRange keys = cut.has_value() ? cut->keys() : left();
  keys_before_ = resolver_->keys_examined();
  page_cache_left_ = budget.page_cache_bytes;
  Status status = OpenCells(kept_, keys, budget);
  if (status.ok()) status = Walk(keys, budget, sink);
  cells_.reset();
  progress_.keys_examined = resolver_->keys_examined() - keys_before_;
  progress_.in_row = in_row_;
  if (!in_row_) kept_ = TabletSnapshot();
  if (const Slice last = last_row_.bytes(); !last.empty()) {
    progress_.resume_after.assign(last.data(), last.size());
    IsOneRow() ? void(nothing_left_ = true) : LeaveBehind(last);
  }
  RETURN_IF_ERROR(status);
  if (!damage.ok() && progress_.done) {
    // With nothing before the damage the caller must hear of it now.
    if (progress_.rows_examined == 0) return damage;
    progress_.done = false;
  }
  return std::move(progress_);
}

Status TabletReader::Walk(const KeyRange& keys, const ReadBudget& budget, RowSink* sink) {
  SetExamineLimit(budget);
  const bool old_state = in_row_;
  for (;;) {
    if (!in_row_) {
      if (old_state && progress_.rows_examined != 0) {
        progress_.done = IsOneRow();
        return OkStatus();
      }
      bool found = false;
      RETURN_IF_ERROR(FindRow(keys, &found));
      progress_.done = !found;
      if (!found) return OkStatus();
    }
    bool goes_on = false;
    RETURN_IF_ERROR(ResolveRow(keys, budget, sink, &goes_on));
    if (!goes_on) return OkStatus();
  }
}

Status TabletReader::FindRow(const KeyRange& keys, bool* found) {
  *found = false;
  if (IsOneRow()) {
    if (progress_.rows_examined != 0) return OkStatus();
    if (fresh_) cells_->Seek(keys.first);
  } else if (options_.reversed) {
    return FindRowBefore(keys, found);
  } else if (fresh_) {
    cells_->Seek(keys.first);
  } else {
    resolver_->SkipRow(cells_.get());
  }
  fresh_ = false;
  if (!cells_->Valid()) return cells_->status();
  *found = keys.end.empty() || cells_->key() < keys.end;
  return OkStatus();
}

Status TabletReader::FindRowBefore(const KeyRange& keys, bool* found) {
  std::string before(keys.end), row;
  if (!last_row_.bytes().empty()) {
    before.clear();
    AppendRowStart(&before, last_row_.bytes());
  }
  for (Iterator* part : parts_) {
    part->SeekBefore(before);
    if (!part->Valid()) {
      RETURN_IF_ERROR(part->status());
      continue;
    }
    const Slice last = EncodedRow(part->key());
    if (last > Slice(row)) row.assign(last.data(), last.size());
  }
  if (row.empty() || Slice(row) < keys.first) return OkStatus();
  cells_->Seek(row);
  if (!cells_->Valid()) {
    RETURN_IF_ERROR(cells_->status());
    return absl::InternalError("a row that was seen backward is not there forward");
  }
  *found = true;
  return OkStatus();
}

Status TabletReader::ResolveRows(const KeyRange& keys, const ReadBudget& budget, RowSink* sink) {
  RowsLimits limits;
  if (budget.rows_limit != 0) limits.rows = budget.rows_limit - progress_.rows;
  limits.rows_examined = budget.max_rows_examined - progress_.rows_examined;
  if (budget.stop) {
    limits.rows_examined = std::min(
        limits.rows_examined, kRowsBetweenStops - progress_.rows_examined % kRowsBetweenStops);
  }
  limits.bytes = budget.max_bytes - progress_.bytes;
  if (!cells_are_bounded_) limits.end = keys.end;
  RowsBefore before;
  const Status status = resolver_->ResolveRows(cells_.get(), sink, limits, &before);
  progress_.rows += before.rows;
  progress_.rows_examined += before.rows_examined;
  progress_.cells += before.cells;
  progress_.bytes += before.bytes;
  if (const Slice row = before.last_row.bytes(); !row.empty()) last_row_.Assign(row);
  return status;
}

Status TabletReader::ResolveRow(const KeyRange& keys, const ReadBudget& budget, RowSink* sink,
                                bool* goes_on) {
  const Status status = in_row_ ? resolver_->Resume(cells_.get(), sink)
                        : IsOneRow() || options_.reversed
                            ? resolver_->ResolveRow(cells_.get(), sink)
                            : ResolveRows(keys, budget, sink);
  fresh_ = false;
  const ResolvedRow& row = resolver_->resolved();
  in_row_ = !status.ok() || row.suspended;
  if (!status.ok()) return status;
  progress_.cells += row.cells - counted_cells_;
  progress_.bytes += row.bytes - counted_bytes_;
  counted_cells_ = counted_bytes_ = 0;
  if (row.suspended) {
    counted_cells_ = row.cells;
    counted_bytes_ = row.bytes;
    const bool paused = row.emitted && sink->wants() == RowSink::Wants::kPause;
    *goes_on = !paused && MayGoOn(budget);
    if (*goes_on) SetExamineLimit(budget);
    return OkStatus();
  }
  *goes_on = true;
  if (row.emitted && sink->wants() == RowSink::Wants::kAgain) {
    resolver_->Again();
    in_row_ = true;
    return OkStatus();
  }
  last_row_.Assign(resolver_->row());
  progress_.rows += row.emitted ? 1 : 0;
  ++progress_.rows_examined;
  *goes_on = row.sink_goes_on && HasRoom(budget);
  return OkStatus();
}

// For another row.
bool TabletReader::HasRoom(const ReadBudget& budget) const {
  if (progress_.bytes >= budget.max_bytes) return false;
  if (budget.rows_limit != 0 && progress_.rows >= budget.rows_limit) return false;
  if (progress_.rows_examined >= budget.max_rows_examined) return false;
  if (resolver_->keys_examined() - keys_before_ >= budget.max_keys_examined) return false;
  return !budget.stop || progress_.rows_examined % kRowsBetweenStops != 0 || !budget.stop();
}

bool TabletReader::MayGoOn(const ReadBudget& budget) const {
  return resolver_->keys_examined() - keys_before_ < budget.max_keys_examined &&
         !(budget.stop && budget.stop());
}

void TabletReader::SetExamineLimit(const ReadBudget& budget) {
  const uint64_t done = resolver_->keys_examined() - keys_before_;
  const uint64_t left = budget.max_keys_examined - std::min(budget.max_keys_examined, done);
  resolver_->SuspendAfter(budget.stop ? std::min(left, kKeysBetweenStops) : left);
}

uint64_t TabletReader::memory_bytes() const {
  return sizeof(*this) + left_first_.heap_bytes() + left_end_.heap_bytes() +
         (resolver_.has_value() ? resolver_->memory_bytes() : 0);
}

}  // namespace stele::storage
