// Minor compaction: the cells of a memtable into one SSTable per locality group that has any.
//
// A row marker concerns all groups: it goes into each group that has cells here or older files, so
// that a group can be read and compacted without looking at the others. A cell whose family is not
// in the schema any more is left out: its family id never comes back; so is what env.drops hides.
// Function, thread-compatible.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tabletserver/storage/compaction/table_output.h"
#include "tabletserver/storage/iterator/iterator.h"

namespace stele::storage {

// `groups_with_files`: names of the groups that have older cells in files. The new files are
// durable when it returns, in the order of the schema's groups; on an error some may exist, as
// garbage. `progress`, when there is one, is told every so often how many cells were looked at and
// how many bytes were written.
using MinorProgress = std::function<void(uint64_t cells, uint64_t bytes)>;
StatusOr<std::vector<NewTable>> WriteMinor(const TableOutputEnv& env, const TableSchema& schema,
                                           const std::set<std::string>& groups_with_files,
                                           Iterator* cells, const MinorProgress& progress = {});

}  // namespace stele::storage
