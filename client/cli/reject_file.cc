#include "client/cli/reject_file.h"

#include <ostream>

#include "client/cli/bytes_text.h"
#include "client/cli/transfer.h"

namespace stele::cli {
namespace {

constexpr size_t kRecordBytes = 1000;
constexpr size_t kWriteBytes = 64 * 1024;

}  // namespace

StatusOr<std::unique_ptr<RejectFile>> RejectFile::Open(Fs* fs, const std::string& path,
                                                       uint64_t bytes, std::ostream* stream) {
  auto rejects = std::unique_ptr<RejectFile>(new RejectFile(fs, path, bytes, stream));
  if (path.empty()) return rejects;
  rejects->stream_ = nullptr;
  if (!CheckIsPlainFile(path).ok()) {
    const auto mode = bytes == 0 ? std::ios::trunc : std::ios::app;
    rejects->device_ =
        std::make_unique<std::ofstream>(path, std::ios::out | std::ios::binary | mode);
    rejects->stream_ = rejects->device_.get();
    return rejects;
  }
  if (bytes == 0) return rejects;
  ASSIGN_OR_RETURN(rejects->file_, fs->Open(path, Fs::Mode::kReadWrite));
  RETURN_IF_ERROR(rejects->file_->Truncate(bytes));
  return rejects;
}

void RejectFile::Add(uint64_t line, std::string_view reason, std::string_view record) {
  absl::StrAppend(&waiting_, line, "\t", Escape(reason), "\t",
                  Escape(record.substr(0, kRecordBytes)), record.size() > kRecordBytes ? "..." : "",
                  "\n");
  if (failure_.ok() && waiting_.size() >= kWriteBytes) failure_ = Write();
}

Status RejectFile::Write() {
  if (waiting_.empty()) return OkStatus();
  if (stream_ != nullptr) {
    *stream_ << waiting_ << std::flush;
    if (!stream_->good()) return absl::InternalError(path_ + " cannot be written");
  } else {
    if (file_ == nullptr) {
      Status removed = fs_->Unlink(path_);
      if (!removed.ok() && !IsNotFound(removed)) return removed;
      ASSIGN_OR_RETURN(file_, fs_->Open(path_, Fs::Mode::kCreateExclusive));
    }
    const Slice part = waiting_;
    RETURN_IF_ERROR(file_->WriteAt(bytes_, {&part, 1}));
  }
  bytes_ += waiting_.size();
  waiting_.clear();
  return OkStatus();
}

StatusOr<uint64_t> RejectFile::Flush() {
  if (failure_.ok()) failure_ = Write();
  if (failure_.ok() && file_ != nullptr) failure_ = file_->Sync();
  RETURN_IF_ERROR(failure_);
  return bytes_;
}

}  // namespace stele::cli
