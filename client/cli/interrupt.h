// Interrupt: Ctrl-C (SIGINT) and SIGTERM as a question instead of an end. While one lives they are
// held back in the thread that made it and in threads started meanwhile, so it is made before the
// client. After Pending was true once they end the process again: a second Ctrl-C always works.
// Used by one thread.
#pragma once

#include <signal.h>

namespace stele::cli {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();  // as it was before; a signal that nobody asked about is dropped
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Whether a signal came; stays true until Reset.
  bool Pending();
  // Signals end the process as ever; Pending says no more than before.
  void Release();
  // Holds signals back again.
  void Reset();

 private:
  bool Take();

  sigset_t signals_;
  sigset_t before_;
  bool pending_ = false;
};

}  // namespace stele::cli
