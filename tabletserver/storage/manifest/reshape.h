// What a split and a merge make of manifests. Whatever a manifest carries is inherited whole by
// both sides of a split; what a merge has to join is joined here, and nowhere else. Pure functions.
//
// A split is committed by the parent's manifest: first it names the child (pending), then, when the
// child's manifest is there, it gives up the rows. A merge is committed by sealing the left
// tablet's manifest (merged_into); the right one takes the content over afterwards.
#pragma once

#include "common/base/status.h"
#include "tabletserver/storage/manifest/manifest.h"

namespace stele::storage {

// Whether `at` cuts the range in two: start_row < at < end_row.
bool CanSplitAt(const TabletDescriptor& tablet, Slice at);

// The parent that names `child`, and has not given up any row yet.
Manifest WithPendingSplit(const Manifest& parent, TabletId child);
bool SplitIsPending(const Manifest& manifest);

// Of the rows up to and including `at`, and of those behind it. REQUIRES: CanSplitAt, and all that
// the tablet holds is in files.
Manifest SplitChild(const Manifest& parent, TabletId child, Slice at);
Manifest SplitRest(const Manifest& parent, TabletId child, Slice at);

// Whether both name the same file, with rows between their parts that neither counts: those would
// come back if the parts were joined. One of the two is to be compacted first.
bool ShareFileWithGap(const Manifest& left, const Manifest& right);

// Whether drops of rows hide something in either: their sequences mean nothing to the other's rows.
bool HaveDrops(const Manifest& left, const Manifest& right);

// `right` with the rows and files of `left`. REQUIRES: left ends where right starts, all that they
// hold is in files, and they do not ShareFileWithGap nor HaveDrops.
Manifest Merged(const Manifest& left, const Manifest& right);

}  // namespace stele::storage
