// One function a verb, each, or a family of them, in its own file. What a verb does is told by its
// Verb.
#pragma once

#include "client/cli/verb.h"

namespace stele::cli {

std::string ProgramVersion();

Verb TableCreateVerb();
Verb TableLsVerb();
Verb TableDescribeVerb();
Verb TableAlterVerb();
Verb TableDropVerb();
Verb TableDropRangeVerb();
Verb TableTruncateVerb();
Verb SetVerb();
Verb AddVerb();
Verb AppendVerb();
Verb IncrVerb();
Verb CasVerb();
Verb DeleteVerb();
Verb ReadVerb();
Verb LookupVerb();
Verb ScanVerb();
Verb CountVerb();
Verb SampleVerb();
Verb ImportVerb();
Verb ExportVerb();
Verb CopyVerb();
Verb LoadWebtableVerb();
Verb ProbeVerb();
Verb BenchYcsbVerb();
Verb AdminSplitVerb();
Verb AdminMoveVerb();
Verb AdminMergeVerb();
Verb AdminStatusVerb();
Verb AdminServersVerb();
Verb AdminTabletsVerb();
Verb AdminWhoisVerb();
Verb AdminWaitHealthyVerb();
Verb AdminEventsVerb();
Verb AdminWhyVerb();
Verb AdminFlushVerb();
Verb AdminCompactVerb();
Verb AdminVerifyVerb();
Verb AdminDrainVerb();
Verb AdminUndrainVerb();
Verb AdminBalanceVerb();
Verb AdminRollingRestartVerb();
Verb FlushVerb();
Verb CompactVerb();
Verb StatusVerb();
Verb ShellVerb();
Verb VersionVerb();
Verb AdminOptionsVerb();
Verb AdminSetVerb();
Verb AdminDoctorVerb();
Verb CompletionVerb();
Verb ManVerb();

}  // namespace stele::cli
