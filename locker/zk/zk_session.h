// ZkSession: the rules of LockerSession over one ZkConnection: what a lost answer meant, parents
// that are missing, watches that fire again after a reconnection. Thread-safe.
//
// A node's data is empty (it is only there for its children), or
//
//   version:1 (= 1)  session:fixed64 call:fixed64  payload
//
// where session and call are the token of the call that wrote it: no two calls have the same.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "locker/locker.h"
#include "locker/zk/zk_connection.h"
#include "locker/zk/zk_locker.h"

namespace stele {

class ZkSession : public LockerSession {
 public:
  // Connects, and makes the chroot. Unavailable when no server answers in time.
  static StatusOr<std::unique_ptr<LockerSession>> Open(const ZkLockerOptions& options,
                                                       const std::string& owner, Clock* clock);
  ~ZkSession() override;

  StatusOr<uint64_t> TryLock(const std::string& path, const std::string& data) override;
  Status Unlock(const std::string& path) override;
  StatusOr<uint64_t> CreateEphemeral(const std::string& path, const std::string& data) override;
  StatusOr<LockerValue> Get(const std::string& path) override;
  Status Create(const std::string& path, const std::string& value) override;
  StatusOr<uint64_t> Set(const std::string& path, const std::string& value,
                         uint64_t expected) override;
  Status Delete(const std::string& path, uint64_t expected) override;
  StatusOr<std::vector<std::string>> Children(const std::string& path) override;
  Status Watch(const std::string& path, std::function<void()> changed) override;
  Status Renew(const std::string& path, uint64_t epoch) override;
  int64_t session_timeout_ns() const override { return connection_->session_timeout_ns(); }
  int64_t lease_margin_ns() const override;

 private:
  // A node as it was read.
  struct Node {
    ZkStat stat;
    bool bare = true;  // holds nothing
    std::string token, payload;
  };
  struct Watched {
    std::string path;
    std::vector<std::function<void()>> changed;
  };
  ZkSession(const ZkLockerOptions& options, std::string chroot, std::string owner, Clock* clock);

  Status Connect(const std::string& servers);
  // The node's full path; InvalidArgument.
  StatusOr<std::string> Full(const std::string& path) const;
  int64_t Deadline() const { return clock_->BootNanos() + options_.call_timeout_ns; }
  std::string NewToken();
  // What an answer that is not kOk comes to.
  Status ToStatus(const ZkAnswer& answer, const std::string& path) const;

  StatusOr<Node> Read(const std::string& full, const std::string& path, int64_t deadline);
  // Makes a node that is not there: AlreadyExists when it is, Unknown when it may be ours.
  StatusOr<ZkStat> Make(const std::string& path, const std::string& payload, bool ephemeral,
                        int64_t deadline);
  StatusOr<ZkStat> MakeOnce(const std::string& full, const std::string& path,
                            const std::string& token, const std::string& payload, bool ephemeral,
                            int64_t deadline, bool* again);
  // Replaces what `seen` was read of; Aborted when it has changed since.
  StatusOr<uint64_t> Replace(const std::string& path, Node seen, const std::string& payload,
                             int64_t deadline);
  // Deletes what `seen` was read of, or empties it when it has children.
  Status Remove(const std::string& path, Node seen, int64_t deadline);
  Status MakeParents(const std::string& full, int64_t deadline);
  StatusOr<uint64_t> SetFresh(const std::string& path, const std::string& value, int64_t deadline);

  void FireWatch(uint64_t id) EXCLUDES(mu_);
  void FireAll() EXCLUDES(mu_);

  const ZkLockerOptions options_;
  const std::string chroot_;
  const std::string owner_;
  Clock* const clock_;
  std::unique_ptr<ZkConnection> connection_;
  std::atomic<uint64_t> next_call_{1};

  Mutex mu_;
  std::map<std::string, uint64_t> watch_ids_ GUARDED_BY(mu_);  // of paths; kept for the session
  std::map<uint64_t, Watched> watches_ GUARDED_BY(mu_);
};

}  // namespace stele
