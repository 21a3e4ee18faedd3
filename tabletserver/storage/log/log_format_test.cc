// Goal: the bytes of version 1 never change, and a header with any bit changed is refused.
#include "tabletserver/storage/log/log_format.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "common/bytes/crc32c.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/log/synchronous_log.h"

namespace stele::storage {
namespace {

LogRecordHeader SomeHeader() {
  LogRecordHeader h;
  h.type = LogRecordType::kMiddle;
  h.flags = kLogFlagCarried;
  h.uuid = 0x0123456789abcdef;
  h.epoch = 7;
  h.lap = 9;
  h.lsn = 1234567890123;
  h.tablet = 42;
  h.offset = 4096;
  h.write_offset = 512;
  h.length = 77;
  h.payload_crc = 0xdeadbeef;
  return h;
}

TEST(LogFormat, HeaderComesBackAndNoBitMayChange) {
  char bytes[kLogHeaderBytes];
  EncodeLogHeader(SomeHeader(), bytes);
  LogRecordHeader h;
  ASSERT_TRUE(DecodeLogHeader(bytes, &h));
  EXPECT_EQ(h, SomeHeader());
  for (size_t bit = 0; bit < 8 * kLogHeaderBytes; ++bit) {
    bytes[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_FALSE(DecodeLogHeader(bytes, &h)) << bit;
    bytes[bit / 8] ^= static_cast<char>(1 << (bit % 8));
  }
}

TEST(LogFormat, UnknownTypesAreRefusedOtherVersionsAreShown) {
  char bytes[kLogHeaderBytes];
  LogRecordHeader h = SomeHeader();
  for (uint8_t type : {0, 9, 255}) {
    h.type = static_cast<LogRecordType>(type);
    EncodeLogHeader(h, bytes);
    EXPECT_FALSE(DecodeLogHeader(bytes, &h)) << static_cast<int>(type);
  }
  h.version = 2;
  EncodeLogHeader(h, bytes);
  ASSERT_TRUE(DecodeLogHeader(bytes, &h));
  EXPECT_EQ(h.version, 2);
}

TEST(LogFormat, PayloadCrcCoversThePlace) {
  const LogRecordHeader h = SomeHeader();
  const uint32_t crc = LogPayloadCrc(Crc32c("payload"), h);
  for (uint64_t LogRecordHeader::*field : {&LogRecordHeader::uuid, &LogRecordHeader::epoch,
                                           &LogRecordHeader::lap, &LogRecordHeader::lsn}) {
    LogRecordHeader other = h;
    other.*field += 1;
    EXPECT_NE(LogPayloadCrc(Crc32c("payload"), other), crc);
  }
  EXPECT_NE(LogPayloadCrc(Crc32c("Payload"), h), crc);
}

TEST(LogFormat, ControlPayload) {
  LogControl control;
  control.tail = {3, 92};
  control.capacity = 1024;
  control.segment_index = 5;
  char bytes[kLogControlPayloadBytes];
  EncodeLogControl(control, bytes);
  LogControl back;
  ASSERT_TRUE(DecodeLogControl(Slice(bytes, sizeof(bytes)), &back));
  EXPECT_EQ(back, control);
  EXPECT_FALSE(DecodeLogControl(Slice(bytes, sizeof(bytes) - 1), &back));
}

// The first segment of a ring with one record "stele" of tablet 20 and a close record: computed
// from FORMAT.md by a program of its own, not by this code.
constexpr char kGolden[] =
    "53544c47010100008877665544332211010000000000000001000000000000000100000000000000"
    "0000000000000000000000000000000018000000fbf9cf2f045062dd010000000000000000000000"
    "00040000010000000000000053544c47010300008877665544332211010000000000000001000000"
    "00000000010000000000000014000000000000005c0000005c000000050000005f1f47e95ea6564d"
    "7374656c6553544c4701080000887766554433221101000000000000000100000000000000020000"
    "00000000000000000000000000a5000000a500000018000000d71f9908d08f626601000000000000"
    "0000000000000400000100000000000000";

TEST(LogFormat, GoldenVersion1) {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(2, 2));
  ASSERT_OK(log.Open());
  ASSERT_OK(log.Write({{20, "stele"}}));
  ASSERT_OK(log.writer().WriteClose());
  const std::string bytes = disk.Image()[1];
  const std::string golden = absl::HexStringToBytes(kGolden);
  EXPECT_EQ(absl::BytesToHexString(bytes.substr(0, golden.size())), kGolden);
  EXPECT_EQ(bytes.substr(golden.size()), std::string(1024 - golden.size(), '\0'));
  // And it is read.
  MemoryLogDisk old;
  std::string segment = golden;
  segment.resize(1024);
  old.SetImage({{1, segment}});
  MemoryLogStore raise_epoch(&old);
  SynchronousLog reader(&old, SmallRing(2, 2));
  ASSERT_OK(reader.Scan());
  EXPECT_TRUE(reader.scan().closed);
  ASSERT_OK_AND_ASSIGN(std::vector<Found> found, reader.Replay());
  EXPECT_EQ(found, (std::vector<Found>{{1, 20, "stele", 1}}));
}

}  // namespace
}  // namespace stele::storage
