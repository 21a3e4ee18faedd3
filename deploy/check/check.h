// Check: whether what the store and METADATA say of a cell's tablets fits together: the tablets of
// each table tile its rows, every tablet has its manifest, every file that a manifest names is
// there, and nothing is left that nobody names. Decided from a snapshot, without asking a server.
//
// Splits and merges are committed by manifests and written into METADATA a moment later, so what
// stands between the two is a note, not damage. FindDamage is pure; ReadStore reads and changes
// nothing. Values, thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/store/blob_store.h"
#include "schema/metadata/metadata.h"
#include "tabletserver/storage/manifest/manifest.h"

namespace stele::deploy {

struct CheckInput {
  std::vector<TabletLocation> locations;  // all rows of METADATA
  std::map<TabletId, StatusOr<storage::Manifest>> manifests;
  std::map<std::string, int64_t> blobs;  // SSTables: name, wall time of their last change
  std::set<std::string> trash;           // on their way out
  int64_t now_us = 0;
  int64_t grace_us = 0;  // unreferenced files younger than it are somebody's work
  // Older ones are damage, not a note: file GC has had its turn since a manifest let them go.
  bool strict = false;
};

struct Finding {
  bool damage = false;  // false: a note
  std::string text;
  auto operator<=>(const Finding&) const = default;
};

// Manifests, files and trash; the locations are the caller's to add.
StatusOr<CheckInput> ReadStore(BlobStore* store, int64_t now_us, int64_t grace_us);

// Sorted, damage first.
std::vector<Finding> FindDamage(const CheckInput& input);

// Reads every file that a manifest names from its first to its last byte.
std::vector<Finding> VerifyFiles(BlobStore* store, const CheckInput& input);

}  // namespace stele::deploy
