// Goal: RowFilter gives, for 100,000 random rows and filters up to 6 deep, exactly what the
// reference gives, whichever way the row is fed.
#include <gtest/gtest.h>

#include "common/base/check.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/filter/row_filter.h"
#include "tests/reference/random_filter.h"
#include "tests/reference/reference_filter.h"

namespace stele::tabletserver {
namespace {

class CellList : public FilterOutput {
 public:
  void AddCell(const CellView& cell) override {
    cells.push_back({std::string(cell.family), std::string(cell.qualifier), cell.timestamp_us,
                     std::string(cell.value), std::string(cell.label)});
  }
  std::vector<Cell> cells;
};

class StoredRow : public RepeatableRow {
 public:
  explicit StoredRow(const Row& row) : row_(row) {}
  Status Read(const std::function<bool(const CellView&)>& take) override {
    for (const Cell& c : row_.cells) {
      if (!take({c.family, c.qualifier, c.timestamp_us, c.value, {}})) break;
    }
    return OkStatus();
  }

 private:
  const Row& row_;
};

std::string Show(const std::vector<Cell>& cells) {
  std::string out;
  for (const Cell& c : cells) {
    absl::StrAppend(&out, "  ", c.family, ":", c.qualifier, "@", c.timestamp_us, "=", c.value, " ",
                    c.label, "\n");
  }
  return out;
}

TEST(FilterDifferential, AnswersAsTheReference) {
  constexpr int kFilters = 20'000, kRowsPerFilter = 5;
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  std::printf("repeat with STELE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  SeededRandom random(seed);
  uint64_t cells_in = 0, cells_out = 0, labelled = 0, many_passes = 0;
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
      CellList got;
      StoredRow stored(row);
      ASSERT_OK(FilterRow(&run, row.key, &stored, &got));
      ASSERT_EQ(got.cells, want) << "filter " << i << "\nrow\n"
                                 << Show(row.cells) << "want\n"
                                 << Show(want) << "got\n"
                                 << Show(got.cells);
      ASSERT_OK_AND_ASSIGN(const bool yields, FilterYieldsCell(&run, row.key, &stored));
      ASSERT_EQ(yields, !want.empty());
      cells_in += row.cells.size();
      cells_out += want.size();
      for (const Cell& cell : want) labelled += cell.label.empty() ? 0 : 1;
    }
  }
  // The cases are not empty ones.
  EXPECT_GT(cells_out, cells_in / 10);
  EXPECT_GT(labelled, 1000u);
  EXPECT_GT(many_passes, 500u);
}

}  // namespace
}  // namespace stele::tabletserver
