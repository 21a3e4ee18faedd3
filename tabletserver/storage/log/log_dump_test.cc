// Goal: the dump shows every record of a log, names the first damaged offset, and stays unharmed
// by any bytes.
#include "tabletserver/storage/log/log_dump.h"

#include <gtest/gtest.h>

#include "common/bytes/coding.h"
#include "common/testing/fault_fs.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/log/synchronous_log.h"

namespace stele::storage {
namespace {

std::map<uint64_t, std::string> MakeImage() {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(2, 2));
  EXPECT_OK(log.Open());
  EXPECT_OK(log.Write({{20, "one"}, {21, std::string(700, 'l')}}));
  EXPECT_OK(log.Write({{22, "three"}}));
  EXPECT_OK(log.writer().WriteClose());
  return disk.Image();
}

struct Dumped {
  Status status;
  std::string text;
};
Dumped Dump(const std::map<uint64_t, std::string>& image, bool records = true) {
  std::vector<LogDumpInput> inputs;
  for (const auto& [index, bytes] : image) {
    const std::string* b = &bytes;
    inputs.push_back({absl::StrCat("seg", index),
                      [b](uint64_t offset, size_t n, char* out) -> StatusOr<size_t> {
                        return offset > b->size() ? 0 : b->copy(out, n, offset);
                      },
                      bytes.size()});
  }
  Dumped d;
  LogDumpOptions options;
  options.records = records;
  d.status = DumpLog(inputs, options, [&](const std::string& line) { d.text += line + "\n"; });
  return d;
}

TEST(LogDump, ShowsEveryRecord) {
  const Dumped d = Dump(MakeImage());
  EXPECT_OK(d.status);
  EXPECT_EQ(d.text,
            "seg1: 1024 bytes\n"
            "  0: segment epoch 1 lap 1 lsn 1 tail 1/0 segment 1 written from 0\n"
            "  92: full epoch 1 lap 1 lsn 1 tablet 20 bytes 3 written from 92\n"
            "  163: first epoch 1 lap 1 lsn 2 tablet 21 bytes 517 written from 92\n"
            "  748: pad epoch 1 lap 1 lsn 2 tail 1/0 segment 1 written from 92 continues\n"
            "  4 records up to offset 840, then pad\n"
            "seg2: 1024 bytes\n"
            "  0: segment epoch 1 lap 2 lsn 2 tail 1/0 segment 2 written from 0 continues\n"
            "  92: last epoch 1 lap 2 lsn 2 tablet 21 bytes 183 written from 0\n"
            "  343: full epoch 1 lap 2 lsn 3 tablet 22 bytes 5 written from 343\n"
            "  416: close epoch 1 lap 2 lsn 4 tail 1/0 segment 2 written from 416\n"
            "  4 records up to offset 508, then zeros\n"
            "ring: tail lap 1 offset 0, end lap 2 offset 508 (closed), 3 records of 3 tablets, "
            "708 bytes, next lsn 4\n");
}

TEST(LogDump, NamesTheFirstDamagedOffset) {
  auto image = MakeImage();
  image[2][343 + kLogHeaderBytes + 1] ^= 1;
  EXPECT_STATUS(kDataLoss, "seg2 is damaged at offset 343: bad payload crc", Dump(image).status);
  image[1][163 + 8] ^= 1;  // the pad behind it is of the same write: only recovery can tell
  EXPECT_STATUS(kDataLoss, "seg2 is damaged at offset 343", Dump(image, false).status);
  image[2][10] ^= 1;
  EXPECT_STATUS(kDataLoss, "seg2 is damaged at offset 0: bad header", Dump(image).status);
}

TEST(LogDump, EmptyRingAndErrors) {
  EXPECT_OK(Dump({{1, std::string(1024, '\0')}}).status);
  const LogDumpInput broken{
      "seg", [](uint64_t, size_t, char*) -> StatusOr<size_t> { return absl::InternalError("EIO"); },
      1024};
  EXPECT_STATUS(kInternal, "seg: EIO", DumpLog({broken}, {}, [](const std::string&) {}));
}

TEST(LogDump, ReadsFiles) {
  FaultFs fs;
  ASSERT_OK(fs.MakeDir("/d"));
  ASSERT_OK_AND_ASSIGN(auto file, fs.Open("/d/1.seg", Fs::Mode::kCreateExclusive));
  ASSERT_OK(file->WriteAt(0, {Slice(MakeImage()[1])}));
  std::string text;
  auto sink = [&](const std::string& line) { text += line + "\n"; };
  EXPECT_OK(DumpLogFiles(&fs, {"/d/1.seg"}, {}, sink));
  EXPECT_NE(text.find("/d/1.seg: 1024 bytes\n"), std::string::npos);
  EXPECT_NE(text.find("end lap 2 offset 0 (missing segment)"), std::string::npos) << text;
  EXPECT_STATUS(kNotFound, "/d/2.seg", DumpLogFiles(&fs, {"/d/2.seg"}, {}, sink));
}

TEST(LogDump, AnyBytesAreHarmless) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom rng(seed);
  const auto good = MakeImage();
  for (int round = 0; round < 2000; ++round) {
    auto image = good;
    for (uint64_t i = rng.Below(20); i > 0; --i) {
      std::string& bytes = image[1 + rng.Below(2)];
      if (bytes.empty()) continue;
      const size_t at = rng.Below(bytes.size());
      if (rng.OneIn(4)) bytes.resize(at);
      // A field changed, and its header crc made good again.
      if (at + kLogHeaderBytes < bytes.size()) {
        bytes[at] = static_cast<char>(rng.Next());
        for (size_t p : {size_t{0}, size_t{92}, size_t{163}, size_t{343}}) {
          if (p > at || at >= p + 64 || p + kLogHeaderBytes > bytes.size()) continue;
          EncodeFixed32(bytes.data() + p + 64, MaskCrc(Crc32c(Slice(bytes).substr(p, 64))));
        }
      }
    }
    Dump(image).status.IgnoreError();
    MemoryLogDisk disk;
    disk.SetImage(image);
    SynchronousLog log(&disk, SmallRing(2, 2));
    if (log.Scan().ok()) {
      log.Replay().status().IgnoreError();
      log.Begin().IgnoreError();
    }
  }
}

}  // namespace
}  // namespace stele::storage
