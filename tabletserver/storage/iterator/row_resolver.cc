#include "tabletserver/storage/iterator/row_resolver.h"

#include <algorithm>
#include <set>

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

Status MarkerBehindCell() { return CorruptError("malformed cell key: no cell where cells stand"); }

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
  if (selection.families.empty() && selection.columns.empty()) {
    spans_.push_back(Span{});
    return;
  }
  for (const VisibleFamilies::Family& family : options_.families->all()) {
    const std::string start = FamilyStart(family);
    if (std::find(selection.families.begin(), selection.families.end(), family.name) !=
        selection.families.end()) {
      spans_.push_back(Span{start, FamilyEnd(family)});
      continue;
    }
    std::set<std::string> columns;
    for (const auto& [name, qualifier] : selection.columns) {
      if (name != family.name) continue;
      std::string column = start;
      AppendEscaped(&column, qualifier);
      columns.insert(std::move(column));
    }
    if (columns.empty()) continue;
    spans_.push_back(Span{start, start + std::string("\x00\x01", 2)});  // the family's markers
    for (const std::string& column : columns) {
      std::string column_end = column;
      ++column_end.back();  // the terminator's successor is no key's
      spans_.push_back(Span{column, std::move(column_end)});
    }
  }
}

StatusOr<ResolvedRow> RowResolver::ResolveRow(Iterator* it, RowSink* sink) {
  it_ = it;
  sink_ = sink;
  result_ = ResolvedRow{};
  place_.Leave();
  RETURN_IF_ERROR(place_.Enter(it->key()));
  if (place_.family().empty()) RETURN_IF_ERROR(ReadMarkers());
  for (const Span& span : spans_) {
    if (!InRow() || RowIsFull()) break;
    RETURN_IF_ERROR(ResolveSpan(span));
  }
  RETURN_IF_ERROR(it->status());
  if (result_.emitted) result_.sink_goes_on = sink->EndRow();
  return result_;
}

void RowResolver::SkipRow(Iterator* it) {
  it_ = it;
  if (!InRow()) return;
  target_.clear();
  AppendRowEnd(&target_, place_.row());
  SkipTo(target_);
}

void RowResolver::SkipTo(Slice target) {
  for (int steps = 0; steps < kStepsBeforeSeek; ++steps) {
    if (!it_->Valid() || it_->key() >= target) return;
    it_->Next();
  }
  if (it_->Valid() && it_->key() < target) it_->Seek(target);
}

Status RowResolver::ResolveSpan(const Span& span) {
  if (!span.start.empty()) {
    target_.assign(place_.row_key().data(), place_.row_key().size());
    target_ += span.start;
    SkipTo(target_);
  }
  while (InRow() && !RowIsFull()) {
    const Slice inner = it_->key().substr(place_.row_key().size());
    if (!span.end.empty() && inner >= span.end) break;
    RETURN_IF_ERROR(ResolvePlace());
  }
  return OkStatus();
}

// One column, or the place of a family's markers.
Status RowResolver::ResolvePlace() {
  // The row's first column was entered with the row.
  if (!place_.SameColumn(it_->key())) RETURN_IF_ERROR(place_.Enter(it_->key()));
  const VisibleFamilies::Family* family =
      options_.families->Find(place_.family(), place_.family_id());
  if (family == nullptr) {
    target_.clear();
    AppendFamilyEnd(&target_, place_.row(), place_.family(), place_.family_id());
    SkipTo(target_);
    return OkStatus();
  }
  RETURN_IF_ERROR(ReadMarkers());
  if (!InColumn()) return OkStatus();
  if (!place_.has_qualifier()) return MarkerBehindCell();
  column_cells_ = 0;
  const bool by_history = !place_.ranges().empty() && !family->gc.version_limits().empty();
  RETURN_IF_ERROR(by_history ? EmitColumnByHistory(family->gc) : EmitColumn(family->gc));
  if (InColumn()) {  // the rest is not wanted
    target_.assign(place_.column_key().data(), place_.column_key().size());
    ++target_.back();
    SkipTo(target_);
  }
  return OkStatus();
}

Status RowResolver::ReadMarkers() {
  for (; InColumn(); it_->Next()) {
    const Slice key = it_->key();
    if (CellPlace::CellTimestamp(key) != CellPlace::kMarker) break;
    if (KeySequence(key) > options_.snapshot) continue;
    RETURN_IF_ERROR(place_.AddMarker(key, it_->value()));
  }
  return it_->status();
}

bool RowResolver::WantsMore(int64_t timestamp_us) const {
  return timestamp_us >= min_timestamp_us_ && !RowIsFull() &&
         (cells_per_column_ == 0 || column_cells_ < cells_per_column_);
}

Status RowResolver::EmitColumn(const GcPolicy& gc) {
  const Sequence marker = place_.column_marker();
  const bool has_ranges = !place_.ranges().empty();
  if (has_ranges) shadow_.Reset(place_.ranges());
  int64_t resolved = -1;  // the identity that is decided
  uint64_t newer = 0;     // visible so far
  for (; it_->Valid(); it_->Next()) {
    const Slice key = it_->key();
    if (!place_.SameColumn(key)) break;
    const int64_t timestamp = CellPlace::CellTimestamp(key);
    if (timestamp < 0) return MarkerBehindCell();
    const Sequence sequence = KeySequence(key);
    if (sequence > options_.snapshot || timestamp == resolved) continue;
    if (!WantsMore(timestamp)) return OkStatus();
    resolved = timestamp;
    if (sequence < marker) continue;
    if (has_ranges && sequence < shadow_.At(timestamp)) continue;
    // What is garbage here is garbage for all older versions.
    if (gc.IsGarbageAt(options_.now_us - timestamp, newer)) return OkStatus();
    ++newer;
    RETURN_IF_ERROR(EmitCell(timestamp, it_->value()));
  }
  return OkStatus();
}

// Twice over the column: first its history, then the cells that it leaves.
Status RowResolver::EmitColumnByHistory(const GcPolicy& gc) {
  history_.Reset(&gc);
  for (; it_->Valid(); it_->Next()) {
    const Slice key = it_->key();
    if (!place_.SameColumn(key)) break;
    const int64_t timestamp = CellPlace::CellTimestamp(key);
    if (timestamp < 0) return MarkerBehindCell();
    const Sequence sequence = KeySequence(key);
    if (sequence > options_.snapshot || sequence < place_.column_marker()) continue;
    history_.AddWrite({timestamp, sequence});
  }
  RETURN_IF_ERROR(it_->status());
  history_.Replay(place_.ranges());
  target_.assign(place_.column_key().data(), place_.column_key().size());
  it_->Seek(target_);
  for (size_t i = 0; i < history_.writes().size(); ++i) {
    const VersionHistory::Version& write = history_.writes()[i];
    if (!WantsMore(write.timestamp_us)) return OkStatus();
    if (!history_.IsLive(i) || history_.IsGarbage(i, options_.now_us)) continue;
    while (InColumn() && KeySequence(it_->key()) != write.sequence) it_->Next();
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
  if (!result_.emitted) sink_->StartRow(place_.row());
  result_.emitted = true;
  ++result_.cells;
  ++column_cells_;
  result_.bytes += bytes;
  sink_->AddCell(place_.family(), place_.qualifier(), timestamp_us, value);
  return OkStatus();
}

}  // namespace stele::storage
