// Goal: what conditional changes may ask for, from both sides of each limit, and the arithmetic of
// counters and aggregates.
#include "schema/model/conditional.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "common/testing/status_asserts.h"

namespace stele {
namespace {

TableSchema GoodSchema() {
  TableSchema schema;
  schema.name = "t";
  schema.next_family_id = 3;
  schema.groups = {LocalityGroupSchema{.name = "default"}};
  schema.families = {FamilySchema{.name = "a", .id = 1},
                     FamilySchema{.name = "sum", .id = 2, .aggregate = Aggregate::kSum}};
  return schema;
}

TEST(ReadModifyWriteTest, Limits) {
  const TableSchema schema = GoodSchema();
  auto check = [&](ReadModifyWriteRule rule) {
    return ValidateReadModifyWrite("r", {std::move(rule)}, &schema);
  };
  EXPECT_TRUE(check(IncrementValue{"a", "q", INT64_MIN}).ok());
  EXPECT_TRUE(check(AppendToValue{"a", std::string(kMaxQualifierBytes, 'q'), ""}).ok());
  EXPECT_STATUS(kInvalidArgument, "column qualifier has 16385 bytes; the limit is 16384",
                check(AppendToValue{"a", std::string(kMaxQualifierBytes + 1, 'q'), ""}));
  EXPECT_STATUS(kInvalidArgument, "appended value has 104857601 bytes; the limit is 104857600",
                check(AppendToValue{"a", "q", std::string(kMaxValueBytes + 1, 'v')}));
  EXPECT_STATUS(kNotFound, "family 'b'", check(IncrementValue{"b", "q", 1}));
  EXPECT_STATUS(kInvalidArgument, "aggregate family 'sum'", check(IncrementValue{"sum", "q", 1}));
  EXPECT_STATUS(kInvalidArgument, "No rules provided", ValidateReadModifyWrite("r", {}, &schema));
  EXPECT_STATUS(kInvalidArgument, "row key is empty",
                ValidateReadModifyWrite("", {IncrementValue{"a", "q", 1}}, &schema));
  std::vector<ReadModifyWriteRule> many(kMaxReadModifyWriteRules, IncrementValue{"a", "q", 1});
  EXPECT_TRUE(ValidateReadModifyWrite("r", many, &schema).ok());
  many.push_back(many.back());
  EXPECT_STATUS(kInvalidArgument, "100001 rules; the limit is 100000",
                ValidateReadModifyWrite("r", many, &schema));
}

TEST(CheckAndMutateTest, BothListsAreValidated) {
  const TableSchema schema = GoodSchema();
  const std::vector<Mutation> good = {SetCell{"a", "q", 1000, "v"}}, bad = {DeleteFromFamily{"b"}};
  EXPECT_TRUE(ValidateCheckAndMutate("r", good, {}, &schema).ok());
  EXPECT_TRUE(ValidateCheckAndMutate("r", {}, good, &schema).ok());
  EXPECT_STATUS(kInvalidArgument, "No mutations provided",
                ValidateCheckAndMutate("r", {}, {}, &schema));
  EXPECT_STATUS(kNotFound, "false_mutations", ValidateCheckAndMutate("r", good, bad, &schema));
  EXPECT_STATUS(kNotFound, "true_mutations", ValidateCheckAndMutate("r", bad, good, &schema));
  const std::vector<Mutation> many(kMaxMutationsPerRow + 1, DeleteFromRow{});
  EXPECT_STATUS(kInvalidArgument, "100001 mutations of one row; the limit is 100000",
                ValidateCheckAndMutate("r", good, many, &schema));
}

TEST(AggregateTest, WhatAFamilyTakes) {
  const TableSchema schema = GoodSchema();
  auto check = [&](Mutation m) {
    return ValidateRowMutation(RowMutation{"r", {std::move(m)}}, &schema);
  };
  EXPECT_TRUE(check(AddToCell{"sum", "q", 0, -5}).ok());
  EXPECT_TRUE(check(MergeToCell{"sum", "q", 1000, EncodeCounter(3)}).ok());
  EXPECT_TRUE(check(DeleteFromColumn{"sum", "q", 0, 0}).ok());
  EXPECT_STATUS(kInvalidArgument, "SetCell in aggregate",
                check(SetCell{"sum", "q", 0, EncodeCounter(3)}));
  EXPECT_STATUS(kInvalidArgument, "family 'a', which is not an aggregate",
                check(AddToCell{"a", "q", 0, 1}));
  EXPECT_STATUS(kInvalidArgument, "Timestamp granularity",
                check(AddToCell{"sum", "q", kServerTime, 1}));
  EXPECT_STATUS(kInvalidArgument, "has 7 bytes; it must be 8",
                check(MergeToCell{"sum", "q", 0, "1234567"}));
  TableSchema unknown = schema;
  unknown.families[1].aggregate = static_cast<Aggregate>(4);
  EXPECT_STATUS(kInvalidArgument, "family 'sum': unknown aggregate", ValidateSchema(unknown));
}

TEST(CounterTest, BytesAndSums) {
  EXPECT_EQ(EncodeCounter(1), std::string("\0\0\0\0\0\0\0\1", 8));
  EXPECT_EQ(EncodeCounter(-2), "\xff\xff\xff\xff\xff\xff\xff\xfe");
  EXPECT_EQ(DecodeCounter(EncodeCounter(INT64_MIN)).value(), INT64_MIN);
  EXPECT_STATUS(kInvalidArgument, "0 bytes; a counter has exactly 8", DecodeCounter("").status());
  EXPECT_STATUS(kInvalidArgument, "9 bytes", DecodeCounter("123456789").status());
  EXPECT_EQ(WrappingSum(INT64_MAX, 1), INT64_MIN);
  EXPECT_EQ(Combine(Aggregate::kSum, INT64_MIN, -1), INT64_MAX);
  EXPECT_EQ(Combine(Aggregate::kMin, 3, -4), -4);
  EXPECT_EQ(Combine(Aggregate::kMax, 3, -4), 3);
}

TEST(RequestIdTest, Order) {
  EXPECT_TRUE(ValidateRequestId({}).ok());
  EXPECT_TRUE(ValidateRequestId({7, 5, 5}).ok());
  EXPECT_STATUS(kInvalidArgument, "request sequence is 0", ValidateRequestId({7, 0, 0}));
  EXPECT_STATUS(kInvalidArgument, "below first_incomplete 6", ValidateRequestId({7, 5, 6}));
}

}  // namespace
}  // namespace stele
