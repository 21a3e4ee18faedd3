// GarbageCollector: the filter of every compaction. Takes the merged stream of the inputs and
// yields the keys to keep, such that no later read can tell whether the compaction ran (PROMISES
// P6, P7). Forward only: SeekToFirst, or Seek to the start of a row, then Next. An error of the
// input ends it. Thread-compatible. Readers pin their files, so no snapshot has to be kept alive.
//
// A partial merge (oldest = false) keeps the newest row and family marker of a place and all column
// markers that a newer one over the whole column, family or row does not make pointless, and drops
//   - what such a newer marker in the inputs shadows,
//   - rewritten identities and cells under markers over a part of the timestamps,
//   - what the GC rule surely hides, judged by the inputs alone,
//   - every key of a family that the schema has dropped.
// Where the rule counts versions, a deleted or rewritten write may have made others surplus
// (gc_policy.h). So in a column that holds markers over a part of the timestamps, and everywhere
// when the inputs are not `contiguous`, such writes stay as ghosts: the key without its value.
// They can never be visible: the marker or the newer write over them stays as long as they do.
//
// With `oldest` (major compaction) the inputs are the whole past of their rows: markers, ghosts and
// all that the rule hides go as well, except in a column whose remaining versions would be judged
// otherwise without them (a rule that intersects max_versions with max_age over a column with
// deleted newer versions): it stays as in a partial merge until those versions are old enough.
#pragma once

#include <memory>

#include "tabletserver/storage/iterator/dropped_rows.h"
#include "tabletserver/storage/iterator/iterator.h"
#include "tabletserver/storage/iterator/visible_families.h"

namespace stele::storage {

struct GarbageCollectorOptions {
  // Of a schema at least as new as the inputs. Outlives the iterator.
  const VisibleFamilies* families = nullptr;
  int64_t now_us = 0;  // never ahead of a later read's
  // The caller states: every key of these rows (and locality group) outside the inputs, in files
  // and memtables, has a larger sequence than all inputs.
  bool oldest = false;
  // The caller states: no key of these rows outside the inputs has a sequence between the smallest
  // and the largest of the inputs. Implied by `oldest`. True for the flush of a memtable.
  bool contiguous = false;
  // What they hide goes, also where the inputs are not `oldest`. Null: none; outlives the iterator.
  const DroppedRows* drops = nullptr;
  // A column whose cells have more bytes is read twice when its history must be known first.
  size_t hold_bytes = 4u << 20;
};

std::unique_ptr<Iterator> NewGarbageCollector(const GarbageCollectorOptions& options,
                                              std::unique_ptr<Iterator> input);

}  // namespace stele::storage
