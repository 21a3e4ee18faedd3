// The words for families and groups, read, written and refused.
#include "client/cli/schema_expression.h"

#include <gtest/gtest.h>

namespace stele::cli {
namespace {

TEST(ParseFamily, ReadsRulesAndGroup) {
  StatusOr<FamilySchema> family = ParseFamily("anchor:max_versions=3,max_age=7d,group=links");
  ASSERT_TRUE(family.ok()) << family.status();
  EXPECT_EQ(family->name, "anchor");
  EXPECT_EQ(family->locality_group, "links");
  ASSERT_EQ(family->gc.kind, GcRule::Kind::kUnion);
  ASSERT_EQ(family->gc.rules.size(), 2u);
  EXPECT_EQ(family->gc.rules[0].max_versions, 3);
  EXPECT_EQ(family->gc.rules[1].max_age_us, 7 * 86'400'000'000);
}

TEST(ParseFamily, PlainNameKeepsEverything) {
  for (const char* text : {"title", "title:"}) {
    StatusOr<FamilySchema> family = ParseFamily(text);
    ASSERT_TRUE(family.ok()) << family.status();
    EXPECT_EQ(family->gc.kind, GcRule::Kind::kNone);
    EXPECT_EQ(family->locality_group, "") << "a new one goes to default, an old one stays";
  }
}

TEST(ParseFamily, WhatIsShownIsReadBack) {
  for (const char* text :
       {"a:group=default", "a:gc=max_versions(1),group=g", "a:gc=max_age(90s),group=default",
        "a:gc=union(max_versions(2)),group=x",
        "a:gc=union(max_versions(2),intersection(max_age(1d),max_versions(10))),group=x"}) {
    StatusOr<FamilySchema> family = ParseFamily(text);
    ASSERT_TRUE(family.ok()) << text << ": " << family.status();
    EXPECT_EQ(FormatFamily(*family), text);
  }
}

TEST(ParseFamily, ShortAndLongWordsMeanTheSame) {
  const std::pair<const char*, const char*> same[] = {
      {"a:max_versions=3,max_age=7d", "a:gc=union(max_versions(3),max_age(7d))"},
      {"a:any(max_versions=3,max_age=7d)", "a:union(max_versions(3),max_age(7d))"},
      {"a:all(max_versions(3),max_age=7d)", "a:gc=intersection(max_versions=3,max_age(7d))"},
      {"a:max_versions=3,group=g", "a:group=g,gc=max_versions(3)"},
  };
  for (const auto& [one, other] : same) {
    StatusOr<FamilySchema> a = ParseFamily(one), b = ParseFamily(other);
    ASSERT_TRUE(a.ok()) << one << ": " << a.status();
    ASSERT_TRUE(b.ok()) << other << ": " << b.status();
    EXPECT_EQ(*a, *b) << one;
  }
}

TEST(ParseFamily, RefusesWhatItDoesNotKnow) {
  std::string deep = "max_versions=1";
  for (int i = 0; i < 30; ++i) deep = "any(" + deep + ")";
  for (const std::string& text : {std::string(""),
                                  std::string(":max_versions=1"),
                                  std::string("a:max_versions=0"),
                                  "a:group=" + std::string(65, 'g'),
                                  std::string("a:max_versions=x"),
                                  std::string("a:max_age=5"),
                                  std::string("a:max_age=0ms"),
                                  std::string("a:any(max_versions=1"),
                                  std::string("a:max_versions=1)"),
                                  std::string("a:any()"),
                                  std::string("a:gc="),
                                  std::string("a:gc=union()"),
                                  std::string("a:max_versions()"),
                                  std::string("a:max_versions(3"),
                                  std::string("a:intersection(max_age(1d)"),
                                  std::string("a:union"),
                                  std::string("a:union(max_versions(3),)"),
                                  std::string("a:max_versions(99999999999)"),
                                  std::string("a:versions=1"),
                                  std::string("a:,"),
                                  std::string("b c"),
                                  "a:" + deep}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseFamily(text).status())) << text;
  }
}

TEST(ParseGroup, ReadsOptions) {
  StatusOr<LocalityGroupSchema> group =
      ParseGroup("links:codec=zstd,block=16k,bloom=12,bloom_columns,in_memory");
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ(group->codec, Codec::kZstd);
  EXPECT_EQ(group->block_bytes, 16u * 1024);
  EXPECT_EQ(group->bloom_bits_per_key, 12u);
  EXPECT_TRUE(group->bloom_columns && group->in_memory);
  EXPECT_EQ(*ParseGroup(FormatGroup(*group)), *group);
  EXPECT_EQ(ParseGroup("g")->codec, Codec::kLz4);
  for (const char* bad : {"", "g:codec=gzip", "g:block=0", "g:block=5g", "g:bloom=x", "g:fast"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseGroup(bad).status())) << bad;
  }
}

TEST(SchemaExpression, AggregatesGoThereAndBack) {
  for (const char* kind : {"sum", "min", "max"}) {
    const std::string text = absl::StrCat("n:gc=max_age(1d),group=default,aggregate=", kind);
    StatusOr<FamilySchema> family = ParseFamily(text);
    ASSERT_TRUE(family.ok()) << family.status();
    EXPECT_NE(family->aggregate, Aggregate::kNone);
    EXPECT_EQ(FormatFamily(*family), text);
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ParseFamily("n:aggregate=avg").status()));
}

}  // namespace
}  // namespace stele::cli
