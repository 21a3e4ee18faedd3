// Goal: schema changes are applied in order, all or none, and ids of families are never used again;
// deletion protection holds; a prefix names exactly its rows.
#include "master/procedures/alter_table.h"

#include <gtest/gtest.h>

#include "common/testing/status_asserts.h"

namespace stele::master {
namespace {

using Kind = wire::FamilyChange::Kind;

TableSchema Base() {
  TableSchema schema;
  schema.name = "t";
  schema.id = 16;
  schema.version = 4;
  schema.next_family_id = 2;
  FamilySchema family;
  family.name = "m";
  family.id = 1;
  schema.families.push_back(family);
  schema.groups.emplace_back().name = "default";
  return schema;
}

wire::FamilyChange Change(Kind kind, const std::string& name) {
  wire::FamilyChange change;
  change.kind = kind;
  change.family.name = name;
  return change;
}

TEST(AlteredSchema, AppliesChangesInOrder) {
  wire::AlterTableRequest request;
  request.changes = {Change(Kind::kCreate, "a"), Change(Kind::kDrop, "m"),
                     Change(Kind::kCreate, "m")};
  request.split_bytes = 1u << 20;
  ASSERT_OK_AND_ASSIGN(TableSchema next, AlteredSchema(Base(), request));
  EXPECT_EQ(next.version, 5u);
  ASSERT_EQ(next.families.size(), 2u);
  EXPECT_EQ(next.families[0].name, "a");
  EXPECT_EQ(next.families[0].id, 2);
  EXPECT_EQ(next.families[1].id, 3);  // not 1: its old cells do not come back
  EXPECT_EQ(next.split_bytes, 1u << 20);
}

TEST(AlteredSchema, ReplacesTheRuleOfAFamilyAndKeepsItsGroup) {
  wire::AlterTableRequest request;
  TableSchema base = Base();
  base.groups.emplace_back().name = "fast";
  base.families[0].locality_group = "fast";
  wire::FamilyChange update = Change(Kind::kUpdate, "m");
  update.family.gc = {.kind = GcRule::Kind::kMaxVersions, .max_versions = 3};
  for (const char* group : {"", "fast"}) {
    update.family.locality_group = group;
    request.changes = {update};
    ASSERT_OK_AND_ASSIGN(TableSchema next, AlteredSchema(base, request));
    EXPECT_EQ(next.families[0].id, 1);
    EXPECT_EQ(next.families[0].locality_group, "fast");
    EXPECT_EQ(next.families[0].gc.max_versions, 3);
  }
  // A tablet would refuse it, for ever.
  request.changes[0].family.locality_group = "default";
  EXPECT_STATUS(kFailedPrecondition, "stays in locality group \"fast\"",
                AlteredSchema(base, request));
}

TEST(AlteredSchema, DeletionProtectionKeepsFamilies) {
  wire::AlterTableRequest request;
  TableSchema base = Base();
  base.deletion_protection = true;
  request.changes = {Change(Kind::kCreate, "a"), Change(Kind::kDrop, "m")};
  EXPECT_STATUS(kFailedPrecondition, "deletion protection", AlteredSchema(base, request));
  request.deletion_protection = false;
  EXPECT_STATUS(kFailedPrecondition, "deletion protection", AlteredSchema(base, request))
      << "it holds until it is off";
  request.changes.pop_back();
  ASSERT_OK_AND_ASSIGN(base, AlteredSchema(base, request));
  EXPECT_EQ(base.families.size(), 2u);
  request = {};
  request.changes = {Change(Kind::kDrop, "m")};
  EXPECT_OK(AlteredSchema(base, request).status());
}

TEST(AlteredSchema, FamilyIdsEnd) {
  wire::AlterTableRequest request;
  TableSchema base = Base();
  base.next_family_id = UINT16_MAX - 1;
  request.changes = {Change(Kind::kCreate, "a")};
  ASSERT_OK_AND_ASSIGN(base, AlteredSchema(base, request));
  request.changes = {Change(Kind::kCreate, "b")};
  EXPECT_STATUS(kFailedPrecondition, "family ids", AlteredSchema(base, request));
}

TEST(AlteredSchema, RefusesAsAWhole) {
  wire::AlterTableRequest request;
  EXPECT_STATUS(kInvalidArgument, "No modifications", AlteredSchema(Base(), request));
  request.changes = {Change(Kind::kCreate, "m")};
  EXPECT_STATUS(kAlreadyExists, "\"m\"", AlteredSchema(Base(), request));
  request.changes = {Change(Kind::kDrop, "x")};
  EXPECT_STATUS(kNotFound, "\"x\"", AlteredSchema(Base(), request));
  request.changes = {Change(Kind::kUpdate, "x")};
  EXPECT_STATUS(kNotFound, "\"x\"", AlteredSchema(Base(), request));
  request.changes = {Change(Kind::kCreate, "n")};
  request.changes[0].family.locality_group = "nowhere";
  EXPECT_STATUS(kInvalidArgument, "", AlteredSchema(Base(), request));
  request.changes = {Change(Kind::kUpdate, "m")};
  request.changes[0].family.aggregate = Aggregate::kSum;
  EXPECT_STATUS(kInvalidArgument, "cannot change its aggregate", AlteredSchema(Base(), request));
}

}  // namespace
}  // namespace stele::master
