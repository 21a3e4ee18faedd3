#include "locker/embedded/locker_core.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"

namespace stele {
namespace {

constexpr char kStateCell[] = "locker/state";
constexpr char kExclusiveLog[] = "locker";
constexpr std::chrono::milliseconds kExpiryPeriod{100};

bool LegalPath(const std::string& path) {
  return path.size() >= 2 && path.front() == '/' && path.back() != '/' &&
         path.find("//") == std::string::npos;
}

std::string Parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

LockerCore::LockerCore(BlobStore* store, Clock* clock, const EmbeddedLockerOptions& options)
    : store_(store), clock_(clock), options_(options) {}

LockerCore::~LockerCore() { StopThread(); }

Status LockerCore::Open() {
  auto exclusive = store_->OpenLog(kExclusiveLog);
  if (!exclusive.ok()) return WithContext(exclusive.status(), "locker");
  exclusive_ = *std::move(exclusive);
  {
    MutexLock lock(&mu_);
    RETURN_IF_ERROR(Reload());
  }
  thread_ = std::thread([this] { Run(); });
  return OkStatus();
}

void LockerCore::StopThread() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    wake_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

Status LockerCore::Reload() {
  auto cell = store_->ReadCell(kStateCell);
  if (IsNotFound(cell.status())) {
    Status created = store_->CreateCell(kStateCell, EncodeLockerState(LockerState()));
    if (!created.ok()) return WithContext(created, "locker state");
    cell = store_->ReadCell(kStateCell);
  }
  if (!cell.ok()) return WithContext(cell.status(), "locker state");
  auto state = DecodeLockerState(cell->value);
  if (!state.ok()) return state.status();
  // A number that was given out before a failed write must not be given out again.
  state->counter = std::max(state->counter, state_.counter);
  state_ = *std::move(state);
  cell_version_ = cell->version;
  state_known_ = true;
  return OkStatus();
}

Status LockerCore::Store(LockerState next) {
  auto version = store_->SwapCell(kStateCell, cell_version_, EncodeLockerState(next));
  if (!version.ok()) {
    state_.counter = std::max(state_.counter, next.counter);
    state_known_ = false;
    return WithContext(version.status(), "locker state");
  }
  state_ = std::move(next);
  cell_version_ = *version;
  return OkStatus();
}

StatusOr<uint64_t> LockerCore::NextNumber() {
  LockerState next = state_;
  ++next.counter;
  RETURN_IF_ERROR(Store(std::move(next)));
  return state_.counter;
}

uint64_t LockerCore::BeginSession(const std::string& owner) {
  MutexLock lock(&mu_);
  const uint64_t id = next_session_++;
  sessions_[id] = {owner, clock_->BootNanos() + options_.session_timeout_ns, {}};
  return id;
}

void LockerCore::EndSession(uint64_t session) {
  MutexLock lock(&mu_);
  DropSession(session);
  std::erase_if(pending_, [&](const Watcher& w) { return w.session == session; });
  // A callback may use what the session's owner is about to destroy.
  while (calling_session_ == session && std::this_thread::get_id() != thread_.get_id()) {
    wake_.Wait(&mu_);
  }
}

void LockerCore::DropSession(uint64_t session) {
  auto it = sessions_.find(session);
  if (it == sessions_.end()) return;
  const std::set<std::string> nodes = std::move(it->second.nodes);
  sessions_.erase(it);
  for (auto w = watchers_.begin(); w != watchers_.end();) {
    if (w->second.session == session) {
      pending_.push_back(std::move(w->second));
      w = watchers_.erase(w);
    } else {
      ++w;
    }
  }
  for (const std::string& path : nodes) {
    live_.erase(path);
    Changed(path);
  }
  wake_.SignalAll();
}

void LockerCore::ExpireSessions() {
  const int64_t now = clock_->BootNanos();
  std::vector<uint64_t> expired;
  for (const auto& [id, session] : sessions_) {
    if (now >= session.deadline_boot_ns) expired.push_back(id);
  }
  for (uint64_t id : expired) {
    LOG(WARNING) << "locker: session of " << sessions_[id].owner << " expired";
    DropSession(id);
  }
}

void LockerCore::Changed(const std::string& path) {
  for (const std::string& watched : {path, Parent(path)}) {
    auto [begin, end] = watchers_.equal_range(watched);
    for (auto it = begin; it != end; ++it) pending_.push_back(std::move(it->second));
    watchers_.erase(begin, end);
  }
  wake_.SignalAll();
}

Status LockerCore::Enter(uint64_t session, const std::string& path) {
  if (!LegalPath(path)) {
    return absl::InvalidArgumentError(absl::StrCat("locker path \"", path, "\" is not legal"));
  }
  ExpireSessions();
  if (sessions_.count(session) == 0) return FencedError("locker session has ended");
  if (!state_known_) return Reload();
  return OkStatus();
}

StatusOr<uint64_t> LockerCore::AddLiveNode(uint64_t session, const std::string& path,
                                           const std::string& data) {
  if (state_.values.count(path) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("locker path ", path, " holds a value"));
  }
  ASSIGN_OR_RETURN(const uint64_t epoch, NextNumber());
  live_[path] = {session, data, epoch};
  sessions_[session].nodes.insert(path);
  Changed(path);
  return epoch;
}

StatusOr<uint64_t> LockerCore::TryLock(uint64_t session, const std::string& path,
                                       const std::string& data) {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(Enter(session, path));
  auto it = live_.find(path);
  if (it == live_.end()) return AddLiveNode(session, path, data);
  if (it->second.session == session) return it->second.epoch;
  return absl::UnavailableError(absl::StrCat("lock ", path, " is held by ", it->second.data));
}

Status LockerCore::Unlock(uint64_t session, const std::string& path) {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(Enter(session, path));
  auto it = live_.find(path);
  if (it == live_.end() || it->second.session != session) {
    return absl::NotFoundError(absl::StrCat("lock ", path, " is not held by this session"));
  }
  live_.erase(it);
  sessions_[session].nodes.erase(path);
  Changed(path);
  return OkStatus();
}

StatusOr<uint64_t> LockerCore::CreateEphemeral(uint64_t session, const std::string& path,
                                               const std::string& data) {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(Enter(session, path));
  if (live_.count(path) != 0) {
    return absl::AlreadyExistsError(absl::StrCat("locker node ", path, " exists"));
  }
  return AddLiveNode(session, path, data);
}

StatusOr<LockerValue> LockerCore::Get(uint64_t session, const std::string& path) {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(Enter(session, path));
  if (auto it = live_.find(path); it != live_.end()) {
    return LockerValue{it->second.data, it->second.epoch};
  }
  if (auto it = state_.values.find(path); it != state_.values.end()) return it->second;
  return absl::NotFoundError(absl::StrCat("locker node ", path, " does not exist"));
}

Status LockerCore::Create(uint64_t session, const std::string& path, const std::string& value) {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(Enter(session, path));
  if (live_.count(path) != 0 || state_.values.count(path) != 0) {
    return absl::AlreadyExistsError(absl::StrCat("locker node ", path, " exists"));
  }
  LockerState next = state_;
  next.values[path] = {value, ++next.counter};
  RETURN_IF_ERROR(Store(std::move(next)));
  Changed(path);
  return OkStatus();
}

StatusOr<uint64_t> LockerCore::Set(uint64_t session, const std::string& path,
                                   const std::string& value, uint64_t expected) {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(Enter(session, path));
  if (live_.count(path) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("locker node ", path, " belongs to a session"));
  }
  auto it = state_.values.find(path);
  if (it == state_.values.end() && expected != 0) {
    return absl::NotFoundError(absl::StrCat("locker node ", path, " does not exist"));
  }
  const uint64_t stored = it == state_.values.end() ? 0 : it->second.version;
  if (stored != expected) {
    return FencedError(
        absl::StrCat("locker node ", path, " has version ", stored, ", not ", expected));
  }
  LockerState next = state_;
  const uint64_t version = ++next.counter;
  next.values[path] = {value, version};
  RETURN_IF_ERROR(Store(std::move(next)));
  Changed(path);
  return version;
}

Status LockerCore::Delete(uint64_t session, const std::string& path, uint64_t expected) {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(Enter(session, path));
  auto it = state_.values.find(path);
  if (it == state_.values.end()) {
    return absl::NotFoundError(absl::StrCat("locker node ", path, " does not exist"));
  }
  if (it->second.version != expected) {
    return FencedError(absl::StrCat("locker node ", path, " has version ", it->second.version,
                                    ", not ", expected));
  }
  LockerState next = state_;
  next.values.erase(path);
  RETURN_IF_ERROR(Store(std::move(next)));
  Changed(path);
  return OkStatus();
}

StatusOr<std::vector<std::string>> LockerCore::Children(uint64_t session, const std::string& path) {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(Enter(session, path));
  const std::string prefix = path + "/";
  std::set<std::string> names;
  auto collect = [&](const auto& nodes) {
    for (auto it = nodes.lower_bound(prefix);
         it != nodes.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
      names.insert(
          it->first.substr(prefix.size(), it->first.find('/', prefix.size()) - prefix.size()));
    }
  };
  collect(live_);
  collect(state_.values);
  return std::vector<std::string>(names.begin(), names.end());
}

Status LockerCore::Watch(uint64_t session, const std::string& path, std::function<void()> changed) {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(Enter(session, path));
  watchers_.emplace(path, Watcher{session, std::move(changed)});
  return OkStatus();
}

Status LockerCore::Renew(uint64_t session, const std::string& path, uint64_t epoch) {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(Enter(session, path));
  auto it = live_.find(path);
  if (it == live_.end() || it->second.session != session || it->second.epoch != epoch) {
    return FencedError(absl::StrCat("locker node ", path, " is not held under epoch ", epoch));
  }
  sessions_[session].deadline_boot_ns = clock_->BootNanos() + options_.session_timeout_ns;
  return OkStatus();
}

void LockerCore::Run() {
  mu_.Lock();
  while (!stopping_) {
    ExpireSessions();
    if (pending_.empty()) {
      wake_.WaitFor(&mu_, kExpiryPeriod);
      continue;
    }
    Watcher next = std::move(pending_.front());
    pending_.pop_front();
    calling_session_ = next.session;
    mu_.Unlock();
    next.changed();
    next.changed = nullptr;
    mu_.Lock();
    calling_session_ = 0;
    wake_.SignalAll();
  }
  mu_.Unlock();
}

}  // namespace stele
