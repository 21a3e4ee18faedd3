// Any bytes as log segments, raw or as records whose checks are right, are read to an end or to an
// error.
#include <algorithm>
#include <cstring>

#include "common/bytes/crc32c.h"
#include "tabletserver/storage/log/log_dump.h"
#include "tabletserver/storage/log/log_format.h"
#include "tests/fuzz/input.h"

namespace stele::storage {
namespace {

// Records with right checks and fields that the fuzzer chooses, at the offsets that they name or
// not.
std::string Segment(fuzz::FuzzInput& input) {
  std::string out;
  while (!input.empty() && out.size() < 64 * 1024) {
    LogRecordHeader header;
    header.type = static_cast<LogRecordType>(input.Number<uint8_t>());
    header.flags = input.Number<uint8_t>();
    header.uuid = input.Number<uint8_t>() % 2;
    header.epoch = input.Number<uint8_t>();
    header.lap = input.Number<uint8_t>();
    header.lsn = input.Number<uint16_t>();
    header.tablet = input.Number<uint8_t>();
    header.offset =
        input.Number<uint8_t>() == 0 ? input.Number<uint32_t>() : static_cast<uint32_t>(out.size());
    header.write_offset = input.Number<uint8_t>() == 0 ? input.Number<uint32_t>() : header.offset;
    const Slice payload = input.Bytes(input.Number<uint8_t>());
    header.length = input.Number<uint8_t>() == 0 ? input.Number<uint32_t>()
                                                 : static_cast<uint32_t>(payload.size());
    header.payload_crc = LogPayloadCrc(Crc32c(payload), header);
    char bytes[kLogHeaderBytes];
    EncodeLogHeader(header, bytes);
    out.append(bytes, sizeof bytes);
    out.append(payload.data(), payload.size());
  }
  return out;
}

LogDumpInput Input(const std::string& bytes) {
  return {"segment",
          [&bytes](uint64_t offset, size_t n, char* buffer) -> StatusOr<size_t> {
            if (offset >= bytes.size()) return 0;
            n = std::min<uint64_t>(n, bytes.size() - offset);
            std::memcpy(buffer, bytes.data() + offset, n);
            return n;
          },
          bytes.size()};
}

}  // namespace
}  // namespace stele::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stele::storage;
  stele::fuzz::FuzzInput input(data, size);
  std::string first, second;
  if (input.Number<uint8_t>() % 2 == 0) {
    first = std::string(input.Rest());
  } else {
    stele::fuzz::FuzzInput half(data + size / 2, size - size / 2);
    first = Segment(input);
    second = Segment(half);
  }
  size_t lines = 0;
  DumpLog({Input(first), Input(second)}, {}, [&lines](const std::string&) {
    ++lines;
  }).IgnoreError();
  return 0;
}
