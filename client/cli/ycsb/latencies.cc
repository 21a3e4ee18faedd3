#include "client/cli/ycsb/latencies.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace stele::cli::ycsb {
namespace {

constexpr unsigned kSubBits = 6;
constexpr uint64_t kSubBuckets = 1u << kSubBits;
constexpr size_t kBuckets = (64 - kSubBits + 1) * kSubBuckets;

size_t BucketOf(uint64_t value) {
  if (value < kSubBuckets) return value;
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kSubBits;
  return (shift + 1) * kSubBuckets + ((value >> shift) - kSubBuckets);
}

// The greatest value of the bucket.
uint64_t UpperEnd(size_t bucket) {
  if (bucket < kSubBuckets) return bucket;
  const size_t shift = bucket / kSubBuckets - 1;
  return ((kSubBuckets + bucket % kSubBuckets + 1) << shift) - 1;
}

}  // namespace

Latencies::Latencies() : buckets_(kBuckets) {}

void Latencies::Add(int64_t nanoseconds) {
  const int64_t value = std::max<int64_t>(nanoseconds, 0);
  ++buckets_[BucketOf(static_cast<uint64_t>(value))];
  ++count_;
  sum_ns_ += static_cast<double>(value);
  max_ns_ = std::max(max_ns_, value);
}

void Latencies::Merge(const Latencies& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

double Latencies::MeanNs() const { return count_ == 0 ? 0 : sum_ns_ / static_cast<double>(count_); }

int64_t Latencies::PercentileNs(double q) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_)));
  uint64_t below = 0;
  for (size_t i = 0; i < kBuckets && count_ > 0; ++i) {
    below += buckets_[i];
    if (below >= std::max<uint64_t>(wanted, 1)) {
      return std::min(static_cast<int64_t>(UpperEnd(i)), max_ns_);
    }
  }
  return max_ns_;
}

}  // namespace stele::cli::ycsb
