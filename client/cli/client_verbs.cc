#include "client/cli/verbs.h"

namespace stele::cli {

std::vector<Verb> ClientVerbs() {
  return {TableCreateVerb(), TableLsVerb(), TableDescribeVerb(), TableAlterVerb(),
          TableDropVerb(),   SetVerb(),     DeleteVerb(),        ReadVerb(),
          ScanVerb(),        CountVerb(),   LoadWebtableVerb(),  ProbeVerb(),
          FlushVerb(),       CompactVerb(), StatusVerb(),        VersionVerb()};
}

}  // namespace stele::cli
