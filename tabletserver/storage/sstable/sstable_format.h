// Constants and small structures of the SSTable format, shared by writer and reader (FORMAT.md).
// Stateless functions and value types.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/status.h"
#include "tabletserver/storage/sstable/sstable.h"

namespace stele::storage {

inline constexpr uint64_t kSSTableMagic = 0x3162617465745353;
// A file without pages is written as version 1, which has none.
inline constexpr uint32_t kSSTableVersion = 2;
inline constexpr size_t kFooterTailBytes = 32;
inline constexpr size_t kMaxFooterBytes = 4096;
inline constexpr size_t kFooterBytes = 112;

inline constexpr uint32_t kMinBlockBytes = 64;
inline constexpr uint32_t kMaxBlockBytes = 16u << 20;
inline constexpr uint32_t kMaxRawBlockBytes = 160u << 20;
inline constexpr size_t kMaxKeyBytes = 64 * 1024;
inline constexpr uint32_t kRestartEntries = 16;
inline constexpr uint32_t kRestartBytes = 2048;
// A block holds less than this many times block_bytes, and one cell.
inline constexpr uint32_t kBlockOvershoot = 3;
static_assert(kBlockOvershoot * kMaxBlockBytes + kMaxValueBytes + 2 * kMaxKeyBytes <
              kMaxRawBlockBytes);

// The check of a section: masked crc over its bytes, the file id and its offset.
uint32_t SectionCheck(Slice stored, uint64_t file_id, uint64_t offset);

void AppendHandle(std::string* out, const BlockHandle& handle);
// The page size that suits the codec, when none is asked for: a page is decompressed whole, and a
// larger one shrinks better.
inline uint32_t PageBytesFor(Codec codec) {
  switch (codec) {
    case Codec::kNone:
      return 4 * 1024;
    case Codec::kSnappy:
    case Codec::kLz4:
      return 16 * 1024;
    case Codec::kZstd:
      return 32 * 1024;
  }
  return 4 * 1024;
}
// False when `input` is not exactly one handle.
bool ParseHandle(Slice input, BlockHandle* handle);

struct Footer {
  BlockHandle top_index;
  BlockHandle filter_index;  // stored_bytes 0: no filter
  BlockHandle properties;
  uint64_t data_end = 0;
  uint64_t file_id = 0;
  uint32_t version = 1;
};

std::string EncodeFooter(const Footer& footer, uint64_t offset);
// The footer's size as its last kFooterTailBytes say; DataLoss when they are no such tail.
StatusOr<uint32_t> FooterSize(Slice tail);
// `bytes` is the whole footer (FooterSize bytes) at `offset`. DataLoss, or FailedPrecondition for a
// newer version.
StatusOr<Footer> DecodeFooter(Slice bytes, uint64_t offset);

std::string EncodeProperties(const SSTableProperties& properties);
// All but file_id and file_bytes, which the footer and the blob know. DataLoss.
StatusOr<SSTableProperties> DecodeProperties(Slice encoded);

// Compresses blocks with one codec; owns the codec's state. Bound to one thread.
class BlockCompressor {
 public:
  BlockCompressor(Codec codec, uint32_t zstd_level);
  ~BlockCompressor();
  // The bytes to store and the codec they have: kNone and `raw` itself when it does not shrink by
  // 1/8. The result lives until the next call, or as long as `raw`.
  Slice Compress(Slice raw, Codec* codec);

 private:
  bool TryCompress(Slice raw, size_t limit);

  struct ZstdState;
  const Codec codec_;
  std::unique_ptr<ZstdState> zstd_;
  std::string buffer_;
};

// Whether a block of these sizes can be genuine; asked before anything is allocated for it.
bool PlausibleSizes(const BlockHandle& handle);
// Fills exactly handle.raw_bytes at `out`; false when `stored` does not expand to exactly that.
bool Decompress(const BlockHandle& handle, Slice stored, char* out);

}  // namespace stele::storage
