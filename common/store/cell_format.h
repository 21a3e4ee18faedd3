// What a cell's file holds: a header of 32 bytes, then the value. Little-endian.
//
//   0  magic "SCEL"   4  format (1)   8  version   16  value bytes   24  reserved (0)
//   28 crc32c, masked, over the name, the first 28 bytes and the value
//
// The name is in the check, so a file that was swapped with another cell's is found out. Every
// check that fails is DataLoss; a newer format is FailedPrecondition. Pure functions.
#pragma once

#include <string>

#include "common/base/status.h"
#include "common/store/blob_store.h"

namespace stele {

inline constexpr size_t kCellHeaderBytes = 32;
inline constexpr size_t kMaxCellValueBytes = 16u << 20;

std::string EncodeCellFile(Slice name, uint64_t version, Slice value);
StatusOr<StoredCell> DecodeCellFile(Slice name, Slice file);

}  // namespace stele
