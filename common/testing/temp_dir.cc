#include "common/testing/temp_dir.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "common/base/check.h"
#include "common/base/log.h"

namespace stele {

TempDir::TempDir() {
  const char* base = std::getenv("TMPDIR");
  path_ = std::string(base != nullptr ? base : "/tmp") + "/stele-test-XXXXXX";
  CHECK(::mkdtemp(path_.data()) != nullptr) << "no directory for tests below " << path_;
}

TempDir::~TempDir() {
  if (std::getenv("STELE_KEEP_TEMP") != nullptr) {
    LOG(INFO) << "kept: " << path_;
    return;
  }
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error) {
    LOG(WARNING) << "cannot remove " << path_ << ": " << error.message();
  }
}

}  // namespace stele
