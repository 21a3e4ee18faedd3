// FaultedWalk: a workload in which every I/O call fails once. The workload is cut into short
// pieces; each begins with a start of the engine on the disk that the one before has left, and is
// run anew for each of its calls, with a fault at that call, until a run meets no fault: then every
// call of the piece, its recovery included, has failed in exactly one run. Thread-compatible.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/engine/engine_walk.h"

namespace stele::storage {

class FaultedWalk {
 public:
  FaultedWalk(uint64_t seed, FaultFs::Fault fault);

  Status Run(const std::vector<WalkOp>& ops, size_t piece);

  uint64_t calls() const { return calls_; }      // of all pieces, each run without a fault
  uint64_t faults() const { return faults_; }    // met, each at another call
  uint64_t fatal() const { return fatal_; }      // of them: stopped the engine
  uint64_t started() const { return started_; }  // of them: met by a start
  uint64_t acked() const { return acked_; }      // writes, of the runs without a fault

 private:
  struct Begin {  // of a piece
    std::unique_ptr<FaultFs> disk;
    EngineWalk::Model model;
  };
  FaultFs& fs() { return walk_.harness().fs(); }
  bool Met(uint64_t call) { return fs().calls() >= call; }

  Status RunPiece(const std::vector<WalkOp>& ops, Begin* begin);
  // One run of the piece; *met: the fault at the call was met, and looked at.
  Status RunOnce(const std::vector<WalkOp>& ops, const Begin& begin, uint64_t call, bool* met);
  Status AfterFault(const WalkOp& op, const Status& status);
  Status Recover();

  EngineWalk walk_;
  const FaultFs::Fault fault_;
  uint64_t pieces_ = 0, calls_ = 0, faults_ = 0, fatal_ = 0, started_ = 0, acked_ = 0;
};

// Runs 2,000 operations and prints and checks the counts.
void FailEveryCall(FaultFs::Fault fault);

}  // namespace stele::storage
