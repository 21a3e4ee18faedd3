// The limits of the data model, checked on decoded sizes before anything is allocated. DATA_MODEL
// says what each means.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stele {

inline constexpr size_t kMaxTableNameBytes = 50;
inline constexpr size_t kMaxFamilyNameBytes = 64;
inline constexpr size_t kMaxFamiliesPerTable = 100;
inline constexpr size_t kMaxRowKeyBytes = 4096;
inline constexpr size_t kMaxQualifierBytes = 16 * 1024;
inline constexpr size_t kMaxValueBytes = 100u << 20;
inline constexpr size_t kMaxRowReadBytes = 256u << 20;
inline constexpr size_t kMaxMutationsPerRow = 100'000;
inline constexpr size_t kMaxMutationsPerBatch = 100'000;
inline constexpr size_t kMaxReadModifyWriteRules = 100'000;
inline constexpr size_t kAggregateBytes = 8;  // of an aggregate's state, and of a counter
inline constexpr size_t kMaxGcRuleBytes = 500;
inline constexpr size_t kMaxGcRuleDepth = 20;
inline constexpr size_t kMaxFilterBytes = 20'480;
inline constexpr size_t kMaxFilterDepth = 20;
// What one cell may cost: the sum over all parts of a filter of the copies that can reach the part.
// Interleaves in a chain multiply them.
inline constexpr uint64_t kMaxFilterSteps = 20'480;
inline constexpr size_t kMaxLabelBytes = 15;
inline constexpr int64_t kTimestampGranularityUs = 1000;
inline constexpr size_t kMaxFrameBytes = 128u << 20;

}  // namespace stele
