// What the pages of a cell have in common: their head, links, how rows and times are written, the
// table of events. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/base/status.h"
#include "common/net/http.h"
#include "common/obs/page.h"
#include "deploy/cell/snapshot.h"

namespace stele::deploy {

// With the navigation of the cell's pages. REQUIRES: snapshot.view.
obs::Page NewPage(const CellSnapshot& snapshot, const std::string& title);

std::string ParameterOf(const net::HttpRequest& request,
                        const char* name);  // "" when it is not there
// InvalidArgument naming the parameter.
StatusOr<uint64_t> NumberOf(const net::HttpRequest& request, const char* name, uint64_t missing);

std::string RowText(const std::string& row, const char* infinity);
std::string TimeText(int64_t time_us);  // "2024-01-31 12:00:00.25"

std::map<TableId, std::string> NamesOf(const CellSnapshot& snapshot);
obs::PageCell TableLink(const std::string& name);
obs::PageCell TabletLink(TabletId id);
obs::PageCell ServerLink(const std::string& id);

// How far the recovery of a log is.
void AddRecovery(const wire::RecoveryProgress& recovery, obs::Page* page);
// What is under way: recoveries, and what the master is busy with.
void AddWork(const CellSnapshot& snapshot, obs::Page* page);

// How the inside of a tablet looks: files, memory, the shape of its index, what is to be compacted.
void AddInside(const wire::TabletCounters& counters, obs::Page* page);

// The newest, newest first. Returns the number of the oldest that is shown when there may be older
// ones, else 0.
uint64_t AddEvents(const CellSnapshot& snapshot, wire::ListEventsRequest query, uint64_t limit,
                   obs::Page* page, const char* heading = "What happened");

}  // namespace stele::deploy
