// Move a tablet: see STATES.md. Bound to the master thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "master/procedures/table_view.h"

namespace stele::master {

// The location of the tablet with its new owner. NotFound (no such server), Unavailable (the tablet
// does not serve, or is being changed).
StatusOr<TabletLocation> PlanMoveTablet(const ProcedureContext& context, const TabletView& tablet,
                                        const std::string& server_id);
// Writes the new owners down; the reconciler does the rest. Those of one METADATA tablet are one
// write.
Status WriteMoves(const ProcedureContext& context, const std::vector<TabletLocation>& moves);
// Both for one tablet. Already there: nothing.
Status BeginMoveTablet(const ProcedureContext& context, const TabletView& tablet,
                       const std::string& server_id);

// The way of one tablet to another server, pass by pass: flushed while it serves, so that little is
// left to do when it does not; given to the other; waited for. What it remembers is a master's own:
// the next one begins anew and comes to the same.
class TabletMove {
 public:
  TabletMove(TabletId tablet, std::string server_id)
      : tablet_(tablet), server_id_(std::move(server_id)) {}

  // True: it serves there. Aborted: somebody gave it to a third one. NotFound: no such tablet or
  // server. Other errors are of the flush, or of the write.
  StatusOr<bool> Advance(const ProcedureContext& context);
  // The same, but what is to be written (WriteMoves) is left to the caller, who says so (Written).
  StatusOr<bool> Advance(const ProcedureContext& context, std::optional<TabletLocation>* write);
  void Written() { written_ = true; }
  bool written() const { return written_; }
  // It is flushed, and waits to be written.
  bool flushed() const { return flushed_; }

 private:
  StatusOr<bool> Flush(const ProcedureContext& context, const TabletView& view);

  const TabletId tablet_;
  const std::string server_id_;
  bool flushing_ = false, flushed_ = false, written_ = false;
};

}  // namespace stele::master
