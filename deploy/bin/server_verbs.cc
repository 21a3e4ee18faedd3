#include "deploy/bin/server_verbs.h"

namespace stele::bin {

std::vector<cli::Verb> ServerVerbs() {
  return {LocalVerb(),        AdminCheckVerb(),    DebugLogVerb(),
          DebugSSTableVerb(), DebugManifestVerb(), DebugRescueVerb()};
}

}  // namespace stele::bin
