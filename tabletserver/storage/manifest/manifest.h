// Manifest: what one tablet consists of, kept as one cell of the store ("tablets/<id>"), replaced
// by compare-and-swap under the owner's epoch: a stale owner can neither replace it nor be
// believed. METADATA can be rebuilt from manifests alone. FORMAT.md beside this file is the format.
//
// Invariant: what a stored manifest names was durable before it was stored. Crash rule: after a
// crash a cell holds the old or the new manifest, whole. Values and functions, thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/store/blob_store.h"
#include "schema/model/model.h"
#include "tabletserver/storage/iterator/dropped_rows.h"
#include "tabletserver/storage/manifest/remembered_request.h"

namespace stele::storage {

// One SSTable of the tablet: the file, and the rows of it that count (split children share files).
struct ManifestFile {
  std::string blob;  // blob name
  uint64_t file_id = 0;
  std::string group;  // locality group
  uint64_t bytes = 0, cells = 0, markers = 0;
  Sequence min_sequence = 0, max_sequence = 0;
  std::string first_row, last_row;   // of the cells in the file (plain row keys)
  std::string clip_start, clip_end;  // (start, end] that counts; empty is open
  Sequence drops_applied = 0;        // no drop up to it hides anything in the file
  bool operator==(const ManifestFile&) const = default;
};

// The last split of a tablet: the rows (start_row, the tablet's own start_row] are `child`'s since.
struct SplitOff {
  TabletId child = 0;  // 0: it was never split
  std::string start_row;
  bool operator==(const SplitOff&) const = default;
};

struct Manifest {
  static constexpr uint32_t kFormatVersion = 6;
  TabletDescriptor tablet;
  Epoch epoch = 0;     // of the owner who wrote it
  TableSchema schema;  // the schema the tablet was last opened or altered with
  std::vector<ManifestFile> files;
  Sequence flushed_sequence = 0;        // everything up to it is in files; replay skips it
  int64_t max_server_timestamp_us = 0;  // server-chosen timestamps continue above it
  std::vector<TabletId> parents;        // lineage
  SplitOff last_split;
  TabletId merged_into = 0;  // not 0: sealed; its rows and files are that tablet's
  // Rows dropped as a whole, oldest first, as long as they hide something (row_drops.h); and the
  // highest number of an order to drop that was carried out: an order is done once.
  std::vector<RowDrop> drops;
  uint64_t last_drop_order = 0;
  int64_t gc_now_us = 0;  // the latest time by which GC rules were judged; 0: not known
  // What was done of late: of the records up to flushed_sequence, and perhaps of some later ones.
  std::vector<RememberedClient> requests;
  bool operator==(const Manifest&) const = default;
};

std::string EncodeManifest(const Manifest& manifest);
// DataLoss for damage, FailedPrecondition for a newer format version.
StatusOr<Manifest> DecodeManifest(Slice encoded);

// Where the cells live, for ListCells; and the name of one, "tablets/<16 hexadecimal digits>".
inline constexpr char kManifestCellPrefix[] = "tablets";
std::string ManifestCellName(TabletId tablet);
StatusOr<TabletId> ParseManifestCellName(Slice name);  // InvalidArgument

// A manifest with the version of the cell it was read from or written to.
struct StoredManifest {
  Manifest manifest;
  uint64_t version = 0;
};

StatusOr<StoredManifest> ReadManifest(BlobStore* store, TabletId tablet);
Status CreateManifest(BlobStore* store, const Manifest& manifest);
// Aborted (fenced) when the cell moved on or its epoch is higher than next.epoch. Updates *stored
// on success.
Status ReplaceManifest(BlobStore* store, StoredManifest* stored, const Manifest& next);

}  // namespace stele::storage
