// Goal: RowFilter gives, for 100,000 random rows and filters up to 6 deep, exactly what the
// reference gives, whichever way the row is fed.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "stele/filter_text.h"
#include "tabletserver/filter/listed_row.h"
#include "tabletserver/filter/push_down.h"
#include "tests/reference/random_filter.h"
#include "tests/reference/reference_filter.h"

namespace stele::tabletserver {
namespace {

// Feeds the row as a source does that skips what the run says it does not need.
std::vector<Cell> FilteredWithSkips(RowFilterRun* run, const Row& row, uint64_t* skipped) {
  ListedRow out({});
  run->StartRow(row.key);
  for (int pass = 0; pass < run->passes(); ++pass) {
    run->StartPass(pass);
    const Cell* done = nullptr;  // a cell of the column that is done
    for (const Cell& c : row.cells) {
      if (run->RowDone()) break;
      if (done != nullptr && done->family == c.family && done->qualifier == c.qualifier) {
        ++*skipped;
        continue;
      }
      run->AddCell({c.family, c.qualifier, c.timestamp_us, c.value, {}}, &out);
      done = run->ColumnDone() ? &c : nullptr;
    }
  }
  return out.out;
}

TEST(FilterDifferential, AnswersAsTheReference) {
  constexpr int kFilters = 20'000, kRowsPerFilter = 5;
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  std::printf("repeat with STELE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  SeededRandom random(seed);
  uint64_t cells_in = 0, cells_out = 0, labelled = 0, many_passes = 0, skipped = 0;
  for (int i = 0; i < kFilters; ++i) {
    const Filter filter = RandomFilter(&random, static_cast<int>(1 + random.Below(6)));
    ASSERT_OK_AND_ASSIGN(auto compiled, RowFilter::Compile(filter));
    RowFilterRun run(compiled, seed);
    many_passes += compiled->passes() > 2 ? 1 : 0;
    for (int j = 0; j < kRowsPerFilter; ++j) {
      const Row row = RandomRow(&random, 24);
      ReferenceFilter reference([&](uint32_t position, double probability) {
        return RowIsSampled(row.key, seed, position, probability);
      });
      const std::vector<Cell> want = reference.Apply(filter, row);
      ListedRow got(row.cells);
      ASSERT_OK(FilterRow(&run, row.key, &got, &got));
      ASSERT_EQ(got.out, want) << PrintFilter(filter) << "\nrow  " << Shown(row.cells) << "\nwant "
                               << Shown(want) << "\ngot  " << Shown(got.out);
      ASSERT_OK_AND_ASSIGN(const bool yields, FilterYieldsCell(&run, row.key, &got));
      ASSERT_EQ(yields, !want.empty());
      ASSERT_EQ(FilteredWithSkips(&run, row, &skipped), want) << PrintFilter(filter);
      cells_in += row.cells.size();
      cells_out += want.size();
      for (const Cell& cell : want) labelled += cell.label.empty() ? 0 : 1;
    }
  }
  // The cases are not empty ones.
  EXPECT_GT(cells_out, cells_in / 10);
  EXPECT_GT(labelled, 1000u);
  EXPECT_GT(many_passes, 500u);
  EXPECT_GT(skipped, cells_in / 100);
}

// What a selection takes of a row, cell by cell.
Row Selected(const Row& row, const ReadSelection& s) {
  const auto takes_column = [&s](const Cell& c) {
    const auto in_range = [&c](const ColumnRange& range) {
      const Bound &a = range.start, &b = range.end;
      const bool after = a.kind == Bound::Kind::kUnbounded || c.qualifier > a.bytes ||
                         (a.kind == Bound::Kind::kClosed && c.qualifier == a.bytes);
      const bool before = b.kind == Bound::Kind::kUnbounded || c.qualifier < b.bytes ||
                          (b.kind == Bound::Kind::kClosed && c.qualifier == b.bytes);
      return after && before && (range.family.empty() || range.family == c.family);
    };
    return s.TakesAllColumns() || std::count(s.families.begin(), s.families.end(), c.family) > 0 ||
           std::count(s.columns.begin(), s.columns.end(), std::pair(c.family, c.qualifier)) > 0 ||
           std::any_of(s.ranges.begin(), s.ranges.end(), in_range);
  };
  Row out{.key = row.key};
  std::map<std::pair<std::string, std::string>, int32_t> of_column;
  for (const Cell& c : row.cells) {
    if (!takes_column(c) || c.timestamp_us < s.min_timestamp_us) continue;
    if (s.max_timestamp_us != 0 && c.timestamp_us >= s.max_timestamp_us) continue;
    if (s.cells_per_column != 0 && ++of_column[{c.family, c.qualifier}] > s.cells_per_column) {
      continue;
    }
    if (s.cells_per_row != 0 && out.cells.size() == static_cast<size_t>(s.cells_per_row)) break;
    out.cells.push_back(c);
  }
  return out;
}

ReadSelection RandomSelection(SeededRandom* random) {
  ReadSelection s;
  if (random->OneIn(3)) return s;
  if (random->OneIn(3)) s.families.push_back(random->OneIn(2) ? "a" : "b");
  if (random->OneIn(3)) s.columns.emplace_back(random->OneIn(2) ? "ab" : "b", "x");
  if (random->OneIn(3)) {
    s.ranges.push_back({random->OneIn(2) ? "a" : "", Bound::Closed("x"), Bound::Open("y")});
  }
  if (random->OneIn(4)) s.min_timestamp_us = 2000;
  if (random->OneIn(4)) s.max_timestamp_us = 4000;
  if (random->OneIn(8)) s.cells_per_column = 2;
  if (random->OneIn(8)) s.cells_per_row = 5;
  return s;
}

// Goal: reading only what push-down asks for never changes an answer.
TEST(FilterDifferential, PushDownChangesNoAnswer) {
  constexpr int kFilters = 20'000, kRowsPerFilter = 5;
  const uint64_t seed = TestSeed() + 1;
  STELE_TRACE_SEED(seed - 1);
  SeededRandom random(seed);
  uint64_t cells_off = 0, cells_on = 0, prefixes = 0, limits = 0;
  for (int i = 0; i < kFilters; ++i) {
    const Filter filter = RandomFilter(&random, static_cast<int>(1 + random.Below(4)));
    const ReadSelection selection = RandomSelection(&random);
    const PushDown off = FindPushDown(filter, selection, {.enabled = false});
    ASSERT_EQ(off.selection, selection);
    const PushDown on = FindPushDown(filter, selection);
    ASSERT_OK(ValidateSelection(on.selection));
    prefixes += on.row_prefix.empty() ? 0 : 1;
    limits += on.selection.cells_per_row > selection.cells_per_row ? 1 : 0;
    ASSERT_OK_AND_ASSIGN(auto compiled, RowFilter::Compile(filter));
    RowFilterRun run(compiled, seed);
    for (int j = 0; j < kRowsPerFilter; ++j) {
      const Row row = RandomRow(&random, 24);
      const Row all = Selected(row, off.selection), some = Selected(row, on.selection);
      ListedRow want(all.cells), got(some.cells);
      ASSERT_OK(FilterRow(&run, row.key, &want, &want));
      ASSERT_OK(FilterRow(&run, row.key, &got, &got));
      ASSERT_EQ(got.out, want.out) << PrintFilter(filter) << "\nrow  " << Shown(row.cells)
                                   << "\nwant " << Shown(want.out) << "\ngot  " << Shown(got.out);
      if (row.key.compare(0, on.row_prefix.size(), on.row_prefix) != 0) {
        ASSERT_TRUE(want.out.empty()) << PrintFilter(filter);
      }
      cells_off += all.cells.size();
      cells_on += some.cells.size();
    }
  }
  EXPECT_LT(cells_on, cells_off * 9 / 10);
  EXPECT_GT(prefixes, 50u);
  EXPECT_GT(limits, 50u);
}

}  // namespace
}  // namespace stele::tabletserver
