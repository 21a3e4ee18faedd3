// KeyHeat: how many reads and writes each range of a table's keys had, over the last day. For each
// table there are columns of time, the older the longer, and each column is cut into slices by row
// keys that were chosen when it began: so a tablet may split, merge and move without a gap.
//
// What comes in are a tablet's counts of a short time and a sample of the rows that were asked for.
// The sample tells which slices they fall to; and which rows are hottest.
//
// Bounds: kMaxSlices slices and about 370 columns a table, kMaxHotRows hot and kMaxRecentRows
// recent rows, and max_bytes in all; beyond it the table with most loses its oldest columns. Time
// is the caller's, in milliseconds of the boot clock; it never goes back. Thread-compatible; owned
// by LoadWatch.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "schema/convert/load_messages.h"
#include "schema/model/model.h"

namespace stele::master {

// A last row of a slice, and about how many bytes of the table are up to and including it.
struct KeyWeight {
  std::string row;
  uint64_t bytes = 0;
  bool operator==(const KeyWeight&) const = default;
};

// At most `most` rows that cut a table into slices: alike in bytes, but where much of the sampled
// load is, finer. Ascending, without repetition; the last slice ends with the table, without a cut.
std::vector<std::string> ChooseCuts(const std::vector<KeyWeight>& sizes,
                                    std::vector<std::string> sampled_rows, size_t most);

struct HeatCell {
  float reads = 0, writes = 0;
  HeatCell& operator+=(const HeatCell& other) {
    reads += other.reads;
    writes += other.writes;
    return *this;
  }
};

struct HeatColumn {
  int64_t begin_ms = 0, length_ms = 0;
  std::shared_ptr<const std::vector<std::string>>
      cuts;                      // slice i ends with cuts[i], the last never
  std::vector<HeatCell> slices;  // one more than cuts
};

struct HotRow {
  std::string row;               // or its beginning
  double reads = 0, writes = 0;  // of about the last minute
};

// A sampled row, or its beginning, and what it stands for.
struct SampledLoad {
  std::string row;
  HeatCell load;
};

class KeyHeat {
 public:
  static constexpr size_t kMaxSlices = 96;
  static constexpr size_t kMaxHotRows = 128;
  static constexpr size_t kMaxRecentRows = 512;
  static constexpr size_t kMaxCutBytes = 64;  // of a row that cuts; longer ones are shortened
  static constexpr size_t kMaxBytes = 32u << 20;
  static constexpr int64_t kDayMs = 24 * 3'600'000;

  explicit KeyHeat(size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}

  // What the tablet had since it was last asked. `sampled` are rows of just these requests, or when
  // there were none, of earlier ones.
  void Add(int64_t now_ms, const TabletDescriptor& tablet, uint64_t reads, uint64_t writes,
           const std::vector<wire::SampledRow>& sampled);
  // How the bytes of the table lie. The slices follow.
  void SetSizes(TableId table, std::vector<KeyWeight> sizes);
  void Forget(TableId table);
  // Drops what is older than a day and joins what has become old; from time to time.
  void Age(int64_t now_ms);

  std::vector<TableId> tables() const;  // that had load
  // Ascending in time; gaps are times without load.
  std::vector<HeatColumn> Columns(TableId table) const;
  std::vector<HotRow> HotRows(TableId table, size_t most) const;  // the hottest first
  size_t bytes() const { return bytes_; }

 private:
  struct Table {
    std::deque<HeatColumn> columns;
    std::vector<KeyWeight> sizes;
    std::shared_ptr<const std::vector<std::string>> cuts;
    bool choose_again = true;
    int64_t chosen_ms = 0, checked_ms = 0;
    std::map<std::string, HotRow> hot;  // by row
    std::deque<SampledLoad> recent;
    int64_t hot_halved_ms = 0;
    size_t bytes = 0;
  };

  HeatColumn* Current(int64_t now_ms, Table* table);
  static void RecutYoung(int64_t now_ms, Table* table);
  void NoteHotRows(int64_t now_ms, const std::vector<wire::SampledRow>& sampled, double per_read,
                   double per_write, Table* table);
  static void NoteRecent(const std::vector<wire::SampledRow>& sampled, double per_read,
                         double per_write, Table* table);
  static bool WantsOtherCuts(int64_t now_ms, const Table& table);
  static void ChooseCutsOf(int64_t now_ms, Table* table);
  static void Measure(Table* table);
  void KeepWithinBound();

  const size_t max_bytes_;
  size_t bytes_ = 0;
  std::map<TableId, Table> tables_;
};

// The same heat by other cuts. What a slice had is shared among those that overlap it as the
// sampled load in it lies; without any, evenly.
std::vector<HeatCell> Recut(const std::vector<std::string>& from, const std::vector<HeatCell>& heat,
                            const std::vector<std::string>& to,
                            const std::deque<SampledLoad>& sampled = {});

}  // namespace stele::master
