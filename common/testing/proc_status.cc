#include "common/testing/proc_status.h"

#include <fstream>

namespace stele {

uint64_t ProcStatusBytes(const std::string& pid, const std::string& field) {
  std::ifstream status("/proc/" + pid + "/status");
  for (std::string word; status >> word;) {
    uint64_t kilobytes = 0;
    if (word == field && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

}  // namespace stele
