#include "common/net/output_queue.h"

#include <utility>

#include "common/base/check.h"

namespace stele::net {

void OutputQueue::Add(Slice header, Slice prefix, const Buffer& body) {
  const bool copy_body = body.size() <= kCopyBelow;
  const size_t copied = header.size() + prefix.size() + (copy_body ? body.size() : 0);
  if (chunks_.empty() || chunks_.back().copied.empty() ||
      chunks_.back().copied.size() + copied > kChunkBytes) {
    chunks_.emplace_back();
  }
  std::string& out = chunks_.back().copied;
  out.append(header.data(), header.size());
  out.append(prefix.data(), prefix.size());
  if (copy_body) {
    out.append(body.bytes().data(), body.size());
  } else {
    chunks_.emplace_back();
    chunks_.back().body = body;
  }
  bytes_ += header.size() + prefix.size() + body.size();
}

void OutputQueue::MoveFrom(OutputQueue* other) {
  if (chunks_.empty()) {
    std::swap(*this, *other);
    return;
  }
  CHECK_EQ(other->front_consumed_, 0u);
  for (Chunk& chunk : other->chunks_) chunks_.push_back(std::move(chunk));
  bytes_ += other->bytes_;
  *other = OutputQueue();
}

size_t OutputQueue::Pieces(Slice* out, size_t max) const {
  size_t count = 0;
  for (const Chunk& chunk : chunks_) {
    if (count == max) break;
    out[count] = chunk.bytes();
    if (count == 0) out[count].remove_prefix(front_consumed_);
    count++;
  }
  return count;
}

void OutputQueue::Consume(size_t bytes) {
  CHECK_LE(bytes, bytes_);
  bytes_ -= bytes;
  front_consumed_ += bytes;
  while (!chunks_.empty() && front_consumed_ >= chunks_.front().bytes().size()) {
    front_consumed_ -= chunks_.front().bytes().size();
    chunks_.pop_front();
  }
}

}  // namespace stele::net
