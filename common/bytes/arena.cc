#include "common/bytes/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#include "common/base/check.h"

namespace stele {

void Arena::FreeChunk::operator()(char* p) const { std::free(p); }

char* Arena::NewChunk(size_t bytes) {
  // A full-size chunk starts on a huge page. A big piece's own chunk starts on a cache line:
  // rounding it up to whole huge pages could double it.
  const size_t alignment = bytes == kMaxChunkBytes ? kMaxChunkBytes : 64;
  CHECK_LE(bytes, SIZE_MAX - alignment);
  const size_t rounded = (bytes + alignment - 1) & ~(alignment - 1);
  Chunk chunk(static_cast<char*>(std::aligned_alloc(alignment, rounded)));
  CHECK(chunk != nullptr) << "out of memory for an arena chunk of " << rounded << " bytes";
  // Only a hint: most of a walk through small pieces is otherwise spent on finding their pages.
  if (alignment == kMaxChunkBytes) (void)::madvise(chunk.get(), rounded, MADV_HUGEPAGE);
  chunks_.push_back(std::move(chunk));
  memory_bytes_.fetch_add(rounded, std::memory_order_relaxed);
  return chunks_.back().get();
}

char* Arena::AllocateSlow(size_t n) {
  // Pieces that are big for the first chunks are not for later ones: else each would stay alone.
  while (next_chunk_bytes_ < kMaxChunkBytes && next_chunk_bytes_ <= memory_bytes()) {
    next_chunk_bytes_ *= 2;
  }
  // A big piece leaves the current chunk in use: what is left of it serves the next small ones.
  if (n > next_chunk_bytes_ / 4) return NewChunk(n);
  next_ = NewChunk(next_chunk_bytes_);
  left_ = next_chunk_bytes_;
  return Take(n);
}

}  // namespace stele
