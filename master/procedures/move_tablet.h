// Move a tablet: see STATES.md. Bound to the master thread.
#pragma once

#include <string>
#include <utility>

#include "master/procedures/table_view.h"

namespace stele::master {

// Writes the new owner down; the reconciler does the rest. NotFound (no such server), Unavailable
// (the tablet does not serve, or is being changed). Already there: nothing.
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
  // server. Other errors are of the flush.
  StatusOr<bool> Advance(const ProcedureContext& context);
  bool written() const { return written_; }

 private:
  StatusOr<bool> Flush(const ProcedureContext& context, const TabletView& view);

  const TabletId tablet_;
  const std::string server_id_;
  bool flushing_ = false, flushed_ = false, written_ = false;
};

// The tablet among those of its table.
StatusOr<TabletView> ViewTablet(const ProcedureContext& context, TabletId tablet);

}  // namespace stele::master
