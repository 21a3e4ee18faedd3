// TempDir: a fresh directory of the real disk for one test, removed with all it holds when the
// object goes; STELE_KEEP_TEMP in the environment keeps it. Honours TMPDIR. Thread-compatible.
#pragma once

#include <string>

namespace stele {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace stele
