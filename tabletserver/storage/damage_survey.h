// DamageSurvey: which tablets a damaged log may concern, told from what is left of it. A tablet is
// not concerned when its state is proven complete without the missing records. The proof rests on
// sequences: a tablet's mutations take them without holes, in the order of the log (FORMAT.md).
//
// A tablet is concerned when
//   - some of its sequences above the manifest's flushed one are missing, or
//   - a missing record is known to be its own and nothing newer of it stands behind that one, or
//   - a missing record may be anybody's, and nothing of the tablet stands behind the last such gap;
//     unless the holes of other tablets account for all such records already. A drop of rows takes
//     a sequence and no record: the holes of a tablet that had drops account for nothing.
// A pure decision over values. Thread-compatible.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tabletserver/storage/log/commit_log.h"
#include "tabletserver/storage/manifest/manifest.h"
#include "tabletserver/storage/write_record.h"

namespace stele::storage {

class DamageSurvey {
 public:
  explicit DamageSurvey(const std::vector<LogGap>& gaps) : gaps_(gaps) {}

  // Every tablet with a manifest that reads.
  void AddTablet(const Manifest& manifest);
  // Every record that is left, in the order of the log.
  void AddRecord(const RecoveredRecord& record, const WriteHeader& header);

  // The tablets that may have lost something, each with the indexes of the gaps it may be in.
  std::map<TabletId, std::vector<size_t>> Concerned() const;
  // How many runs of sequences are missing between the flushed one and the last one seen.
  uint64_t Holes(TabletId tablet) const;

 private:
  struct Tablet {
    Sequence flushed = 0;
    Epoch epoch = 0;
    bool had_drops = false;
    Lsn last_original_lsn = 0;
    std::vector<std::pair<Sequence, Sequence>> runs;  // [first, last], neighbours joined
  };
  struct Unknown {  // records of nobody knows which tablet
    bool bounded = true;
    uint64_t records = 0;
    Lsn end_lsn = 0;  // behind the last of them
    bool any() const { return !bounded || records > 0; }
  };

  static uint64_t HolesOf(const Tablet& tablet);
  static uint64_t UnknownIn(const LogGap& gap);
  Unknown CountUnknown() const;
  // The LSNs of missing records that are this tablet's own.
  std::vector<Lsn> KnownOf(TabletId tablet) const;

  const std::vector<LogGap>& gaps_;
  std::map<TabletId, Tablet> tablets_;
};

}  // namespace stele::storage
