#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "tests/bench/driver.h"

namespace stele::bench {
namespace {

rocksdb::Slice ToPeer(Slice s) { return rocksdb::Slice(s.data(), s.size()); }

void CheckOk(const rocksdb::Status& status) { CHECK(status.ok()) << status.ToString(); }

class RocksDbDriver : public Driver {
 public:
  explicit RocksDbDriver(const DriverOptions& options) {
    rocksdb::BlockBasedTableOptions table;
    table.block_size = kBlockBytes;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
    table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes);
    rocksdb::Options db;
    db.create_if_missing = true;
    db.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    db.write_buffer_size = options.memtable_bytes;
    db.compression = rocksdb::kNoCompression;
    db.disable_auto_compactions = !options.merge;
    rocksdb::DB* opened = nullptr;
    CheckOk(rocksdb::DB::Open(db, options.directory, &opened));
    db_.reset(opened);
    write_.sync = options.sync_log;
  }

  void Put(Slice key, Slice value) override {
    CheckOk(db_->Put(write_, ToPeer(key), ToPeer(value)));
  }

  bool Get(Slice key, std::string* value) override {
    rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), ToPeer(key), value);
    if (status.IsNotFound()) return false;
    CheckOk(status);
    return true;
  }

  uint64_t Scan(Slice start, uint64_t rows, uint64_t* bytes) override {
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
    uint64_t seen = 0;
    for (it->Seek(ToPeer(start)); it->Valid(); it->Next()) {
      const rocksdb::Slice value = it->value();
      *bytes += it->key().size() + value.size();
      sum_ += static_cast<unsigned char>(value[value.size() - 1]);
      if (++seen == rows) break;
    }
    CheckOk(it->status());
    return seen;
  }

  void Settle(bool compact) override {
    CheckOk(db_->Flush(rocksdb::FlushOptions()));
    if (compact) CheckOk(db_->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr));
  }

  std::string Describe() const override {
    std::string levels;
    for (int level = 0; level < 7; ++level) {
      std::string files;
      db_->GetProperty(absl::StrCat("rocksdb.num-files-at-level", level), &files);
      absl::StrAppend(&levels, level == 0 ? "" : "/", files);
    }
    return absl::StrCat("RocksDB ", ROCKSDB_MAJOR, ".", ROCKSDB_MINOR, ".", ROCKSDB_PATCH,
                        ", defaults else, files by level ", levels);
  }

 private:
  rocksdb::WriteOptions write_;
  std::unique_ptr<rocksdb::DB> db_;
  uint64_t sum_ = 0;
};

}  // namespace

std::unique_ptr<Driver> OpenRocksDb(const DriverOptions& options) {
  return std::make_unique<RocksDbDriver>(options);
}

}  // namespace stele::bench
