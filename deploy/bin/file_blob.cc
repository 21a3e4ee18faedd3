#include "deploy/bin/file_blob.h"

namespace stele::bin {

StatusOr<std::shared_ptr<FileBlob>> FileBlob::Open(Fs* fs, const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs->Open(path, Fs::Mode::kRead));
  ASSIGN_OR_RETURN(uint64_t size, file->Size());
  return std::shared_ptr<FileBlob>(new FileBlob(std::move(file), size));
}

Status FileBlob::Read(uint64_t offset, size_t n, char* buffer) const {
  if (offset > size_ || n > size_ - offset) {
    return absl::OutOfRangeError(absl::StrCat("reading ", n, " bytes at ", offset, " of ", size_));
  }
  ASSIGN_OR_RETURN(size_t got, file_->ReadAt(offset, n, buffer));
  if (got != n) return absl::OutOfRangeError("the file became shorter");
  return OkStatus();
}

StatusOr<std::string> ReadWholeFile(Fs* fs, const std::string& path, uint64_t max_bytes) {
  ASSIGN_OR_RETURN(std::shared_ptr<FileBlob> blob, FileBlob::Open(fs, path));
  if (blob->size() > max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, " has ", blob->size(), " bytes; the limit is ", max_bytes));
  }
  std::string content(blob->size(), '\0');
  RETURN_IF_ERROR(blob->Read(0, content.size(), content.data()));
  return content;
}

}  // namespace stele::bin
