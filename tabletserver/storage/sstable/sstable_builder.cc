#include <algorithm>
#include <vector>

#include "common/base/check.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/filter/bloom_filter.h"
#include "tabletserver/storage/sstable/block.h"
#include "tabletserver/storage/sstable/cell_statistics.h"
#include "tabletserver/storage/sstable/sstable_format.h"

namespace stele::storage {
namespace {

// A finished filter or index partition that waits for the end of the data blocks.
struct Partition {
  std::string first_key;
  std::string bytes;
};

// Makes the filter partitions; see FORMAT.md, Filter.
class FilterWriter {
 public:
  explicit FilterWriter(const SSTableOptions& options)
      : columns_(options.bloom_columns),
        partition_keys_(std::max<uint32_t>(options.filter_partition_keys, 1)) {
    if (options.bloom_bits_per_key > 0) {
      filter_ = std::make_unique<BloomFilterBuilder>(options.bloom_bits_per_key);
    }
  }

  void Add(Slice row, bool new_row, Slice key) {
    if (filter_ == nullptr) return;
    if (new_row) {
      CutBefore(row);
      filter_->Add(BloomHash(row));
    }
    if (!columns_) return;
    Slice column = key.substr(0, key.size() - kKeyTimestampBytes - kKeyTailBytes);
    if (!new_row && column == Slice(last_column_)) return;
    last_column_.assign(column.data(), column.size());
    if (!new_row) CutBefore(column);
    filter_->Add(BloomHash(column));
  }

  std::vector<Partition> Finish() {
    if (filter_ != nullptr && filter_->keys() > 0) Cut();
    return std::move(partitions_);
  }

 private:
  void CutBefore(Slice key) {
    if (filter_->keys() >= partition_keys_) Cut();
    if (filter_->keys() == 0) first_key_.assign(key.data(), key.size());
  }
  void Cut() { partitions_.push_back({std::move(first_key_), filter_->Finish()}); }

  const bool columns_;
  const uint32_t partition_keys_;
  std::unique_ptr<BloomFilterBuilder> filter_;  // null: no filter
  std::string first_key_;
  std::string last_column_;
  std::vector<Partition> partitions_;
};

class Builder final : public SSTableBuilder {
 public:
  Builder(const SSTableOptions& options, uint64_t file_id, std::unique_ptr<BlobWriter> out)
      : options_(options),
        page_bytes_(options.page_bytes != 0 ? options.page_bytes : PageBytesFor(options.codec)),
        paged_(options.block_bytes / 2 >= page_bytes_),
        out_(std::move(out)),
        compressor_(options.codec, options.zstd_level),
        filters_(options),
        statistics_(&properties_) {
    CHECK(options.block_bytes >= kMinBlockBytes && options.block_bytes <= kMaxBlockBytes)
        << options.block_bytes;
    CHECK_EQ(out_->size(), 0u);
    properties_.file_id = file_id;
    properties_.codec = options.codec;
    properties_.block_bytes = options.block_bytes;
    properties_.bloom_columns = options.bloom_columns && options.bloom_bits_per_key > 0;
  }

  Status Add(Slice key, Slice value, uint64_t content_hash) override {
    CHECK(!finished_);
    if (!status_.ok()) return status_;
    const bool first = properties_.cells == 0;
    const size_t common = first ? 0 : CommonPrefix(last_key_.bytes(), key);
    CHECK(first || Ascends(last_key_.bytes(), key, common)) << " keys must ascend";
    if (value.size() > kMaxValueBytes || key.size() > kMaxKeyBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("cell with a key of ", key.size(), " and a value of ", value.size(),
                       " bytes; the limits are ", kMaxKeyBytes, " and ", kMaxValueBytes));
    }
    const Slice row = EncodedRow(key);
    // An encoded row is never a prefix of another one.
    const bool new_row = first || common < row.size();
    const size_t cell_bytes = key.size() + value.size();
    if (held_bytes() > 0 && MustCut(new_row, cell_bytes)) {
      RETURN_IF_ERROR(status_ = CutBlock());
    } else if (paged_ && !block_.empty() && MustCutPage(cell_bytes)) {
      RETURN_IF_ERROR(status_ = CutPage());
    }
    if (block_.empty()) {
      const Slice fence = new_row ? row : key;
      page_fence_.assign(fence.data(), fence.size());
      if (held_bytes() == 0) fence_ = page_fence_;
    }
    if (new_row || held_bytes() == 0) row_begin_ = held_bytes();
    filters_.Add(row, new_row, key);
    statistics_.Add(row, new_row, key, value.size(), content_hash);
    block_.Add(key, value, common);
    last_key_.Assign(key);
    return OkStatus();
  }

  uint64_t estimated_bytes() const override {
    return offset_ + block_.bytes() + directory_.bytes() + index_bytes_ + index_.bytes();
  }
  uint64_t cells() const override { return properties_.cells; }

  StatusOr<SSTableProperties> Finish() override {
    CHECK(!finished_);
    finished_ = true;
    RETURN_IF_ERROR(status_);
    if (properties_.cells == 0) return absl::InvalidArgumentError("an SSTable without cells");
    RETURN_IF_ERROR(CutBlock());
    CutIndex();
    Footer footer;
    footer.file_id = properties_.file_id;
    footer.data_end = offset_;
    footer.version = has_pages_ ? 2 : 1;
    std::vector<BlockHandle> filter_handles, index_handles;
    std::vector<Partition> filters = filters_.Finish();
    RETURN_IF_ERROR(WritePartitions(filters, &filter_handles));
    RETURN_IF_ERROR(WritePartitions(partitions_, &index_handles));
    if (!filters.empty()) {
      ASSIGN_OR_RETURN(footer.filter_index, WriteTop(filters, filter_handles));
    }
    ASSIGN_OR_RETURN(footer.top_index, WriteTop(partitions_, index_handles));
    properties_.last_key = std::string(last_key_.bytes());
    ASSIGN_OR_RETURN(footer.properties, WriteRaw(EncodeProperties(properties_)));
    RETURN_IF_ERROR(Append(EncodeFooter(footer, offset_)));
    RETURN_IF_ERROR(out_->Finish());
    properties_.file_bytes = offset_;
    return properties_;
  }

 private:
  // See FORMAT.md, Data blocks.
  bool MustCut(bool new_row, size_t cell_bytes) const {
    const size_t held = new_row ? held_bytes() : held_bytes() - row_begin_;
    return held >= options_.block_bytes || held + cell_bytes > size_t{2} * options_.block_bytes;
  }
  bool MustCutPage(size_t cell_bytes) const {
    const size_t held = block_.bytes();
    return held >= page_bytes_ || held + cell_bytes > size_t{2} * page_bytes_;
  }
  // Raw bytes of the block being built: its finished pages and what block_ holds.
  size_t held_bytes() const { return pages_raw_bytes_ + (block_.empty() ? 0 : block_.bytes()); }

  StatusOr<BlockHandle> WriteCells() {
    Slice raw = block_.Finish();
    Codec codec;
    Slice stored = compressor_.Compress(raw, &codec);
    ASSIGN_OR_RETURN(BlockHandle handle, Write(stored, codec, raw.size()));
    properties_.raw_block_bytes += raw.size();
    block_.Reset();
    return handle;
  }

  Status CutPage() {
    const size_t raw_bytes = block_.bytes();
    ASSIGN_OR_RETURN(BlockHandle handle, WriteCells());
    std::string value;
    AppendHandle(&value, handle);
    directory_.Add(page_fence_, value);
    pages_bytes_ += handle.stored_bytes;
    pages_raw_bytes_ += raw_bytes;
    return OkStatus();
  }

  // The last page and the directory of a block of pages.
  StatusOr<BlockHandle> WriteDirectory() {
    RETURN_IF_ERROR(CutPage());
    Slice directory = directory_.Finish();
    properties_.raw_block_bytes += directory.size();
    ASSIGN_OR_RETURN(BlockHandle handle, WriteRaw(directory));
    handle.pages_bytes = pages_bytes_;
    directory_.Reset();
    pages_bytes_ = 0;
    pages_raw_bytes_ = 0;
    has_pages_ = true;
    return handle;
  }

  Status CutBlock() {
    ASSIGN_OR_RETURN(const BlockHandle handle,
                     directory_.empty() ? WriteCells() : WriteDirectory());
    ++properties_.blocks;
    if (index_.empty()) index_first_ = fence_;
    std::string value;
    AppendHandle(&value, handle);
    index_.Add(fence_, value);
    if (index_.bytes() >= options_.index_partition_bytes) CutIndex();
    return OkStatus();
  }

  void CutIndex() {
    if (index_.empty()) return;
    Slice bytes = index_.Finish();
    partitions_.push_back({index_first_, std::string(bytes.data(), bytes.size())});
    index_bytes_ += bytes.size();
    index_.Reset();
  }

  Status WritePartitions(const std::vector<Partition>& partitions,
                         std::vector<BlockHandle>* handles) {
    for (const Partition& partition : partitions) {
      ASSIGN_OR_RETURN(BlockHandle handle, WriteRaw(partition.bytes));
      handles->push_back(handle);
    }
    return OkStatus();
  }

  StatusOr<BlockHandle> WriteTop(const std::vector<Partition>& partitions,
                                 const std::vector<BlockHandle>& handles) {
    BlockBuilder top(1, kRestartBytes);
    for (size_t i = 0; i < partitions.size(); ++i) {
      std::string value;
      AppendHandle(&value, handles[i]);
      top.Add(partitions[i].first_key, value);
    }
    return WriteRaw(top.Finish());
  }

  StatusOr<BlockHandle> WriteRaw(Slice bytes) { return Write(bytes, Codec::kNone, bytes.size()); }

  StatusOr<BlockHandle> Write(Slice stored, Codec codec, size_t raw_bytes) {
    BlockHandle handle;
    handle.offset = offset_;
    CHECK_LE(raw_bytes, kMaxRawBlockBytes);
    handle.stored_bytes = static_cast<uint32_t>(stored.size());
    handle.raw_bytes = static_cast<uint32_t>(raw_bytes);
    handle.crc = SectionCheck(stored, properties_.file_id, offset_);
    handle.codec = codec;
    CHECK(PlausibleSizes(handle));
    RETURN_IF_ERROR(Append(stored));
    return handle;
  }

  Status Append(Slice bytes) {
    RETURN_IF_ERROR(out_->Append(bytes));
    offset_ += bytes.size();
    CHECK_EQ(out_->size(), offset_);
    return OkStatus();
  }

  const SSTableOptions options_;
  const uint32_t page_bytes_;
  const bool paged_;
  const std::unique_ptr<BlobWriter> out_;
  BlockCompressor compressor_;
  FilterWriter filters_;
  SSTableProperties properties_;
  CellStatistics statistics_;
  BlockBuilder block_{kRestartEntries, kRestartBytes};  // the page, or the block without pages
  BlockBuilder directory_{1, kRestartBytes};            // of the block's finished pages
  uint32_t pages_bytes_ = 0;                            // of these, as stored
  size_t pages_raw_bytes_ = 0;
  bool has_pages_ = false;
  BlockBuilder index_{1, kRestartBytes};
  std::vector<Partition> partitions_;  // of the index
  std::string fence_;                  // of the block being built
  std::string page_fence_;             // of the page being built
  std::string index_first_;            // fence of the first block of the index partition
  ByteBuffer last_key_;
  size_t row_begin_ = 0;  // bytes of the block before the current row
  uint64_t offset_ = 0;
  uint64_t index_bytes_ = 0;
  bool finished_ = false;
  Status status_;  // the first error of the blob
};

}  // namespace

std::unique_ptr<SSTableBuilder> SSTableBuilder::Create(const SSTableOptions& options,
                                                       uint64_t file_id,
                                                       std::unique_ptr<BlobWriter> out) {
  return std::make_unique<Builder>(options, file_id, std::move(out));
}

}  // namespace stele::storage
