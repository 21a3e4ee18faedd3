#include "deploy/cell/operation_pages.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "deploy/cell/page_parts.h"

namespace stele::deploy {
namespace {

using nlohmann::json;
using obs::FormatDurationMs;

constexpr uint64_t kOrdersShown = 100;
constexpr size_t kTabletsShown = 100;

// Tablets on their way, with what comes next.
void AddTabletsUnderWay(const CellSnapshot& snapshot, obs::Page* page) {
  size_t count = 0;
  for (const wire::TabletSummary& tablet : snapshot.view->status.tablets) {
    if (tablet.state == "serving" || count == kTabletsShown) continue;
    if (count++ == 0) {
      page->Heading("Tablets under way");
      page->BeginTable({"Tablet", "State", "Since", "Reason", "Next step"});
    }
    page->Row({TabletLink(tablet.location.tablet.id), tablet.state,
               FormatDurationMs(tablet.state_age_ms), tablet.reason, tablet.next_step});
  }
  if (count > 0) page->EndTable();
}

}  // namespace

StatusOr<std::string> OperationsPage(const CellSnapshot& snapshot, const net::HttpRequest&) {
  obs::Page page = NewPage(snapshot, "Operations");
  const wire::CellStatusResponse& status = snapshot.view->status;
  const bool recovering =
      std::any_of(status.servers.begin(), status.servers.end(),
                  [](const wire::ServerSummary& server) { return server.state == "recovering"; });
  page.Heading("Under way");
  AddWork(snapshot, &page);
  for (const wire::ServerSummary& server : status.servers) {
    if (!server.draining) continue;
    page.Fact("Drain", absl::StrCat(server.server_id, ": ", server.tablets, " tablets left"));
  }
  if (status.work.empty() && !recovering) page.Text("No procedure, no recovery.");
  AddTabletsUnderWay(snapshot, &page);
  AddEvents(snapshot, {.kind = "order"}, kOrdersShown, &page, "Orders of operators");
  page.Navigation({{"All orders", "/events?kind=order"}});
  AddEvents(snapshot, {.kind = "refused"}, kOrdersShown, &page, "Refused");
  page.Navigation({{"All that was refused", "/events?kind=refused"}});
  return page.Finish();
}

StatusOr<std::string> LockerPage(const CellSnapshot& snapshot, const net::HttpRequest&) {
  obs::Page page = NewPage(snapshot, "Locker");
  const master::LockerView& locker = snapshot.view->locker;
  const wire::CellStatusResponse& status = snapshot.view->status;
  page.Fact("Master", status.master_address);
  page.Fact("Its lock", absl::StrCat(locker.lock_path, ", epoch ", status.master_epoch));
  const int64_t left = std::max<int64_t>(0, locker.lease_left_ms);
  page.Level(
      "Its lease",
      absl::StrCat(FormatDurationMs(left), " were left when the last pass ended, of a session of ",
                   FormatDurationMs(locker.session_timeout_ms)),
      static_cast<uint64_t>(left),
      static_cast<uint64_t>(std::max<int64_t>(1, locker.session_timeout_ms)));
  if (!snapshot.view->trouble.empty()) page.Fact("Trouble", snapshot.view->trouble);
  page.Heading("Servers that hold a lock");
  page.BeginTable({"Server", "Incarnation", "Address", "State", "Note"});
  for (const wire::ServerSummary& server : status.servers) {
    page.Row({ServerLink(server.server_id), absl::StrCat(server.incarnation), server.address,
              server.state, server.note});
  }
  page.EndTable();
  AddEvents(snapshot, {.kind = "master"}, kOrdersShown, &page, "Masters");
  return page.Finish();
}

StatusOr<json> LockerJson(const CellSnapshot& snapshot, const net::HttpRequest&) {
  const master::LockerView& locker = snapshot.view->locker;
  const wire::CellStatusResponse& status = snapshot.view->status;
  json servers = json::array();
  for (const wire::ServerSummary& server : status.servers) {
    servers.push_back({{"id", server.server_id},
                       {"incarnation", server.incarnation},
                       {"address", server.address},
                       {"state", server.state},
                       {"note", server.note}});
  }
  return json({{"master", status.master_address},
               {"lock", locker.lock_path},
               {"epoch", status.master_epoch},
               {"lease_left_ms", locker.lease_left_ms},
               {"session_timeout_ms", locker.session_timeout_ms},
               {"trouble", snapshot.view->trouble},
               {"servers", servers}});
}

}  // namespace stele::deploy
