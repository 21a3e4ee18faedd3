// What changed in a cell between two looks of its master: the events that nobody has to report,
// and so nobody forgets to. Pure. What came and went between the looks is not seen; each look is a
// pass of the master, which is where anything changes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "schema/convert/event_messages.h"
#include "schema/convert/messages.h"

namespace stele::master {

// Kinds, as people filter by them.
inline constexpr char kMasterEvent[] = "master";      // one became active
inline constexpr char kServerEvent[] = "server";      // came, went, is silent, drains
inline constexpr char kRecoveryEvent[] = "recovery";  // of a dead server's log
inline constexpr char kTableEvent[] = "table";        // created, changed, dropped
inline constexpr char kTabletEvent[] = "tablet";      // serves, serves no more, is broken
inline constexpr char kAssignEvent[] = "assign";      // another owner
inline constexpr char kSplitEvent[] = "split";
inline constexpr char kMergeEvent[] = "merge";
inline constexpr char kOrderEvent[] = "order";      // an operator asked for it
inline constexpr char kRefusedEvent[] = "refused";  // or was refused it, or it failed

// Servers first, then tables, then tablets in the order of their ids; without number and time.
// `why_moved` has the reasons of moves that were planned.
// REQUIRES: both are ready.
std::vector<wire::Event> FindChanges(const wire::CellStatusResponse& before,
                                     const wire::CellStatusResponse& after,
                                     const std::map<TabletId, std::string>& why_moved = {});

// The cell as the master before may have seen it last, by where the tablets were when this one read
// of them first: so that what died together with a master is told by the next one. Servers that had
// no tablets, and all that nothing is known of, are as they are now.
wire::CellStatusResponse LastSeen(const std::map<TabletId, TabletLocation>& found,
                                  const wire::CellStatusResponse& now);

}  // namespace stele::master
