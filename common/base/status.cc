#include "common/base/status.h"

namespace stele {

Status WithContext(const Status& status, Slice context) {
  if (status.ok()) return status;
  Status out(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload(
      [&out](Slice url, const absl::Cord& payload) { out.SetPayload(url, payload); });
  return out;
}

}  // namespace stele
