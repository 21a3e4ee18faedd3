// Iterates a whole table through its own two-level index. A forward scan that does not fill the
// cache reads ahead: after the first block, runs of the file that hold several blocks.
#include <algorithm>
#include <cstring>
#include <optional>

#include "common/base/check.h"
#include "tabletserver/storage/sstable/table_reader.h"

namespace stele::storage {
namespace {

constexpr size_t kRunBytes = 256 * 1024;

// Stored bytes of a run of the file, read ahead.
class ReadAhead {
 public:
  explicit ReadAhead(const TableReader* table) : table_(table) {}

  // The stored bytes of a block, at least these and perhaps more of what follows them.
  StatusOr<Slice> Fetch(const BlockHandle& handle) {
    if (!Holds(handle)) RETURN_IF_ERROR(Fill(handle));
    return Slice(bytes_).substr(handle.offset - begin_, handle.stored_bytes);
  }
  void Drop() { bytes_.clear(); }

 private:
  bool Holds(const BlockHandle& handle) const {
    return handle.offset >= begin_ && handle.offset - begin_ <= bytes_.size() &&
           handle.stored_bytes <= bytes_.size() - (handle.offset - begin_);
  }
  Status Fill(const BlockHandle& handle) {
    RETURN_IF_ERROR(table_->CheckPlace(handle, TableReader::Section::kData));
    const uint64_t end = table_->footer().data_end;
    const size_t wanted =
        std::min<uint64_t>(std::max<size_t>(handle.stored_bytes, kRunBytes), end - handle.offset);
    size_t kept = 0;  // the front of the block may be the tail of the last run
    if (handle.offset >= begin_ && handle.offset - begin_ < bytes_.size()) {
      kept = bytes_.size() - (handle.offset - begin_);
      std::memmove(bytes_.data(), bytes_.data() + bytes_.size() - kept, kept);
    }
    begin_ = handle.offset;
    bytes_.resize(wanted);
    Status status = table_->ReadBytes(begin_ + kept, wanted - kept, bytes_.data() + kept);
    if (!status.ok()) bytes_.clear();
    return status;
  }

  const TableReader* const table_;
  uint64_t begin_ = 0;
  std::string bytes_;
};

class TableIterator final : public Iterator {
 public:
  TableIterator(const TableReader* table, bool fill_cache)
      : table_(table), fill_cache_(fill_cache), top_(table->top_index()), ahead_(table) {}

  bool Valid() const override { return block_.has_value() && block_->Valid(); }
  Slice key() const override { return block_->key(); }
  Slice value() const override { return block_->value(); }
  Status status() const override { return status_; }

  void SeekToFirst() override {
    Begin();
    top_.SeekToFirst();
    if (EnterPartition() && EnterBlock(false)) SkipEmptyBlocks();
  }

  void Seek(Slice target) override {
    Begin();
    top_.SeekFloor(target);
    if (!top_.Valid() && top_.status().ok()) top_.SeekToFirst();
    if (!OpenPartition()) return;
    partition_->SeekFloor(target);
    if (!partition_->Valid() && partition_->status().ok()) partition_->SeekToFirst();
    if (!EnterBlock(false)) return;
    block_->Seek(target);
    SkipEmptyBlocks();
  }

  void Next() override {
    DCHECK(Valid());
    block_->Next();
    SkipEmptyBlocks();
  }

 private:
  void Begin() {
    status_ = OkStatus();
    block_.reset();
    partition_.reset();
    ahead_.Drop();
  }

  bool Fail(Status status) {
    status_ = std::move(status);
    block_.reset();
    partition_.reset();
    return false;
  }

  // After the block has run out: on to the next one. Its fence must be past what was read.
  void SkipEmptyBlocks() {
    while (block_.has_value() && !block_->Valid()) {
      if (Status s = block_->status(); !s.ok()) {
        Fail(std::move(s));
        return;
      }
      last_key_.assign(block_->last_key().data(), block_->last_key().size());
      partition_->Next();
      if (!partition_->Valid() && !NextPartition()) return;
      if (!EnterBlock(true)) return;
      if (Slice(last_key_) >= partition_->key()) {
        Fail(table_->Damage(handle_.offset, "keys of the block before past the fence"));
      }
    }
  }

  // False at the end and after an error.
  bool NextPartition() {
    if (Status s = partition_->status(); !s.ok()) return Fail(std::move(s));
    top_.Next();
    return EnterPartition();
  }

  bool EnterPartition() {
    if (!OpenPartition()) return false;
    partition_->SeekToFirst();
    return true;
  }

  bool OpenPartition() {
    if (!top_.Valid()) return Fail(top_.status());
    auto block = table_->ReadIndexPartition(top_.value(), fill_cache_);
    if (!block.ok()) return Fail(block.status());
    partition_.emplace(*std::move(block));
    return true;
  }

  // Reads the block that partition_ is at and goes to its first key.
  bool EnterBlock(bool sequential) {
    if (!partition_->Valid()) {
      Status s = partition_->status();
      return Fail(s.ok() ? table_->Damage(table_->footer().top_index.offset, "empty index") : s);
    }
    if (!ParseHandle(partition_->value(), &handle_)) {
      return Fail(table_->Damage(table_->footer().top_index.offset, "malformed handle"));
    }
    auto block =
        sequential && !fill_cache_ ? ReadSequential() : table_->ReadBlock(handle_, fill_cache_);
    if (!block.ok()) return Fail(block.status());
    block_.emplace(*std::move(block));
    block_->SeekToFirst();
    if (block_->Valid() && block_->key() < partition_->key()) {
      return Fail(table_->Damage(handle_.offset, "a key before its fence"));
    }
    return true;
  }

  StatusOr<BlockPtr> ReadSequential() {
    RETURN_IF_ERROR(table_->CheckPlace(handle_, TableReader::Section::kData));
    if (BlockPtr block = table_->FindBlock(handle_); block != nullptr) return block;
    auto stored = ahead_.Fetch(handle_);
    // An error somewhere in the run must not hide the blocks before it.
    if (!stored.ok()) return table_->ReadBlock(handle_, false);
    return table_->DecodeSection(handle_, TableReader::Section::kData, *stored);
  }

  const TableReader* const table_;  // outlives the iterator
  const bool fill_cache_;
  BlockIterator top_;
  std::optional<BlockIterator> partition_;
  std::optional<BlockIterator> block_;
  BlockHandle handle_;  // of block_
  ReadAhead ahead_;
  std::string last_key_;
  Status status_;
};

}  // namespace

std::unique_ptr<Iterator> NewTableIterator(const TableReader* table, bool fill_cache) {
  return std::make_unique<TableIterator>(table, fill_cache);
}

}  // namespace stele::storage
