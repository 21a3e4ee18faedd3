#include <lz4.h>
#include <snappy.h>
#include <zstd.h>

#include <cstring>

#include "common/base/check.h"
#include "tabletserver/storage/sstable/sstable_format.h"

namespace stele::storage {

struct BlockCompressor::ZstdState {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZstdState() { CHECK(context != nullptr) << " no memory for the compressor"; }
  ~ZstdState() { ZSTD_freeCCtx(context); }
  ZstdState(const ZstdState&) = delete;
  ZstdState& operator=(const ZstdState&) = delete;
};

BlockCompressor::BlockCompressor(Codec codec, uint32_t zstd_level) : codec_(codec) {
  CHECK(zstd_level >= 1 && zstd_level <= 3) << zstd_level;
  if (codec != Codec::kZstd) return;
  zstd_ = std::make_unique<ZstdState>();
  size_t result =
      ZSTD_CCtx_setParameter(zstd_->context, ZSTD_c_compressionLevel, static_cast<int>(zstd_level));
  CHECK(!ZSTD_isError(result)) << ZSTD_getErrorName(result);
}

BlockCompressor::~BlockCompressor() = default;

// Compresses into buffer_ if the result has at most `limit` bytes.
bool BlockCompressor::TryCompress(Slice raw, size_t limit) {
  switch (codec_) {
    case Codec::kNone:
      return false;
    case Codec::kSnappy:
      snappy::Compress(raw.data(), raw.size(), &buffer_);
      return buffer_.size() <= limit;
    case Codec::kLz4: {
      buffer_.resize(limit);
      int n = LZ4_compress_default(raw.data(), buffer_.data(), static_cast<int>(raw.size()),
                                   static_cast<int>(limit));
      buffer_.resize(n > 0 ? static_cast<size_t>(n) : 0);
      return n > 0;
    }
    case Codec::kZstd: {
      buffer_.resize(limit);
      size_t n = ZSTD_compress2(zstd_->context, buffer_.data(), limit, raw.data(), raw.size());
      if (ZSTD_isError(n)) return false;  // does not fit
      buffer_.resize(n);
      return true;
    }
  }
  return false;
}

Slice BlockCompressor::Compress(Slice raw, Codec* codec) {
  size_t limit = raw.size() - (raw.size() + 7) / 8;
  bool shrank = limit > 0 && TryCompress(raw, limit);
  *codec = shrank ? codec_ : Codec::kNone;
  return shrank ? Slice(buffer_) : raw;
}

bool PlausibleSizes(const BlockHandle& handle) {
  if (handle.stored_bytes == 0 || handle.raw_bytes > kMaxRawBlockBytes) return false;
  if (handle.pages_bytes > kMaxRawBlockBytes) return false;
  if (handle.codec == Codec::kNone) return handle.raw_bytes == handle.stored_bytes;
  return handle.stored_bytes < handle.raw_bytes;
}

bool Decompress(const BlockHandle& handle, Slice stored, char* out) {
  switch (handle.codec) {
    case Codec::kNone:
      if (stored.size() != handle.raw_bytes) return false;
      std::memcpy(out, stored.data(), stored.size());
      return true;
    case Codec::kSnappy: {
      size_t length;
      return snappy::GetUncompressedLength(stored.data(), stored.size(), &length) &&
             length == handle.raw_bytes && snappy::RawUncompress(stored.data(), stored.size(), out);
    }
    case Codec::kLz4: {
      int n = LZ4_decompress_safe(stored.data(), out, static_cast<int>(stored.size()),
                                  static_cast<int>(handle.raw_bytes));
      return n >= 0 && static_cast<uint32_t>(n) == handle.raw_bytes;
    }
    case Codec::kZstd: {
      size_t n = ZSTD_decompress(out, handle.raw_bytes, stored.data(), stored.size());
      return !ZSTD_isError(n) && n == handle.raw_bytes;
    }
  }
  return false;
}

}  // namespace stele::storage
