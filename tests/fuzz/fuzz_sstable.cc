// Any bytes as an SSTable (raw, or a good one with bytes changed), and any content behind a right
// check (block, properties, footer, record), give data or an error.
#include <cstring>

#include "common/base/check.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/sstable/sstable_dump.h"
#include "tabletserver/storage/sstable/sstable_format.h"
#include "tests/fuzz/input.h"

namespace stele::storage {
namespace {

class StringWriter : public BlobWriter {
 public:
  explicit StringWriter(std::string* out) : out_(out) {}
  Status Append(Slice data) override {
    out_->append(data.data(), data.size());
    return OkStatus();
  }
  uint64_t size() const override { return out_->size(); }
  Status Finish() override { return OkStatus(); }

 private:
  std::string* const out_;
};

class StringReader : public BlobReader {
 public:
  explicit StringReader(std::string bytes) : bytes_(std::move(bytes)) {}
  uint64_t size() const override { return bytes_.size(); }
  Status Read(uint64_t offset, size_t n, char* buffer) const override {
    if (offset > bytes_.size() || n > bytes_.size() - offset)
      return absl::OutOfRangeError("past the end");
    std::memcpy(buffer, bytes_.data() + offset, n);
    return OkStatus();
  }

 private:
  const std::string bytes_;
};

std::string GoodTable() {
  std::string bytes;
  SSTableOptions options{.codec = Codec::kLz4,
                         .block_bytes = 256,
                         .index_partition_bytes = 128,
                         .filter_partition_keys = 8};
  auto builder = SSTableBuilder::Create(options, 42, std::make_unique<StringWriter>(&bytes));
  for (int row = 0; row < 40; ++row) {
    std::string key;
    AppendSetKey(&key, absl::StrCat("row-", 100 + row), "f", 1, "q", 1000,
                 static_cast<uint64_t>(row) + 1);
    CHECK_OK(builder->Add(key, std::string(static_cast<size_t>(row) * 3, 'v')));
  }
  CHECK_OK(builder->Finish().status());
  return bytes;
}

void ReadTable(std::string bytes) {
  auto table = SSTable::Open(std::make_shared<StringReader>(std::move(bytes)), "fuzzed", {});
  if (!table.ok()) return;
  size_t lines = 0;
  DumpSSTable(**table,
              {.fences = true, .cells = true, .values = true, .max_cells = 10'000, .verify = true},
              [&lines](Slice) { ++lines; })
      .IgnoreError();
}

void ReadBlock(Slice content, Slice target) {
  std::shared_ptr<CachedBlock> block = CachedBlock::Allocate(content.size());
  std::memcpy(block->mutable_data(), content.data(), content.size());
  auto it = NewBlockIterator(block);
  size_t bytes = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) bytes += it->key().size() + it->value().size();
  it->status().IgnoreError();
  it->Seek(target);
  if (it->Valid()) bytes += it->key().size();
  CHECK(bytes < 64 * (content.size() + 1) * (content.size() + 1)) << "more out than prefixes allow";
}

}  // namespace
}  // namespace stele::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stele::storage;
  static const std::string* const good = new std::string(GoodTable());
  stele::fuzz::FuzzInput input(data, size);
  switch (input.Number<uint8_t>() % 5) {
    case 0:
      ReadTable(std::string(input.Rest()));
      break;
    case 1: {
      std::string bytes = *good;
      while (!input.empty()) {
        const size_t at = input.Number<uint16_t>() % bytes.size();
        bytes[at] = static_cast<char>(bytes[at] ^ input.Number<uint8_t>());
      }
      ReadTable(std::move(bytes));
      break;
    }
    case 2: {
      const stele::Slice target = input.Bytes(input.Number<uint8_t>());
      ReadBlock(input.Rest(), target);
      break;
    }
    case 3:
      DecodeProperties(input.Rest()).status().IgnoreError();
      break;
    default: {
      const uint64_t offset = input.Number<uint64_t>();
      const stele::Slice bytes = input.Rest();
      if (bytes.size() < kFooterTailBytes) break;
      FooterSize(bytes.substr(bytes.size() - kFooterTailBytes)).status().IgnoreError();
      DecodeFooter(bytes, offset).status().IgnoreError();
    }
  }
  return 0;
}
