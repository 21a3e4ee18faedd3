#include "common/net/output_queue.h"

#include <utility>

#include "common/base/check.h"

namespace stele::net {

void OutputQueue::Add(Slice header, Slice prefix, const Buffer& body) {
  const bool copy_body = body.size() <= kCopyBelow;
  const size_t copied = header.size() + prefix.size() + (copy_body ? body.size() : 0);
  if (empty() || chunks_.back().copied.empty() ||
      chunks_.back().copied.size() + copied > kChunkBytes) {
    chunks_.emplace_back().copied.swap(spare_);
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
  if (empty()) {
    std::swap(*this, *other);
    return;
  }
  CHECK_EQ(other->front_ + other->front_consumed_, 0u);
  for (Chunk& chunk : other->chunks_) chunks_.push_back(std::move(chunk));
  bytes_ += other->bytes_;
  *other = OutputQueue();
}

size_t OutputQueue::Pieces(Slice* out, size_t max) const {
  size_t count = 0;
  for (size_t i = front_; i < chunks_.size() && count < max; i++) {
    out[count] = chunks_[i].bytes();
    if (count == 0) out[count].remove_prefix(front_consumed_);
    count++;
  }
  return count;
}

void OutputQueue::Consume(size_t bytes) {
  CHECK_LE(bytes, bytes_);
  bytes_ -= bytes;
  front_consumed_ += bytes;
  while (!empty() && front_consumed_ >= chunks_[front_].bytes().size()) {
    front_consumed_ -= chunks_[front_].bytes().size();
    DropFront();
  }
  // What is never empty must not keep what was written.
  if (front_ > chunks_.size() / 2) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<ptrdiff_t>(front_));
    front_ = 0;
    if (chunks_.empty() && chunks_.capacity() > kKeptChunks) std::vector<Chunk>().swap(chunks_);
  }
}

void OutputQueue::Trim() {
  if (spare_.capacity() > kIdleBytes) spare_ = std::string();
}

void OutputQueue::DropFront() {
  Chunk& chunk = chunks_[front_++];
  const size_t room = chunk.copied.capacity();
  if (room > spare_.capacity() && room <= kKeptBytes) {
    spare_.swap(chunk.copied);
    spare_.clear();
  }
  chunk = Chunk();
}

}  // namespace stele::net
