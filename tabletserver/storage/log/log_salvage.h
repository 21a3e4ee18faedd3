// Salvage of a damaged ring (FORMAT.md, "Damage"): reads on behind each place where the chain of
// records breaks, as long as a later write proves that what stood there was durable, and says
// exactly what is missing: the bytes, the LSNs, and the tablets where a good header tells them.
//
// Invariant: a record that it leaves out lies in a gap, or behind the last proof (a torn tail); it
// never hands out a record that fails a check. Reads only. Called by ScanDamagedLog.
#pragma once

#include "tabletserver/storage/log/log_recovery.h"

namespace stele::storage {

// `scan` has its segments and their headers; `damage` is why it does not read as a whole. Fills in
// tail, stretches, gaps, and a cut at a new lap. Returns `damage` when no record of the ring reads.
Status SalvageLog(const Status& damage, LogScan* scan);

}  // namespace stele::storage
