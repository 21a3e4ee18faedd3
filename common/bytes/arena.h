// Arena: memory that is handed out in small pieces and freed all at once, with the object. It backs
// one memtable: pieces never move and are never freed one by one, so a reader may keep pointers as
// long as the arena lives.
//
// Thread class: one writer calls Allocate*; memory_bytes() may be called by any thread. Any thread
// may read a piece once the writer has published a pointer to it with release ordering; the arena
// itself publishes nothing.
// Invariants: chunks grow from 4 KiB, with what the arena holds, to 2 MiB, so an almost empty
// memtable is small and a big one sits on whole, aligned huge pages. A piece larger than a quarter
// of the next chunk gets a chunk of its own, so at most a quarter of a chunk is lost at a change of
// chunks. Nothing here survives a crash.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace stele {

class Arena {
 public:
  static constexpr size_t kMinChunkBytes = 4096;
  static constexpr size_t kMaxChunkBytes = 2u << 20;  // a huge page of x86-64
  static constexpr size_t kAlignment = 8;

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // n bytes, not initialised, without alignment. n may be 0.
  char* Allocate(size_t n) {
    if (n <= left_) return Take(n);
    return AllocateSlow(n);
  }
  // n bytes whose address is a multiple of kAlignment.
  char* AllocateAligned(size_t n) {
    const size_t skip = (0 - reinterpret_cast<uintptr_t>(next_)) & (kAlignment - 1);
    if (skip + n <= left_ && skip + n >= n) {
      Take(skip);
      return Take(n);
    }
    return AllocateSlow(n);  // chunks are aligned
  }

  // What the arena has taken from the heap, in bytes, used or not.
  size_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  struct FreeChunk {
    void operator()(char* p) const;
  };
  using Chunk = std::unique_ptr<char, FreeChunk>;

  char* Take(size_t n) {
    char* piece = next_;
    next_ += n;
    left_ -= n;
    return piece;
  }
  char* AllocateSlow(size_t n);
  char* NewChunk(size_t bytes);

  std::atomic<size_t> memory_bytes_{0};
  std::vector<Chunk> chunks_;
  size_t next_chunk_bytes_ = kMinChunkBytes;
  char* next_ = nullptr;
  size_t left_ = 0;
};

}  // namespace stele
