#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "tests/bench/driver.h"

namespace stele::bench {
namespace {

leveldb::Slice ToPeer(Slice s) { return leveldb::Slice(s.data(), s.size()); }

void CheckOk(const leveldb::Status& status) { CHECK(status.ok()) << status.ToString(); }

class LevelDbDriver : public Driver {
 public:
  explicit LevelDbDriver(const DriverOptions& options)
      : filter_(leveldb::NewBloomFilterPolicy(kBloomBitsPerKey)),
        cache_(leveldb::NewLRUCache(options.block_cache_bytes)) {
    leveldb::Options db;
    db.create_if_missing = true;
    db.block_size = kBlockBytes;
    db.filter_policy = filter_.get();
    db.block_cache = cache_.get();
    db.write_buffer_size = options.memtable_bytes;
    db.compression = leveldb::kNoCompression;
    leveldb::DB* opened = nullptr;
    CheckOk(leveldb::DB::Open(db, options.directory, &opened));
    db_.reset(opened);
    write_.sync = options.sync_log;
  }

  void Put(Slice key, Slice value) override {
    CheckOk(db_->Put(write_, ToPeer(key), ToPeer(value)));
  }

  bool Get(Slice key, std::string* value) override {
    leveldb::Status status = db_->Get(leveldb::ReadOptions(), ToPeer(key), value);
    if (status.IsNotFound()) return false;
    CheckOk(status);
    return true;
  }

  uint64_t Scan(Slice start, uint64_t rows, uint64_t* bytes) override {
    std::unique_ptr<leveldb::Iterator> it(db_->NewIterator(leveldb::ReadOptions()));
    uint64_t seen = 0;
    for (it->Seek(ToPeer(start)); it->Valid(); it->Next()) {
      const leveldb::Slice value = it->value();
      *bytes += it->key().size() + value.size();
      sum_ += static_cast<unsigned char>(value[value.size() - 1]);
      if (++seen == rows) break;
    }
    CheckOk(it->status());
    return seen;
  }

  // LevelDB has no flush of its own: a compaction of the whole range begins with one.
  void Settle(bool compact) override {
    if (compact) {
      db_->CompactRange(nullptr, nullptr);
      return;
    }
    const leveldb::Slice before_all("\x01");
    db_->CompactRange(nullptr, &before_all);
  }

  std::string Describe() const override {
    return absl::StrCat("LevelDB ", leveldb::kMajorVersion, ".", leveldb::kMinorVersion,
                        ", defaults else (files mapped, blocks of reads not checked)");
  }

 private:
  const std::unique_ptr<const leveldb::FilterPolicy> filter_;
  const std::unique_ptr<leveldb::Cache> cache_;
  leveldb::WriteOptions write_;
  std::unique_ptr<leveldb::DB> db_;
  uint64_t sum_ = 0;
};

}  // namespace

std::unique_ptr<Driver> OpenLevelDb(const DriverOptions& options) {
  return std::make_unique<LevelDbDriver>(options);
}

}  // namespace stele::bench
