// ZkConnection: one session of ZooKeeper's C client, and the only code that touches the client.
// Calls block until their answer or their deadline; every outcome that ZooKeeper can have is a
// ZkCode, among them that nobody knows (kLost).
//
// The client's threads only put answers where their waiters find them, and events in a queue; a
// thread of our own hands the events to Hooks. After the destructor's first step no hook runs.
// The client re-establishes connections by itself; a session that ended stays so: kSessionOver.
// Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/time/clock.h"

typedef struct _zhandle zhandle_t;

namespace stele {

enum class ZkCode {
  kOk,
  kNoNode,
  kNodeExists,
  kBadVersion,
  kNotEmpty,
  kParentIsEphemeral,
  kDenied,
  kNotConnected,  // no server answered before the deadline; the request was not sent
  kLost,          // the request was sent; what came of it is not known
  kSessionOver,
  kRefused,  // anything else that the server or the client says no to: `detail`
};

struct ZkStat {
  int64_t czxid = 0, mzxid = 0;
  int32_t version = 0;
  int64_t ephemeral_owner = 0;  // a session's id; 0: the node is persistent
};

struct ZkAnswer {
  ZkCode code = ZkCode::kRefused;
  bool settled = true;  // of kLost: false when the request may still be on its way
  ZkStat stat;
  std::string data;
  std::vector<std::string> names;
  std::string detail;
};

class ZkConnection {
 public:
  struct Options {
    std::string servers;      // numeric, as of ResolveServers
    std::string name;         // for messages
    std::string credentials;  // "user:password" of the digest scheme: nodes are made for it only
    int64_t session_timeout_ns = 0;  // asked for; the server decides
    Clock* clock = nullptr;
  };
  // Both run on the connection's own thread.
  struct Hooks {
    std::function<void()> on_connection;     // it came back, or the session is over
    std::function<void(uint64_t)> on_watch;  // a node watched under this id has changed
  };
  ZkConnection(Options options, Hooks hooks);
  ~ZkConnection();  // ends the session; not from a hook
  ZkConnection(const ZkConnection&) = delete;
  ZkConnection& operator=(const ZkConnection&) = delete;

  // Starts to connect; Internal when the client cannot be made. Once, before all else.
  Status Start();
  // kOk, kNotConnected, kSessionOver.
  ZkCode WaitConnected(int64_t deadline_boot_ns);
  void StopHooks();  // returns when none runs and none will; not from a hook

  ZkAnswer Create(const std::string& path, const std::string& data, bool ephemeral,
                  int64_t deadline);
  ZkAnswer Delete(const std::string& path, int32_t version, int64_t deadline);
  ZkAnswer Set(const std::string& path, const std::string& data, int32_t version, int64_t deadline);
  // Both show what was committed before the call, also by others: they pass the leader first.
  ZkAnswer Get(const std::string& path, int64_t deadline);
  ZkAnswer Children(const std::string& path, int64_t deadline);
  // One event, or none where the session ends: what happens to the node or to its children. The
  // same id for the same path costs nothing more.
  ZkAnswer Watch(const std::string& path, uint64_t id, int64_t deadline);

  int64_t session_id() const;
  int64_t session_timeout_ns() const;  // as the server decided; 0: never connected
  // "" while the session lives.
  std::string WhySessionIsOver() const;

 private:
  struct Call;  // what a waiter and the client's answer share
  struct Callbacks;
  using Begin = std::function<int(zhandle_t*, const void* call)>;
  // `begins` are sent in one go; answers come in order, and the last one's is returned unless an
  // earlier one failed.
  ZkAnswer Run(const std::vector<Begin>& begins, int64_t deadline);
  void OnSessionEvent(zhandle_t* handle, int state);
  void Post(std::function<void()> event);
  void RunHooks();

  const Options options_;
  const Hooks hooks_;
  zhandle_t* handle_ = nullptr;  // from Start until the destructor
  std::thread thread_;

  mutable Mutex mu_;
  CondVar connection_changed_;
  bool connected_ GUARDED_BY(mu_) = false;
  std::string over_ GUARDED_BY(mu_);  // why the session is over
  int64_t session_id_ GUARDED_BY(mu_) = 0;
  int64_t timeout_ns_ GUARDED_BY(mu_) = 0;
  CondVar event_posted_;
  std::deque<std::function<void()>> events_ GUARDED_BY(mu_);
  bool stop_hooks_ GUARDED_BY(mu_) = false;
};

}  // namespace stele
