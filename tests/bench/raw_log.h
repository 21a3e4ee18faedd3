// RawLog: the limit of a log and nothing else: one thread gathers the records that wait, writes
// them over a pre-written file with one pwrite and syncs it with one fdatasync. Nothing is
// formatted, checked or applied. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/slice.h"
#include "common/store/fs.h"

namespace stele::bench {

class RawLog {
 public:
  explicit RawLog(const std::string& directory);  // absent or empty
  ~RawLog();
  RawLog(const RawLog&) = delete;
  RawLog& operator=(const RawLog&) = delete;

  // Takes the record; what it returns is for Await.
  uint64_t Submit(Slice key, Slice value);
  // Returns when the record is durable.
  void Await(uint64_t ticket);
  static std::string Describe();

 private:
  void Run();

  std::unique_ptr<FsFile> file_;
  Mutex mu_;
  CondVar work_, changed_;
  std::string waiting_ GUARDED_BY(mu_);
  uint64_t group_ GUARDED_BY(mu_) = 0;  // number of the group that gathers
  uint64_t done_ GUARDED_BY(mu_) = 0;   // groups below it are durable
  bool stop_ GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace stele::bench
