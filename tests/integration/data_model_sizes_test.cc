// Goal: the largest values and rows that the data model allows, from both sides, through the SDK
// against a cell of three tablet servers. Apart from the other limits, for it writes much.
#include <gtest/gtest.h>

#include "tests/integration/model_cell.h"

namespace stele {
namespace {

class SizeModel : public ModelTest {
 protected:
  static Status Put(Table& table, const std::string& row, const std::string& value) {
    return table.Apply(RowMutationBuilder(row).SetAt("f", "q", 1000, value).Build());
  }
};

TEST_F(SizeModel, Values) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}));
  ASSERT_OK(Put(table, "empty", ""));
  EXPECT_EQ(ReadText(table, "empty"), "f:q@1=");
  std::string largest(100u << 20, 'v');
  EXPECT_STATUS(kInvalidArgument, "cell value has 104857601 bytes; the limit is 104857600",
                Put(table, "large", largest + "v"));
  ASSERT_OK(Put(table, "large", largest));
  ASSERT_OK_AND_ASSIGN(std::optional<Row> row, table.ReadRow("large"));
  ASSERT_TRUE(row.has_value());
  EXPECT_TRUE(row->cells[0].value == largest);
}

TEST_F(SizeModel, TheAppendedValueIsAtMost100MiB) {
  const std::string half(50u << 20, 'v');
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}));
  ASSERT_OK(Put(table, "r", half));
  EXPECT_STATUS(
      kInvalidArgument,
      "column \"f:q\": the appended cell value has 104857601 bytes; the limit is "
      "104857600",
      table.ReadModifyWrite(ReadModifyWriteBuilder("r").Append("f", "q", half + "v").Build()));
  // So large an answer may be lost on a slow machine; that it was done is told then, too.
  StatusOr<Row> row =
      table.ReadModifyWrite(ReadModifyWriteBuilder("r").Append("f", "q", half).Build());
  if (!row.ok()) {
    ASSERT_STATUS(kAlreadyExists, "was done, once", row);
    ASSERT_OK_AND_ASSIGN(std::optional<Row> found,
                         table.ReadRow("r", ReadQuery().CellsPerColumn(1)));
    row = *std::move(found);
  }
  ASSERT_EQ(row->cells.size(), 1u);
  EXPECT_EQ(row->cells[0].value.size(), 100u << 20);
}

TEST_F(SizeModel, ARowOver256MiBIsWrittenButCannotBeReadWhole) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}));
  // Family, qualifier, value and 8 bytes of timestamp count.
  const std::string quarter((64u << 20) - 11, 'v');
  for (const char* qualifier : {"q0", "q1", "q2", "q3"}) {
    ASSERT_OK(table.Apply(RowMutationBuilder("row").SetAt("f", qualifier, 0, quarter).Build()));
  }
  {
    ASSERT_OK_AND_ASSIGN(std::optional<Row> row, table.ReadRow("row"));
    ASSERT_TRUE(row.has_value());
    EXPECT_EQ(row->cells.size(), 4u) << "256 MiB is the most";
  }
  ASSERT_OK(table.Apply(RowMutationBuilder("row").SetAt("f", "q4", 0, "").Build()));
  const char text[] = "row \"row\" is larger than 268435456 bytes";
  EXPECT_STATUS(kFailedPrecondition, text, table.ReadRow("row"));
  EXPECT_STATUS(kFailedPrecondition, text, table.ReadRows(ReadQuery(), [](Row) { return true; }));
  EXPECT_EQ(ReadText(table, "row", ReadQuery().Column("f", "q4")), "f:q4@0=");
  RowReader reader = table.ReadRows(ReadQuery().Filter(Filter::StripValue()));
  ASSERT_OK_AND_ASSIGN(std::optional<Row> stripped, reader.Next());
  EXPECT_GE(stripped->cells.size(), 5u) << "what comes through the filter counts";
}

}  // namespace
}  // namespace stele
