// The verbs that need a server's code, besides the client's: each in its own file.
#pragma once

#include <vector>

#include "client/cli/verb.h"

namespace stele::bin {

// All of them.
std::vector<cli::Verb> ServerVerbs();

cli::Verb LocalVerb();
cli::Verb ConfigCheckVerb();
cli::Verb ConfigPrintVerb();
cli::Verb AdminCheckVerb();
cli::Verb AdminRebuildLockerVerb();
cli::Verb AdminRebuildMetadataVerb();
cli::Verb MasterVerb();
cli::Verb TabletServerVerb();
cli::Verb DebugLogVerb();
cli::Verb DebugSSTableVerb();
cli::Verb DebugManifestVerb();
cli::Verb DebugRescueVerb();

}  // namespace stele::bin
