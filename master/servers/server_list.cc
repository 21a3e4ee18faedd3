#include "master/servers/server_list.h"

#include <utility>

#include "common/base/log.h"
#include "master/servers/parallel_calls.h"
#include "schema/convert/codec.h"

namespace stele::master {

Status ServerList::ReadNodes(std::map<std::string, LiveServer>* next) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, locker_->Children(kServersPath));
  for (const std::string& name : names) {
    auto value = locker_->Get(absl::StrCat(kServersPath, "/", name));
    if (IsNotFound(value.status())) continue;  // gone between the two reads
    if (!value.ok()) return value.status();
    auto node = DecodeServerNode(value->value);
    if (!node.ok()) return WithContext(node.status(), absl::StrCat("server ", name));
    auto old = servers_.find(name);
    LiveServer& server = (*next)[name];
    if (old != servers_.end() && old->second.node == *node) server = old->second;
    server.node = *std::move(node);
  }
  return OkStatus();
}

void ServerList::AskForReports() {
  ParallelCalls calls(client_);
  auto body = wire::Encode(wire::Empty());
  for (const auto& [id, server] : servers_) {
    calls.Add(server.node.address, wire::Method::kReportTablets, body.ok() ? *body : net::Buffer(),
              report_timeout_ms_);
  }
  std::vector<StatusOr<net::Buffer>> answers = calls.Wait();
  size_t i = 0;
  for (auto& [id, server] : servers_) {
    StatusOr<net::Buffer>& answer = answers[i++];
    wire::ReportTabletsResponse report;
    server.report_status = answer.ok() ? wire::Decode(*answer, &report) : answer.status();
    if (!server.report_status.ok()) continue;
    if (report.incarnation != server.node.incarnation || report.server_id != id) {
      server.report_status = absl::UnavailableError("another server answers at its address");
      continue;
    }
    server.reported_boot_ns = clock_->BootNanos();
    server.leaving = report.leaving;
    server.sortings = std::move(report.sortings);
    server.sorted_log_bytes = report.sorted_log_bytes;
    server.sorted_log_ms = report.sorted_log_ms;
    server.tablets.clear();
    for (wire::TabletReport& tablet : report.tablets) {
      const TabletId tablet_id = tablet.tablet.id;
      server.tablets[tablet_id] = std::move(tablet);
    }
  }
}

Status ServerList::Refresh() {
  std::map<std::string, LiveServer> next;
  RETURN_IF_ERROR(ReadNodes(&next));
  for (const auto& [id, server] : next) {
    if (Find(id, server.node.incarnation) != nullptr) continue;
    LOG(INFO) << id << " of incarnation " << server.node.incarnation
              << " is here: " << server.node.address;
  }
  for (const auto& [id, server] : servers_) {
    if (next.contains(id) && next[id].node.incarnation == server.node.incarnation) continue;
    LOG(INFO) << id << " of incarnation " << server.node.incarnation << " is gone";
  }
  servers_ = std::move(next);
  AskForReports();
  IndexHolders();
  return OkStatus();
}

const LiveServer* ServerList::Find(const std::string& server_id, uint64_t incarnation) const {
  auto it = servers_.find(server_id);
  if (it == servers_.end() || it->second.node.incarnation != incarnation) return nullptr;
  return &it->second;
}

const std::vector<ServerList::Holder>& ServerList::HoldersOf(TabletId tablet) const {
  auto found = holders_.find(tablet);
  return found == holders_.end() ? nobody_ : found->second;
}

void ServerList::IndexHolders() {
  holders_.clear();
  for (const auto& [id, server] : servers_) {
    for (const auto& [tablet, report] : server.tablets) {
      holders_[tablet].push_back({&server, &report});
    }
  }
}

bool ServerList::IsServing(const TabletLocation& location) const {
  const LiveServer* server = Find(location.server_id, location.incarnation);
  if (server == nullptr) return false;
  auto it = server->tablets.find(location.tablet.id);
  return it != server->tablets.end() && it->second.state == wire::TabletState::kOpen &&
         it->second.epoch == location.epoch;
}

}  // namespace stele::master
