#include "master/servers/log_recoveries.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/base/log.h"
#include "schema/convert/codec.h"
#include "schema/convert/reshape_messages.h"
#include "schema/wire/method.h"

namespace stele::master {
namespace {

constexpr int64_t kRecoveryTimeoutMs = 600'000;
constexpr int kSystemAttempts = 3;  // then the whole log is recovered
constexpr int64_t kRetryDelayNs = 200'000'000;
constexpr int64_t kMaxRetryDelayNs = 5'000'000'000;

std::string PathOf(const LogOwner& owner) {
  return absl::StrCat(kLogsPath, "/", LogName(owner.server_id, owner.incarnation));
}

}  // namespace

// Reading the log and writing the tablets out count as one half each. A pace shows after a part of
// both that is not tiny.
int64_t EstimateLeftMs(const wire::LogSorting& sorting, uint64_t bytes_per_second) {
  constexpr double kShows = 0.05;
  const auto share = [](uint64_t done, uint64_t total) {
    return total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  };
  const double done = 0.5 * share(sorting.bytes_done, sorting.bytes_total) +
                      0.5 * share(sorting.tablets_done, sorting.tablets_total);
  if (done >= kShows) {
    return static_cast<int64_t>(static_cast<double>(sorting.running_ms) * (1 - done) / done);
  }
  const uint64_t rate = bytes_per_second == 0 ? kGuessedBytesPerSecond : bytes_per_second;
  const double whole_ms =
      static_cast<double>(sorting.bytes_total) * 1000 / static_cast<double>(rate);
  return static_cast<int64_t>(whole_ms * (1 - done));
}

LogRecoveries::LogRecoveries(LockerSession* locker, net::RpcClient* client,
                             const ServerList* servers, Clock* clock, std::function<void()> kick,
                             FaultInjector* faults)
    : locker_(locker),
      client_(client),
      servers_(servers),
      clock_(clock),
      kick_(std::move(kick)),
      faults_(faults),
      begun_boot_ns_(clock->BootNanos()) {}

// Refresh: after each step the next master, or the next pass, begins anew and comes to the same.
//
//  1. Which logs there are, without those of servers that live.
//  2. Of each: is it fenced? Then a live server is told to recover it.
//  3. It answered OK: all is in manifests. The log is taken out of the Locker; from then on the
//     tablets are given to others.
Status LogRecoveries::Refresh(bool system_first) {
  for (const auto& [id, server] : servers_->servers()) {
    seen_alive_.insert({id, server.node.incarnation});
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> names, locker_->Children(kLogsPath));  // 1
  std::map<LogOwner, std::string> gone;
  std::set<LogOwner> starting;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const LogOwner owner, ParseLogName(name));
    if (servers_->Find(owner.server_id, owner.incarnation) != nullptr) continue;
    ASSIGN_OR_RETURN(const Fence fence, LookAtLock(owner));
    if (fence == Fence::kStarting) {
      starting.insert(owner);
      continue;
    }
    if (fence == Fence::kWait) {
      gone[owner] = "its lease may not be over yet";
      continue;
    }
    ASSIGN_OR_RETURN(gone[owner], Advance(owner, system_first));  // 2
    if (gone[owner].empty()) RETURN_IF_ERROR(Forget(owner));      // 3
  }
  std::erase_if(gone, [](const auto& entry) { return entry.second.empty(); });
  gone_ = std::move(gone);
  starting_ = std::move(starting);
  // Only estimates depend on it.
  if (Status kept = KeepRate(); !kept.ok()) {
    LOG(WARNING) << "recovery rate: " << kept.ToString();
  }
  system_recovered_.clear();
  MutexLock lock(&shared_->mu);
  for (const auto& [owner, order] : shared_->orders) {
    if (order.system_done) system_recovered_.insert(owner);
  }
  return OkStatus();
}

// Written when a measurement changes it, which a recovery ends: seldom.
Status LogRecoveries::KeepRate() {
  if (!kept_rate_.has_value()) {
    auto kept = locker_->Get(kRecoveryRatePath);
    if (!kept.ok() && !IsNotFound(kept.status())) return kept.status();
    kept_rate_ = kept.ok() ? *kept : LockerValue();
    // What does not read is written anew by the next measurement.
    if (!absl::SimpleAtoi(kept_rate_->value, &bytes_per_second_)) bytes_per_second_ = 0;
  }
  uint64_t bytes = 0, ms = 0;
  for (const auto& [id, server] : servers_->servers()) {
    bytes += server.sorted_log_bytes;
    ms += server.sorted_log_ms;
  }
  if (ms == 0) return OkStatus();
  bytes_per_second_ = std::max<uint64_t>(1, bytes * 1000 / ms);
  const std::string value = absl::StrCat(bytes_per_second_);
  if (value == kept_rate_->value) return OkStatus();
  auto set = locker_->Set(kRecoveryRatePath, value, kept_rate_->version);
  if (!set.ok()) kept_rate_.reset();
  RETURN_IF_ERROR(set.status());
  kept_rate_->value = value;
  kept_rate_->version = *set;
  return OkStatus();
}

std::optional<wire::RecoveryProgress> LogRecoveries::ProgressOf(const LogOwner& gone) const {
  for (const auto& [id, server] : servers_->servers()) {
    for (const wire::LogSorting& sorting : server.sortings) {
      if (sorting.server_id != gone.server_id || sorting.incarnation != gone.incarnation) continue;
      return wire::RecoveryProgress{id,
                                    sorting.bytes_done,
                                    sorting.bytes_total,
                                    sorting.tablets_done,
                                    sorting.tablets_total,
                                    EstimateLeftMs(sorting, bytes_per_second_)};
    }
  }
  return std::nullopt;
}

std::string LogRecoveries::WhyNotRecovered(const std::string& server_id, uint64_t incarnation,
                                           Part part) const {
  if (starting_.contains({server_id, incarnation})) return "it still holds its lock";
  if (part == Part::kSystem && system_recovered_.contains({server_id, incarnation})) return "";
  auto found = gone_.find({server_id, incarnation});
  return found == gone_.end() ? "" : found->second;
}

std::string LogRecoveries::WhyNotAllRecovered(Part part) const {
  for (const auto& [owner, why] : gone_) {
    if (part == Part::kSystem && system_recovered_.contains(owner)) continue;
    return absl::StrCat(owner.server_id, " is gone: ", why);
  }
  return "";
}

StatusOr<LogRecoveries::Fence> LogRecoveries::LookAtLock(const LogOwner& gone) {
  auto held = locker_->Get(absl::StrCat(kServerLocksPath, "/", gone.server_id));
  // It has no tablet: those are given only to servers that have appeared.
  if (held.ok() && held->version == gone.incarnation) return Fence::kStarting;
  if (!held.ok() && !IsNotFound(held.status())) return held.status();
  const int64_t over_boot_ns = begun_boot_ns_ + locker_->session_timeout_ns();
  const bool wait = !seen_alive_.contains(gone) && clock_->BootNanos() < over_boot_ns;
  return wait ? Fence::kWait : Fence::kFenced;
}

Status LogRecoveries::Forget(const LogOwner& gone) {
  RETURN_IF_ERROR(FaultPoint(faults_, "recover_log.before_forget"));
  auto node = locker_->Get(PathOf(gone));
  Status deleted = node.ok() ? locker_->Delete(PathOf(gone), node->version) : node.status();
  if (!deleted.ok() && !IsNotFound(deleted)) return deleted;
  {
    MutexLock lock(&shared_->mu);
    shared_->orders.erase(gone);
  }
  return FaultPoint(faults_, "recover_log.after_forget");
}

// The one with the fewest tablets; after a failure the next one.
const LiveServer* LogRecoveries::Choose(int failures) const {
  std::vector<const LiveServer*> able;
  for (const auto& [id, server] : servers_->servers()) {
    if (server.report_status.ok()) able.push_back(&server);
  }
  if (able.empty()) return nullptr;
  std::stable_sort(able.begin(), able.end(), [](const LiveServer* a, const LiveServer* b) {
    return a->tablets.size() < b->tablets.size();
  });
  return able[static_cast<size_t>(failures) % able.size()];
}

StatusOr<std::string> LogRecoveries::Advance(const LogOwner& gone, bool system_first) {
  int failures = 0;
  bool system_only = false;
  {
    MutexLock lock(&shared_->mu);
    const Order& order = shared_->orders[gone];
    if (order.done) return std::string();
    if (order.under_way && servers_->Find(order.by.server_id, order.by.incarnation) != nullptr) {
      return absl::StrCat("its log is being recovered by ", order.by.server_id);
    }
    if (clock_->BootNanos() < order.not_before_boot_ns) {
      return absl::StrCat("recovery of its log failed: ", order.error);
    }
    failures = order.failures;
    system_only = system_first && !order.system_tried;
  }
  const LiveServer* server = Choose(failures);
  if (server == nullptr) return std::string("no server is there to recover its log");
  RETURN_IF_ERROR(FaultPoint(faults_, "recover_log.before_order"));
  uint64_t number = 0;
  {
    MutexLock lock(&shared_->mu);
    Order& order = shared_->orders[gone];
    order.under_way = true;
    order.system_only = system_only;
    order.by = {server->node.server_id, server->node.incarnation};
    order.number = number = next_number_++;
  }
  Send(gone, *server, number, system_only);
  RETURN_IF_ERROR(FaultPoint(faults_, "recover_log.after_order"));
  return absl::StrCat("its log is being recovered by ", server->node.server_id);
}

void LogRecoveries::Finish(Shared* shared, Clock* clock, const LogOwner& gone, uint64_t number,
                           const Status& status) {
  MutexLock lock(&shared->mu);
  auto found = shared->orders.find(gone);
  if (found == shared->orders.end() || found->second.number != number) return;  // another's now
  Order& order = found->second;
  order.under_way = false;
  // A damaged log is recovered as a whole; a server or a connection that was lost is no reason to.
  const bool as_a_whole = IsCorrupt(status) || order.failures + 1 >= kSystemAttempts;
  if (order.system_only) {
    order.system_tried = status.ok() || as_a_whole;
    order.system_done = status.ok();
  } else {
    order.done = status.ok();
  }
  if (status.ok()) return;
  LOG(WARNING) << "recovery of the log of " << gone.server_id << ": " << status.ToString();
  if (order.system_only && as_a_whole) return;  // at once
  order.error = std::string(status.message());
  ++order.failures;
  order.not_before_boot_ns =
      clock->BootNanos() + std::min(kMaxRetryDelayNs, kRetryDelayNs * order.failures);
}

void LogRecoveries::Send(const LogOwner& gone, const LiveServer& server, uint64_t number,
                         bool system_only) {
  LOG(INFO) << server.node.server_id << " recovers the log of " << gone.server_id
            << " of incarnation " << gone.incarnation
            << (system_only ? ", the system's tablets first" : "");
  auto finish = [shared = shared_, clock = clock_, gone, number](const Status& status) {
    Finish(shared.get(), clock, gone, number, status);
  };
  auto body = wire::Encode(wire::RecoverLogRequest{gone.server_id, gone.incarnation, system_only});
  if (!body.ok()) return finish(body.status());
  client_->Call(server.node.address, static_cast<uint16_t>(wire::Method::kRecoverLog),
                *std::move(body), kRecoveryTimeoutMs,
                [finish, kick = kick_](StatusOr<net::Buffer> answer) {
                  finish(answer.status());
                  kick();
                });
}

}  // namespace stele::master
