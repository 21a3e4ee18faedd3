// PublishedManifest: the owner's view of its tablet's manifest, and the only way it is replaced.
// A replacement whose outcome is unknown is resolved by reading the cell back, at once or before
// the next one, so that an I/O error is never taken for a lost ownership nor the other way round.
// Thread-compatible: one publisher at a time.
#pragma once

#include <functional>
#include <optional>

#include "common/store/blob_store.h"
#include "tabletserver/storage/manifest/manifest.h"

namespace stele::storage {

class PublishedManifest {
 public:
  // `store` outlives the object.
  PublishedManifest(BlobStore* store, StoredManifest stored);

  const Manifest& current() const { return stored_.manifest; }
  const StoredManifest& stored() const { return stored_; }

  // Durable when OK. Aborted: another owner has the tablet, for good. Any other error: not
  // published as far as is known; the caller may try again, with a manifest made from current().
  Status Publish(const Manifest& next);

 private:
  // After a failed swap: OK when the cell holds `attempt`, else why it failed.
  Status Resolve(const Manifest& attempt, const Status& failure);

  BlobStore* const store_;
  StoredManifest stored_;
  std::optional<Manifest> attempt_;  // of unknown outcome
};

}  // namespace stele::storage
