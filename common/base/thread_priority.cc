#include "common/base/thread_priority.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "common/base/check.h"

namespace stele {
namespace {

constexpr uint64_t kLongTurnNs = 20'000'000;  // usual ones are one to three milliseconds long
constexpr uint64_t kKeepPolicy = 8;

// The kernel's struct sched_attr, whose header and the C library's exclude each other.
struct SchedAttr {
  uint32_t size = sizeof(SchedAttr);
  uint32_t policy = 0;
  uint64_t flags = kKeepPolicy;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = kLongTurnNs;
  uint64_t deadline_ns = 0, period_ns = 0;
};

}  // namespace

void GiveWay(int niceness) {
  CHECK(niceness >= 0 && niceness <= 19) << niceness;
  constexpr int kThisThread = 0;  // on Linux also for getpriority
  SchedAttr wanted;
  wanted.nice = std::max(niceness, ::getpriority(PRIO_PROCESS, kThisThread));
  (void)::syscall(SYS_sched_setattr, kThisThread, &wanted, 0u);
}

}  // namespace stele
