// Goal: an I/O error, a full disk or a short write at any call of a workload of 2,000 operations
// never leads to an acknowledgement that a restart does not keep, nor to a wrong answer; an error
// of the log stops the engine, any other leaves it serving.
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "tests/engine/engine_walk.h"

namespace stele::storage {
namespace {

using Fault = FaultFs::Fault;

constexpr size_t kOperations = 2000;
constexpr uint64_t kStride = 7;  // calls from one fault to the next; each offset has its own pass

class FaultedWalk {
 public:
  FaultedWalk(uint64_t seed, Fault fault, uint64_t offset)
      : walk_(seed), fault_(fault), next_call_(1 + offset) {}

  Status Run(const std::vector<WalkOp>& ops) {
    walk_.SignWrites();
    RETURN_IF_ERROR(walk_.Start());
    next_call_ += fs().calls();
    for (size_t i = 0; i < ops.size(); ++i) {
      Plan();
      Status status = walk_.Do(ops[i]);
      const bool broken = status.GetPayload(kStoreBrokenPayload).has_value();
      if ((Plan() || broken) && !status.ok()) status = AfterFault(ops[i], status);
      if (!status.ok()) return WithContext(status, absl::StrCat("operation ", i));
      if (i % 16 == 0) RETURN_IF_ERROR(walk_.Compare());
    }
    fs().ClearFaults();
    return Recover();
  }
  uint64_t faults() const { return faults_; }
  uint64_t fatal() const { return fatal_; }
  uint64_t acked() const { return walk_.acked(); }

 private:
  FaultFs& fs() { return walk_.harness().fs(); }

  // Plans the next fault when the last one has happened; true when it just has.
  bool Plan() {
    const bool happened = planned_ != 0 && fs().calls() >= planned_;
    if (happened) ++faults_;
    while (next_call_ <= fs().calls()) next_call_ += kStride;
    if (planned_ != next_call_) fs().InjectAt(planned_ = next_call_, fault_);
    return happened || !walk_.harness().fatal().empty();
  }

  Status AfterFault(const WalkOp& op, const Status& status) {
    if (absl::IsUnknown(status) && walk_.harness().fatal().empty()) {
      return absl::InternalError("an unknown outcome and no fatal error");
    }
    if (!walk_.harness().fatal().empty()) {
      ++fatal_;
      Status write = walk_.harness().Write(Put("z", "a", "after", 1000, "never acknowledged"));
      if (write.ok()) return absl::InternalError("a write was acknowledged after a fatal error");
      return Recover();
    }
    // The log's growing thread may have broken the store behind the engine's back.
    if (status.GetPayload(kStoreBrokenPayload)) return Recover();
    switch (op.kind) {
      case WalkOpKind::kReopenTablet:
      case WalkOpKind::kRestart:
      case WalkOpKind::kCleanRestart:
      case WalkOpKind::kPowerCut:
      case WalkOpKind::kAlter:
        return Recover();
      default:
        return WithContext(walk_.Compare(), absl::StrCat("after ", status.ToString()));
    }
  }

  Status Recover() {
    fs().ClearFaults();
    planned_ = 0;
    walk_.harness().Drop();
    RETURN_IF_ERROR(WithContext(walk_.OpenAgain(), "recovery"));
    return WithContext(walk_.Compare(), "after recovery");
  }

  EngineWalk walk_;
  const Fault fault_;
  uint64_t next_call_;
  uint64_t planned_ = 0;
  uint64_t faults_ = 0, fatal_ = 0;
};

void RunPasses(Fault fault) {
  SetMinLogLevel(LogLevel::kOff);
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  uint64_t faults = 0, fatal = 0, acked = 0;
  for (uint64_t offset = 0; offset < kStride; ++offset) {
    FaultedWalk walk(seed, fault, offset);
    Status status = walk.Run(MakeWalk(seed, kOperations));
    ASSERT_TRUE(status.ok()) << status << "\npass " << offset;
    faults += walk.faults();
    fatal += walk.fatal();
    acked += walk.acked();
  }
  std::printf("%lu faults, %lu of them fatal, %lu writes acknowledged\n", faults, fatal, acked);
  EXPECT_GT(faults, kOperations);
  EXPECT_GT(fatal, 100u);
  EXPECT_GT(acked, kOperations / 2);
}

TEST(EngineIoError, IoErrorAtEveryCall) { RunPasses(Fault::kIoError); }
TEST(EngineIoError, NoSpaceAtEveryCall) { RunPasses(Fault::kNoSpace); }
TEST(EngineIoError, ShortWriteAtEveryCall) { RunPasses(Fault::kShortWrite); }

}  // namespace
}  // namespace stele::storage
