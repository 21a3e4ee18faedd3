// SealedCell: the head and the check around the value of a small cell of the store: magic:4,
// version:1, the body, masked crc32c:4 over all before it (FORMAT.md). Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/status.h"

namespace stele::storage {

std::string SealCell(uint32_t magic, uint8_t version, Slice body);

// The body, which points into `encoded`. `what` begins each error: DataLoss for damage,
// FailedPrecondition for a version above `newest`.
StatusOr<Slice> OpenSealedCell(Slice what, uint32_t magic, uint8_t newest, Slice encoded);

}  // namespace stele::storage
