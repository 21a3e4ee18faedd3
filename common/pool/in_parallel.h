// InParallel: the same work for many things that do not know of each other, on a few threads of its
// own and the caller's; for work that waits for the disk, which takes such waits together.
#pragma once

#include <cstddef>
#include <functional>

namespace stele {

// Calls work(0) .. work(count - 1), each once, in this order but up to `threads` (1 ..) at a time,
// and returns when all have. With one thread everything runs on the caller's. False from `work`:
// nothing more is begun. `work` is called from several threads at once.
void InParallel(size_t threads, size_t count, const std::function<bool(size_t)>& work);

}  // namespace stele
