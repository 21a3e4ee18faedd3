// How much a thread counts where more threads want to run than there are processors. A thread gives
// way by its own choice and for its life: what was lowered may be raised only with rights that a
// server need not have. So it is chosen for the kind of a thread, not for a moment.
//
// One that has given way still gets its share, by weight, of processors that others keep busy: what
// it holds locked meanwhile is let go late, never not at all. Threads that it starts inherit this.
#pragma once

namespace stele {

// The calling thread goes on in long turns: who wakes up meanwhile and wants a short one, as all
// others do, runs at once (Linux 6.12 and later). And from now on it counts no more than a process
// of that niceness: 0, as much as any, to 19, which gives way the most. Where the system refuses,
// it goes on as before: nothing depends on it but how long others wait.
void GiveWay(int niceness);

}  // namespace stele
