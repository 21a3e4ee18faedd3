#include "deploy/cell/store_owner.h"

namespace stele::deploy {
namespace {

constexpr char kKeyCell[] = "cell/key";
constexpr char kEmbeddedLockerCell[] = "locker/state";

}  // namespace

Status ClaimForProcesses(BlobStore* store, const std::string& cell_key, bool cell_has_data) {
  StatusOr<StoredCell> embedded = store->ReadCell(kEmbeddedLockerCell);
  if (embedded.ok()) {
    return absl::FailedPreconditionError("the directory is of a cell in one process (stele local)");
  }
  if (!IsNotFound(embedded.status())) return embedded.status();
  if (!cell_has_data) {
    Status created = store->CreateCell(kKeyCell, cell_key);
    if (!absl::IsAlreadyExists(created)) return created;
  }
  const StatusOr<StoredCell> claim = store->ReadCell(kKeyCell);
  if (IsNotFound(claim.status())) {
    return absl::FailedPreconditionError(
        "the cell has data, and this directory has none of it: is the shared one mounted here?");
  }
  RETURN_IF_ERROR(claim.status());
  const StoredCell& stored = *claim;
  if (stored.value == cell_key) return OkStatus();
  return absl::FailedPreconditionError(
      "the directory is of a cell with another key: ZooKeeper has lost its content, or --locker "
      "names another cell");
}

StatusOr<std::string> ReadClaim(BlobStore* store) {
  StatusOr<StoredCell> key = store->ReadCell(kKeyCell);
  if (IsNotFound(key.status())) {
    return absl::FailedPreconditionError("the directory is of no cell of several processes");
  }
  RETURN_IF_ERROR(key.status());
  return std::move(key->value);
}

Status CheckForOneProcess(BlobStore* store) {
  StatusOr<StoredCell> key = store->ReadCell(kKeyCell);
  if (IsNotFound(key.status())) return OkStatus();
  RETURN_IF_ERROR(key.status());
  return absl::FailedPreconditionError(
      "the directory is of a cell of several processes (stele tabletserver)");
}

}  // namespace stele::deploy
