// What the tests of this folder share (Random is a SeededRandom): blobs in memory that can fail,
// cells in a std::map, and building and opening tables from them. Test code only; bound to one
// thread.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "schema/model/cell_key.h"
#include "tabletserver/storage/sstable/sstable.h"

namespace stele::storage {

using CellMap = std::map<std::string, std::string>;
inline constexpr uint64_t kTestFileId = 0x0123456789abcdef;

// Appends to *bytes. Fails the `fail_at`-th call (Append or Finish, from 1; 0: none) with Internal.
class MemoryWriter final : public BlobWriter {
 public:
  explicit MemoryWriter(std::string* bytes, uint64_t fail_at = 0, uint64_t* calls = nullptr)
      : bytes_(bytes), fail_at_(fail_at), calls_(calls) {}
  Status Append(Slice data) override {
    RETURN_IF_ERROR(Count());
    bytes_->append(data.data(), data.size());
    return OkStatus();
  }
  uint64_t size() const override { return bytes_->size(); }
  Status Finish() override { return Count(); }

 private:
  Status Count() {
    if (calls_ != nullptr) *calls_ = made_ + 1;
    return ++made_ == fail_at_ ? absl::InternalError("injected write error") : OkStatus();
  }
  std::string* const bytes_;
  const uint64_t fail_at_;
  uint64_t* const calls_;
  uint64_t made_ = 0;
};

// Reads *bytes. `fault(offset, n)` may fail a read; `release(offset, n)` is told of what is
// released.
class MemoryReader final : public BlobReader {
 public:
  using Fault = std::function<Status(uint64_t offset, size_t n)>;
  using Release = std::function<void(uint64_t offset, uint64_t n)>;
  explicit MemoryReader(std::string bytes, Fault fault = nullptr, Release release = nullptr)
      : bytes_(std::move(bytes)), fault_(std::move(fault)), release_(std::move(release)) {}
  uint64_t size() const override { return bytes_.size(); }
  Status Read(uint64_t offset, size_t n, char* buffer) const override {
    if (fault_ != nullptr) RETURN_IF_ERROR(fault_(offset, n));
    if (offset > bytes_.size() || n > bytes_.size() - offset) {
      return absl::OutOfRangeError("read past the end");
    }
    bytes_.copy(buffer, n, offset);
    return OkStatus();
  }
  bool ReadIfInMemory(uint64_t offset, size_t n, char* buffer) const override {
    return Read(offset, n, buffer).ok();
  }
  void ReleaseCached(uint64_t offset, uint64_t n) const override {
    if (release_ != nullptr) release_(offset, n);
  }

 private:
  const std::string bytes_;
  const Fault fault_;
  const Release release_;
};

inline StatusOr<SSTableProperties> BuildInto(const CellMap& cells, const SSTableOptions& options,
                                             std::unique_ptr<BlobWriter> out) {
  auto builder = SSTableBuilder::Create(options, kTestFileId, std::move(out));
  for (const auto& [key, value] : cells) RETURN_IF_ERROR(builder->Add(key, value));
  return builder->Finish();
}

inline std::string Build(const CellMap& cells, const SSTableOptions& options,
                         SSTableProperties* properties = nullptr) {
  std::string bytes;
  auto built = BuildInto(cells, options, std::make_unique<MemoryWriter>(&bytes));
  EXPECT_TRUE(built.ok()) << built.status();
  if (built.ok() && properties != nullptr) *properties = *built;
  return bytes;
}

inline StatusOr<std::shared_ptr<SSTable>> OpenBytes(std::string bytes,
                                                    SSTable::OpenOptions options = {},
                                                    MemoryReader::Fault fault = nullptr) {
  return SSTable::Open(std::make_shared<MemoryReader>(std::move(bytes), std::move(fault)), "t.sst",
                       options);
}

inline std::string SetKey(Slice row, Slice qualifier, int64_t timestamp_us = 1000,
                          uint64_t sequence = 1, Slice family = "f") {
  std::string key;
  AppendSetKey(&key, row, family, 1, qualifier, timestamp_us, sequence);
  return key;
}

// A key or qualifier of short pieces that make prefixes, zeros and 0xff meet often.
template <typename Random>
std::string HardBytes(Random* random, size_t max_pieces) {
  static constexpr Slice kPieces[] = {Slice("\0", 1), "\x01", "\x02", "\xff", "a", "row", "zz"};
  std::string out;
  for (uint64_t n = random->Between(1, max_pieces); n > 0; --n) {
    Slice piece = kPieces[random->Below(7)];
    out.append(piece.data(), piece.size());
  }
  return out;
}

// `n` cells and markers of all kinds with binary rows and qualifiers.
template <typename Random>
CellMap RandomCells(Random* random, size_t n, size_t max_value = 200) {
  CellMap cells;
  for (uint64_t sequence = 1; cells.size() < n; ++sequence) {
    std::string key, row = HardBytes(random, 5);
    std::string qualifier = random->OneIn(6) ? "" : HardBytes(random, 3);
    std::string family = random->OneIn(3) ? "cf" : "f";
    auto id = static_cast<uint16_t>(family == "f" ? 1 : 2);
    switch (random->Below(12)) {
      case 0:
        AppendRowMarkerKey(&key, row, sequence);
        break;
      case 1:
        AppendFamilyMarkerKey(&key, row, family, id, sequence);
        break;
      case 2:
        AppendColumnMarkerKey(&key, row, family, id, qualifier, sequence);
        break;
      default:
        AppendSetKey(&key, row, family, id, qualifier,
                     static_cast<int64_t>(random->Below(5) * 1000), sequence);
    }
    std::string value = random->OneIn(2) ? random->Letters(random->Below(max_value + 1))
                                         : std::string(random->Below(max_value + 1), 'v');
    cells.emplace(std::move(key), std::move(value));
  }
  return cells;
}

// Everything the iterator yields from SeekToFirst on; its status in *status.
inline CellMap ReadAll(Iterator* it, Status* status) {
  CellMap cells;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    cells.emplace(std::string(it->key().data(), it->key().size()),
                  std::string(it->value().data(), it->value().size()));
  }
  *status = it->status();
  return cells;
}

inline CellMap ReadAll(const SSTable& table, bool fill_cache = true) {
  Status status;
  CellMap cells = ReadAll(table.NewIterator(fill_cache).get(), &status);
  EXPECT_TRUE(status.ok()) << status;
  return cells;
}

}  // namespace stele::storage
