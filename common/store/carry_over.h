// Carries a store of an earlier format over to this one, when it is opened: FORMAT.md. Nothing else
// may use the store meanwhile: the earlier program is kept out by the new marker, what runs of it
// makes the open fail, and processes of this program wait at the marker's lock.
//
// Crash rule: the file CARRYOVER is there from before the new marker until all is done; whoever
// opens the store then goes on. Each cell is there under its old name, its new one, or both.
#pragma once

#include <string>

#include "common/base/status.h"
#include "common/store/fs.h"

namespace stele {

// OK when the store in `root`, which has a marker, is of this format in the end. FailedPrecondition
// when a process of the earlier program runs; Unavailable when another carries it over for long.
Status CarryOverOldFormat(Fs* fs, const std::string& root);

}  // namespace stele
