#include "common/store/store_marker.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "common/store/names.h"

namespace stele {
namespace {

constexpr char kMarkerName[] = "STELE";
constexpr char kNewMarkerName[] = "STELE.new";
constexpr char kMarkerLockName[] = "STELE.lock";
constexpr char kMarkerPrefix[] = "stele store format ";
constexpr uint64_t kMaxMarkerBytes = 4096;

// Creates `path` and the directories above it that are missing.
Status MakeDirs(Fs* fs, const std::string& path) {
  ASSIGN_OR_RETURN(bool exists, fs->Exists(path));
  if (exists) return OkStatus();
  RETURN_IF_ERROR(MakeDirs(fs, ParentPath(path)));
  Status made = fs->MakeDir(path);
  return absl::IsAlreadyExists(made) ? OkStatus() : made;
}

StatusOr<uint32_t> ParseMarker(const std::string& root, Slice text) {
  uint32_t format = 0;
  const bool readable = absl::ConsumePrefix(&text, kMarkerPrefix) &&
                        absl::ConsumeSuffix(&text, "\n") && absl::SimpleAtoi(text, &format) &&
                        format > 0;
  if (!readable) {
    return CorruptError(absl::StrCat(root, "/", kMarkerName, ": the format marker is damaged"));
  }
  if (format > kStoreFormat) {
    return absl::FailedPreconditionError(absl::StrCat(root, " holds a store of format ", format,
                                                      "; this program knows formats up to ",
                                                      kStoreFormat));
  }
  return format;
}

Status CreateMarker(Fs* fs, const std::string& root) {
  ASSIGN_OR_RETURN(std::unique_ptr<FsLock> lock, LockMarker(fs, root));
  Status existing = ReadMarker(fs, root).status();
  return IsNotFound(existing) ? WriteMarker(fs, root) : existing;
}

}  // namespace

StatusOr<std::string> ReadWholeFile(Fs* fs, const std::string& path, uint64_t max_bytes) {
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs->Open(path, Fs::Mode::kRead));
  ASSIGN_OR_RETURN(uint64_t size, file->Size());
  if (size > max_bytes) {
    return CorruptError(absl::StrCat(path, ": ", size, " bytes, at most ", max_bytes, " expected"));
  }
  std::string content(size, '\0');
  ASSIGN_OR_RETURN(size_t got, file->ReadAt(0, size, content.data()));
  content.resize(got);
  return content;
}

Status WriteSynced(Fs* fs, const std::string& path, Slice content) {
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs->Open(path, Fs::Mode::kCreateExclusive));
  RETURN_IF_ERROR(file->WriteAt(0, {content}));
  return file->Sync();
}

StatusOr<uint32_t> ReadMarker(Fs* fs, const std::string& root) {
  ASSIGN_OR_RETURN(std::string text,
                   ReadWholeFile(fs, absl::StrCat(root, "/", kMarkerName), kMaxMarkerBytes));
  return ParseMarker(root, text);
}

StatusOr<std::unique_ptr<FsLock>> LockMarker(Fs* fs, const std::string& root) {
  return fs->TryLock(absl::StrCat(root, "/", kMarkerLockName));
}

Status WriteMarker(Fs* fs, const std::string& root) {
  const std::string fresh = absl::StrCat(root, "/", kNewMarkerName);
  if (Status s = fs->Unlink(fresh); !s.ok() && !IsNotFound(s)) return s;
  RETURN_IF_ERROR(WriteSynced(fs, fresh, absl::StrCat(kMarkerPrefix, kStoreFormat, "\n")));
  return fs->Rename(fresh, absl::StrCat(root, "/", kMarkerName));
}

Status CheckOrCreateMarker(Fs* fs, const std::string& root, bool create) {
  Status existing = ReadMarker(fs, root).status();
  if (!IsNotFound(existing)) return existing;
  ASSIGN_OR_RETURN(bool exists, fs->Exists(root));
  if (!exists && !create) {
    return absl::FailedPreconditionError(absl::StrCat(root, " does not exist"));
  }
  if (!exists) RETURN_IF_ERROR(MakeDirs(fs, root));
  ASSIGN_OR_RETURN(std::vector<std::string> names, fs->List(root));
  for (const std::string& name : names) {
    // What a crash in CreateMarker leaves, and what every fresh ext4 file system holds.
    if (name == kNewMarkerName || name == kMarkerLockName || name == "lost+found") continue;
    if (name == kMarkerName) break;  // another process was faster
    return absl::FailedPreconditionError(
        absl::StrCat(root, " is not a Stele store: it holds ", name, " but no ", kMarkerName));
  }
  if (!create) {
    return absl::FailedPreconditionError(
        absl::StrCat(root, " is not a Stele store: it holds no ", kMarkerName));
  }
  return CreateMarker(fs, root);
}

}  // namespace stele
