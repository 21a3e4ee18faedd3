#include "tabletserver/storage/published_manifest.h"

namespace stele::storage {

PublishedManifest::PublishedManifest(BlobStore* store, StoredManifest stored)
    : store_(store), stored_(std::move(stored)) {}

Status PublishedManifest::Publish(const Manifest& next) {
  if (attempt_) {
    ASSIGN_OR_RETURN(StoredManifest found, ReadManifest(store_, next.tablet.id));
    if (found.manifest != *attempt_ && found.version != stored_.version) {
      return FencedError(absl::StrCat("manifest of tablet ", next.tablet.id, " is at version ",
                                      found.version, ", epoch ", found.manifest.epoch));
    }
    stored_.version = found.version;
    attempt_.reset();
  }
  Status status = ReplaceManifest(store_, &stored_, next);
  if (status.ok() || IsFenced(status) || absl::IsNotFound(status)) return status;
  return Resolve(next, status);
}

Status PublishedManifest::Resolve(const Manifest& attempt, const Status& failure) {
  StatusOr<StoredManifest> found = ReadManifest(store_, attempt.tablet.id);
  if (found.ok() && found->manifest == attempt) {
    stored_ = *std::move(found);
    return OkStatus();
  }
  attempt_ = attempt;
  return failure;
}

}  // namespace stele::storage
