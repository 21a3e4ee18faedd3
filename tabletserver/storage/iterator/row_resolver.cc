#include "tabletserver/storage/iterator/row_resolver.h"

#include <algorithm>
#include <map>

#include "absl/strings/escaping.h"
#include "common/base/check.h"

namespace stele::storage {
namespace {

// A seek costs more than a few steps.
constexpr int kStepsBeforeSeek = 8;

// A Span's bounds are written with the row left out.
std::string FamilyStart(const VisibleFamilies::Family& family) {
  std::string out;
  AppendFamilyStart(&out, "", family.name, family.id);
  return out.substr(2);
}

// Appends what is above every key of the family and id and not above the next id's keys.
void AppendFamilyEnd(std::string* out, Slice row, Slice family, uint16_t id) {
  const size_t start = out->size();
  if (id < UINT16_MAX) return AppendFamilyStart(out, row, family, static_cast<uint16_t>(id + 1));
  AppendFamilyStart(out, row, family, id);
  out->resize(out->size() - 3);
  *out += '\x01';  // above the name's terminator, below any longer name
  DCHECK(out->size() > start);
}

std::string FamilyEnd(const VisibleFamilies::Family& family) {
  std::string out;
  AppendFamilyEnd(&out, "", family.name, family.id);
  return out.substr(2);
}

// Where the columns of a family begin, behind its markers.
std::string FirstColumn(const VisibleFamilies::Family& family) {
  return FamilyStart(family) + std::string("\x00\x01", 2);
}

// Adds [start, end) of each run of the family's columns that the selection takes.
void AddColumns(const ReadSelection& selection, const VisibleFamilies::Family& family,
                std::map<std::string, std::string>* columns) {
  const auto column = [&](const std::string& qualifier, bool behind) {
    std::string key = FamilyStart(family);
    AppendEscaped(&key, qualifier);
    if (behind) ++key.back();  // the terminator's successor is no key's
    return key;
  };
  const auto add = [&](std::string start, const std::string& end) {
    if (start >= end) return;
    std::string& widest = (*columns)[std::move(start)];
    widest = std::max(widest, end);
  };
  for (const auto& [name, qualifier] : selection.columns) {
    if (name == family.name) add(column(qualifier, false), column(qualifier, true));
  }
  for (const ColumnRange& range : selection.ranges) {
    if (!range.family.empty() && range.family != family.name) continue;
    add(range.start.kind == Bound::Kind::kUnbounded
            ? FirstColumn(family)
            : column(range.start.bytes, range.start.kind == Bound::Kind::kOpen),
        range.end.kind == Bound::Kind::kUnbounded
            ? FamilyEnd(family)
            : column(range.end.bytes, range.end.kind == Bound::Kind::kClosed));
  }
}

Status MarkerBehindCell() { return CorruptError("malformed cell key: no cell where cells stand"); }

// The rest of a key behind its column, as schema/model/cell_key.h has it.
void AppendCellEnd(std::string* out, int64_t timestamp_us, uint64_t tail) {
  PutBig64(out, ~static_cast<uint64_t>(timestamp_us));
  PutBig64(out, ~tail);
}

uint64_t TailOf(Sequence sequence) {
  return (sequence << 8) | static_cast<uint64_t>(CellKind::kSet);
}

}  // namespace

RowResolver::RowResolver(const RowResolverOptions& options, const ReadSelection& selection)
    : options_(options),
      min_timestamp_us_(selection.min_timestamp_us),
      max_timestamp_us_(selection.max_timestamp_us == 0 ? INT64_MAX : selection.max_timestamp_us),
      cells_per_column_(static_cast<uint64_t>(selection.cells_per_column)),
      cells_per_row_(static_cast<uint64_t>(selection.cells_per_row)),
      place_(options.drops) {
  BuildSpans(selection);
}

void RowResolver::BuildSpans(const ReadSelection& selection) {
  if (selection.TakesAllColumns()) {
    spans_.emplace_back();
    takes_all_ = true;
    return;
  }
  for (const VisibleFamilies::Family& family : options_.families->all()) {
    const std::string start = FamilyStart(family);
    if (std::find(selection.families.begin(), selection.families.end(), family.name) !=
        selection.families.end()) {
      spans_.push_back(Span{start, FamilyEnd(family)});
      continue;
    }
    std::map<std::string, std::string> columns;  // start -> end
    AddColumns(selection, family, &columns);
    if (columns.empty()) continue;
    spans_.push_back(Span{start, FirstColumn(family)});  // the family's markers
    for (auto& [column, end] : columns) {
      if (column < spans_.back().end) {  // they overlap
        spans_.back().end = std::max(spans_.back().end, end);
      } else {
        spans_.push_back(Span{column, std::move(end)});
      }
    }
  }
}

Status RowResolver::ResolveRow(Iterator* it, RowSink* sink) {
  it_ = it;
  sink_ = sink;
  result_ = ResolvedRow{};
  span_ = 0;
  in_span_ = row_done_ = suspended_ = false;
  place_.Leave();
  if (!skipped_) Look();
  skipped_ = false;
  if (place_.EnterNextRowsCell(key_)) return ResolveEnteredRow();
  RETURN_IF_ERROR(Enter());
  if (place_.family().empty()) {
    step_ = Step::kRowMarkers;
    RETURN_IF_ERROR(ReadMarkers());
  }
  return Go();
}

Status RowResolver::ResolveEnteredRow() {
  shared_ = CellPlace::Shared::kColumn;
  const VisibleFamilies::Family* family = takes_all_ ? FindFamily() : nullptr;
  if (family != nullptr && keys_examined_ < suspend_at_) {
    RETURN_IF_ERROR(ResolveSameColumn(family->gc));
    if (!InRow() && !suspended_) return FinishRow();
  }
  return Go();
}

Status RowResolver::ResolveRows(Iterator* it, RowSink* sink, const RowsLimits& limits,
                                RowsBefore* before) {
  RETURN_IF_ERROR(ResolveRow(it, sink));
  if (!takes_all_ || !result_.emitted || result_.suspended || !result_.sink_goes_on ||
      sink->wants() == RowSink::Wants::kAgain || limits.rows <= 1 || limits.rows_examined <= 1 ||
      limits.bytes <= result_.bytes || !place_.has_qualifier()) {
    return OkStatus();
  }
  SkipRow(it);
  return FindFamily() == nullptr ? OkStatus() : ResolvePlainRows(limits, before);
}

// What is not of the plainest goes the way of all rows, from wherever that is known.
Status RowResolver::ResolvePlainRows(const RowsLimits& limits, RowsBefore* before) {
  PlainRun run(place_);
  if (!valid_ || !run.IsNextRow(key_)) return OkStatus();
  const GcPolicy& gc = family_->gc;
  const bool has_drops = options_.drops != nullptr && !options_.drops->empty();
  // A row that uses up what may be examined is suspended.
  const uint64_t keys_left = suspend_at_ - std::min(suspend_at_, keys_examined_ + 1);
  const uint64_t most = std::min({limits.rows - 1, limits.rows_examined - 1, keys_left});
  const uint64_t bytes_but_row_and_value =
      run.family().size() + run.qualifier().size() + sizeof(int64_t);
  uint64_t finished = 0, bytes = result_.bytes, last_bytes = 0;
  const uint64_t cells = result_.cells - 1;  // but one for each row
  // Counts; `begun` rows stand behind those that are finished.
  const auto leave = [&](uint64_t begun, uint64_t bytes_before) {
    before->rows = before->rows_examined = finished + begun;
    before->cells = cells + finished + begun;
    before->bytes = bytes_before;
    before->last_row.Assign(run.row_before());
    keys_examined_ += finished;
    span_ = 0;
    skipped_ = in_span_ = row_done_ = suspended_ = false;
    place_.EnterNextRowsCell(run.key());
  };
  Slice value = it_->value();
  bool sink_goes_on = true;
  while (finished < most && bytes < limits.bytes && (limits.end.empty() || key_ < limits.end)) {
    const Slice row = run.RowOf(key_);
    const int64_t timestamp_us = CellPlace::CellTimestamp(key_);
    const Sequence sequence = KeySequence(key_);
    const uint64_t row_bytes = row.size() + bytes_but_row_and_value + value.size();
    run.Take(key_);
    if (sequence > options_.snapshot || timestamp_us < min_timestamp_us_ ||
        timestamp_us >= max_timestamp_us_ || row_bytes > options_.max_row_bytes ||
        (has_drops && sequence < options_.drops->At(row)) ||
        gc.IsFirstGarbage(options_.now_us - timestamp_us)) {
      leave(1, bytes);
      result_ = ResolvedRow{};
      return ResolveEnteredRow();
    }
    sink_->StartRow(row);
    const bool skips = sink_->wants() == RowSink::Wants::kNextRow;
    if (!skips) sink_->AddCell(run.family(), run.qualifier(), timestamp_us, value);
    const bool goes_on = sink_->wants() == RowSink::Wants::kMore;
    valid_ = it_->Step(&key_, &value);
    if (!goes_on || !valid_ || !run.IsNextRow(key_)) {
      leave(1, bytes);
      return GoOnInRow(gc, skips ? 0 : row_bytes);
    }
    ++finished;
    bytes += row_bytes;
    last_bytes = row_bytes;
    sink_goes_on = sink_->EndRow();
    if (!sink_goes_on || sink_->wants() == RowSink::Wants::kAgain) break;
  }
  if (finished == 0) return OkStatus();
  leave(0, bytes - last_bytes);
  result_ = {.emitted = true, .sink_goes_on = sink_goes_on, .cells = 1, .bytes = last_bytes};
  skipped_ = true;
  shared_ = CellPlace::Shared::kNothing;
  return OkStatus();
}

Status RowResolver::GoOnInRow(const GcPolicy& gc, uint64_t bytes) {
  result_ = ResolvedRow{.emitted = true, .cells = bytes == 0 ? 0u : 1u, .bytes = bytes};
  in_span_ = true;
  BeginColumn();
  column_cells_ = result_.cells;
  HearSink();
  newer_ = 1;
  resolved_ = at_timestamp_us_ = place_.timestamp_us();
  at_tail_ = TailOf(place_.sequence());
  ++keys_examined_;
  shared_ = valid_ ? place_.SharedBy(key_) : CellPlace::Shared::kNothing;
  RETURN_IF_ERROR(EmitColumn(gc));
  if (!suspended_) RETURN_IF_ERROR(LeaveColumn());
  if (!InRow() && !suspended_) return FinishRow();
  return Go();
}

Status RowResolver::Resume(Iterator* it, RowSink* sink) {
  it_ = it;
  sink_ = sink;
  suspended_ = false;
  const Slice place = step_ == Step::kRowMarkers ? place_.row_key() : place_.column_key();
  if (step_ != Step::kSkip) target_.assign(place.data(), place.size());
  switch (step_) {
    case Step::kRowMarkers:
      Seek(target_);
      RETURN_IF_ERROR(it_->status());
      if (!InRow()) return absl::InternalError("a row that was begun is gone");
      RETURN_IF_ERROR(Enter());
      if (place_.family().empty()) RETURN_IF_ERROR(ReadMarkers());
      break;
    case Step::kPlace:
      place_.LeaveColumn();
      step_ = Step::kSkip;
      Seek(target_);
      break;
    case Step::kSkip:
      Seek(target_);
      break;
    case Step::kColumn:
      AppendCellEnd(&target_, at_timestamp_us_, at_tail_);
      target_ += '\0';
      Seek(target_);
      RETURN_IF_ERROR(it_->status());
      RETURN_IF_ERROR(EmitColumn(FindFamily()->gc));
      if (!suspended_) RETURN_IF_ERROR(LeaveColumn());
      break;
    case Step::kHistory:
      RETURN_IF_ERROR(EmitHistory());
      if (suspended_) break;
      // The iterator may not have been placed at all.
      step_ = Step::kSkip;
      target_.assign(place.data(), place.size());
      ++target_.back();
      Seek(target_);
      break;
  }
  return Go();
}

void RowResolver::Again() {
  result_ = ResolvedRow{};
  span_ = 0;
  in_span_ = row_done_ = false;
  step_ = Step::kRowMarkers;
}

Status RowResolver::Go() {
  for (; span_ < spans_.size() && !suspended_; ++span_, in_span_ = false) {
    if (RowIsFull() || !InRow()) break;
    RETURN_IF_ERROR(ResolveSpan());
    if (suspended_) break;
  }
  if (suspended_) {
    result_.suspended = true;
    return OkStatus();
  }
  return FinishRow();
}

Status RowResolver::FinishRow() {
  if (!valid_) RETURN_IF_ERROR(it_->status());
  result_.suspended = false;
  if (result_.emitted) result_.sink_goes_on = sink_->EndRow();
  return OkStatus();
}

Status RowResolver::ResolveSameColumn(const GcPolicy& gc) {
  in_span_ = true;
  BeginColumn();
  RETURN_IF_ERROR(EmitColumn(gc));
  return suspended_ ? OkStatus() : LeaveColumn();
}

void RowResolver::SkipRow(Iterator* it) {
  skipped_ = true;
  if (it != it_) {
    it_ = it;
    Look();
  }
  if (!InRow()) return;
  target_.clear();
  AppendRowEnd(&target_, place_.row());
  SkipTo(target_);
}

void RowResolver::SkipTo(Slice target) {
  step_ = Step::kSkip;
  for (int steps = 0; steps < kStepsBeforeSeek; ++steps) {
    if (!valid_ || key_ >= target) return;
    Next();
  }
  if (valid_ && key_ < target) Seek(target);
}

Status RowResolver::ResolveSpan() {
  const Span& span = spans_[options_.seek_to_spans ? span_ : 0];
  if (!in_span_) {
    in_span_ = true;
    if (!span.start.empty() && options_.seek_to_spans) {
      target_.assign(place_.row_key().data(), place_.row_key().size());
      target_ += span.start;
      SkipTo(target_);
    }
  }
  while (InRow() && !RowIsFull()) {
    const Slice inner = key_.substr(place_.row_key().size());
    if (!span.end.empty() && options_.seek_to_spans && inner >= span.end) break;
    if (keys_examined_ >= suspend_at_) {
      target_.assign(key_.data(), key_.size());
      step_ = Step::kSkip;
      suspended_ = true;
      return OkStatus();
    }
    RETURN_IF_ERROR(ResolvePlace());
    if (suspended_) return OkStatus();
  }
  return valid_ ? OkStatus() : it_->status();
}

// One column, or the place of a family's markers.
Status RowResolver::ResolvePlace() {
  // The row's first column was entered with the row.
  if (!InColumn()) RETURN_IF_ERROR(Enter());
  const VisibleFamilies::Family* family = FindFamily();
  // The keys of cells are counted as they are looked at.
  if (family == nullptr || CellPlace::CellTimestamp(key_) == CellPlace::kMarker) {
    ++keys_examined_;
  }
  if (family == nullptr) {
    target_.clear();
    AppendFamilyEnd(&target_, place_.row(), place_.family(), place_.family_id());
    SkipTo(target_);
    return OkStatus();
  }
  step_ = Step::kPlace;
  RETURN_IF_ERROR(ReadMarkers());
  if (!InColumn()) return OkStatus();
  if (!place_.has_qualifier()) return MarkerBehindCell();
  if (!options_.seek_to_spans && !TakesPlace()) {
    ++keys_examined_;
    return LeaveColumn();
  }
  return ResolveColumn(family->gc);
}

void RowResolver::BeginColumn() {
  column_cells_ = 0;
  column_done_ = false;
  resolved_ = -1;
  newer_ = 0;
  at_timestamp_us_ = INT64_MAX;  // before the first cell
  at_tail_ = UINT64_MAX;
}

Status RowResolver::ResolveColumn(const GcPolicy& gc) {
  BeginColumn();
  if (!place_.ranges().empty() && !gc.version_limits().empty()) {
    RETURN_IF_ERROR(ReplayColumn(gc));
    RETURN_IF_ERROR(EmitHistory());
  } else {
    if (!place_.ranges().empty()) shadow_.Reset(place_.ranges());
    RETURN_IF_ERROR(EmitColumn(gc));
  }
  return suspended_ ? OkStatus() : LeaveColumn();
}

// The rest of the column is not wanted.
Status RowResolver::LeaveColumn() {
  if (!InColumn()) return it_->status();
  target_.assign(place_.column_key().data(), place_.column_key().size());
  ++target_.back();
  SkipTo(target_);
  return OkStatus();
}

// Null when the family of the place is not in the schema.
const VisibleFamilies::Family* RowResolver::FindFamily() {
  if (family_ == nullptr || family_->id != place_.family_id() ||
      Slice(family_->name) != place_.family()) {
    family_ = options_.families->Find(place_.family(), place_.family_id());
  }
  return family_;
}

bool RowResolver::TakesPlace() const {
  const Slice inner = place_.column_key().substr(place_.row_key().size());
  return std::any_of(spans_.begin(), spans_.end(), [inner](const Span& span) {
    return inner >= Slice(span.start) && (span.end.empty() || inner < Slice(span.end));
  });
}

Status RowResolver::ReadMarkers() {
  for (; InColumn(); Next()) {
    if (CellPlace::CellTimestamp(key_) != CellPlace::kMarker) return OkStatus();
    if (KeySequence(key_) > options_.snapshot) continue;
    RETURN_IF_ERROR(place_.AddMarker(key_, it_->value()));
  }
  return it_->status();
}

bool RowResolver::WantsMore(int64_t timestamp_us) const {
  return timestamp_us >= min_timestamp_us_ && !column_done_ && !RowIsFull() &&
         (cells_per_column_ == 0 || column_cells_ < cells_per_column_);
}

Status RowResolver::EmitColumn(const GcPolicy& gc) {
  step_ = Step::kColumn;
  const Sequence marker = place_.column_marker();
  const bool has_ranges = !place_.ranges().empty();
  // Kept in registers while the column is walked.
  int64_t resolved = resolved_, timestamp = at_timestamp_us_;
  uint64_t newer = newer_, tail = at_tail_;
  const uint64_t most = suspend_at_ > keys_examined_ ? suspend_at_ - keys_examined_ : 0;
  uint64_t left = most;
  for (; valid_; Next()) {
    if (suspended_ || left == 0) {
      suspended_ = true;
      break;
    }
    if (!InColumn()) break;
    timestamp = CellPlace::CellTimestamp(key_);
    if (timestamp < 0) return MarkerBehindCell();
    tail = KeyTail(key_);
    --left;
    const Sequence sequence = tail >> 8;
    if (sequence > options_.snapshot || timestamp == resolved) continue;
    if (!WantsMore(timestamp)) break;
    resolved = timestamp;
    if (sequence < marker) continue;
    if (has_ranges && sequence < shadow_.At(timestamp)) continue;
    // What is garbage here is garbage for all older versions.
    if (gc.IsGarbageAt(options_.now_us - timestamp, newer)) break;
    ++newer;
    RETURN_IF_ERROR(EmitCell(timestamp, it_->value()));
  }
  resolved_ = resolved;
  newer_ = newer;
  keys_examined_ += most - left;
  at_timestamp_us_ = timestamp;  // the last key that is decided
  at_tail_ = tail;
  return OkStatus();
}

// First pass over a column whose history matters: afterwards it is known which cells it leaves.
Status RowResolver::ReplayColumn(const GcPolicy& gc) {
  history_.Reset(&gc);
  history_at_ = 0;
  for (; InColumn(); Next()) {
    const int64_t timestamp = CellPlace::CellTimestamp(key_);
    if (timestamp < 0) return MarkerBehindCell();
    const Sequence sequence = KeySequence(key_);
    ++keys_examined_;
    if (sequence > options_.snapshot || sequence < place_.column_marker()) continue;
    history_.AddWrite({timestamp, sequence});
  }
  RETURN_IF_ERROR(it_->status());
  history_.Replay(place_.ranges());
  return OkStatus();
}

// Second pass: those cells, from history_at_ on.
Status RowResolver::EmitHistory() {
  step_ = Step::kHistory;
  bool sought = false;
  for (; history_at_ < history_.writes().size() && !suspended_; ++history_at_) {
    const VersionHistory::Version& write = history_.writes()[history_at_];
    if (!WantsMore(write.timestamp_us)) return OkStatus();
    if (!history_.IsLive(history_at_) || history_.IsGarbage(history_at_, options_.now_us)) continue;
    if (!sought) {
      target_.assign(place_.column_key().data(), place_.column_key().size());
      AppendCellEnd(&target_, write.timestamp_us, TailOf(write.sequence));
      Seek(target_);
      sought = true;
    }
    while (InColumn() && KeySequence(key_) != write.sequence) Next();
    RETURN_IF_ERROR(it_->status());
    if (!InColumn()) return absl::InternalError("a cell was there at the first pass only");
    RETURN_IF_ERROR(EmitCell(write.timestamp_us, it_->value()));
  }
  return OkStatus();
}

Status RowResolver::EmitCell(int64_t timestamp_us, Slice value) {
  if (timestamp_us < min_timestamp_us_ || timestamp_us >= max_timestamp_us_) return OkStatus();
  const uint64_t bytes = (result_.cells == 0 ? place_.row().size() : 0) + place_.family().size() +
                         place_.qualifier().size() + sizeof(timestamp_us) + value.size();
  if (result_.bytes + bytes > options_.max_row_bytes) {
    return absl::FailedPreconditionError(absl::StrCat("row \"", absl::CHexEscape(place_.row()),
                                                      "\" is larger than ", options_.max_row_bytes,
                                                      " bytes and cannot be read whole"));
  }
  if (!result_.emitted) {
    result_.emitted = true;
    sink_->StartRow(place_.row());
    row_done_ = sink_->wants() == RowSink::Wants::kNextRow;
    if (row_done_) return OkStatus();
  }
  ++result_.cells;
  ++column_cells_;
  result_.bytes += bytes;
  sink_->AddCell(place_.family(), place_.qualifier(), timestamp_us, value);
  if (sink_->wants() != RowSink::Wants::kMore) HearSink();
  return OkStatus();
}

void RowResolver::HearSink() {
  const RowSink::Wants wants = sink_->wants();
  column_done_ = wants == RowSink::Wants::kNextColumn;
  row_done_ = wants == RowSink::Wants::kNextRow;
  suspended_ = wants == RowSink::Wants::kPause;
}

uint64_t RowResolver::memory_bytes() const {
  uint64_t bytes = sizeof(*this) + target_.capacity() + place_.row_key().size() * 2 +
                   place_.column_key().size() * 2;
  for (const Span& span : spans_) {
    bytes += sizeof(span) + span.start.capacity() + span.end.capacity();
  }
  return bytes + history_.writes().capacity() * (sizeof(VersionHistory::Version) + 1) +
         place_.ranges().capacity() * 3 * sizeof(RangeMarker);
}

}  // namespace stele::storage
