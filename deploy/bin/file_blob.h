// FileBlob: a plain file read as a blob, for looking at a store's files while no store is open.
// Thread-safe for reads.
#pragma once

#include <memory>
#include <string>

#include "common/store/blob_store.h"
#include "common/store/fs.h"

namespace stele::bin {

class FileBlob : public BlobReader {
 public:
  static StatusOr<std::shared_ptr<FileBlob>> Open(Fs* fs, const std::string& path);
  uint64_t size() const override { return size_; }
  Status Read(uint64_t offset, size_t n, char* buffer) const override;

 private:
  FileBlob(std::unique_ptr<FsFile> file, uint64_t size) : file_(std::move(file)), size_(size) {}

  const std::unique_ptr<FsFile> file_;
  const uint64_t size_;
};

// The whole file; ResourceExhausted when it is larger than max_bytes.
StatusOr<std::string> ReadWholeFile(Fs* fs, const std::string& path, uint64_t max_bytes);

}  // namespace stele::bin
