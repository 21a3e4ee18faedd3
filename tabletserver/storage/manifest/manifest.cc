// Manifests in the store: read, create, and replace under the owner's epoch.
#include "tabletserver/storage/manifest/manifest.h"

#include "absl/strings/str_format.h"
#include "common/base/check.h"

namespace stele::storage {

std::string ManifestCellName(TabletId tablet) {
  return absl::StrFormat("%s/%016x", kManifestCellPrefix, tablet);
}

StatusOr<TabletId> ParseManifestCellName(Slice name) {
  Slice prefix = kManifestCellPrefix;
  uint64_t id = 0;
  bool good = name.size() == prefix.size() + 17 && name.substr(0, prefix.size()) == prefix &&
              name[prefix.size()] == '/';
  for (size_t i = prefix.size() + 1; good && i < name.size(); ++i) {
    char c = name[i];
    good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    id = id * 16 + static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  if (!good) return absl::InvalidArgumentError(absl::StrCat("not a manifest's cell: ", name));
  return id;
}

StatusOr<StoredManifest> ReadManifest(BlobStore* store, TabletId tablet) {
  const std::string name = ManifestCellName(tablet);
  StatusOr<StoredCell> cell = store->ReadCell(name);
  if (!cell.ok()) return WithContext(cell.status(), absl::StrCat("manifest ", name));
  StatusOr<Manifest> manifest = DecodeManifest(cell->value);
  if (!manifest.ok()) return WithContext(manifest.status(), absl::StrCat("manifest ", name));
  if (manifest->tablet.id != tablet) {
    return CorruptError(absl::StrCat("manifest ", name, ": it is of tablet ", manifest->tablet.id));
  }
  return StoredManifest{*std::move(manifest), cell->version};
}

Status CreateManifest(BlobStore* store, const Manifest& manifest) {
  const std::string name = ManifestCellName(manifest.tablet.id);
  return WithContext(store->CreateCell(name, EncodeManifest(manifest)),
                     absl::StrCat("create manifest ", name));
}

Status ReplaceManifest(BlobStore* store, StoredManifest* stored, const Manifest& next) {
  CHECK_EQ(stored->manifest.tablet.id, next.tablet.id);
  const std::string name = ManifestCellName(next.tablet.id);
  if (next.epoch < stored->manifest.epoch) {
    return FencedError(absl::StrCat("manifest ", name, ": epoch ", next.epoch,
                                    " is below the stored ", stored->manifest.epoch));
  }
  StatusOr<uint64_t> version = store->SwapCell(name, stored->version, EncodeManifest(next));
  if (!version.ok()) return WithContext(version.status(), absl::StrCat("replace manifest ", name));
  stored->manifest = next;
  stored->version = *version;
  return OkStatus();
}

}  // namespace stele::storage
