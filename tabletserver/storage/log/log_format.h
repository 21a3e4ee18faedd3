// The commit log's bytes (FORMAT.md): constants and the coding of one record header and one control
// payload, shared by writer, reader and dump. Pure functions over plain values: thread-safe.
//
// Invariant: DecodeHeader(EncodeHeader(h)) == h; a header with any one bit changed does not decode.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/slice.h"

namespace stele::storage {

inline constexpr uint32_t kLogMagic = 0x474c5453;  // "STLG"
inline constexpr uint8_t kLogVersion = 1;
inline constexpr size_t kLogHeaderBytes = 68;
inline constexpr size_t kLogControlPayloadBytes = 24;
inline constexpr size_t kLogControlBytes = kLogHeaderBytes + kLogControlPayloadBytes;
// Kept free of data at a segment's end: a close, an epoch and a pad record.
inline constexpr size_t kLogTailRoomBytes = 3 * kLogControlBytes;
inline constexpr uint64_t kMinLogSegmentBytes = 1u << 10;
inline constexpr uint64_t kMaxLogSegmentBytes = 1u << 30;
inline constexpr size_t kLogCarriedPrefixBytes = 8;  // the original LSN

enum class LogRecordType : uint8_t {
  kSegment = 1,
  kEpoch = 2,
  kFull = 3,
  kFirst = 4,
  kMiddle = 5,
  kLast = 6,
  kPad = 7,
  kClose = 8,
};

inline constexpr uint16_t kLogFlagCarried = 1;
inline constexpr uint16_t kLogFlagContinues = 2;
inline constexpr uint16_t kLogFlagUnsynced = 4;

// A place in the ring; ordered as written.
struct LogPosition {
  uint64_t lap = 0;
  uint64_t offset = 0;
  auto operator<=>(const LogPosition&) const = default;
};

struct LogRecordHeader {
  uint8_t version = kLogVersion;
  LogRecordType type = LogRecordType::kFull;
  uint16_t flags = 0;
  uint64_t uuid = 0;
  uint64_t epoch = 0;
  uint64_t lap = 0;
  uint64_t lsn = 0;
  uint64_t tablet = 0;
  uint32_t offset = 0;
  uint32_t write_offset = 0;
  uint32_t length = 0;
  uint32_t payload_crc = 0;  // as stored
  bool operator==(const LogRecordHeader&) const = default;

  bool is_control() const;
  LogPosition position() const { return {lap, offset}; }
};

struct LogControl {
  LogPosition tail;
  uint32_t capacity = 0;
  uint64_t segment_index = 0;
  bool operator==(const LogControl&) const = default;
};

// Writes kLogHeaderBytes at p, the header crc included.
void EncodeLogHeader(const LogRecordHeader& header, char* p);
// False unless magic, header crc and type are good (of any version: the caller refuses others).
bool DecodeLogHeader(const char* p, LogRecordHeader* header);

// The payload crc to store: `crc` is Crc32c(payload); uuid, epoch, lap and lsn come from the
// header.
uint32_t LogPayloadCrc(uint32_t crc, const LogRecordHeader& header);

void EncodeLogControl(const LogControl& control, char* p);
bool DecodeLogControl(Slice payload, LogControl* control);

const char* LogRecordTypeName(LogRecordType type);

}  // namespace stele::storage
