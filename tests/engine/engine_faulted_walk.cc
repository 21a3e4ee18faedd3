#include "tests/engine/engine_faulted_walk.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/testing/sanitized.h"
#include "common/testing/status_asserts.h"

namespace stele::storage {
namespace {

constexpr size_t kOperations = 2000;
constexpr size_t kPiece = 8;
// Of so many calls one fails; each piece begins with another one. Sanitizers take ten times the
// time, and which call it is makes no difference to them.
constexpr uint64_t kStride = kSanitized ? 8 : 1;

}  // namespace

FaultedWalk::FaultedWalk(uint64_t seed, FaultFs::Fault fault) : walk_(seed), fault_(fault) {
  walk_.SignWrites();
}

Status FaultedWalk::Run(const std::vector<WalkOp>& ops, size_t piece) {
  RETURN_IF_ERROR(walk_.Start());
  walk_.harness().Drop();
  Begin begin{fs().Image(1), walk_.model()};
  for (size_t at = 0; at < ops.size(); at += piece) {
    const size_t end = std::min(at + piece, ops.size());
    const std::vector<WalkOp> part(ops.begin() + static_cast<ptrdiff_t>(at),
                                   ops.begin() + static_cast<ptrdiff_t>(end));
    RETURN_IF_ERROR(WithContext(RunPiece(part, &begin), absl::StrCat("piece at ", at)));
  }
  return OkStatus();
}

Status FaultedWalk::RunPiece(const std::vector<WalkOp>& ops, Begin* begin) {
  for (uint64_t call = 1 + pieces_++ % kStride;; call += kStride) {
    const uint64_t acked = walk_.acked();
    bool met = false;
    RETURN_IF_ERROR(
        WithContext(RunOnce(ops, *begin, call, &met), absl::StrCat("fault at call ", call)));
    if (met) {
      ++faults_;
      continue;
    }
    // A run without a fault tells how many calls there are: all have failed by now. A thread that
    // grows the log may have made some more in the runs before.
    CHECK_LT(fs().calls(), call);
    calls_ += fs().calls();
    acked_ += walk_.acked() - acked;
    walk_.harness().Drop();
    *begin = Begin{fs().Image(1), walk_.model()};
    return OkStatus();
  }
}

Status FaultedWalk::RunOnce(const std::vector<WalkOp>& ops, const Begin& begin, uint64_t call,
                            bool* met) {
  walk_.harness().UseDisk(begin.disk->Image(1));
  walk_.set_model(begin.model);
  fs().InjectAt(call, fault_);
  Status status = walk_.OpenAgain();
  *met = Met(call);
  if (*met) {
    ++started_;
    return Recover();
  }
  RETURN_IF_ERROR(status);
  for (const WalkOp& op : ops) {
    status = walk_.Do(op);
    *met = Met(call);
    if (*met) {
      RETURN_IF_ERROR(AfterFault(op, status));
      return Recover();
    }
    RETURN_IF_ERROR(status);
  }
  // What ends the engine counts as well.
  walk_.harness().Drop();
  *met = Met(call);
  return *met ? Recover() : OkStatus();
}

Status FaultedWalk::AfterFault(const WalkOp& op, const Status& status) {
  const bool fatal = !walk_.harness().fatal().empty();
  const bool start = op.kind == WalkOpKind::kRestart || op.kind == WalkOpKind::kCleanRestart ||
                     op.kind == WalkOpKind::kPowerCut ||
                     (op.kind == WalkOpKind::kFullDisk && walk_.harness().tablet() == nullptr);
  if (absl::IsUnknown(status) && !fatal && !start) {  // a start that fails leaves no engine
    return WithContext(status, "an unknown outcome and no fatal error");
  }
  if (fatal) {
    ++fatal_;
    Status write = walk_.harness().tablet() == nullptr
                       ? status
                       : walk_.harness().Write(Put("z", "a", "after", 1000, "never acknowledged"));
    if (write.ok()) return absl::InternalError("a write was acknowledged after a fatal error");
    return OkStatus();
  }
  // The log's growing thread may have broken the store behind the engine's back.
  if (status.ok() || status.GetPayload(kStoreBrokenPayload)) return OkStatus();
  switch (op.kind) {
    case WalkOpKind::kReopenTablet:
    case WalkOpKind::kRestart:
    case WalkOpKind::kCleanRestart:
    case WalkOpKind::kPowerCut:
    case WalkOpKind::kAlter:
    case WalkOpKind::kReshape:
    case WalkOpKind::kFullDisk:
      return OkStatus();
    default:
      return WithContext(walk_.Compare(), absl::StrCat("after ", status.ToString()));
  }
}

Status FaultedWalk::Recover() {
  fs().ClearFaults();
  walk_.harness().Drop();
  RETURN_IF_ERROR(WithContext(walk_.OpenAgain(), "recovery"));
  return WithContext(walk_.Compare(), "after recovery");
}

void FailEveryCall(FaultFs::Fault fault) {
  SetMinLogLevel(LogLevel::kOff);
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  FaultedWalk walk(seed, fault);
  Status status = walk.Run(MakeWalk(seed, kOperations), kPiece);
  ASSERT_TRUE(status.ok()) << status;
  std::printf(
      "%zu operations, %lu I/O calls, one of %lu: %lu failed once each (%lu in a start), %lu "
      "fatal, %lu writes acknowledged\n",
      kOperations, walk.calls(), kStride, walk.faults(), walk.started(), walk.fatal(),
      walk.acked());
  if (kStride == 1) {
    EXPECT_GE(walk.faults(), walk.calls()) << "every call, and each once";
  }
  EXPECT_GE(walk.faults(), walk.calls() / (kStride + 1));
  EXPECT_LT(walk.faults(), walk.calls() + walk.calls() / 10);
  EXPECT_GT(walk.fatal(), 100 / kStride);
  EXPECT_GT(walk.acked(), kOperations / 4);
}

}  // namespace stele::storage
