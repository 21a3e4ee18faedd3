#include "client/cli/verbs.h"

namespace stele::cli {

std::vector<Verb> ClientVerbs() {
  return {TableCreateVerb(), TableLsVerb(),        TableDescribeVerb(), TableAlterVerb(),
          TableDropVerb(),   TableDropRangeVerb(), TableTruncateVerb(), SetVerb(),
          DeleteVerb(),      ReadVerb(),           ScanVerb(),          CountVerb(),
          SampleVerb(),      LoadWebtableVerb(),   ProbeVerb(),         FlushVerb(),
          CompactVerb(),     StatusVerb(),         VersionVerb()};
}

}  // namespace stele::cli
