// RescueFile: the log records of one tablet that damage concerns when the log is recovered, kept in
// a blob of their own, so that one damaged tablet neither stops a server nor loses its acknowledged
// writes (FORMAT.md beside this file). A repair reads it after the manifest.
//
// Crash rule: durable before the log forgets the records; a second recovery writes a second file
// with the same records. Nothing deletes it but a repair. Bound to one thread.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "common/store/blob_store.h"
#include "tabletserver/storage/log/commit_log.h"

namespace stele::storage {

inline constexpr char kRescuePrefix[] = "rescue";

// "rescue/<tablet>", where all files of a tablet are.
std::string RescueFolder(TabletId tablet);
// Where the bytes of a damaged stretch of a server's log are kept, as they are.
std::string EvidenceName(Slice server_id, const LogGap& gap);

class RescueFile {
 public:
  // `store` outlives the object.
  static StatusOr<std::unique_ptr<RescueFile>> Create(BlobStore* store, TabletId tablet,
                                                      uint64_t file_id);
  Status Add(Lsn lsn, Slice payload);
  Status Finish();  // durable when OK
  const std::string& name() const { return name_; }

 private:
  RescueFile(std::string name, std::unique_ptr<BlobWriter> blob)
      : name_(std::move(name)), blob_(std::move(blob)) {}

  const std::string name_;
  const std::unique_ptr<BlobWriter> blob_;
};

// Calls fn for each record in the order of the log. DataLoss for damage, FailedPrecondition for a
// newer version.
Status ReadRescue(Slice content, absl::FunctionRef<Status(Lsn lsn, Slice payload)> fn);

}  // namespace stele::storage
