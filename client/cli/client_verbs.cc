#include "client/cli/verbs.h"

namespace stele::cli {

std::vector<Verb> ClientVerbs() {
  return {TableCreateVerb(),   TableLsVerb(),      TableDescribeVerb(),
          TableAlterVerb(),    TableDropVerb(),    TableDropRangeVerb(),
          TableTruncateVerb(), SetVerb(),          AppendVerb(),
          IncrVerb(),          AddVerb(),          CasVerb(),
          DeleteVerb(),        ReadVerb(),         LookupVerb(),
          ScanVerb(),          CountVerb(),        SampleVerb(),
          ImportVerb(),        ExportVerb(),       CopyVerb(),
          LoadWebtableVerb(),  ProbeVerb(),        FlushVerb(),
          CompactVerb(),       AdminStatusVerb(),  AdminServersVerb(),
          AdminTabletsVerb(),  AdminWhoisVerb(),   AdminWaitHealthyVerb(),
          AdminEventsVerb(),   AdminWhyVerb(),     AdminSplitVerb(),
          AdminMoveVerb(),     AdminMergeVerb(),   AdminFlushVerb(),
          AdminCompactVerb(),  AdminVerifyVerb(),  AdminDrainVerb(),
          AdminUndrainVerb(),  AdminBalanceVerb(), AdminRollingRestartVerb(),
          StatusVerb(),        ShellVerb(),        VersionVerb()};
}

}  // namespace stele::cli
