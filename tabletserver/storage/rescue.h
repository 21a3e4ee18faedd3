// Rescue: the operator's way out for tablets that recovery has set aside: shows what is marked and
// what was kept, and puts the kept records back. Offline: no server may hold the log. What the
// damage has destroyed stays lost; whoever applies a rescue says that the tablet may go on so.
//
// Crash rule: the records are in files and manifest before the mark is removed; applied again,
// records that are in the manifest are skipped. Rescue files and damaged bytes are never deleted
// here. Functions over a store. Thread-compatible.
#pragma once

#include <functional>
#include <string>

#include "tabletserver/storage/engine.h"

namespace stele::storage {

// Lines for a person: every marked tablet with its reports and its rescue files. OK also when there
// is none.
Status ListRescue(BlobStore* store, const std::function<void(const std::string&)>& sink);

// Puts the records of all rescue files of the tablet into its files and manifest, then removes its
// mark. env: store, clock, and the server whose log has to be free. DataLoss when the manifest or a
// rescue file does not read: the manifest comes first, from a copy; Unavailable when a server runs.
Status ApplyRescue(const EngineOptions& options, const EngineEnv& env, TabletId tablet,
                   const std::function<void(const std::string&)>& sink);

}  // namespace stele::storage
