// VerifyFile: reads all of one SSTable from the store, past every cache, and compares it with its
// checksums. What online and offline checks of a cell have in common. Blocks; a pure function of
// the store.
#pragma once

#include "common/store/blob_store.h"
#include "tabletserver/storage/manifest/manifest.h"

namespace stele::storage {

// DataLoss naming the first damaged offset; NotFound; the store's own errors.
Status VerifyFile(BlobStore* store, const ManifestFile& file);

}  // namespace stele::storage
