// HeatMap: the heat of one table's keys as people look at it: slices of keys by columns of time, in
// requests a second, and the ranges and rows that are hottest now. Made of what LoadWatch keeps,
// for the page and its JSON alike. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/net/http.h"
#include "common/obs/page.h"
#include "master/load/load_watch.h"

namespace stele::deploy {

struct HeatQuery {
  enum class What { kAll, kReads, kWrites };
  What what = What::kAll;
  int64_t span_ms = 3'600'000;
};
// ?what=all|reads|writes, ?span=10m|1h|6h|1d. InvalidArgument naming what is allowed.
StatusOr<HeatQuery> HeatQueryOf(const net::HttpRequest& request);
const char* NameOf(HeatQuery::What what);
std::string SpanText(int64_t span_ms);  // "10m", "1h"

struct HeatRange {
  std::string after, up_to;  // keys; empty: the table's beginning, its end
  double reads_per_s = 0, writes_per_s = 0;
  double share = 0;  // of the table's load
};

struct HeatMap {
  static constexpr size_t kColumns = 120;
  HeatQuery query;
  int64_t since_us = 0;                    // nothing is known of before
  int64_t begin_us = 0, column_us = 0;     // kColumns columns, the last ends now
  std::vector<std::string> cuts;           // slice i ends with cuts[i], the last with the table
  std::vector<std::vector<double>> reads;  // a second; [slice][column]
  std::vector<std::vector<double>> writes;
  double all_reads_per_s = 0, all_writes_per_s = 0;  // of about the last minute, as what follows
  std::vector<HeatRange> hottest;  // the hottest first; each at least twice as hot as its share of
                                   // the slices
  std::vector<master::HotRow> hot_rows;
};

HeatMap MakeHeatMap(const master::HeatPicture& picture, const HeatQuery& query);
obs::HeatGrid DrawHeatMap(const HeatMap& map);

}  // namespace stele::deploy
