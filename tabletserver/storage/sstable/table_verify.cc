// SSTable::Verify: the whole file against everything that it says about itself.
#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/bytes/key_head.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/filter/bloom_filter.h"
#include "tabletserver/storage/sstable/cell_statistics.h"
#include "tabletserver/storage/sstable/table_reader.h"

namespace stele::storage {
namespace {

struct FilterPartition {
  std::string first_key;
  BlockPtr bytes;
  BloomFilter filter;
  std::pair<uint64_t, uint64_t> section;
};

// The cells in order, block after block. Looks every row (and column) up in the filter.
class Verifier {
 public:
  explicit Verifier(const TableReader& table) : table_(table) {}

  Status Run() {
    ASSIGN_OR_RETURN(std::vector<Fence> fences, table_.LoadFences());
    RETURN_IF_ERROR(LoadFilters());
    for (size_t i = 0; i < fences.size(); ++i) {
      Slice end = i + 1 < fences.size() ? Slice(fences[i + 1].first_key) : Slice();
      RETURN_IF_ERROR(VerifyBlock(fences[i], end));
    }
    RETURN_IF_ERROR(VerifyTiling(fences));
    return CompareProperties(fences.size());
  }

 private:
  Status LoadFilters() {
    if (table_.filter_index() == nullptr) return OkStatus();
    BlockIterator it(table_.filter_index());
    for (it.SeekToFirst(); it.Valid(); it.Next()) {
      BlockHandle handle;
      if (!ParseHandle(it.value(), &handle)) {
        return table_.Damage(table_.footer().filter_index.offset, "malformed handle");
      }
      FilterPartition partition;
      partition.first_key.assign(it.key().data(), it.key().size());
      ASSIGN_OR_RETURN(partition.bytes, table_.ReadSection(handle, TableReader::Section::kFilter));
      if (!partition.filter.Init(partition.bytes->data())) {
        return table_.Damage(handle.offset, "malformed filter");
      }
      partition.section = {handle.offset, handle.stored_bytes};
      filters_.push_back(std::move(partition));
    }
    return it.status();
  }

  // Keys come in order.
  bool InFilter(Slice key) {
    while (filters_before_ < filters_.size() && Slice(filters_[filters_before_].first_key) <= key) {
      ++filters_before_;
    }
    return filters_before_ > 0 && filters_[filters_before_ - 1].filter.MayContain(BloomHash(key));
  }

  // `end` is the next fence's key; empty for the last block.
  Status VerifyBlock(const Fence& fence, Slice end) {
    begin_ = fence.handle.begin();
    bytes_.resize(fence.handle.file_bytes());
    RETURN_IF_ERROR(table_.ReadBytes(begin_, bytes_.size(), bytes_.data()));
    if (fence.handle.pages_bytes == 0) return VerifyCells(fence.first_key, fence.handle, end);
    ASSIGN_OR_RETURN(const Slice stored, Stored(fence.handle));
    ASSIGN_OR_RETURN(BlockPtr directory, table_.DecodeDirectory(fence.handle, stored));
    found_.raw_block_bytes += fence.handle.raw_bytes;
    BlockIterator it(std::move(directory));
    it.SeekToFirst();
    if (!it.Valid() || it.key() != Slice(fence.first_key)) {
      return table_.Damage(fence.handle.offset, "the directory does not begin at the fence");
    }
    while (it.Valid()) {
      page_fence_.Assign(it.key());
      BlockHandle page;
      CHECK(ParseHandle(it.value(), &page));  // as DecodeDirectory says
      it.Next();
      const Slice next = it.Valid() ? it.key() : end;
      RETURN_IF_ERROR(VerifyCells(page_fence_.bytes(), page, next));
    }
    sections_.emplace_back(fence.handle.offset, fence.handle.stored_bytes);
    return it.status();
  }

  // Of a plain block, a page or a directory of the block that was read last.
  StatusOr<Slice> Stored(const BlockHandle& handle) {
    RETURN_IF_ERROR(table_.CheckPlace(handle, handle.pages_bytes != 0
                                                  ? TableReader::Section::kDirectory
                                                  : TableReader::Section::kData));
    if (handle.offset < begin_ || handle.end() - begin_ > bytes_.size()) {
      return table_.Damage(handle.offset, "a page outside its block");
    }
    return Slice(bytes_).substr(handle.offset - begin_, handle.stored_bytes);
  }

  // A plain block or a page.
  Status VerifyCells(Slice first, const BlockHandle& handle, Slice end) {
    const uint64_t offset = handle.offset;
    ASSIGN_OR_RETURN(const Slice stored, Stored(handle));
    ASSIGN_OR_RETURN(const Slice cells, table_.DecodeInPlace(handle, stored, &expanded_));
    found_.raw_block_bytes += handle.raw_bytes;
    sections_.emplace_back(offset, handle.stored_bytes);
    BlockIterator it(nullptr, cells);
    it.SeekToFirst();
    if (it.Valid() && it.key() < first) return table_.Damage(offset, "a key before its fence");
    for (; it.Valid(); it.Next()) RETURN_IF_ERROR(VerifyCell(offset, it.key(), it.value()));
    RETURN_IF_ERROR(it.status());
    if (!end.empty() && last_key_.bytes() >= end) {
      return table_.Damage(offset, "a key past the next fence");
    }
    return OkStatus();
  }

  Status VerifyCell(uint64_t offset, Slice key, Slice value) {
    const bool first = found_.cells == 0;
    const size_t common = first ? 0 : CommonPrefix(last_key_.bytes(), key);
    if (!first && !Ascends(last_key_.bytes(), key, common)) {
      return table_.Damage(offset, "keys out of order");
    }
    const Slice row = EncodedRow(key);
    const bool new_row = first || common < row.size();
    if (!filters_.empty()) {
      if (new_row && !InFilter(row)) return table_.Damage(offset, "a row not in the filter");
      if (table_.properties().bloom_columns && !InFilter(EncodedColumn(key))) {
        return table_.Damage(offset, "a column not in the filter");
      }
    }
    statistics_.Add(row, new_row, key, value.size(), CellContentHash(key, value));
    last_key_.Assign(key);
    return OkStatus();
  }

  // Every byte belongs to exactly one section.
  Status VerifyTiling(const std::vector<Fence>& fences) {
    const Footer& footer = table_.footer();
    for (const FilterPartition& filter : filters_) sections_.push_back(filter.section);
    BlockIterator top(table_.top_index());
    for (top.SeekToFirst(); top.Valid(); top.Next()) {
      BlockHandle handle;
      if (!ParseHandle(top.value(), &handle)) {
        return table_.Damage(footer.top_index.offset, "malformed handle");
      }
      sections_.emplace_back(handle.offset, handle.stored_bytes);
    }
    RETURN_IF_ERROR(top.status());
    for (const BlockHandle& handle : {footer.top_index, footer.properties, footer.filter_index}) {
      if (handle.stored_bytes > 0) sections_.emplace_back(handle.offset, handle.stored_bytes);
    }
    std::sort(sections_.begin(), sections_.end());
    uint64_t end = 0;
    for (const auto& [offset, size] : sections_) {
      if (offset != end) return table_.Damage(std::min(end, offset), "sections do not adjoin");
      end = offset + size;
    }
    if (end != table_.footer_offset()) return table_.Damage(end, "a gap before the footer");
    return OkStatus();
  }

  Status CompareProperties(size_t blocks) {
    const SSTableProperties& stored = table_.properties();
    found_.last_key = std::string(last_key_.bytes());
    found_.file_id = stored.file_id;
    found_.file_bytes = stored.file_bytes;
    found_.codec = stored.codec;
    found_.block_bytes = stored.block_bytes;
    found_.bloom_columns = stored.bloom_columns;
    found_.blocks = blocks;
    if (found_ == stored) return OkStatus();
    return table_.Damage(table_.footer().properties.offset,
                         absl::StrCat("properties (", stored.cells, " cells, hash ",
                                      stored.content_hash, ") disagree with the content (",
                                      found_.cells, " cells, hash ", found_.content_hash, ")"));
  }

  const TableReader& table_;
  std::vector<FilterPartition> filters_;
  size_t filters_before_ = 0;  // that begin at or before the key last looked up
  SSTableProperties found_;
  CellStatistics statistics_{&found_};
  ByteBuffer last_key_;
  std::vector<std::pair<uint64_t, uint64_t>> sections_;  // offset, stored bytes; nearly in order
  uint64_t begin_ = 0;                                   // in the file, of bytes_
  std::string bytes_;      // of the block, its pages and its directory
  std::string expanded_;   // of those that are compressed the page at hand
  ByteBuffer page_fence_;  // its own
};

}  // namespace

Status TableReader::Verify() const { return Verifier(*this).Run(); }

}  // namespace stele::storage
