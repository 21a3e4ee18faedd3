// The stele program: every verb in one table. Called once, by main.
#pragma once

namespace stele {
class FaultInjector;
}

namespace stele::bin {

// `faults`: of the servers; null but in tests. Returns the exit code.
int RunProgram(int argc, char** argv, FaultInjector* faults);

}  // namespace stele::bin
