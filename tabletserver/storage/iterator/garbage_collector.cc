#include "tabletserver/storage/iterator/garbage_collector.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tabletserver/storage/iterator/cell_place.h"
#include "tabletserver/storage/iterator/version_history.h"

namespace stele::storage {
namespace {

enum class Fate : uint8_t { kDrop, kKeep, kGhost };

class GarbageCollector final : public Iterator {
 public:
  GarbageCollector(const GarbageCollectorOptions& options, std::unique_ptr<Iterator> input)
      : options_(options),
        contiguous_(options.contiguous || options.oldest),
        input_(std::move(input)),
        place_(options.drops) {}

  bool Valid() const override { return valid_; }
  void SeekToFirst() override {
    input_->SeekToFirst();
    Restart();
  }
  void Seek(Slice target) override {
    input_->Seek(target);
    Restart();
  }
  bool Step(Slice* to_key, Slice* to_value) override {
    Next();
    if (!valid_) return false;
    *to_key = key();
    *to_value = value();
    return true;
  }
  void Next() override {
    if (next_marker_ < markers_.size()) {
      ++next_marker_;
    } else {
      NextCell();
    }
    Find();
  }
  Slice key() const override { return AtMarker() ? markers_[next_marker_].first : CellKey(); }
  Slice value() const override {
    if (AtMarker()) return markers_[next_marker_].second;
    if (ghost_) return Slice();
    return HoldsCell() ? Slice(held_[held_at_].value) : input_value_;
  }
  Status status() const override { return status_; }

 private:
  // How the cells of the current column are judged.
  enum class Mode { kKeepAll, kDropAll, kByPlace, kByFate };

  bool AtMarker() const { return next_marker_ < markers_.size(); }
  // The next cell of the column: one that is held, or the input's.
  bool HoldsCell() const { return held_at_ < held_count_; }
  Slice CellKey() const { return HoldsCell() ? Slice(held_[held_at_].key) : input_key_; }
  void NextCell() { HoldsCell() ? static_cast<void>(++held_at_) : NextInput(); }
  bool InColumn() const { return at_input_ && place_.SameColumn(input_key_); }
  void NextInput() { at_input_ = input_->Step(&input_key_, &input_value_); }
  // After it was moved to.
  void TakeInput() {
    at_input_ = input_->Valid();
    if (!at_input_) return;
    input_key_ = input_->key();
    input_value_ = input_->value();
  }

  void Restart() {
    TakeInput();
    status_ = OkStatus();
    place_.Leave();
    markers_.clear();
    next_marker_ = 0;
    held_at_ = held_count_ = 0;
    Find();
  }

  // Stops at the next marker or cell to keep.
  void Find() {
    valid_ = ghost_ = false;
    bool in_column = false;  // for sure
    while (!AtMarker()) {
      if (!HoldsCell()) {
        if (!at_input_) {
          status_ = input_->status();
          return;
        }
        if (!in_column && !place_.SameColumn(input_key_)) {
          if (status_ = EnterColumn(&in_column); !status_.ok()) return;
          continue;
        }
      }
      in_column = false;
      Fate fate = Fate::kDrop;
      if (status_ = JudgeCell(&fate); !status_.ok()) return;
      if (fate != Fate::kDrop) {
        ghost_ = fate == Fate::kGhost;
        break;
      }
      NextCell();
    }
    valid_ = true;
  }

  // Reads the markers of the column (or place of markers) that begins here, keeps those that still
  // say something, and decides how its cells are judged. *at_cell: whether the input surely stands
  // on one of them.
  Status EnterColumn(bool* at_cell) {
    markers_.clear();
    next_marker_ = 0;
    // Mostly it is the next row's cell of the column that was left: its family is known, and it has
    // no markers.
    const bool next_row = place_.EnterNextRowsCell(input_key_);
    if (!next_row) RETURN_IF_ERROR(EnterPlace());
    held_at_ = held_count_ = 0;
    next_cell_ = 0;
    resolved_ = -1;
    newer_ = 0;
    if (family_dropped_) {
      mode_ = Mode::kDropAll;
    } else if (family_ == nullptr) {
      mode_ = Mode::kKeepAll;
    } else {
      shadow_.Reset(place_.ranges());
      const bool counts = !family_->gc.version_limits().empty();
      mode_ = counts && (!place_.ranges().empty() || !contiguous_) ? Mode::kByFate : Mode::kByPlace;
      if (mode_ == Mode::kByFate) RETURN_IF_ERROR(JudgeByHistory());
    }
    if (mode_ == Mode::kDropAll || DropsMarkers()) markers_.clear();
    *at_cell = next_row && mode_ != Mode::kByFate;
    return OkStatus();
  }

  Status EnterPlace() {
    RETURN_IF_ERROR(place_.Enter(input_key_));
    family_ = options_.families->Find(place_.family(), place_.family_id());
    family_dropped_ = !place_.family().empty() && family_ == nullptr &&
                      options_.families->KnowsId(place_.family_id());
    return ReadMarkers();
  }

  bool DropsMarkers() const {
    if (!options_.oldest) return false;
    if (mode_ == Mode::kKeepAll) return place_.family().empty();
    return mode_ == Mode::kByPlace || !history_stays_;
  }

  Status ReadMarkers() {
    for (; InColumn(); NextInput()) {
      const Slice key = input_key_;
      if (CellPlace::CellTimestamp(key) != CellPlace::kMarker) break;
      const Sequence above = place_.column_marker();
      RETURN_IF_ERROR(place_.AddMarker(key, input_value_));
      if (KeySequence(key) > above) {
        markers_.emplace_back(std::string(key), std::string(input_value_));
      }
    }
    return at_input_ ? OkStatus() : input_->status();
  }

  // The whole column is judged before its first cell comes out. What was read is held meanwhile; of
  // a column that is too large for that the input goes back to the first cell, which costs a seek.
  Status JudgeByHistory() {
    history_.Reset(&family_->gc);
    const Sequence marker = place_.column_marker();
    size_t bytes = 0;
    for (; InColumn(); NextInput()) {
      const Slice key = input_key_;
      bytes += key.size() + input_value_.size();
      if (bytes <= options_.hold_bytes) HoldCell();
      const int64_t timestamp = CellPlace::CellTimestamp(key);
      if (timestamp < 0) return Malformed();
      if (KeySequence(key) > marker) history_.AddWrite({timestamp, KeySequence(key)});
    }
    RETURN_IF_ERROR(input_->status());
    if (history_.writes().empty()) {
      history_stays_ = false;
      held_count_ = 0;
      return OkStatus();
    }
    if (bytes > options_.hold_bytes) {
      held_count_ = 0;
      const std::string column(place_.column_key());
      input_->Seek(column);
      TakeInput();
      while (InColumn() && CellPlace::CellTimestamp(input_key_) == CellPlace::kMarker) NextInput();
      RETURN_IF_ERROR(input_->status());
    }
    history_.Replay(place_.ranges());
    history_stays_ = !options_.oldest || !history_.SurvivorsSpeakForThemselves(options_.now_us);
    DecideFates();
    return OkStatus();
  }

  void HoldCell() {
    if (held_count_ == held_.size()) held_.emplace_back();
    Held& cell = held_[held_count_++];
    cell.key.assign(input_key_.data(), input_key_.size());
    cell.value.assign(input_value_.data(), input_value_.size());
  }

  void DecideFates() {
    const auto& writes = history_.writes();
    fates_.assign(writes.size(), Fate::kDrop);
    for (size_t i = 0; i < writes.size(); ++i) {
      if (!history_stays_) {
        if (history_.IsLive(i) && !history_.IsGarbage(i, options_.now_us)) fates_[i] = Fate::kKeep;
        continue;
      }
      // By age alone: whatever it may still make surplus is older and hidden, too.
      if (family_->gc.IsGarbageAt(options_.now_us - writes[i].timestamp_us, 0)) continue;
      const bool rewritten = i > 0 && writes[i - 1].timestamp_us == writes[i].timestamp_us;
      if (rewritten && contiguous_ && !RangeBetween(writes[i].sequence, writes[i - 1].sequence)) {
        continue;
      }
      const bool shadowed = shadow_.At(writes[i].timestamp_us) > writes[i].sequence;
      fates_[i] = rewritten || shadowed ? Fate::kGhost : Fate::kKeep;
    }
  }

  // Whether a marker over a part of the timestamps lies between two writes of one identity.
  bool RangeBetween(Sequence older, Sequence newer) const {
    const auto& ranges = place_.ranges();  // newest first
    auto it = std::partition_point(ranges.begin(), ranges.end(),
                                   [&](const RangeMarker& m) { return m.sequence > newer; });
    return it != ranges.end() && it->sequence > older;
  }

  Status JudgeCell(Fate* fate) {
    if (mode_ == Mode::kDropAll) return OkStatus();
    const Slice key = CellKey();
    const int64_t timestamp = CellPlace::CellTimestamp(key);
    if (timestamp < 0 || !place_.has_qualifier()) return Malformed();
    const Sequence sequence = KeySequence(key);
    if (sequence < place_.column_marker()) return OkStatus();
    if (mode_ == Mode::kKeepAll) {
      *fate = Fate::kKeep;
      return OkStatus();
    }
    if (mode_ == Mode::kByFate) {
      const auto& writes = history_.writes();
      if (next_cell_ == writes.size() ||
          !(writes[next_cell_] == VersionHistory::Version{timestamp, sequence})) {
        return absl::InternalError("a column changed between two passes of a compaction");
      }
      *fate = fates_[next_cell_++];
      return OkStatus();
    }
    if (timestamp == resolved_) return OkStatus();
    resolved_ = timestamp;
    if (sequence < shadow_.At(timestamp)) return OkStatus();
    if (family_->gc.IsGarbageAt(options_.now_us - timestamp, newer_)) return OkStatus();
    ++newer_;
    *fate = Fate::kKeep;
    return OkStatus();
  }

  static Status Malformed() {
    return CorruptError("malformed cell key: no cell where cells stand");
  }

  const GarbageCollectorOptions options_;
  const bool contiguous_;
  const std::unique_ptr<Iterator> input_;
  bool at_input_ = false;  // it is Valid(), and these are its key and value
  Slice input_key_, input_value_;

  bool valid_ = false;
  bool ghost_ = false;  // the current cell comes out without its value
  Status status_;

  // Of the current column.
  CellPlace place_;
  const VisibleFamilies::Family* family_ = nullptr;
  bool family_dropped_ = false;
  std::vector<std::pair<std::string, std::string>> markers_;  // to come out before the cells
  size_t next_marker_ = 0;
  Mode mode_ = Mode::kKeepAll;
  RangeShadow shadow_;
  int64_t resolved_ = -1;  // kByPlace: the identity that is decided
  uint64_t newer_ = 0;     // kByPlace: kept versions so far
  VersionHistory history_;
  bool history_stays_ = false;
  std::vector<Fate> fates_;  // kByFate: one for each write of the history
  size_t next_cell_ = 0;
  struct Held {
    std::string key, value;
  };
  std::vector<Held> held_;  // kByFate: the column's cells; memory is used again
  size_t held_count_ = 0, held_at_ = 0;
};

}  // namespace

std::unique_ptr<Iterator> NewGarbageCollector(const GarbageCollectorOptions& options,
                                              std::unique_ptr<Iterator> input) {
  return std::make_unique<GarbageCollector>(options, std::move(input));
}

}  // namespace stele::storage
