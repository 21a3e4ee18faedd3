// Constants of the manifest format (FORMAT.md beside this file), shared by writer, reader and dump.
// Immutable.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stele::storage {

inline constexpr uint32_t kManifestMagic = 0x464d5453;  // "STMF"
inline constexpr size_t kManifestVersionOffset = 4;
inline constexpr size_t kManifestTabletOffset = 8;
inline constexpr size_t kManifestLengthOffset = 16;
inline constexpr size_t kManifestCrcOffset = 20;
inline constexpr size_t kManifestPreludeBytes = 24;
inline constexpr size_t kManifestMaxGcDepth = 32;

inline constexpr uint32_t kManifestSplitsVersion = 2;    // first with last_split and merged_into
inline constexpr uint32_t kManifestDropsVersion = 3;     // first with drops of rows
inline constexpr uint32_t kManifestGcNowVersion = 4;     // first with gc_now_us
inline constexpr uint32_t kManifestRequestsVersion = 5;  // first with requests and aggregates
inline constexpr uint32_t kManifestRunsVersion = 6;      // first with many writes as one request

inline constexpr uint64_t kManifestGroupBloomColumns = 1;
inline constexpr uint64_t kManifestGroupInMemory = 2;

}  // namespace stele::storage
