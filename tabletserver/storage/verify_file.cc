#include "tabletserver/storage/verify_file.h"

#include <memory>
#include <utility>

#include "tabletserver/storage/sstable/sstable.h"

namespace stele::storage {

Status VerifyFile(BlobStore* store, const ManifestFile& file) {
  ASSIGN_OR_RETURN(std::shared_ptr<BlobReader> reader, store->OpenBlob(file.blob));
  SSTable::OpenOptions options;
  options.expected_file_id = file.file_id;
  ASSIGN_OR_RETURN(std::shared_ptr<SSTable> table,
                   SSTable::Open(std::move(reader), file.blob, options));
  return table->Verify();
}

}  // namespace stele::storage
