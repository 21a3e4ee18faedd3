#include "client/cli/interrupt.h"

#include <ctime>

namespace stele::cli {

Interrupt::Interrupt() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
}

Interrupt::~Interrupt() {
  while (Take()) {
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Interrupt::Take() {
  const timespec at_once{};
  return sigtimedwait(&signals_, nullptr, &at_once) > 0;
}

bool Interrupt::Pending() {
  if (!pending_ && Take()) {
    pending_ = true;
    Release();
  }
  return pending_;
}

void Interrupt::Release() { pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr); }

void Interrupt::Reset() {
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  pending_ = false;
}

}  // namespace stele::cli
