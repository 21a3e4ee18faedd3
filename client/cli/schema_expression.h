// The command line's words for schemas. Pure functions; InvalidArgument says which word is wrong.
//
//   family   NAME[:RULE,...][,group=GROUP]     anchor:max_versions=3,max_age=7d,group=links
//   RULE     max_versions=N | max_age=DURATION | any(RULE,...) | all(RULE,...)
//            a cell may go when any of several rules of a family says so; all(...) wants all of
//            them
//   group    NAME[:OPTION,...]                 links:codec=zstd,block=64k,bloom=10,bloom_columns
//   OPTION   codec=none|snappy|lz4|zstd | block=BYTES | bloom=BITS | bloom_columns | in_memory
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "schema/model/model.h"

namespace stele::cli {

StatusOr<FamilySchema> ParseFamily(std::string_view text);
StatusOr<LocalityGroupSchema> ParseGroup(std::string_view text);
// What ParseFamily and ParseGroup would read back.
std::string FormatFamily(const FamilySchema& family);
std::string FormatGroup(const LocalityGroupSchema& group);
std::string FormatGcRule(const GcRule& rule);  // "" for none

}  // namespace stele::cli
