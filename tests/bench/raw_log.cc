#include "tests/bench/raw_log.h"

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace stele::bench {
namespace {

constexpr uint64_t kFileBytes = 64u << 20;

}  // namespace

RawLog::RawLog(const std::string& directory) {
  Status made = PosixFs()->MakeDir(directory);
  CHECK(made.ok() || absl::IsAlreadyExists(made)) << made.ToString();
  StatusOr<std::unique_ptr<FsFile>> file =
      PosixFs()->Open(directory + "/raw.log", Fs::Mode::kCreateExclusive);
  CHECK_OK(file.status());
  file_ = *std::move(file);
  CHECK_OK(file_->Allocate(kFileBytes));
  const std::string zeros(1u << 20, '\0');
  for (uint64_t at = 0; at < kFileBytes; at += zeros.size()) {
    CHECK_OK(file_->WriteAt(at, {Slice(zeros)}));
  }
  CHECK_OK(file_->Sync());
  CHECK_OK(PosixFs()->SyncDir(directory));
  thread_ = std::thread([this] { Run(); });
}

RawLog::~RawLog() {
  {
    MutexLock lock(&mu_);
    stop_ = true;
    work_.SignalAll();
  }
  thread_.join();
}

uint64_t RawLog::Submit(Slice key, Slice value) {
  MutexLock lock(&mu_);
  waiting_.append(key.data(), key.size());
  waiting_.append(value.data(), value.size());
  work_.Signal();
  return group_;
}

void RawLog::Await(uint64_t ticket) {
  MutexLock lock(&mu_);
  while (done_ <= ticket) changed_.Wait(&mu_);
}

std::string RawLog::Describe() {
  return absl::StrCat("one file of ", kFileBytes >> 20, " MiB, pre-written, pwrite + fdatasync");
}

void RawLog::Run() {
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

}  // namespace stele::bench
