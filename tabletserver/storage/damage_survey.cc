#include "tabletserver/storage/damage_survey.h"

#include <algorithm>

namespace stele::storage {

void DamageSurvey::AddTablet(const Manifest& manifest) {
  Tablet& t = tablets_[manifest.tablet.id];
  t.flushed = manifest.flushed_sequence;
  t.epoch = manifest.epoch;
  t.had_drops = manifest.last_drop_order != 0 || !manifest.drops.empty();
  for (const RowDrop& drop : manifest.drops) t.runs.emplace_back(drop.sequence, drop.sequence);
}

void DamageSurvey::AddRecord(const RecoveredRecord& record, const WriteHeader& header) {
  auto found = tablets_.find(record.tablet);
  if (found == tablets_.end()) return;  // dropped
  Tablet& t = found->second;
  // A copy stands behind newer records of its tablet, so it says nothing of what is before it.
  if (record.original_lsn == record.lsn) t.last_original_lsn = record.lsn;
  if (header.epoch < t.epoch || header.last_sequence() <= t.flushed) return;
  if (!t.runs.empty() && t.runs.back().second + 1 == header.base_sequence) {
    t.runs.back().second = header.last_sequence();
  } else {
    t.runs.emplace_back(header.base_sequence, header.last_sequence());
  }
}

uint64_t DamageSurvey::HolesOf(const Tablet& tablet) {
  std::vector<std::pair<Sequence, Sequence>> runs = tablet.runs;
  std::sort(runs.begin(), runs.end());
  Sequence covered = tablet.flushed;
  uint64_t holes = 0;
  for (const auto& [first, last] : runs) {
    holes += first > covered + 1 ? 1 : 0;
    covered = std::max(covered, last);
  }
  return holes;
}

uint64_t DamageSurvey::Holes(TabletId tablet) const {
  auto found = tablets_.find(tablet);
  return found == tablets_.end() ? 0 : HolesOf(found->second);
}

// UINT64_MAX: any number.
uint64_t DamageSurvey::UnknownIn(const LogGap& gap) {
  if (!gap.bounded()) return UINT64_MAX;
  uint64_t records = gap.end_lsn > gap.first_lsn ? gap.end_lsn - gap.first_lsn : 0;
  for (const auto& [lsn, tablet] : gap.known) {
    if (lsn >= gap.first_lsn && lsn < gap.end_lsn) --records;
  }
  return records;
}

DamageSurvey::Unknown DamageSurvey::CountUnknown() const {
  Unknown unknown;
  for (const LogGap& gap : gaps_) {
    const uint64_t records = UnknownIn(gap);
    if (records == 0) continue;
    if (records == UINT64_MAX) {
      unknown.bounded = false;
    } else {
      unknown.records += records;
    }
    unknown.end_lsn = std::max(unknown.end_lsn, gap.end_lsn == 0 ? UINT64_MAX : gap.end_lsn);
  }
  return unknown;
}

std::vector<Lsn> DamageSurvey::KnownOf(TabletId tablet) const {
  std::vector<Lsn> lsns;
  for (const LogGap& gap : gaps_) {
    for (const auto& [lsn, owner] : gap.known) {
      if (owner == tablet) lsns.push_back(lsn);
    }
  }
  return lsns;
}

std::map<TabletId, std::vector<size_t>> DamageSurvey::Concerned() const {
  const Unknown unknown = CountUnknown();
  uint64_t accounted = 0;  // a hole is one record at least
  for (const auto& [id, tablet] : tablets_) {
    const uint64_t holes = HolesOf(tablet), known = KnownOf(id).size();
    accounted += holes > known && !tablet.had_drops ? holes - known : 0;
  }
  const bool all_accounted = unknown.bounded && accounted == unknown.records;
  std::map<TabletId, std::vector<size_t>> concerned;
  for (const auto& [id, tablet] : tablets_) {
    const std::vector<Lsn> known = KnownOf(id);
    const bool holed = HolesOf(tablet) > 0 && (unknown.any() || !known.empty());
    const bool lost_newest =
        !known.empty() && *std::max_element(known.begin(), known.end()) > tablet.last_original_lsn;
    const bool unproven =
        unknown.any() && !all_accounted && tablet.last_original_lsn < unknown.end_lsn;
    if (!holed && !lost_newest && !unproven) continue;
    for (size_t i = 0; i < gaps_.size(); ++i) {
      const bool own = std::any_of(gaps_[i].known.begin(), gaps_[i].known.end(),
                                   [id = id](const auto& k) { return k.second == id; });
      if (own || UnknownIn(gaps_[i]) > 0) concerned[id].push_back(i);
    }
  }
  return concerned;
}

}  // namespace stele::storage
