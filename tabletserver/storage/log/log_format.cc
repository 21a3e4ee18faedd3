#include "tabletserver/storage/log/log_format.h"

#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"

namespace stele::storage {

bool LogRecordHeader::is_control() const {
  return type == LogRecordType::kSegment || type == LogRecordType::kEpoch ||
         type == LogRecordType::kPad || type == LogRecordType::kClose;
}

void EncodeLogHeader(const LogRecordHeader& header, char* p) {
  EncodeFixed32(p, kLogMagic);
  p[4] = static_cast<char>(header.version);
  p[5] = static_cast<char>(header.type);
  p[6] = static_cast<char>(header.flags & 0xff);
  p[7] = static_cast<char>(header.flags >> 8);
  EncodeFixed64(p + 8, header.uuid);
  EncodeFixed64(p + 16, header.epoch);
  EncodeFixed64(p + 24, header.lap);
  EncodeFixed64(p + 32, header.lsn);
  EncodeFixed64(p + 40, header.tablet);
  EncodeFixed32(p + 48, header.offset);
  EncodeFixed32(p + 52, header.write_offset);
  EncodeFixed32(p + 56, header.length);
  EncodeFixed32(p + 60, header.payload_crc);
  EncodeFixed32(p + 64, MaskCrc(Crc32c(Slice(p, 64))));
}

bool DecodeLogHeader(const char* p, LogRecordHeader* header) {
  if (DecodeFixed32(p) != kLogMagic) return false;
  if (DecodeFixed32(p + 64) != MaskCrc(Crc32c(Slice(p, 64)))) return false;
  uint8_t type = static_cast<uint8_t>(p[5]);
  header->version = static_cast<uint8_t>(p[4]);
  if (header->version == kLogVersion && (type < 1 || type > 8)) return false;
  header->type = static_cast<LogRecordType>(type);
  header->flags = static_cast<uint16_t>(static_cast<uint8_t>(p[6]) |
                                        (static_cast<uint16_t>(static_cast<uint8_t>(p[7])) << 8));
  header->uuid = DecodeFixed64(p + 8);
  header->epoch = DecodeFixed64(p + 16);
  header->lap = DecodeFixed64(p + 24);
  header->lsn = DecodeFixed64(p + 32);
  header->tablet = DecodeFixed64(p + 40);
  header->offset = DecodeFixed32(p + 48);
  header->write_offset = DecodeFixed32(p + 52);
  header->length = DecodeFixed32(p + 56);
  header->payload_crc = DecodeFixed32(p + 60);
  return true;
}

uint32_t LogPayloadCrc(uint32_t crc, const LogRecordHeader& header) {
  char identity[32];
  EncodeFixed64(identity, header.uuid);
  EncodeFixed64(identity + 8, header.epoch);
  EncodeFixed64(identity + 16, header.lap);
  EncodeFixed64(identity + 24, header.lsn);
  return MaskCrc(ExtendCrc32c(crc, Slice(identity, sizeof(identity))));
}

void EncodeLogControl(const LogControl& control, char* p) {
  EncodeFixed64(p, control.tail.lap);
  EncodeFixed32(p + 8, static_cast<uint32_t>(control.tail.offset));
  EncodeFixed32(p + 12, control.capacity);
  EncodeFixed64(p + 16, control.segment_index);
}

bool DecodeLogControl(Slice payload, LogControl* control) {
  if (payload.size() != kLogControlPayloadBytes) return false;
  control->tail.lap = DecodeFixed64(payload.data());
  control->tail.offset = DecodeFixed32(payload.data() + 8);
  control->capacity = DecodeFixed32(payload.data() + 12);
  control->segment_index = DecodeFixed64(payload.data() + 16);
  return true;
}

const char* LogRecordTypeName(LogRecordType type) {
  switch (type) {
    case LogRecordType::kSegment:
      return "segment";
    case LogRecordType::kEpoch:
      return "epoch";
    case LogRecordType::kFull:
      return "full";
    case LogRecordType::kFirst:
      return "first";
    case LogRecordType::kMiddle:
      return "middle";
    case LogRecordType::kLast:
      return "last";
    case LogRecordType::kPad:
      return "pad";
    case LogRecordType::kClose:
      return "close";
  }
  return "unknown";
}

}  // namespace stele::storage
