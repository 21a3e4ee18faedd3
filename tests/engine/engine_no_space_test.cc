// Goal: a full disk at every single I/O call of a workload of 2,000 operations never leads to an
// acknowledgement that a restart does not keep, nor to a wrong answer; an error of the log stops
// the engine, any other leaves it serving.
#include <gtest/gtest.h>

#include "tests/engine/engine_faulted_walk.h"

namespace stele::storage {
namespace {

TEST(EngineNoSpace, NoSpaceAtEveryCall) { FailEveryCall(FaultFs::Fault::kNoSpace); }

}  // namespace
}  // namespace stele::storage
