#include "locker/cell_key.h"

#include <unistd.h>

#include "common/base/check.h"

namespace stele {
namespace {
constexpr size_t kKeyBytes = 16;  // net::kCellKeyBytes
}

StatusOr<std::string> CellKey(LockerSession* session) {
  StatusOr<LockerValue> stored = session->Get(kCellKeyPath);
  if (absl::IsNotFound(stored.status())) {
    std::string fresh(kKeyBytes, '\0');
    CHECK_EQ(getentropy(fresh.data(), fresh.size()), 0);
    Status created = session->Create(kCellKeyPath, fresh);
    if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
    stored = session->Get(kCellKeyPath);  // perhaps another's
  }
  RETURN_IF_ERROR(stored.status());
  if (stored->value.size() != kKeyBytes) {
    return CorruptError(absl::StrCat(kCellKeyPath, " has ", stored->value.size(), " bytes"));
  }
  return stored->value;
}

}  // namespace stele
