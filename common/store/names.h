// Names of blobs, cells and logs, and the files they become. A name is a relative path of
// [A-Za-z0-9._-] components. On disk every component but the last is a directory of the same name;
// the last gets a suffix that begins with '@', which no component may hold. So "a" and "a/b" can
// both exist, and a listing knows files from directories. Pure functions.
#pragma once

#include <string>

#include "common/base/status.h"

namespace stele {

inline constexpr size_t kMaxStoreNameBytes = 200;

// InvalidArgument, with the reason, when `name` may not name a thing in a store.
Status CheckStoreName(Slice name);
// The same for a prefix of names: may be empty or end in one '/'.
Status CheckStorePrefix(Slice prefix);

// What comes before the last '/'; "." when there is none, "/" for a path in the root.
std::string ParentPath(Slice path);

}  // namespace stele
