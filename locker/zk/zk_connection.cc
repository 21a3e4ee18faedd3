#include "locker/zk/zk_connection.h"

#include <zookeeper/zookeeper.h>

#include <cerrno>
#include <utility>

#include "common/base/check.h"
#include "common/base/log.h"

namespace stele {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr char kExpired[] = "the session has expired";

ZkCode CodeOf(int rc) {
  switch (rc) {
    case ZOK:
      return ZkCode::kOk;
    case ZNONODE:
      return ZkCode::kNoNode;
    case ZNODEEXISTS:
      return ZkCode::kNodeExists;
    case ZBADVERSION:
      return ZkCode::kBadVersion;
    case ZNOTEMPTY:
      return ZkCode::kNotEmpty;
    case ZNOCHILDRENFOREPHEMERALS:
      return ZkCode::kParentIsEphemeral;
    case ZNOAUTH:
    case ZAUTHFAILED:
    case ZINVALIDACL:
      return ZkCode::kDenied;
    case ZSESSIONEXPIRED:
      return ZkCode::kSessionOver;
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONMOVED:  // the request came by the connection before this one
    case ZCLOSING:
      return ZkCode::kLost;
    default:
      return ZkCode::kRefused;
  }
}

ZkStat StatOf(const Stat& stat) {
  return {stat.czxid, stat.mzxid, stat.version, stat.ephemeralOwner};
}

// The client reports each attempt to connect, thirty a second; what matters is logged here.
void DropClientMessage(const char*) {}

}  // namespace

struct ZkConnection::Call {
  Mutex mu;
  CondVar answered;
  size_t missing GUARDED_BY(mu) = 0;  // answers
  bool failed GUARDED_BY(mu) = false;
  ZkAnswer answer GUARDED_BY(mu);

  void Take(int rc, const std::function<void(ZkAnswer*)>& fill) {
    MutexLock lock(&mu);
    if (!failed) {
      answer.code = CodeOf(rc);
      answer.detail = rc == ZOK ? "" : zerror(rc);
      failed = rc != ZOK;
      if (rc == ZOK && fill) fill(&answer);
    }
    if (--missing == 0) answered.SignalAll();
  }
};

// What the client calls, on its own threads. `data` is a shared pointer of the answer's own.
struct ZkConnection::Callbacks {
  using Owned = std::shared_ptr<Call>;
  static Owned TakeOver(const void* data) {
    const std::unique_ptr<const Owned> owned(static_cast<const Owned*>(data));
    return *owned;
  }
  static void OnVoid(int rc, const void* data) { TakeOver(data)->Take(rc, nullptr); }
  static void OnString(int rc, const char*, const void* data) { TakeOver(data)->Take(rc, nullptr); }
  static void OnStat(int rc, const Stat* stat, const void* data) {
    TakeOver(data)->Take(rc, [stat](ZkAnswer* answer) { answer->stat = StatOf(*stat); });
  }
  static void OnCreated(int rc, const char*, const Stat* stat, const void* data) {
    TakeOver(data)->Take(rc, [stat](ZkAnswer* answer) { answer->stat = StatOf(*stat); });
  }
  static void OnData(int rc, const char* value, int size, const Stat* stat, const void* data) {
    TakeOver(data)->Take(rc, [&](ZkAnswer* answer) {
      answer->stat = StatOf(*stat);
      answer->data.assign(value != nullptr ? value : "", size > 0 ? static_cast<size_t>(size) : 0);
    });
  }
  static void OnStrings(int rc, const String_vector* strings, const void* data) {
    TakeOver(data)->Take(rc, [strings](ZkAnswer* answer) {
      for (int32_t i = 0; i < strings->count; ++i) answer->names.emplace_back(strings->data[i]);
    });
  }
  // A watch set by an exists request on an absent node stays, though the answer is an error.
  static void OnExistsForWatch(int rc, const Stat*, const void* data) {
    TakeOver(data)->Take(rc == ZNONODE ? ZOK : rc, nullptr);
  }
  static void OnChildrenForWatch(int rc, const String_vector*, const void* data) {
    TakeOver(data)->Take(rc == ZNONODE ? ZOK : rc, nullptr);
  }
  static void OnEvent(zhandle_t* handle, int type, int state, const char*, void* id) {
    // Null only before zookeeper_init2 has its context; nothing is connected then.
    auto* self = static_cast<ZkConnection*>(const_cast<void*>(zoo_get_context(handle)));
    if (self == nullptr) return;
    if (type == ZOO_SESSION_EVENT) {
      if (id == self) self->OnSessionEvent(handle, state);  // each watch is told too
      return;
    }
    self->Post([self, id] { self->hooks_.on_watch(reinterpret_cast<uintptr_t>(id)); });
  }
};

ZkConnection::ZkConnection(Options options, Hooks hooks)
    : options_(std::move(options)), hooks_(std::move(hooks)) {}

Status ZkConnection::Start() {
  zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
  thread_ = std::thread([this] { RunHooks(); });
  handle_ = zookeeper_init2(options_.servers.c_str(), Callbacks::OnEvent,
                            static_cast<int>(options_.session_timeout_ns / kNanosPerMilli), nullptr,
                            this, 0, DropClientMessage);
  if (handle_ == nullptr) {
    return absl::InternalError(
        absl::StrCat("cannot make a ZooKeeper client for ", options_.servers, ": errno ", errno));
  }
  if (options_.credentials.empty()) return OkStatus();
  // Sent before any request, at each connection anew.
  const int rc = zoo_add_auth(
      handle_, "digest", options_.credentials.data(), static_cast<int>(options_.credentials.size()),
      [](int, const void*) {}, nullptr);
  return rc == ZOK ? OkStatus() : absl::InternalError(absl::StrCat("zoo_add_auth: ", zerror(rc)));
}

ZkConnection::~ZkConnection() {
  StopHooks();
  if (handle_ == nullptr) return;
  const int rc = zookeeper_close(handle_);  // no callback runs after it
  if (rc != ZOK) {
    LOG(INFO) << "locker: the session of " << options_.name << " was not closed: " << zerror(rc);
  }
}

void ZkConnection::StopHooks() {
  {
    MutexLock lock(&mu_);
    stop_hooks_ = true;
    event_posted_.SignalAll();
  }
  if (thread_.joinable()) {
    CHECK(thread_.get_id() != std::this_thread::get_id());
    thread_.join();
  }
}

void ZkConnection::Post(std::function<void()> event) {
  MutexLock lock(&mu_);
  if (stop_hooks_) return;
  events_.push_back(std::move(event));
  event_posted_.SignalAll();
}

void ZkConnection::RunHooks() {
  mu_.Lock();
  while (!stop_hooks_) {
    if (events_.empty()) {
      event_posted_.Wait(&mu_);
      continue;
    }
    std::function<void()> event = std::move(events_.front());
    events_.pop_front();
    mu_.Unlock();
    event();
    event = nullptr;
    mu_.Lock();
  }
  mu_.Unlock();
}

void ZkConnection::OnSessionEvent(zhandle_t* handle, int state) {
  {
    MutexLock lock(&mu_);
    const bool was = connected_;
    connected_ = state == ZOO_CONNECTED_STATE;
    if (connected_) {
      session_id_ = zoo_client_id(handle)->client_id;
      timeout_ns_ = zoo_recv_timeout(handle) * kNanosPerMilli;
    }
    if (state == ZOO_EXPIRED_SESSION_STATE) over_ = kExpired;
    if (state == ZOO_AUTH_FAILED_STATE) over_ = "the credentials are refused";
    connection_changed_.SignalAll();
    if (was && !connected_) {
      LOG(WARNING) << "locker: " << options_.name << " has lost its connection";
    }
    if (!connected_ && over_.empty()) return;
  }
  Post([this] { hooks_.on_connection(); });
}

ZkCode ZkConnection::WaitConnected(int64_t deadline_boot_ns) {
  MutexLock lock(&mu_);
  while (!connected_ && over_.empty()) {
    const int64_t left = deadline_boot_ns - options_.clock->BootNanos();
    if (left <= 0) return ZkCode::kNotConnected;
    connection_changed_.WaitFor(&mu_, std::chrono::nanoseconds(left));
  }
  return over_.empty() ? ZkCode::kOk : ZkCode::kSessionOver;
}

ZkAnswer ZkConnection::Run(const std::vector<Begin>& begins, int64_t deadline) {
  ZkAnswer refused;
  refused.code = WaitConnected(deadline);
  if (refused.code != ZkCode::kOk) return refused;
  auto call = std::make_shared<Call>();
  {
    MutexLock lock(&call->mu);
    call->missing = begins.size();
  }
  for (const Begin& begin : begins) {
    auto* data = new Callbacks::Owned(call);
    const int rc = begin(handle_, data);
    if (rc == ZOK) continue;
    Callbacks::TakeOver(data)->Take(
        rc == ZINVALIDSTATE && is_unrecoverable(handle_) != ZOK ? ZSESSIONEXPIRED : rc, nullptr);
  }
  MutexLock lock(&call->mu);
  while (call->missing > 0) {
    const int64_t left = deadline - options_.clock->BootNanos();
    if (left <= 0) {
      refused.code = ZkCode::kLost;
      refused.settled = false;
      return refused;
    }
    call->answered.WaitFor(&call->mu, std::chrono::nanoseconds(left));
  }
  return call->answer;
}

ZkAnswer ZkConnection::Create(const std::string& path, const std::string& data, bool ephemeral,
                              int64_t deadline) {
  const ACL_vector& acl = options_.credentials.empty() ? ZOO_OPEN_ACL_UNSAFE : ZOO_CREATOR_ALL_ACL;
  const int mode = ephemeral ? ZOO_EPHEMERAL : ZOO_PERSISTENT;
  return Run({[&](zhandle_t* handle, const void* call) {
               return zoo_acreate2(handle, path.c_str(), data.data(), static_cast<int>(data.size()),
                                   &acl, mode, Callbacks::OnCreated, call);
             }},
             deadline);
}

ZkAnswer ZkConnection::Delete(const std::string& path, int32_t version, int64_t deadline) {
  return Run({[&](zhandle_t* handle, const void* call) {
               return zoo_adelete(handle, path.c_str(), version, Callbacks::OnVoid, call);
             }},
             deadline);
}

ZkAnswer ZkConnection::Set(const std::string& path, const std::string& data, int32_t version,
                           int64_t deadline) {
  return Run({[&](zhandle_t* handle, const void* call) {
               return zoo_aset(handle, path.c_str(), data.data(), static_cast<int>(data.size()),
                               version, Callbacks::OnStat, call);
             }},
             deadline);
}

ZkAnswer ZkConnection::Get(const std::string& path, int64_t deadline) {
  return Run({[&](zhandle_t* handle, const void* call) {
                return zoo_async(handle, path.c_str(), Callbacks::OnString, call);
              },
              [&](zhandle_t* handle, const void* call) {
                return zoo_aget(handle, path.c_str(), 0, Callbacks::OnData, call);
              }},
             deadline);
}

ZkAnswer ZkConnection::Children(const std::string& path, int64_t deadline) {
  return Run({[&](zhandle_t* handle, const void* call) {
                return zoo_async(handle, path.c_str(), Callbacks::OnString, call);
              },
              [&](zhandle_t* handle, const void* call) {
                return zoo_aget_children(handle, path.c_str(), 0, Callbacks::OnStrings, call);
              }},
             deadline);
}

ZkAnswer ZkConnection::Watch(const std::string& path, uint64_t id, int64_t deadline) {
  // Only compared and handed back.
  void* const context = reinterpret_cast<void*>(static_cast<uintptr_t>(id));
  return Run({[&](zhandle_t* handle, const void* call) {
                return zoo_awexists(handle, path.c_str(), Callbacks::OnEvent, context,
                                    Callbacks::OnExistsForWatch, call);
              },
              [&](zhandle_t* handle, const void* call) {
                return zoo_awget_children(handle, path.c_str(), Callbacks::OnEvent, context,
                                          Callbacks::OnChildrenForWatch, call);
              }},
             deadline);
}

int64_t ZkConnection::session_id() const {
  MutexLock lock(&mu_);
  return session_id_;
}

int64_t ZkConnection::session_timeout_ns() const {
  MutexLock lock(&mu_);
  return timeout_ns_;
}

std::string ZkConnection::WhySessionIsOver() const {
  MutexLock lock(&mu_);
  return over_;
}

}  // namespace stele
