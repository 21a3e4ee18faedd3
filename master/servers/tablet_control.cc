#include "master/servers/tablet_control.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "master/servers/parallel_calls.h"
#include "schema/convert/codec.h"

namespace stele::master {
namespace {

constexpr int64_t kOrderTimeoutMs = 120'000;
constexpr int64_t kDropTimeoutMs = 30'000;
constexpr int64_t kFirstDelayNs = 100'000'000;
constexpr int64_t kMaxDelayNs = 30'000'000'000;
constexpr int kMaxDoublings = 10;

int64_t DelayNs(int failures) {
  return std::min(kMaxDelayNs, kFirstDelayNs << std::min(failures - 1, kMaxDoublings));
}

}  // namespace

TabletControl::TabletControl(net::RpcClient* client, Clock* clock, std::function<void()> kick)
    : client_(client), clock_(clock), kick_(std::move(kick)) {}

void TabletControl::AbandonOrdersToOthers(const std::set<std::string>& alive) {
  MutexLock lock(&shared_->mu);
  for (auto it = shared_->under_way.begin(); it != shared_->under_way.end();) {
    const auto& [tablet, call] = *it;
    if (alive.contains(call.address)) {
      ++it;
      continue;
    }
    if (!call.is_left) {
      shared_->failures[tablet].error =
          absl::UnavailableError(absl::StrCat("the server at ", call.address, " is gone"));
    }
    it = shared_->under_way.erase(it);
  }
}

void TabletControl::Finish(Shared* shared, Clock* clock, TabletId tablet, uint64_t number,
                           const Status& status) {
  MutexLock lock(&shared->mu);
  auto call = shared->under_way.find(tablet);
  if (call == shared->under_way.end() || call->second.number != number) return;  // abandoned
  ++shared->ended;
  shared->unseen[tablet] = shared->ended;
  if (const TabletId left = call->second.left; left != 0) {
    shared->under_way.erase(left);
    shared->unseen[left] = shared->ended;
  }
  shared->under_way.erase(call);
  if (status.ok()) {
    shared->failures.erase(tablet);
    return;
  }
  Failure& failure = shared->failures[tablet];
  failure.error = status;
  ++failure.count;
  failure.not_before_boot_ns = clock->BootNanos() + DelayNs(failure.count);
  LOG(WARNING) << "tablet " << tablet << ": order failed " << failure.count
               << " times: " << status.ToString();
}

void TabletControl::Order(const ServerNode& server, wire::Method method, TabletId tablet,
                          StatusOr<net::Buffer> body, TabletId left) {
  uint64_t number = 0;
  {
    MutexLock lock(&shared_->mu);
    auto failed = shared_->failures.find(tablet);
    const bool put_off = failed != shared_->failures.end() &&
                         clock_->BootNanos() < failed->second.not_before_boot_ns;
    if (put_off || shared_->under_way.contains(tablet)) return;
    if (left != 0 && shared_->under_way.contains(left)) return;
    number = shared_->next_number++;
    shared_->under_way[tablet] = {number, server.address, left, false};
    if (left != 0) shared_->under_way[left] = {number, server.address, 0, true};
  }
  if (!body.ok()) return Finish(shared_.get(), clock_, tablet, number, body.status());
  client_->Call(server.address, static_cast<uint16_t>(method), *std::move(body), kOrderTimeoutMs,
                [shared = shared_, clock = clock_, kick = kick_, tablet, number,
                 id = server.server_id](StatusOr<net::Buffer> answer) {
                  Finish(shared.get(), clock, tablet, number, WithContext(answer.status(), id));
                  kick();
                });
}

void TabletControl::Open(const ServerNode& server, const wire::OpenTabletRequest& request) {
  Order(server, wire::Method::kOpenTablet, request.tablet, wire::Encode(request));
}

void TabletControl::Close(const ServerNode& server, const wire::CloseTabletRequest& request) {
  Order(server, wire::Method::kCloseTablet, request.tablet, wire::Encode(request));
}

void TabletControl::Alter(const ServerNode& server, const wire::AlterTabletRequest& request) {
  Order(server, wire::Method::kAlterTablet, request.tablet, wire::Encode(request));
}

void TabletControl::DropRows(const ServerNode& server, const wire::DropTabletRowsRequest& request) {
  Order(server, wire::Method::kDropTabletRows, request.tablet, wire::Encode(request));
}

void TabletControl::Flush(const ServerNode& server, TabletId tablet) {
  Order(server, wire::Method::kFlushTablet, tablet, wire::Encode(wire::TabletRequest{tablet, 0}));
}

void TabletControl::Split(const ServerNode& server, const wire::SplitTabletRequest& request) {
  Order(server, wire::Method::kSplitTablet, request.tablet, wire::Encode(request));
}

void TabletControl::Merge(const ServerNode& server, const wire::MergeTabletsRequest& request) {
  Order(server, wire::Method::kMergeTablets, request.right, wire::Encode(request), request.left);
}

Status TabletControl::ForgetMerged(const ServerNode& server,
                                   const wire::MergeTabletsRequest& request) {
  return wire::CallSync<wire::Empty>(client_, server.address, wire::Method::kForgetMerged, request,
                                     kDropTimeoutMs)
      .status();
}

bool TabletControl::Ready(TabletId tablet) const {
  MutexLock lock(&shared_->mu);
  auto failed = shared_->failures.find(tablet);
  return !shared_->under_way.contains(tablet) && !shared_->unseen.contains(tablet) &&
         (failed == shared_->failures.end() ||
          clock_->BootNanos() >= failed->second.not_before_boot_ns);
}

uint64_t TabletControl::Ended() const {
  MutexLock lock(&shared_->mu);
  return shared_->ended;
}

void TabletControl::Seen(uint64_t ended) {
  MutexLock lock(&shared_->mu);
  std::erase_if(shared_->unseen, [&](const auto& one) { return one.second <= ended; });
}

bool TabletControl::UnderWay(TabletId tablet) const {
  MutexLock lock(&shared_->mu);
  return shared_->under_way.count(tablet) != 0;
}

std::optional<TabletControl::Failure> TabletControl::LastFailure(TabletId tablet) const {
  MutexLock lock(&shared_->mu);
  auto it = shared_->failures.find(tablet);
  if (it == shared_->failures.end()) return std::nullopt;
  return it->second;
}

void TabletControl::ForgetFailure(TabletId tablet) {
  MutexLock lock(&shared_->mu);
  shared_->failures.erase(tablet);
}

Status TabletControl::DropAll(const ServerNode& server,
                              const std::vector<TabletLocation>& tablets) {
  ParallelCalls calls(client_);
  for (const TabletLocation& location : tablets) {
    ASSIGN_OR_RETURN(net::Buffer body,
                     wire::Encode(wire::TabletRequest{location.tablet.id, location.epoch}));
    calls.Add(server.address, wire::Method::kDropTablet, std::move(body), kDropTimeoutMs);
  }
  for (const StatusOr<net::Buffer>& answer : calls.Wait()) {
    if (!answer.ok()) return WithContext(answer.status(), "drop of a tablet");
  }
  return OkStatus();
}

}  // namespace stele::master
