// CellSnapshot: what the status pages of a process are rendered from. Value type; the view is
// shared and immutable, `events` and `load` are thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "master/cell_view.h"
#include "master/load/load_watch.h"
#include "schema/convert/event_messages.h"
#include "schema/convert/load_messages.h"
#include "schema/convert/messages.h"
#include "schema/convert/process_messages.h"
#include "tabletserver/rpc/server_insight.h"

namespace stele::deploy {

struct CellSnapshot {
  // Of the master. Null: it is not active (yet), or this process has none.
  std::shared_ptr<const master::CellView> view;
  std::vector<wire::ServerStatusResponse> servers;             // that run in this process
  std::map<std::string, std::vector<wire::TableTimes>> times;  // of their requests, by server
  // Null: not known to this process. Unavailable: not read yet.
  std::function<StatusOr<wire::ListEventsResponse>(const wire::ListEventsRequest&)> events;
  // What servers are asked for; null: not known to this process.
  std::shared_ptr<const master::LoadWatch> load;
  std::vector<wire::OptionValue> options;  // of the process; empty: not known
  // What a server of this process tells of its inside; null: nothing. NotFound.
  std::function<StatusOr<tabletserver::ServerInsight>(const std::string& server_id)> insight;
  // Why it shows no cell: "the cell is starting", "this master stands by"; empty: it does, or it is
  // a tablet server.
  std::string waiting;
};

}  // namespace stele::deploy
