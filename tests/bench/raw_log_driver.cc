#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/store/fs.h"
#include "tests/bench/driver.h"

namespace stele::bench {
namespace {

constexpr uint64_t kFileBytes = 64u << 20;

class RawLogDriver : public Driver {
 public:
  explicit RawLogDriver(const DriverOptions& options) {
    Status made = PosixFs()->MakeDir(options.directory);
    CHECK(made.ok() || absl::IsAlreadyExists(made)) << made.ToString();
    StatusOr<std::unique_ptr<FsFile>> file =
        PosixFs()->Open(options.directory + "/raw.log", Fs::Mode::kCreateExclusive);
    CHECK_OK(file.status());
    file_ = *std::move(file);
    CHECK_OK(file_->Allocate(kFileBytes));
    const std::string zeros(1u << 20, '\0');
    for (uint64_t at = 0; at < kFileBytes; at += zeros.size()) {
      CHECK_OK(file_->WriteAt(at, {Slice(zeros)}));
    }
    CHECK_OK(file_->Sync());
    CHECK_OK(PosixFs()->SyncDir(options.directory));
    thread_ = std::thread([this] { Run(); });
  }

  ~RawLogDriver() override {
    {
      MutexLock lock(&mu_);
      stop_ = true;
      work_.SignalAll();
    }
    thread_.join();
  }

  void Put(Slice key, Slice value) override { PutSync(key, value); }

  void PutSync(Slice key, Slice value) override {
    MutexLock lock(&mu_);
    waiting_.append(key.data(), key.size());
    waiting_.append(value.data(), value.size());
    const uint64_t mine = group_;
    work_.Signal();
    while (done_ <= mine) changed_.Wait(&mu_);
  }

  bool Get(Slice key, std::string* value) override { return false; }
  uint64_t Scan(Slice start, uint64_t rows, uint64_t* bytes) override { return 0; }
  void Settle(bool compact) override {}
  std::string Describe() const override {
    return absl::StrCat("one file of ", kFileBytes >> 20, " MiB, pre-written, pwrite + fdatasync");
  }

 private:
  void Run() {
    std::string group;
    uint64_t offset = 0;
    while (true) {
      uint64_t number = 0;
      {
        MutexLock lock(&mu_);
        while (waiting_.empty() && !stop_) work_.Wait(&mu_);
        if (waiting_.empty()) return;
        group.swap(waiting_);
        waiting_.clear();
        number = group_++;
      }
      if (offset + group.size() > kFileBytes) offset = 0;
      CHECK_OK(file_->WriteAt(offset, {Slice(group)}));
      CHECK_OK(file_->Sync());
      offset += group.size();
      MutexLock lock(&mu_);
      done_ = number + 1;
      changed_.SignalAll();
    }
  }

  std::unique_ptr<FsFile> file_;
  Mutex mu_;
  CondVar work_, changed_;
  std::string waiting_ GUARDED_BY(mu_);
  uint64_t group_ GUARDED_BY(mu_) = 0;  // number of the group that gathers
  uint64_t done_ GUARDED_BY(mu_) = 0;   // groups below it are durable
  bool stop_ GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Driver> OpenRawLog(const DriverOptions& options) {
  return std::make_unique<RawLogDriver>(options);
}

}  // namespace stele::bench
