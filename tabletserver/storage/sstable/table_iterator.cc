// Iterates a whole table through its own two-level index. A forward scan that does not fill the
// cache reads ahead: after the first block, runs of the file that hold several blocks.
#include <algorithm>
#include <cstring>
#include <optional>

#include "common/base/check.h"
#include "tabletserver/storage/sstable/paged_block.h"
#include "tabletserver/storage/sstable/table_reader.h"

namespace stele::storage {
namespace {

constexpr size_t kRunBytes = 256 * 1024;
// Released at once and aligned: page caches have pieces as large, and let go of whole ones only.
constexpr uint64_t kReleasedBytes = 2 * 1024 * 1024;

// Stored bytes of a run of the file, read ahead.
class ReadAhead {
 public:
  // `release`: what lies behind it need not stay in the machine's memory, as long as others do not
  // read the table.
  ReadAhead(const TableReader* table, bool release) : table_(table), release_(release) {}

  // The bytes at a place among the data, until the next call.
  StatusOr<Slice> Fetch(uint64_t offset, uint64_t n) {
    if (!Holds(offset, n)) RETURN_IF_ERROR(Fill(offset, n));
    return Slice(bytes_).substr(offset - begin_, n);
  }
  void Drop() {
    bytes_.clear();
    released_.reset();
  }

 private:
  bool Holds(uint64_t offset, uint64_t n) const {
    return offset >= begin_ && offset - begin_ <= bytes_.size() &&
           n <= bytes_.size() - (offset - begin_);
  }
  // Somebody who reads the same data would have to wait for the disk, and reads on most likely.
  void ReleaseBefore(uint64_t offset) {
    const uint64_t end = offset / kReleasedBytes * kReleasedBytes;
    if (!released_.has_value()) {
      released_ = end;
      others_reads_ = table_->data_reads();
    }
    if (end <= *released_ || table_->data_reads() != others_reads_) return;
    table_->ReleaseCached(*released_, end - *released_);
    released_ = end;
  }
  Status Fill(uint64_t offset, uint64_t n) {
    if (release_) ReleaseBefore(offset);
    const uint64_t end = table_->footer().data_end;
    const size_t wanted = std::min<uint64_t>(std::max<uint64_t>(n, kRunBytes), end - offset);
    size_t kept = 0;  // the front of the block may be the tail of the last run
    if (offset >= begin_ && offset - begin_ < bytes_.size()) {
      kept = bytes_.size() - (offset - begin_);
      std::memmove(bytes_.data(), bytes_.data() + bytes_.size() - kept, kept);
    }
    begin_ = offset;
    bytes_.resize(wanted);
    Status status = table_->ReadBytes(begin_ + kept, wanted - kept, bytes_.data() + kept);
    if (!status.ok()) bytes_.clear();
    return status;
  }

  const TableReader* const table_;
  const bool release_;
  uint64_t begin_ = 0;
  std::string bytes_;
  std::optional<uint64_t> released_;  // from where it began up to here
  uint64_t others_reads_ = 0;         // when it began
};

class TableIterator final : public Iterator {
 public:
  TableIterator(const TableReader* table, bool fill_cache, bool replaces)
      : table_(table), fill_cache_(fill_cache), top_(table->top_index()), ahead_(table, replaces) {}

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
    if (!OpenBlock(false)) return;
    if (directory_.has_value()) {
      directory_->SeekFloor(target);
      if (!directory_->Valid() && directory_->status().ok()) directory_->SeekToFirst();
    }
    if (!EnterCells(false)) return;
    block_->Seek(target);
    SkipEmptyBlocks();
  }

  void Next() override {
    DCHECK(Valid());
    block_->Next();
    SkipEmptyBlocks();
  }
  bool Step(Slice* to_key, Slice* to_value) override {
    if (block_->Step(to_key, to_value)) return true;
    SkipEmptyBlocks();
    if (!Valid()) return false;
    *to_key = block_->key();
    *to_value = block_->value();
    return true;
  }

 private:
  static constexpr auto kNothing = TableReader::Counts::kNothing;

  void Begin() {
    status_ = OkStatus();
    block_.reset();
    directory_.reset();
    partition_.reset();
    ahead_.Drop();
  }

  bool Fail(Status status) {
    status_ = std::move(status);
    block_.reset();
    directory_.reset();
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
      if (!NextCells()) return;
      if (Slice(last_key_) >= fence()) {
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

  // The next page of the block, else the next block.
  bool NextCells() {
    if (directory_.has_value()) {
      directory_->Next();
      if (directory_->Valid()) return EnterCells(true);
      if (Status s = directory_->status(); !s.ok()) return Fail(std::move(s));
    }
    partition_->Next();
    if (!partition_->Valid() && !NextPartition()) return false;
    return EnterBlock(true);
  }

  bool EnterBlock(bool sequential) { return OpenBlock(sequential) && EnterCells(sequential); }

  // Takes the block that partition_ is at: its handle, or that of its directory, which is opened.
  bool OpenBlock(bool sequential) {
    block_.reset();
    directory_.reset();
    whole_.reset();
    if (!partition_->Valid()) {
      Status s = partition_->status();
      return Fail(s.ok() ? table_->Damage(table_->footer().top_index.offset, "empty index") : s);
    }
    if (!ParseHandle(partition_->value(), &handle_)) {
      return Fail(table_->Damage(table_->footer().top_index.offset, "malformed handle"));
    }
    if (handle_.pages_bytes == 0) return true;
    if (holder_ = table_->FindWhole(handle_, TableReader::CountsOf(fill_cache_));
        holder_ != nullptr) {
      whole_.emplace(*holder_);
      directory_.emplace(holder_, whole_->directory());
    } else {
      auto block = ReadDirectory(sequential && !fill_cache_);
      if (!block.ok()) return Fail(block.status());
      directory_.emplace(*std::move(block));
    }
    directory_->SeekToFirst();
    if (directory_->Valid() && directory_->key() == partition_->key()) return true;
    return Fail(table_->Damage(handle_.offset, "the directory does not begin at the fence"));
  }

  // Reads the page that directory_ is at, or the block, and goes to its first key.
  bool EnterCells(bool sequential) {
    if (directory_.has_value() &&
        (!directory_->Valid() || !ParseHandle(directory_->value(), &handle_))) {
      return Fail(table_->Damage(handle_.offset, "malformed directory"));
    }
    if (whole_.has_value()) {
      Walk(whole_->Page(handle_));  // holder_ keeps it
    } else if (sequential && !fill_cache_) {
      if (Status s = OpenAhead(); !s.ok()) return Fail(std::move(s));
    } else {
      auto block = table_->ReadBlock(handle_, fill_cache_);
      if (!block.ok()) return Fail(block.status());
      Walk(*std::move(block));
    }
    block_->SeekToFirst();
    if (block_->Valid() && block_->key() < fence()) {
      return Fail(table_->Damage(handle_.offset, "a key before its fence"));
    }
    return true;
  }

  // Of block_.
  Slice fence() const { return directory_.has_value() ? directory_->key() : partition_->key(); }

  StatusOr<BlockPtr> ReadDirectory(bool sequential) {
    RETURN_IF_ERROR(table_->CheckPlace(handle_, TableReader::Section::kDirectory));
    if (sequential && table_->FindDirectory(handle_) == nullptr) {
      // Its pages are read next.
      auto stored = ahead_.Fetch(handle_.begin(), handle_.file_bytes());
      if (stored.ok()) {
        return table_->DecodeDirectory(handle_, stored->substr(handle_.pages_bytes));
      }
    }
    return table_->ReadDirectory(handle_, {.fill_cache = fill_cache_});
  }

  // The cells at handle_, as they lie in what is read ahead: they stay there until the next ones
  // are wanted.
  Status OpenAhead() {
    RETURN_IF_ERROR(table_->CheckPlace(handle_, TableReader::Section::kData));
    BlockPtr block = table_->FindBlock(handle_, kNothing);
    if (block == nullptr) {
      auto stored = ahead_.Fetch(handle_.offset, handle_.stored_bytes);
      if (stored.ok()) {
        ASSIGN_OR_RETURN(const Slice cells, table_->DecodeInPlace(handle_, *stored, &expanded_));
        Walk(cells);
        return OkStatus();
      }
      // An error somewhere in the run must not hide the blocks before it.
      ASSIGN_OR_RETURN(block, table_->ReadBlock(handle_, false));
    }
    Walk(std::move(block));
    return OkStatus();
  }

  void Walk(BlockPtr block) {
    block_.emplace(std::move(block));
    pins_ = true;
  }
  void Walk(Slice cells) {
    if (block_.has_value() && !pins_) {
      block_->Reset(cells);
    } else {
      block_.emplace(nullptr, cells);
    }
    pins_ = false;
  }

  const TableReader* const table_;  // outlives the iterator
  const bool fill_cache_;
  BlockIterator top_;
  std::optional<BlockIterator> partition_;
  std::optional<BlockIterator> directory_;  // of the block, when it has pages
  std::optional<BlockIterator> block_;
  bool pins_ = false;     // block_ keeps its bytes
  std::string expanded_;  // of block_, when what was read ahead is compressed
  BlockPtr holder_;       // of directory_, when it is of
  std::optional<WholeBlock> whole_;
  BlockHandle handle_;  // of block_, for a moment of directory_
  ReadAhead ahead_;
  std::string last_key_;
  Status status_;
};

}  // namespace

std::unique_ptr<Iterator> NewTableIterator(const TableReader* table, bool fill_cache,
                                           bool replaces) {
  return std::make_unique<TableIterator>(table, fill_cache, replaces);
}

}  // namespace stele::storage
