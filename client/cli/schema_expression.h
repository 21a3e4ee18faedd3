// The command line's words for schemas. Pure functions; InvalidArgument says which word is wrong.
//
//   family   NAME[:[gc=]RULE,...][,group=GROUP][,aggregate=sum|min|max]
//            anchor:gc=union(max_versions(3),max_age(7d)),group=links
//   RULE     max_versions(N) | max_age(DURATION) | union(RULE,...) | intersection(RULE,...)
//            a cell may go when the rule says so: union when any of its rules does, intersection
//            when all do. Shorter: max_versions=N, max_age=DURATION, any(...), all(...), and
//            several rules of a family for their union.
//   group    NAME[:OPTION,...]                 links:codec=zstd,block=64k,bloom=10,bloom_columns
//   OPTION   codec=none|snappy|lz4|zstd | block=BYTES | bloom=BITS | bloom_columns | in_memory
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "schema/model/model.h"

namespace stele::cli {

// locality_group is empty when none is named.
StatusOr<FamilySchema> ParseFamily(std::string_view text);
StatusOr<LocalityGroupSchema> ParseGroup(std::string_view text);
// What ParseFamily and ParseGroup would read back.
std::string FormatFamily(const FamilySchema& family);
std::string FormatGroup(const LocalityGroupSchema& group);
std::string FormatGcRule(const GcRule& rule);  // "" for none

}  // namespace stele::cli
