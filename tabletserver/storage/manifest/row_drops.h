// How drops of rows live in a manifest: what a new one takes away at once, and when one has nothing
// left to hide and goes. Pure functions over manifests, thread-compatible.
//
// Invariant: as long as a file, a memtable or the log may hold a key that a drop hides, the drop is
// in the manifest. So nothing that was dropped comes back, whatever order flushes, compactions and
// crashes take.
#pragma once

#include "tabletserver/storage/manifest/manifest.h"

namespace stele::storage {

// A tablet takes no more drops than this before compactions have worked off some.
inline constexpr size_t kMaxRowDrops = 256;

// Whether the file may hold keys that the drop hides.
bool DropConcerns(const RowDrop& drop, const ManifestFile& file);
// Whether the drop hides all that the file shows.
bool DropCovers(const RowDrop& drop, const ManifestFile& file);

// Adds the drop and takes away the files that it covers and the older drops inside its rows.
// REQUIRES: its sequence is above every sequence in the manifest.
void AddRowDrop(RowDrop drop, Manifest* manifest);

// Takes away the drops that have nothing left to hide. A drop's own sequence holds no key, so
// flushed_sequence steps over it.
void SettleRowDrops(Manifest* manifest);

}  // namespace stele::storage
