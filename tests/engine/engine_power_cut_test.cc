// Goal: wherever the power goes, before or after any I/O call of a workload, and again during the
// recovery, no acknowledged write is lost, no other is there in part, nothing deleted comes back,
// and the engine goes on.
#include <gtest/gtest.h>

#include <set>

#include "common/base/log.h"
#include "tests/engine/engine_walk.h"

namespace stele::storage {
namespace {

using Fault = FaultFs::Fault;

constexpr uint64_t kImages = 5;
constexpr size_t kLength = 60;
constexpr uint64_t kLeastCalls = 1000;
constexpr uint64_t kUsualRecoveryCalls = 25;

// A workload without power cuts of its own.
std::vector<WalkOp> Workload(uint64_t seed) {
  std::vector<WalkOp> ops = MakeWalk(seed, kLength);
  for (WalkOp& op : ops) {
    if (op.kind == WalkOpKind::kPowerCut) op.kind = WalkOpKind::kWrite;
  }
  return ops;
}

Status RunAll(EngineWalk* walk, const std::vector<WalkOp>& ops) {
  RETURN_IF_ERROR(walk->Start());
  for (const WalkOp& op : ops) RETURN_IF_ERROR(walk->Do(op));
  return OkStatus();
}

// Opens with a power cut at a call of the start, and again with power. When the start made fewer
// calls, it is done again with a cut at one of those it made.
Status CutInRecovery(EngineWalk* walk, std::unique_ptr<FaultFs> disk, SeededRandom* random) {
  const EngineWalk::Model model = walk->model();
  uint64_t calls = kUsualRecoveryCalls;
  while (true) {
    std::unique_ptr<FaultFs> image = disk->Image(1);
    image->InjectAt(1 + random->Below(calls),
                    random->OneIn(2) ? Fault::kPowerCutBefore : Fault::kPowerCutAfter);
    walk->set_model(model);
    walk->harness().UseDisk(std::move(image));
    Status opened = walk->OpenAgain();
    if (walk->harness().fs().power_is_off()) break;
    RETURN_IF_ERROR(opened);
    calls = walk->harness().fs().calls();
  }
  walk->harness().PowerCut(random->Next());
  return WithContext(walk->OpenAgain(), "second recovery");
}

// Recovers on one image of the disk, with a second power cut on the way, and goes on.
Status RecoverOn(EngineWalk* walk, std::unique_ptr<FaultFs> disk, uint64_t seed) {
  SeededRandom random(seed);
  RETURN_IF_ERROR(CutInRecovery(walk, std::move(disk), &random));
  RETURN_IF_ERROR(WithContext(walk->Compare(), "after recovery"));
  for (WalkOpKind kind : {WalkOpKind::kWrite, WalkOpKind::kFlush, WalkOpKind::kRestart}) {
    RETURN_IF_ERROR(WithContext(walk->Do({kind, random.Next()}), "going on"));
  }
  return WithContext(walk->Compare(), "at the end");
}

TEST(EnginePowerCut, NothingIsLostAtAnyCall) {
  SetMinLogLevel(LogLevel::kOff);
  const uint64_t first = TestSeed();
  STELE_TRACE_SEED(first);
  uint64_t calls_cut = 0, images = 0;
  for (uint64_t seed = first; calls_cut < kLeastCalls; ++seed) {
    const std::vector<WalkOp> ops = Workload(seed);
    uint64_t calls = 0;
    {
      EngineWalk walk(seed);
      Status status = RunAll(&walk, ops);
      ASSERT_TRUE(status.ok()) << status;
      calls = walk.harness().fs().calls();
    }
    for (uint64_t call = 1; call <= calls; ++call) {
      for (Fault fault : {Fault::kPowerCutBefore, Fault::kPowerCutAfter}) {
        EngineWalk walk(seed);
        walk.harness().fs().InjectAt(call, fault);
        Status status = RunAll(&walk, ops);
        FaultFs& fs = walk.harness().fs();
        // The last calls may come earlier or later than in the first run: threads.
        if (!fs.power_is_off()) continue;
        std::vector<std::unique_ptr<FaultFs>> disks;
        for (uint64_t image = 0; image < kImages; ++image) {
          disks.push_back(fs.Image(image < 2 ? image : call * kImages + image));
        }
        const EngineWalk::Model model = walk.model();
        for (uint64_t image = 0; image < kImages; ++image, ++images) {
          walk.set_model(model);
          status = RecoverOn(&walk, std::move(disks[image]), call * kImages + image);
          ASSERT_TRUE(status.ok())
              << status << "\nworkload " << seed << ", call " << call
              << (fault == Fault::kPowerCutBefore ? " before" : " after") << ", image " << image;
        }
      }
      ++calls_cut;
    }
  }
  std::printf(
      "%lu calls cut before and after, %lu images, each with a second cut in its recovery\n",
      calls_cut, images);
}

}  // namespace
}  // namespace stele::storage
