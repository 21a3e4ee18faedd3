// Goal: what conditional changes may ask for, from both sides of each limit, and the arithmetic of
// counters and aggregates.
#include "schema/model/conditional.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace stele {
namespace {

testing::AssertionResult Refuses(const Status& s, absl::StatusCode code, Slice text) {
  if (s.code() == code && s.message().find(text) != Slice::npos) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << s.ToString() << " lacks \"" << text << '"';
}
testing::AssertionResult Invalid(const Status& s, Slice text) {
  return Refuses(s, absl::StatusCode::kInvalidArgument, text);
}

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
  EXPECT_TRUE(Invalid(check(AppendToValue{"a", std::string(kMaxQualifierBytes + 1, 'q'), ""}),
                      "column qualifier has 16385 bytes; the limit is 16384"));
  EXPECT_TRUE(Invalid(check(AppendToValue{"a", "q", std::string(kMaxValueBytes + 1, 'v')}),
                      "appended value has 104857601 bytes; the limit is 104857600"));
  EXPECT_TRUE(
      Refuses(check(IncrementValue{"b", "q", 1}), absl::StatusCode::kNotFound, "family 'b'"));
  EXPECT_TRUE(Invalid(check(IncrementValue{"sum", "q", 1}), "aggregate family 'sum'"));
  EXPECT_TRUE(Invalid(ValidateReadModifyWrite("r", {}, &schema), "No rules provided"));
  EXPECT_TRUE(Invalid(ValidateReadModifyWrite("", {IncrementValue{"a", "q", 1}}, &schema),
                      "row key is empty"));
  std::vector<ReadModifyWriteRule> many(kMaxReadModifyWriteRules, IncrementValue{"a", "q", 1});
  EXPECT_TRUE(ValidateReadModifyWrite("r", many, &schema).ok());
  many.push_back(many.back());
  EXPECT_TRUE(
      Invalid(ValidateReadModifyWrite("r", many, &schema), "100001 rules; the limit is 100000"));
}

TEST(CheckAndMutateTest, BothListsAreValidated) {
  const TableSchema schema = GoodSchema();
  const std::vector<Mutation> good = {SetCell{"a", "q", 1000, "v"}}, bad = {DeleteFromFamily{"b"}};
  EXPECT_TRUE(ValidateCheckAndMutate("r", good, {}, &schema).ok());
  EXPECT_TRUE(ValidateCheckAndMutate("r", {}, good, &schema).ok());
  EXPECT_TRUE(Invalid(ValidateCheckAndMutate("r", {}, {}, &schema), "No mutations provided"));
  EXPECT_TRUE(Refuses(ValidateCheckAndMutate("r", good, bad, &schema), absl::StatusCode::kNotFound,
                      "false_mutations"));
  EXPECT_TRUE(Refuses(ValidateCheckAndMutate("r", bad, good, &schema), absl::StatusCode::kNotFound,
                      "true_mutations"));
  const std::vector<Mutation> many(kMaxMutationsPerRow + 1, DeleteFromRow{});
  EXPECT_TRUE(Invalid(ValidateCheckAndMutate("r", good, many, &schema),
                      "100001 mutations of one row; the limit is 100000"));
}

TEST(AggregateTest, WhatAFamilyTakes) {
  const TableSchema schema = GoodSchema();
  auto check = [&](Mutation m) {
    return ValidateRowMutation(RowMutation{"r", {std::move(m)}}, &schema);
  };
  EXPECT_TRUE(check(AddToCell{"sum", "q", 0, -5}).ok());
  EXPECT_TRUE(check(MergeToCell{"sum", "q", 1000, EncodeCounter(3)}).ok());
  EXPECT_TRUE(check(DeleteFromColumn{"sum", "q", 0, 0}).ok());
  EXPECT_TRUE(Invalid(check(SetCell{"sum", "q", 0, EncodeCounter(3)}), "SetCell in aggregate"));
  EXPECT_TRUE(Invalid(check(AddToCell{"a", "q", 0, 1}), "family 'a', which is not an aggregate"));
  EXPECT_TRUE(Invalid(check(AddToCell{"sum", "q", kServerTime, 1}), "Timestamp granularity"));
  EXPECT_TRUE(Invalid(check(MergeToCell{"sum", "q", 0, "1234567"}), "has 7 bytes; it must be 8"));
  TableSchema unknown = schema;
  unknown.families[1].aggregate = static_cast<Aggregate>(4);
  EXPECT_TRUE(Invalid(ValidateSchema(unknown), "family 'sum': unknown aggregate"));
}

TEST(CounterTest, BytesAndSums) {
  EXPECT_EQ(EncodeCounter(1), std::string("\0\0\0\0\0\0\0\1", 8));
  EXPECT_EQ(EncodeCounter(-2), "\xff\xff\xff\xff\xff\xff\xff\xfe");
  EXPECT_EQ(DecodeCounter(EncodeCounter(INT64_MIN)).value(), INT64_MIN);
  EXPECT_TRUE(Invalid(DecodeCounter("").status(), "0 bytes; a counter has exactly 8"));
  EXPECT_TRUE(Invalid(DecodeCounter("123456789").status(), "9 bytes"));
  EXPECT_EQ(WrappingSum(INT64_MAX, 1), INT64_MIN);
  EXPECT_EQ(Combine(Aggregate::kSum, INT64_MIN, -1), INT64_MAX);
  EXPECT_EQ(Combine(Aggregate::kMin, 3, -4), -4);
  EXPECT_EQ(Combine(Aggregate::kMax, 3, -4), 3);
}

TEST(RequestIdTest, Order) {
  EXPECT_TRUE(ValidateRequestId({}).ok());
  EXPECT_TRUE(ValidateRequestId({7, 5, 5}).ok());
  EXPECT_TRUE(Invalid(ValidateRequestId({7, 0, 0}), "request sequence is 0"));
  EXPECT_TRUE(Invalid(ValidateRequestId({7, 5, 6}), "below first_incomplete 6"));
}

}  // namespace
}  // namespace stele
