// The stele program, with moments at which a test can have it stopped or killed: the file `fault`
// in the directory $STELE_FAULT_DIR holds `stop POINT`, `kill POINT` or `hold POINT`, a fault
// point's name. The first process that comes there removes the file and gets SIGSTOP or SIGKILL;
// with `hold` only the thread that came there waits, until somebody opens the fifo `held` for
// writing.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "common/base/check.h"
#include "common/fault/fault.h"
#include "deploy/bin/program.h"

namespace {

class FileFaults : public stele::FaultInjector {
 public:
  explicit FileFaults(const std::string& directory)
      : path_(directory + "/fault"), held_(directory + "/held") {}

  stele::Status At(stele::Slice point) override {
    if (access(path_.c_str(), F_OK) != 0) return stele::OkStatus();
    std::string what, where;
    std::ifstream(path_) >> what >> where;
    // Several may be there: one takes it.
    if (where != point || unlink(path_.c_str()) != 0) return stele::OkStatus();
    if (what == "hold") {
      const int held = open(held_.c_str(), O_RDONLY | O_CLOEXEC);
      CHECK(held >= 0) << held_;
      close(held);
      return stele::OkStatus();
    }
    CHECK(kill(getpid(), what == "kill" ? SIGKILL : SIGSTOP) == 0);
    return stele::OkStatus();
  }

 private:
  const std::string path_, held_;
};

}  // namespace

int main(int argc, char** argv) {
  const char* directory = std::getenv("STELE_FAULT_DIR");
  FileFaults faults(directory == nullptr ? "" : directory);
  return stele::bin::RunProgram(argc, argv, directory == nullptr ? nullptr : &faults);
}
