#include "locker/zk/zk_session.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/bytes/coding.h"
#include "locker/zk/zk_address.h"

namespace stele {
namespace {

constexpr char kNodeVersion = 1;
constexpr size_t kTokenBytes = 16;
constexpr size_t kMaxPayloadBytes = 512u << 10;  // ZooKeeper takes 1 MiB a request
constexpr int kRenewalsPerTimeout = 4;
constexpr int kDriftShare = 100;
constexpr int kMaxAttempts = 8;  // of nodes that vanish under our hands

std::string EncodeNode(const std::string& token, const std::string& payload) {
  return std::string(1, kNodeVersion) + token + payload;
}

Status NoSuchNode(const std::string& path) {
  return absl::NotFoundError(absl::StrCat("locker node ", path, " does not exist"));
}
Status NodeExists(const std::string& path) {
  return absl::AlreadyExistsError(absl::StrCat("locker node ", path, " exists"));
}
Status WrongVersion(const std::string& path, uint64_t stored, uint64_t expected) {
  return FencedError(
      absl::StrCat("locker node ", path, " has version ", stored, ", not ", expected));
}
Status UnknownOutcome(const std::string& path) {
  return absl::UnknownError(
      absl::StrCat("locker node ", path, ": the connection was lost; it may have been done"));
}
Status KeepsChanging(const std::string& path) {
  return absl::UnavailableError(absl::StrCat("locker node ", path, " keeps changing"));
}

uint64_t VersionOf(const ZkStat& stat) { return static_cast<uint64_t>(stat.mzxid); }

}  // namespace

ZkSession::ZkSession(const ZkLockerOptions& options, std::string chroot, std::string owner,
                     Clock* clock)
    : options_(options), chroot_(std::move(chroot)), owner_(std::move(owner)), clock_(clock) {}

ZkSession::~ZkSession() {
  if (connection_ != nullptr) connection_->StopHooks();  // they use what is below it
  connection_.reset();
}

StatusOr<std::unique_ptr<LockerSession>> ZkSession::Open(const ZkLockerOptions& options,
                                                         const std::string& owner, Clock* clock) {
  ASSIGN_OR_RETURN(const ZkAddress address, ParseZkAddress(options.address));
  ASSIGN_OR_RETURN(const std::string servers, ResolveServers(address));
  std::unique_ptr<ZkSession> session(new ZkSession(options, address.chroot, owner, clock));
  RETURN_IF_ERROR(session->Connect(servers));
  return session;
}

Status ZkSession::Connect(const std::string& servers) {
  ZkConnection::Options options;
  options.servers = servers;
  options.name = owner_;
  options.credentials = options_.credentials;
  options.session_timeout_ns = options_.session_timeout_ns;
  options.clock = clock_;
  connection_ = std::make_unique<ZkConnection>(
      options, ZkConnection::Hooks{[this] { FireAll(); }, [this](uint64_t id) { FireWatch(id); }});
  RETURN_IF_ERROR(connection_->Start());
  const int64_t deadline = Deadline();
  if (connection_->WaitConnected(deadline) == ZkCode::kNotConnected) {
    return LockerAwayError(absl::StrCat("no ZooKeeper of ", options_.address, " answers within ",
                                        options_.call_timeout_ns / 1'000'000, " ms"));
  }
  if (chroot_.empty()) return OkStatus();
  return WithContext(MakeParents(chroot_ + "/x", deadline), options_.address);
}

StatusOr<std::string> ZkSession::Full(const std::string& path) const {
  RETURN_IF_ERROR(CheckZkPath(path));
  return chroot_ + path;
}

std::string ZkSession::NewToken() {
  std::string token;
  PutFixed64(&token, static_cast<uint64_t>(connection_->session_id()));
  PutFixed64(&token, next_call_.fetch_add(1));
  return token;
}

Status ZkSession::ToStatus(const ZkAnswer& answer, const std::string& path) const {
  switch (answer.code) {
    case ZkCode::kOk:
      return OkStatus();
    case ZkCode::kNoNode:
      return NoSuchNode(path);
    case ZkCode::kNodeExists:
      return NodeExists(path);
    case ZkCode::kBadVersion:
      return FencedError(absl::StrCat("locker node ", path, " has changed"));
    case ZkCode::kNotEmpty:
      return absl::FailedPreconditionError(absl::StrCat("locker node ", path, " has children"));
    case ZkCode::kParentIsEphemeral:
      return absl::FailedPreconditionError(
          absl::StrCat("locker node ", path, ": the node above it belongs to a session"));
    case ZkCode::kDenied:
      return absl::PermissionDeniedError(
          absl::StrCat("locker node ", path, ": ZooKeeper denies it with these credentials"));
    case ZkCode::kNotConnected:
      return LockerAwayError(
          absl::StrCat("locker: no ZooKeeper of ", options_.address, " is connected"));
    case ZkCode::kLost:
      return UnknownOutcome(path);
    case ZkCode::kSessionOver: {
      const std::string why = connection_->WhySessionIsOver();
      return FencedError(absl::StrCat("locker session has ended", why.empty() ? "" : ": ", why));
    }
    case ZkCode::kRefused:
      return absl::InternalError(absl::StrCat("locker node ", path, ": ", answer.detail));
  }
  return absl::InternalError("unknown answer");
}

int64_t ZkSession::lease_margin_ns() const {
  // A follower hears us at once and tells the leader, who ends sessions, a tick later at most; what
  // it tells may be the renewal before the last. Drift: 1 %.
  const int64_t timeout_ns = session_timeout_ns();
  const int64_t tick_ns = options_.tick_ns > 0 ? options_.tick_ns : timeout_ns / 2;
  return std::min(tick_ns + timeout_ns / 5 + timeout_ns / kDriftShare, timeout_ns - 1);
}

// --- reading ---

StatusOr<ZkSession::Node> ZkSession::Read(const std::string& full, const std::string& path,
                                          int64_t deadline) {
  ZkAnswer answer = connection_->Get(full, deadline);
  // Reading again changes nothing.
  while (answer.code == ZkCode::kLost && answer.settled) answer = connection_->Get(full, deadline);
  if (answer.code == ZkCode::kLost) {
    return LockerAwayError(absl::StrCat("locker node ", path, ": no answer in time"));
  }
  RETURN_IF_ERROR(ToStatus(answer, path));
  Node node;
  node.stat = answer.stat;
  node.bare = answer.data.empty();
  if (node.bare) return node;
  if (answer.data[0] != kNodeVersion) {
    return absl::FailedPreconditionError(absl::StrCat("locker node ", path, " has format version ",
                                                      static_cast<int>(answer.data[0])));
  }
  if (answer.data.size() < 1 + kTokenBytes) {
    return CorruptError(absl::StrCat("locker node ", path, " is too short"));
  }
  node.token = answer.data.substr(1, kTokenBytes);
  node.payload = answer.data.substr(1 + kTokenBytes);
  return node;
}

StatusOr<LockerValue> ZkSession::Get(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  ASSIGN_OR_RETURN(Node node, Read(full, path, Deadline()));
  if (node.bare) return NoSuchNode(path);
  return LockerValue{std::move(node.payload), VersionOf(node.stat)};
}

StatusOr<std::vector<std::string>> ZkSession::Children(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  const int64_t deadline = Deadline();
  ZkAnswer answer = connection_->Children(full, deadline);
  while (answer.code == ZkCode::kLost && answer.settled) {
    answer = connection_->Children(full, deadline);
  }
  if (answer.code == ZkCode::kNoNode) return std::vector<std::string>();
  if (answer.code == ZkCode::kLost) {
    return LockerAwayError(absl::StrCat("locker node ", path, ": no answer in time"));
  }
  RETURN_IF_ERROR(ToStatus(answer, path));
  std::sort(answer.names.begin(), answer.names.end());
  return std::move(answer.names);
}

Status ZkSession::Renew(const std::string& path, uint64_t epoch) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  // Not longer: whoever renews has to learn in time that it was in vain.
  const int64_t limit_ns = session_timeout_ns() / kRenewalsPerTimeout;
  const ZkAnswer answer = connection_->Get(full, clock_->BootNanos() + limit_ns);
  if (answer.code == ZkCode::kLost || answer.code == ZkCode::kNotConnected) {
    return absl::UnavailableError(
        absl::StrCat("locker node ", path, " was not renewed: ", "ZooKeeper does not answer"));
  }
  const bool ours = answer.code == ZkCode::kOk &&
                    answer.stat.ephemeral_owner == connection_->session_id() &&
                    static_cast<uint64_t>(answer.stat.czxid) == epoch;
  if (ours) return OkStatus();
  if (answer.code == ZkCode::kOk || answer.code == ZkCode::kNoNode) {
    return FencedError(absl::StrCat("locker node ", path, " is not held under epoch ", epoch));
  }
  return ToStatus(answer, path);
}

// --- changing ---

Status ZkSession::MakeParents(const std::string& full, int64_t deadline) {
  for (size_t slash = full.find('/', 1); slash != std::string::npos;
       slash = full.find('/', slash + 1)) {
    const std::string parent = full.substr(0, slash);
    ZkAnswer made = connection_->Create(parent, "", /*ephemeral=*/false, deadline);
    while (made.code == ZkCode::kLost && made.settled) {  // the same, whoever makes it
      made = connection_->Create(parent, "", /*ephemeral=*/false, deadline);
    }
    // Above our chroot we may have no right to make anything, nor the need.
    if (made.code == ZkCode::kNodeExists || made.code == ZkCode::kDenied) continue;
    if (made.code == ZkCode::kLost) {  // made or not: it is no value
      return LockerAwayError(absl::StrCat("locker node ", parent, ": no answer in time"));
    }
    RETURN_IF_ERROR(ToStatus(made, parent));
  }
  return OkStatus();
}

StatusOr<ZkStat> ZkSession::MakeOnce(const std::string& full, const std::string& path,
                                     const std::string& token, const std::string& payload,
                                     bool ephemeral, int64_t deadline, bool* again) {
  const ZkAnswer made = connection_->Create(full, EncodeNode(token, payload), ephemeral, deadline);
  if (made.code == ZkCode::kOk) return made.stat;
  *again = true;
  if (made.code == ZkCode::kNoNode) {
    RETURN_IF_ERROR(MakeParents(full, deadline));
    return NoSuchNode(path);
  }
  if (made.code == ZkCode::kLost && made.settled) {
    StatusOr<Node> found = Read(full, path, deadline);
    if (absl::IsNotFound(found.status())) return found.status();
    *again = false;
    if (absl::IsUnavailable(found.status())) return UnknownOutcome(path);
    RETURN_IF_ERROR(found.status());
    if (found->token == token) return found->stat;
    // Of a session's node it was another session's; a value may have been ours, and replaced since.
    return ephemeral ? NodeExists(path) : UnknownOutcome(path);
  }
  *again = false;
  return ToStatus(made, path);
}

StatusOr<ZkStat> ZkSession::Make(const std::string& path, const std::string& payload,
                                 bool ephemeral, int64_t deadline) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  if (payload.size() > kMaxPayloadBytes) {
    return absl::InvalidArgumentError(absl::StrCat("locker node ", path, ": ", payload.size(),
                                                   " bytes; the limit is ", kMaxPayloadBytes));
  }
  const std::string token = NewToken();
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    bool again = false;
    StatusOr<ZkStat> made = MakeOnce(full, path, token, payload, ephemeral, deadline, &again);
    if (!again) return made;
    if (!made.ok() && !absl::IsNotFound(made.status())) return made.status();
  }
  return KeepsChanging(path);
}

StatusOr<uint64_t> ZkSession::Replace(const std::string& path, Node seen,
                                      const std::string& payload, int64_t deadline) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  if (payload.size() > kMaxPayloadBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("locker node ", path, ": the value is too large"));
  }
  const std::string token = NewToken();
  while (true) {
    const ZkAnswer set =
        connection_->Set(full, EncodeNode(token, payload), seen.stat.version, deadline);
    if (set.code == ZkCode::kOk) return VersionOf(set.stat);
    if (set.code != ZkCode::kLost || !set.settled) return ToStatus(set, path);
    StatusOr<Node> now = Read(full, path, deadline);
    if (!now.ok()) return IsFenced(now.status()) ? now.status() : UnknownOutcome(path);
    if (now->token == token) return VersionOf(now->stat);
    // Another's value: perhaps instead of ours, perhaps after it.
    if (now->stat.mzxid != seen.stat.mzxid) return UnknownOutcome(path);
  }
}

Status ZkSession::Remove(const std::string& path, Node seen, int64_t deadline) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  while (true) {
    ZkAnswer gone = connection_->Delete(full, seen.stat.version, deadline);
    if (gone.code == ZkCode::kNotEmpty) {
      gone = connection_->Set(full, "", seen.stat.version, deadline);
    }
    if (gone.code == ZkCode::kOk) return OkStatus();
    if (gone.code != ZkCode::kLost || !gone.settled) return ToStatus(gone, path);
    StatusOr<Node> now = Read(full, path, deadline);
    if (absl::IsNotFound(now.status()) || (now.ok() && now->bare)) return OkStatus();
    if (!now.ok()) return IsFenced(now.status()) ? now.status() : UnknownOutcome(path);
    if (now->stat.mzxid != seen.stat.mzxid) return UnknownOutcome(path);
  }
}

StatusOr<uint64_t> ZkSession::TryLock(const std::string& path, const std::string& data) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  const int64_t deadline = Deadline();
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    StatusOr<ZkStat> made = Make(path, data, /*ephemeral=*/true, deadline);
    if (made.ok()) return static_cast<uint64_t>(made->czxid);
    if (!absl::IsAlreadyExists(made.status())) return made.status();
    StatusOr<Node> held = Read(full, path, deadline);
    if (absl::IsNotFound(held.status())) continue;
    RETURN_IF_ERROR(held.status());
    if (held->stat.ephemeral_owner == 0) {
      return absl::FailedPreconditionError(absl::StrCat("locker path ", path, " holds a value"));
    }
    if (held->stat.ephemeral_owner == connection_->session_id()) {
      return static_cast<uint64_t>(held->stat.czxid);
    }
    return absl::UnavailableError(absl::StrCat("lock ", path, " is held by ", held->payload));
  }
  return KeepsChanging(path);
}

Status ZkSession::Unlock(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  const int64_t deadline = Deadline();
  StatusOr<Node> held = Read(full, path, deadline);
  const bool ours = held.ok() && held->stat.ephemeral_owner != 0 &&
                    held->stat.ephemeral_owner == connection_->session_id();
  if (!held.ok() && !absl::IsNotFound(held.status())) return held.status();
  if (!ours) {
    return absl::NotFoundError(absl::StrCat("lock ", path, " is not held by this session"));
  }
  Status removed = Remove(path, *held, deadline);
  return absl::IsNotFound(removed) ? OkStatus() : removed;
}

StatusOr<uint64_t> ZkSession::CreateEphemeral(const std::string& path, const std::string& data) {
  ASSIGN_OR_RETURN(const ZkStat stat, Make(path, data, /*ephemeral=*/true, Deadline()));
  return static_cast<uint64_t>(stat.czxid);
}

StatusOr<uint64_t> ZkSession::SetFresh(const std::string& path, const std::string& value,
                                       int64_t deadline) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    StatusOr<ZkStat> made = Make(path, value, /*ephemeral=*/false, deadline);
    if (made.ok()) return VersionOf(*made);
    if (!absl::IsAlreadyExists(made.status())) return made.status();
    StatusOr<Node> there = Read(full, path, deadline);
    if (absl::IsNotFound(there.status())) continue;
    RETURN_IF_ERROR(there.status());
    if (!there->bare) return NodeExists(path);
    return Replace(path, *std::move(there), value, deadline);
  }
  return KeepsChanging(path);
}

Status ZkSession::Create(const std::string& path, const std::string& value) {
  StatusOr<uint64_t> made = SetFresh(path, value, Deadline());
  // Another's value came into the empty node first.
  if (IsFenced(made.status()) && connection_->WhySessionIsOver().empty()) return NodeExists(path);
  return made.status();
}

StatusOr<uint64_t> ZkSession::Set(const std::string& path, const std::string& value,
                                  uint64_t expected) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  const int64_t deadline = Deadline();
  StatusOr<Node> seen = Read(full, path, deadline);
  if (!seen.ok() && !absl::IsNotFound(seen.status())) return seen.status();
  const bool absent = !seen.ok() || seen->bare;
  if (absent && expected != 0) return NoSuchNode(path);
  if (absent) {
    StatusOr<uint64_t> made = SetFresh(path, value, deadline);
    if (!absl::IsAlreadyExists(made.status())) return made;
    return FencedError(absl::StrCat("locker node ", path, " exists by now"));
  }
  if (seen->stat.ephemeral_owner != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("locker node ", path, " belongs to a session"));
  }
  if (VersionOf(seen->stat) != expected) {
    return WrongVersion(path, VersionOf(seen->stat), expected);
  }
  return Replace(path, *std::move(seen), value, deadline);
}

Status ZkSession::Delete(const std::string& path, uint64_t expected) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  const int64_t deadline = Deadline();
  ASSIGN_OR_RETURN(Node seen, Read(full, path, deadline));
  if (seen.bare || seen.stat.ephemeral_owner != 0) return NoSuchNode(path);
  if (VersionOf(seen.stat) != expected) {
    return WrongVersion(path, VersionOf(seen.stat), expected);
  }
  return Remove(path, std::move(seen), deadline);
}

// --- watches ---

Status ZkSession::Watch(const std::string& path, std::function<void()> changed) {
  ASSIGN_OR_RETURN(const std::string full, Full(path));
  uint64_t id = 0;
  {
    MutexLock lock(&mu_);
    id = watch_ids_.emplace(path, watch_ids_.size() + 1).first->second;
    Watched& watched = watches_[id];
    watched.path = path;
    watched.changed.push_back(std::move(changed));
  }
  const ZkAnswer answer = connection_->Watch(full, id, Deadline());
  // It is registered with us, and the next connection fires it.
  if (answer.code == ZkCode::kLost || answer.code == ZkCode::kNotConnected) return OkStatus();
  return ToStatus(answer, path);
}

void ZkSession::FireWatch(uint64_t id) {
  Watched fired;
  {
    MutexLock lock(&mu_);
    auto it = watches_.find(id);
    if (it == watches_.end()) return;
    fired = std::move(it->second);
    watches_.erase(it);
  }
  for (const auto& changed : fired.changed) changed();
}

void ZkSession::FireAll() {
  std::map<uint64_t, Watched> fired;
  {
    MutexLock lock(&mu_);
    fired.swap(watches_);
  }
  for (const auto& [id, watched] : fired) {
    for (const auto& changed : watched.changed) changed();
  }
}

}  // namespace stele
