// RejectFile: the records of an import that were not written, a line each:
// LINE<tab>REASON<tab>RECORD, reason and record as escaped text, the record cut after 1000 bytes.
// The file is made with the first of them; a device, a pipe or a link is written to as it is. Used
// by one thread.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/store/fs.h"

namespace stele::cli {

class RejectFile {
 public:
  // Goes on behind `bytes` of the file; 0: what is there is replaced. An empty path writes to
  // `stream` instead.
  static StatusOr<std::unique_ptr<RejectFile>> Open(Fs* fs, const std::string& path, uint64_t bytes,
                                                    std::ostream* stream);
  void Add(uint64_t line, std::string_view reason, std::string_view record);
  // The file's size. A failure of an earlier Add is told here.
  StatusOr<uint64_t> Flush();
  const std::string& path() const { return path_; }

 private:
  RejectFile(Fs* fs, std::string path, uint64_t bytes, std::ostream* stream)
      : fs_(fs), path_(std::move(path)), bytes_(bytes), stream_(stream) {}
  Status Write();

  Fs* const fs_;
  const std::string path_;
  uint64_t bytes_;
  std::ostream* stream_;  // null: a file of fs_
  std::unique_ptr<FsFile> file_;
  std::unique_ptr<std::ofstream> device_;  // when path_ is no plain file
  std::string waiting_;
  Status failure_;
};

}  // namespace stele::cli
