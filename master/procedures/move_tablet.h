// Move a tablet: see STATES.md. Bound to the master thread.
#pragma once

#include "master/procedures/table_view.h"

namespace stele::master {

// Writes the new owner down; the reconciler does the rest. NotFound (no such server), Unavailable
// (the tablet does not serve, or is being changed). Already there: nothing.
Status BeginMoveTablet(const ProcedureContext& context, const TabletView& tablet,
                       const std::string& server_id);

}  // namespace stele::master
