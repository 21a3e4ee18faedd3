#include "deploy/bin/server_verbs.h"

namespace stele::bin {

std::vector<cli::Verb> ServerVerbs() {
  return {
      LocalVerb(),       MasterVerb(),       TabletServerVerb(),       ConfigCheckVerb(),
      ConfigPrintVerb(), AdminCheckVerb(),   AdminRebuildLockerVerb(), AdminRebuildMetadataVerb(),
      DebugLogVerb(),    DebugSSTableVerb(), DebugManifestVerb(),      DebugRescueVerb()};
}

}  // namespace stele::bin
