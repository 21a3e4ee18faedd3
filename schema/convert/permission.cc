#include "schema/convert/permission.h"

#include "absl/strings/str_cat.h"
#include "schema/wire/method.h"

namespace stele::wire {
namespace {

Caller CallerOf(const net::RpcRequest& request) {
  return request.from_cell ? Caller::kCell : Caller::kAnybody;
}

}  // namespace

Status CheckPermission(const net::RpcRequest& request) {
  const MethodInfo* info = FindMethod(request.method);
  if (info == nullptr) {
    return absl::UnimplementedError(absl::StrCat("there is no method ", request.method));
  }
  if (IsGranted(CallerOf(request), info->permission)) return OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat(info->name, " is for the servers of the cell only"));
}

Status CheckMayWrite(const net::RpcRequest& request, TableId table) {
  if (table >= kFirstUserTable || IsGranted(CallerOf(request), Permission::kCluster)) {
    return OkStatus();
  }
  return absl::PermissionDeniedError(
      absl::StrCat("table ", table, " is the system's; only the cell's servers write it"));
}

}  // namespace stele::wire
