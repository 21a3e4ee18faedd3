// The one check of a request before a server does anything with it. Pure.
#pragma once

#include "common/base/status.h"
#include "common/net/rpc.h"
#include "schema/metadata/metadata.h"

namespace stele::wire {

// Unimplemented for a method that there is not, PermissionDenied for one that the caller may not
// use (schema/wire/method.h).
Status CheckPermission(const net::RpcRequest& request);

// The system's tables are written by the cell's own servers only. PermissionDenied.
Status CheckMayWrite(const net::RpcRequest& request, TableId table);

}  // namespace stele::wire
