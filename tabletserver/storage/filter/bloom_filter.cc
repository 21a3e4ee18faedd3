#include "tabletserver/storage/filter/bloom_filter.h"

#include <xxhash.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/bytes/coding.h"

namespace stele::storage {
namespace {

constexpr size_t kLineBytes = 64;
constexpr size_t kLineBits = kLineBytes * 8;
constexpr size_t kTrailerBytes = 8;  // probes:4 keys:4
constexpr uint32_t kMaxProbes = 24;
constexpr uint32_t kBitsPerProbe = 9;  // 512 bits a line
constexpr uint32_t kProbesPerWord = 64 / kBitsPerProbe;

uint64_t LineOf(uint64_t hash, uint32_t line_count) { return ((hash >> 32) * line_count) >> 32; }

// Calls visit(bit) for each probe's place in the line until it returns false. Seven places are cut
// from one word; the word is mixed again for the next seven.
template <typename Visit>
inline bool ForEachBit(uint64_t hash, uint32_t probes, Visit visit) {
  for (uint64_t word = hash; probes > 0;) {
    word = (word ^ (word >> 29)) * 0xbf58476d1ce4e5b9u;
    word ^= word >> 32;
    const uint32_t upto = probes > kProbesPerWord ? probes - kProbesPerWord : 0;
    for (; probes > upto; --probes, word >>= kBitsPerProbe) {
      if (!visit(static_cast<uint32_t>(word % kLineBits))) return false;
    }
  }
  return true;
}

}  // namespace

uint64_t BloomHash(Slice key) { return XXH3_64bits(key.data(), key.size()); }

BloomFilterBuilder::BloomFilterBuilder(uint32_t bits_per_key)
    : bits_per_key_(bits_per_key),
      // ln 2 bits a key are best for a plain Bloom filter; one line favours slightly fewer.
      probes_(std::clamp<uint32_t>(bits_per_key * 6 / 10, 1, kMaxProbes)) {
  CHECK(bits_per_key >= 1 && bits_per_key <= 64) << bits_per_key;
}

void BloomFilterBuilder::Add(uint64_t hash) {
  if (!hashes_.empty() && hashes_.back() == hash) return;
  hashes_.push_back(hash);
}

std::string BloomFilterBuilder::Finish() {
  uint64_t bits = hashes_.size() * uint64_t{bits_per_key_};
  uint64_t wide_lines = std::max<uint64_t>((bits + kLineBits - 1) / kLineBits, 1);
  CHECK_LE(wide_lines, UINT32_MAX);
  auto line_count = static_cast<uint32_t>(wide_lines);
  std::string out(line_count * kLineBytes, '\0');
  for (uint64_t hash : hashes_) {
    char* line = out.data() + LineOf(hash, line_count) * kLineBytes;
    ForEachBit(hash, probes_, [line](uint32_t bit) {
      line[bit / 8] = static_cast<char>(line[bit / 8] | (1 << (bit % 8)));
      return true;
    });
  }
  PutFixed32(&out, probes_);
  PutFixed32(&out, static_cast<uint32_t>(hashes_.size()));
  hashes_.clear();
  return out;
}

bool BloomFilter::Init(Slice bytes) {
  if (bytes.size() < kLineBytes + kTrailerBytes) return false;
  size_t line_bytes = bytes.size() - kTrailerBytes;
  if (line_bytes % kLineBytes != 0 || line_bytes / kLineBytes > UINT32_MAX) return false;
  lines_ = bytes.data();
  line_count_ = static_cast<uint32_t>(line_bytes / kLineBytes);
  probes_ = DecodeFixed32(bytes.data() + line_bytes);
  keys_ = DecodeFixed32(bytes.data() + line_bytes + 4);
  return probes_ >= 1 && probes_ <= kMaxProbes;
}

bool BloomFilter::MayContain(uint64_t hash) const {
  const char* line = lines_ + LineOf(hash, line_count_) * kLineBytes;
  return ForEachBit(hash, probes_,
                    [line](uint32_t bit) { return (line[bit / 8] & (1 << (bit % 8))) != 0; });
}

}  // namespace stele::storage
