// DamageMark: the durable word that a tablet's state may lack acknowledged writes: a cell of the
// store beside its manifest (FORMAT.md). While it stands, no server opens the tablet. Recovery
// writes it before the log forgets what it could not read; only an operator's repair takes it away.
//
// Crash rule: a mark is there whole or not at all; writing the same report twice is one entry.
// Functions over values and the store. Thread-compatible.
#pragma once

#include <string>
#include <vector>

#include "common/store/blob_store.h"
#include "schema/model/model.h"

namespace stele::storage {

inline constexpr char kDamageCellPrefix[] = "damage";

struct DamageMark {
  struct Entry {
    std::string report;  // what may be missing, and why
    std::string rescue;  // the rescue file with the records that could be read; empty: none
    bool operator==(const Entry&) const = default;
  };
  std::vector<Entry> entries;
};

std::string DamageCellName(TabletId tablet);  // "damage/<16 hexadecimal digits>"
std::string EncodeDamageMark(const DamageMark& mark);
// DataLoss for damage, FailedPrecondition for a newer version.
StatusOr<DamageMark> DecodeDamageMark(Slice encoded);

// NotFound: the tablet has none.
StatusOr<DamageMark> ReadDamageMark(BlobStore* store, TabletId tablet);
// Adds an entry; a mark that does not read any more stays as it is. Durable when OK.
Status AddDamageMark(BlobStore* store, TabletId tablet, const DamageMark::Entry& entry);
// DataLoss with the reports when the tablet is marked, or when that cannot be told.
Status CheckNotDamaged(BlobStore* store, TabletId tablet);
// OK when there is none. Durable.
Status RemoveDamageMark(BlobStore* store, TabletId tablet);

}  // namespace stele::storage
