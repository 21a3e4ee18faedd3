// SharedZooKeeper: one ZooKeeper server for all tests of a binary, since each costs seconds to
// start. Tests keep apart by their chroots. Thread-compatible.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/testing/status_asserts.h"
#include "common/time/clock.h"
#include "locker/zk/zk_locker.h"
#include "tests/process/zk_ensemble.h"

namespace stele {

class SharedZooKeeper {
 public:
  // Started at the first call; null when it cannot be.
  static ZkEnsemble* Get() {
    static SharedZooKeeper* const shared = new SharedZooKeeper();  // dies with the process
    return shared->ensemble_.get();
  }
  static std::string NewChroot() {
    static int next = 0;
    return "/cells/test-" + std::to_string(++next);
  }

 private:
  SharedZooKeeper() : ensemble_(std::make_unique<ZkEnsemble>(1)) {
    Status started = ensemble_->Start();
    if (started.ok()) return;
    ADD_FAILURE() << started.ToString();
    ensemble_.reset();
  }
  std::unique_ptr<ZkEnsemble> ensemble_;
};

}  // namespace stele
