// What a cell's file holds: a header of 32 bytes, the lineage, then the value. Little-endian.
//
//   0  magic "SCEL"   4  format (1)   8  version   16  value bytes
//   24 kind: 0 value, 1 deleted   25 lineage entries, at most 17   26 reserved (0)
//   28 crc32c, masked, over the name, the first 28 bytes, the lineage and the value
//   32 lineage: 8 bytes each
//
// The name is in the check, so a file that was swapped with another cell's is found out. Every
// check that fails is DataLoss; a newer format or kind is FailedPrecondition. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/store/blob_store.h"

namespace stele {

inline constexpr size_t kCellHeaderBytes = 32;
inline constexpr size_t kMaxCellValueBytes = 16u << 20;

inline constexpr size_t kMaxCellLineage = 17;
inline constexpr size_t kMaxCellFileBytes =
    kCellHeaderBytes + kMaxCellLineage * sizeof(uint64_t) + kMaxCellValueBytes;

enum class CellKind : uint8_t {
  kValue = 0,
  kDeleted = 1,  // a tombstone: the cell ended with this version; its value is empty
};

// One version of a cell.
struct CellVersion {
  StoredCell cell;
  CellKind kind = CellKind::kValue;
  // The random token of this version, then of those before it, for as long as they are known: by
  // it a writer finds out whether a later version follows his.
  std::vector<uint64_t> lineage;
};

std::string EncodeCellVersion(Slice name, const CellVersion& version);
StatusOr<CellVersion> DecodeCellVersion(Slice name, Slice file);

// A version without lineage. What is decoded must not be a tombstone: DataLoss.
std::string EncodeCellFile(Slice name, uint64_t version, Slice value);
StatusOr<StoredCell> DecodeCellFile(Slice name, Slice file);

}  // namespace stele
