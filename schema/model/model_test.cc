// Goal: every limit of the data model holds at its edge, and its violation says which field, what
// size and what limit.
#include "schema/model/model.h"

#include <gtest/gtest.h>

#include "common/testing/status_asserts.h"
#include "schema/model/mutation_cell.h"

namespace stele {
namespace {

TableSchema GoodSchema() {
  TableSchema schema;
  schema.name = "t";
  schema.next_family_id = 3;
  schema.groups = {LocalityGroupSchema{.name = "default"}};
  schema.families = {FamilySchema{.name = "a", .id = 1}, FamilySchema{.name = "b", .id = 2}};
  return schema;
}

RowMutation One(Mutation m) { return RowMutation{.row = "r", .mutations = {std::move(m)}}; }

TEST(NameTest, TableAndFamilyNames) {
  EXPECT_TRUE(ValidateTableName("_t-1.x").ok());
  EXPECT_TRUE(ValidateTableName(std::string(50, 't')).ok());
  EXPECT_STATUS(kInvalidArgument, "table name has 51 bytes; the limit is 50",
                ValidateTableName(std::string(51, 't')));
  EXPECT_STATUS(kInvalidArgument, "table name is empty", ValidateTableName(""));
  EXPECT_STATUS(kInvalidArgument, "begins", ValidateTableName("-t"));
  EXPECT_STATUS(kInvalidArgument, "table name holds a byte", ValidateTableName("t/x"));
  EXPECT_TRUE(ValidateFamilyName("-f.1").ok());
  EXPECT_TRUE(ValidateFamilyName(std::string(64, 'f')).ok());
  EXPECT_STATUS(kInvalidArgument, "family name has 65 bytes; the limit is 64",
                ValidateFamilyName(std::string(65, 'f')));
  EXPECT_STATUS(kInvalidArgument, "family name is empty", ValidateFamilyName(""));
  EXPECT_STATUS(kInvalidArgument, "family name holds a byte", ValidateFamilyName("f:q"));
}

TEST(RowKeyTest, Sizes) {
  EXPECT_TRUE(ValidateRowKey(std::string(1, '\0')).ok());
  EXPECT_TRUE(ValidateRowKey(std::string(4096, 'r')).ok());
  EXPECT_STATUS(kInvalidArgument, "row key is empty", ValidateRowKey(""));
  EXPECT_STATUS(kInvalidArgument, "row key has 4097 bytes; the limit is 4096",
                ValidateRowKey(std::string(4097, 'r')));
}

TEST(GcRuleTest, Edges) {
  using K = GcRule::Kind;
  EXPECT_TRUE(ValidateGcRule(GcRule{}).ok());
  GcRule versions{.kind = K::kMaxVersions, .max_versions = 1};
  GcRule age{.kind = K::kMaxAge, .max_age_us = 1000};
  EXPECT_TRUE(ValidateGcRule(versions).ok());
  EXPECT_TRUE(ValidateGcRule(age).ok());
  EXPECT_TRUE(ValidateGcRule(GcRule{.kind = K::kUnion, .rules = {versions, age}}).ok());
  EXPECT_STATUS(kInvalidArgument, "max_versions is 0",
                ValidateGcRule(GcRule{.kind = K::kMaxVersions}));
  EXPECT_STATUS(kInvalidArgument, "max_age is 999 us",
                ValidateGcRule(GcRule{.kind = K::kMaxAge, .max_age_us = 999}));
  EXPECT_STATUS(kInvalidArgument, "of no rules", ValidateGcRule(GcRule{.kind = K::kIntersection}));
  EXPECT_STATUS(kInvalidArgument, "not set",
                ValidateGcRule(GcRule{.kind = K::kUnion, .rules = {GcRule{}}}));
  EXPECT_STATUS(kInvalidArgument, "unknown kind",
                ValidateGcRule(GcRule{.kind = static_cast<K>(9)}));
}

TEST(GcRuleTest, SizeBoundsWidthAndDepth) {
  using K = GcRule::Kind;
  GcRule wide{.kind = K::kUnion};
  wide.rules.resize(300, GcRule{.kind = K::kMaxVersions, .max_versions = 1});
  EXPECT_STATUS(kInvalidArgument, "the limit is 500", ValidateGcRule(wide));
  GcRule deep{.kind = K::kMaxVersions, .max_versions = 1};
  for (size_t i = 0; i < kMaxGcRuleDepth; ++i) {
    EXPECT_TRUE(ValidateGcRule(deep).ok()) << i;
    GcRule outer{.kind = K::kIntersection};
    outer.rules.push_back(std::move(deep));
    deep = std::move(outer);
  }
  EXPECT_STATUS(kInvalidArgument, "GC rule is more than 20 deep", ValidateGcRule(deep));
}

TEST(SchemaTest, GoodAndBad) {
  EXPECT_TRUE(ValidateSchema(GoodSchema()).ok());
  auto broken = [](auto change) {
    TableSchema schema = GoodSchema();
    change(&schema);
    return ValidateSchema(schema);
  };
  EXPECT_STATUS(kInvalidArgument, "table name", broken([](TableSchema* s) { s->name = ""; }));
  EXPECT_STATUS(kInvalidArgument, "split_bytes",
                broken([](TableSchema* s) { s->split_bytes = 0; }));
  EXPECT_STATUS(kInvalidArgument, "is not defined",
                broken([](TableSchema* s) { s->groups.clear(); }));
  EXPECT_STATUS(kInvalidArgument, "defined twice",
                broken([](TableSchema* s) { s->groups.push_back(s->groups[0]); }));
  EXPECT_STATUS(kInvalidArgument, "locality group",
                broken([](TableSchema* s) { s->groups[0].name = "a b"; }));
  EXPECT_STATUS(kInvalidArgument, "unknown codec 4",
                broken([](TableSchema* s) { s->groups[0].codec = static_cast<Codec>(4); }));
  EXPECT_STATUS(kInvalidArgument, "block_bytes is 63",
                broken([](TableSchema* s) { s->groups[0].block_bytes = 63; }));
  EXPECT_STATUS(kInvalidArgument, "bloom_bits_per_key is 65",
                broken([](TableSchema* s) { s->groups[0].bloom_bits_per_key = 65; }));
  EXPECT_STATUS(kInvalidArgument, "family 'b': id 0",
                broken([](TableSchema* s) { s->families[1].id = 0; }));
  EXPECT_STATUS(kInvalidArgument, "family 'b': id 3",
                broken([](TableSchema* s) { s->families[1].id = 3; }));
  EXPECT_STATUS(kInvalidArgument, "used twice",
                broken([](TableSchema* s) { s->families[1].id = 1; }));
  EXPECT_STATUS(kInvalidArgument, "is given twice",
                broken([](TableSchema* s) { s->families[1].name = s->families[0].name; }));
  EXPECT_STATUS(kInvalidArgument, "not ascending",
                broken([](TableSchema* s) { std::swap(s->families[0], s->families[1]); }));
  EXPECT_STATUS(kInvalidArgument, "family 'a'",
                broken([](TableSchema* s) { s->families[0].gc.kind = GcRule::Kind::kMaxAge; }));
  EXPECT_STATUS(kInvalidArgument, "101 families; the limit is 100",
                broken([](TableSchema* s) { s->families.resize(101); }));
}

TEST(SchemaTest, FindFamilyAndGroup) {
  TableSchema schema = GoodSchema();
  EXPECT_EQ(schema.FindFamily("b"), &schema.families[1]);
  EXPECT_EQ(schema.FindFamily("aa"), nullptr);
  EXPECT_EQ(schema.FindFamily("c"), nullptr);
  EXPECT_EQ(schema.FindGroup("default"), &schema.groups[0]);
  EXPECT_EQ(schema.FindGroup("x"), nullptr);
}

TEST(MutationTest, Timestamps) {
  auto set = [](int64_t t) { return ValidateRowMutation(One(SetCell{"a", "q", t, "v"}), nullptr); };
  EXPECT_TRUE(set(kServerTime).ok());
  EXPECT_TRUE(set(0).ok());
  EXPECT_TRUE(set(7000).ok());
  for (int64_t bad : {int64_t{1}, int64_t{-2}, int64_t{-1000}, INT64_MAX}) {
    EXPECT_STATUS(kInvalidArgument,
                  absl::StrCat("Timestamp granularity mismatch. Expected a multiple of 1000 "
                               "(millisecond granularity), but got ",
                               bad, "."),
                  set(bad));
  }
}

TEST(MutationTest, DeleteRanges) {
  auto del = [](int64_t start, int64_t end) {
    return ValidateRowMutation(One(DeleteFromColumn{"a", "q", start, end}), nullptr);
  };
  EXPECT_TRUE(del(0, 0).ok());
  EXPECT_TRUE(del(5000, 0).ok());
  EXPECT_TRUE(del(0, 1000).ok());
  EXPECT_TRUE(del(1000, 2000).ok());
  EXPECT_STATUS(kInvalidArgument, "time range [2000, 2000) of DeleteFromColumn is empty",
                del(2000, 2000));
  EXPECT_STATUS(kInvalidArgument, "is empty", del(3000, 2000));
  EXPECT_STATUS(kInvalidArgument, "but got 1.", del(1, 2000));
  EXPECT_STATUS(kInvalidArgument, "but got 2001.", del(0, 2001));
  EXPECT_STATUS(kInvalidArgument, "but got -1.", del(-1, 0));
}

TEST(MutationTest, StructureAndLimits) {
  EXPECT_STATUS(kInvalidArgument, "No mutations provided",
                ValidateRowMutation(RowMutation{.row = "r"}, nullptr));
  EXPECT_STATUS(kInvalidArgument, "row key is empty",
                ValidateRowMutation(RowMutation{.mutations = {DeleteFromRow{}}}, nullptr));
  RowMutation many{.row = "r"};
  many.mutations.resize(100'000, DeleteFromRow{});
  EXPECT_TRUE(ValidateRowMutation(many, nullptr).ok());
  many.mutations.push_back(DeleteFromRow{});
  EXPECT_STATUS(kInvalidArgument, "100001 mutations of one row; the limit is 100000",
                ValidateRowMutation(many, nullptr));
  const std::string long_qualifier(16 * 1024 + 1, 'q');
  EXPECT_STATUS(kInvalidArgument, "column qualifier has 16385 bytes; the limit is 16384",
                ValidateRowMutation(One(SetCell{"a", long_qualifier, 0, ""}), nullptr));
  EXPECT_STATUS(kInvalidArgument, "column qualifier",
                ValidateRowMutation(One(DeleteFromColumn{"a", long_qualifier}), nullptr));
  EXPECT_STATUS(
      kInvalidArgument, "cell value has 104857601 bytes; the limit is 104857600",
      ValidateRowMutation(One(SetCell{"a", "", 0, std::string(kMaxValueBytes + 1, 'v')}), nullptr));
}

TEST(MutationTest, Families) {
  const TableSchema schema = GoodSchema();
  EXPECT_TRUE(ValidateRowMutation(One(SetCell{"a", "", 0, ""}), &schema).ok());
  for (const Mutation& m : {Mutation(SetCell{"x", "", 0, ""}), Mutation(DeleteFromColumn{"x", ""}),
                            Mutation(DeleteFromFamily{"x"})}) {
    EXPECT_TRUE(ValidateRowMutation(One(m), nullptr).ok());
    EXPECT_STATUS(kNotFound, "family 'x' is not in table 't'",
                  ValidateRowMutation(One(m), &schema));
  }
  EXPECT_STATUS(kInvalidArgument, "family",
                ValidateRowMutation(One(DeleteFromFamily{"no:good"}), nullptr));
}

TEST(RowSetTest, KeysAndRanges) {
  RowSet rows{.keys = {"a"}, .ranges = {RowRange{}, RowRange{.start = "b", .end = "b"}}};
  EXPECT_TRUE(ValidateRowSet(rows).ok());
  rows.ranges.push_back(RowRange{.start = "c", .end = "b"});
  EXPECT_STATUS(kInvalidArgument, "starts after its end", ValidateRowSet(rows));
  EXPECT_STATUS(kInvalidArgument, "row key is empty", ValidateRowSet(RowSet{.keys = {""}}));
  EXPECT_STATUS(kInvalidArgument, "start of the row range has 4097 bytes",
                ValidateRowSet(RowSet{.ranges = {{.start = std::string(4097, 'x')}}}));
  EXPECT_STATUS(kInvalidArgument, "end of the row range has 4097 bytes",
                ValidateRowSet(RowSet{.ranges = {{.end = std::string(4097, 'x')}}}));
}

TEST(SelectionTest, Bounds) {
  EXPECT_TRUE(ValidateSelection(ReadSelection{}).ok());
  EXPECT_TRUE(ValidateSelection({.min_timestamp_us = 5, .max_timestamp_us = 5}).ok());
  EXPECT_STATUS(kInvalidArgument, "timestamp range [6, 5) is reversed",
                ValidateSelection({.min_timestamp_us = 6, .max_timestamp_us = 5}));
  EXPECT_STATUS(kInvalidArgument, "negative bound", ValidateSelection({.min_timestamp_us = -1}));
  EXPECT_STATUS(kInvalidArgument, "cells_per_column is -1",
                ValidateSelection({.cells_per_column = -1}));
  EXPECT_STATUS(kInvalidArgument, "cells_per_row is -2", ValidateSelection({.cells_per_row = -2}));
  EXPECT_STATUS(kInvalidArgument, "family name",
                ValidateSelection({.families = {std::string(65, 'f')}}));
  EXPECT_STATUS(kInvalidArgument, "family name",
                ValidateSelection({.columns = {{std::string(65, 'f'), ""}}}));
  EXPECT_STATUS(kInvalidArgument, "column qualifier",
                ValidateSelection({.columns = {{"f", std::string(16385, 'q')}}}));
}

TEST(MutationCellTest, EachKindHasItsKeyAndValue) {
  const TableSchema schema = GoodSchema();
  MutationCell cell;
  ParsedCellKey key;
  std::string scratch;
  auto encode = [&](const Mutation& m) {
    EncodeMutation("r", m, schema, 7, &cell);
    EXPECT_TRUE(ParseCellKey(cell.key, &key, &scratch).ok());
    EXPECT_EQ(key.row, "r");
    EXPECT_EQ(key.sequence, 7u);
    return key.kind;
  };
  const Mutation set = SetCell{"b", "q", 5000, "v"};  // the cell's value points into it
  EXPECT_EQ(encode(set), CellKind::kSet);
  EXPECT_EQ(key.family_id, 2);
  EXPECT_EQ(key.timestamp_us, 5000);
  EXPECT_EQ(cell.value, "v");
  EXPECT_EQ(encode(DeleteFromColumn{"b", "q", 1000, 0}), CellKind::kDeleteColumn);
  int64_t start, end;
  EXPECT_TRUE(ParseMarkerRange(cell.value, &start, &end).ok());
  EXPECT_EQ(start, 1000);
  EXPECT_EQ(end, 0);
  EXPECT_EQ(encode(DeleteFromFamily{"a"}), CellKind::kDeleteFamily);
  EXPECT_EQ(key.family, "a");
  EXPECT_EQ(cell.value, "");
  EXPECT_EQ(encode(DeleteFromRow{}), CellKind::kDeleteRow);
}

}  // namespace
}  // namespace stele
