// TrashList: the durable list of SSTables that file GC is going to delete, kept in the cell
// "gc/trash" (FORMAT.md beside this file). Values and functions, thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/store/blob_store.h"

namespace stele::storage {

inline constexpr char kTrashCell[] = "gc/trash";

using TrashEntries = std::map<std::string, int64_t>;  // blob name, wall time of trashing (us)

std::string EncodeTrash(const TrashEntries& entries);
// DataLoss for damage, FailedPrecondition for a newer version.
StatusOr<TrashEntries> DecodeTrash(Slice encoded);

struct StoredTrash {
  TrashEntries entries;
  uint64_t version = 0;  // 0: there is no cell yet
};
StatusOr<StoredTrash> ReadTrash(BlobStore* store);
// Replaces the cell by compare-and-swap and updates *stored. Aborted when another collector was
// faster.
Status WriteTrash(BlobStore* store, StoredTrash* stored, TrashEntries next);

}  // namespace stele::storage
