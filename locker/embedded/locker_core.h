// LockerCore: what all sessions of one embedded Locker share: the durable values, the live nodes
// (locks and ephemerals), the sessions and the watches. Owned jointly by the Locker and its
// sessions. Thread-safe.
//
// The disk is written under the mutex: the Locker is used a few times a second, and a Renew that
// waits behind a stuck disk is what the lease wants. After a failed write the state is read back
// before anything else is answered, since the write may have happened.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/store/blob_store.h"
#include "common/time/clock.h"
#include "locker/embedded/embedded_locker.h"
#include "locker/embedded/locker_state.h"

namespace stele {

class LockerCore {
 public:
  LockerCore(BlobStore* store, Clock* clock, const EmbeddedLockerOptions& options);
  ~LockerCore();

  Status Open();  // takes the exclusive lock, reads the state, starts the thread; once
  void StopThread();

  uint64_t BeginSession(const std::string& owner);
  void EndSession(uint64_t session);
  int64_t session_timeout_ns() const { return options_.session_timeout_ns; }

  StatusOr<uint64_t> TryLock(uint64_t session, const std::string& path, const std::string& data);
  Status Unlock(uint64_t session, const std::string& path);
  StatusOr<uint64_t> CreateEphemeral(uint64_t session, const std::string& path,
                                     const std::string& data);
  StatusOr<LockerValue> Get(uint64_t session, const std::string& path);
  StatusOr<uint64_t> Set(uint64_t session, const std::string& path, const std::string& value,
                         uint64_t expected);
  Status Create(uint64_t session, const std::string& path, const std::string& value);
  Status Delete(uint64_t session, const std::string& path, uint64_t expected);
  StatusOr<std::vector<std::string>> Children(uint64_t session, const std::string& path);
  Status Watch(uint64_t session, const std::string& path, std::function<void()> changed);
  Status Renew(uint64_t session, const std::string& path, uint64_t epoch);

 private:
  struct Session {
    std::string owner;
    int64_t deadline_boot_ns = 0;
    std::set<std::string> nodes;  // locks and ephemerals
  };
  struct LiveNode {
    uint64_t session = 0;
    std::string data;
    uint64_t epoch = 0;
  };
  struct Watcher {
    uint64_t session = 0;
    std::function<void()> changed;
  };

  // Expires what is due, then: is the session alive, is the path legal, is the state known?
  Status Enter(uint64_t session, const std::string& path) REQUIRES(mu_);
  Status Reload() REQUIRES(mu_);
  Status Store(LockerState next) REQUIRES(mu_);
  StatusOr<uint64_t> NextNumber() REQUIRES(mu_);
  StatusOr<uint64_t> AddLiveNode(uint64_t session, const std::string& path, const std::string& data)
      REQUIRES(mu_);
  void ExpireSessions() REQUIRES(mu_);
  void DropSession(uint64_t session) REQUIRES(mu_);
  void Changed(const std::string& path) REQUIRES(mu_);
  void Run() EXCLUDES(mu_);

  BlobStore* const store_;
  Clock* const clock_;
  const EmbeddedLockerOptions options_;
  std::thread thread_;
  std::unique_ptr<LogStore> exclusive_;

  Mutex mu_;
  CondVar wake_;  // the thread has something to do, or a callback has returned
  bool stopping_ GUARDED_BY(mu_) = false;
  bool state_known_ GUARDED_BY(mu_) = false;
  LockerState state_ GUARDED_BY(mu_);
  uint64_t cell_version_ GUARDED_BY(mu_) = 0;
  uint64_t next_session_ GUARDED_BY(mu_) = 1;
  std::map<uint64_t, Session> sessions_ GUARDED_BY(mu_);
  std::map<std::string, LiveNode> live_ GUARDED_BY(mu_);
  std::multimap<std::string, Watcher> watchers_ GUARDED_BY(mu_);
  std::deque<Watcher> pending_ GUARDED_BY(mu_);
  uint64_t calling_session_ GUARDED_BY(mu_) = 0;  // whose callback runs now
};

}  // namespace stele
