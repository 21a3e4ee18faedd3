// The frames that wait for a connection's next write. Small bodies are copied behind each other, so
// that one writev carries many replies in few pieces; large ones are passed on as they are.
// Memory of frames that were written is used again, up to kKeptBytes and kKeptChunks; Trim, for who
// has not written for a while, leaves kIdleBytes of it. Internal to this folder. Thread-compatible.
#pragma once

#include <string>
#include <vector>

#include "common/net/frame.h"
#include "common/net/rpc.h"

namespace stele::net {

class OutputQueue {
 public:
  void Add(Slice header, Slice prefix, const Buffer& body);
  void MoveFrom(OutputQueue* other);  // appends all of it

  bool empty() const { return front_ == chunks_.size(); }
  size_t bytes() const { return bytes_; }
  // The pieces from the front, at most `max`; valid until the queue changes.
  size_t Pieces(Slice* out, size_t max) const;
  void Consume(size_t bytes);
  void Trim();

 private:
  static constexpr size_t kCopyBelow = 4096;        // bodies up to this size are copied
  static constexpr size_t kChunkBytes = 64 * 1024;  // of copied frames
  static constexpr size_t kKeptBytes = 128 * 1024;  // a chunk, as a string grows
  static constexpr size_t kIdleBytes = 16 * 1024;
  static constexpr size_t kKeptChunks = 64;

  struct Chunk {
    std::string copied;  // or, when empty:
    Buffer body;
    Slice bytes() const { return copied.empty() ? body.bytes() : Slice(copied); }
  };
  void DropFront();

  std::vector<Chunk> chunks_;  // those before front_ are written
  size_t front_ = 0;
  std::string spare_;  // empty, with memory
  size_t bytes_ = 0;
  size_t front_consumed_ = 0;
};

}  // namespace stele::net
