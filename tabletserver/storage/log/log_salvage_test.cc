// Goal: around any damage every other record of the log is read, what is missing is told exactly
// (place, LSNs, tablet where a good header has it), and never a record is missing without a gap.
#include "tabletserver/storage/log/log_salvage.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/testing/seeded_random.h"
#include "tabletserver/storage/log/synchronous_log.h"

namespace stele::storage {
namespace {

std::string Payload(size_t n, char seed) { return std::string(n, seed); }

struct Salvaged {
  Status status;
  std::vector<Found> found;
  std::vector<LogGap> gaps;
  std::unique_ptr<SynchronousLog> log;
};

Salvaged Open(MemoryLogDisk* disk, const CommitLogOptions& options) {
  Salvaged s;
  s.log = std::make_unique<SynchronousLog>(disk, options);
  s.status = s.log->ScanDamaged();
  if (!s.status.ok()) return s;
  s.gaps = s.log->scan().gaps;
  auto found = s.log->Replay();
  s.status = found.status();
  if (found.ok()) s.found = *found;
  return s;
}

bool Covers(const LogGap& gap, Lsn lsn) {
  if (gap.known.count(lsn) != 0) return true;
  return lsn >= gap.first_lsn && (gap.end_lsn == 0 || lsn < gap.end_lsn);
}

struct Image {
  std::map<uint64_t, std::string> bytes;
  std::vector<Found> records;
  LogPosition last_write, end;
};

// Records of ten tablets, some in pieces, over several laps; nothing is flushed.
Image MakeImage(const CommitLogOptions& options, int records) {
  MemoryLogDisk disk;
  Image image;
  SynchronousLog log(&disk, options);
  EXPECT_TRUE(log.Open().ok());
  while (log.status().segments < options.max_segments) log.Grow();
  for (int i = 1; i <= records; ++i) {
    const TabletId tablet = 20 + static_cast<TabletId>(i % 10);
    const std::string payload = Payload(i % 5 == 0 ? 700 : 40 + i, static_cast<char>('a' + i % 26));
    image.last_write = {log.status().head_segment, log.status().head_offset};
    EXPECT_TRUE(log.Write({{tablet, payload}}).ok()) << i;
    const Lsn lsn = static_cast<Lsn>(i);
    image.records.push_back({lsn, tablet, payload, lsn});
  }
  image.end = {log.status().head_segment, log.status().head_offset};
  image.bytes = disk.Image();
  return image;
}

MemoryLogDisk* Fill(MemoryLogDisk* disk, const std::map<uint64_t, std::string>& bytes) {
  disk->SetImage(bytes);
  for (int i = 0; i < 3; ++i) MemoryLogStore raise_epoch(disk);
  return disk;
}

// Right, and complete but for what the gaps tell; the end of the log may be a torn tail.
void CheckSalvaged(const Image& image, const Salvaged& s, Lsn torn_from) {
  ASSERT_TRUE(s.status.ok()) << s.status;
  size_t next = 0;
  for (const Found& f : s.found) {
    while (next < image.records.size() && image.records[next].lsn < f.lsn) ++next;
    ASSERT_LT(next, image.records.size());
    ASSERT_EQ(f, image.records[next]);
  }
  for (const Found& r : image.records) {
    if (std::find(s.found.begin(), s.found.end(), r) != s.found.end()) continue;
    const bool told = std::any_of(s.gaps.begin(), s.gaps.end(),
                                  [&](const LogGap& gap) { return Covers(gap, r.lsn); });
    ASSERT_TRUE(told || r.lsn >= torn_from) << "LSN " << r.lsn << " is missing without a word";
  }
  for (const LogGap& gap : s.gaps) {
    for (const auto& [lsn, tablet] : gap.known) {
      ASSERT_EQ(tablet, image.records[lsn - 1].tablet) << gap.report;
    }
  }
}

TEST(LogSalvage, EveryFlipLosesOneRecordAtMost) {
  const CommitLogOptions options = SmallRing(7, 7);
  const Image image = MakeImage(options, 17);
  const Lsn last = image.records.back().lsn;
  int gaps = 0, told = 0, nothing_lost = 0;
  for (const auto& [index, bytes] : image.bytes) {
    for (size_t offset = 0; offset < bytes.size(); offset += 3) {
      auto changed = image.bytes;
      changed[index][offset] ^= static_cast<char>(1 << (offset % 8));
      MemoryLogDisk disk;
      Salvaged s = Open(Fill(&disk, changed), options);
      SCOPED_TRACE(absl::StrCat("segment ", index, " offset ", offset));
      CheckSalvaged(image, s, last);
      if (HasFatalFailure()) return;
      if (s.gaps.empty()) continue;
      ++gaps;
      ASSERT_EQ(s.gaps.size(), 1u);
      const LogGap& gap = s.gaps[0];
      // Without its tail's record nobody can say where the log began.
      if (gap.first_lsn == 0) continue;
      ASSERT_TRUE(gap.bounded()) << gap.report;
      ASSERT_LE(gap.end_lsn - gap.first_lsn, 1u) << gap.report;
      ASSERT_GE(s.found.size() + 1, image.records.size());
      told += gap.known.empty() ? 0 : 1;
      nothing_lost += s.found.size() == image.records.size() ? 1 : 0;
    }
  }
  EXPECT_GT(gaps, 500);
  EXPECT_GT(told, gaps / 2);
  EXPECT_GT(nothing_lost, 0) << "a control record is no loss";
  std::printf("%d gaps, %d name the tablet, %d lost nothing\n", gaps, told, nothing_lost);
}

TEST(LogSalvage, SeveralDamagesAtOnce) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  const CommitLogOptions options = SmallRing(7, 7);
  const Image image = MakeImage(options, 17);
  int refused = 0, most = 0;
  for (int n = 0; n < 400; ++n) {
    auto changed = image.bytes;
    for (int i = 0; i < 4; ++i) {
      std::string& bytes = changed[1 + random.Below(5)];
      const size_t from = random.Below(bytes.size());
      const size_t many = random.OneIn(3) ? 1 + random.Below(300) : 1;
      for (size_t b = from; b < std::min(bytes.size(), from + many); ++b) {
        bytes[b] = static_cast<char>(random.Below(256));
      }
    }
    MemoryLogDisk disk;
    Salvaged s = Open(Fill(&disk, changed), options);
    if (!s.status.ok()) {
      ASSERT_TRUE(IsCorrupt(s.status)) << s.status;
      ++refused;
      continue;
    }
    // Behind the last record that reads nothing proves that more was there.
    CheckSalvaged(image, s, s.found.empty() ? 1 : s.found.back().lsn + 1);
    if (HasFatalFailure()) return;
    most = std::max(most, static_cast<int>(s.gaps.size()));
  }
  EXPECT_LT(refused, 20);
  EXPECT_GE(most, 3);
}

TEST(LogSalvage, TheLogGoesOnInANewLapAndForgetsTheDamage) {
  const CommitLogOptions options = SmallRing(7, 8);
  const Image image = MakeImage(options, 17);
  auto changed = image.bytes;
  changed[2][300] ^= 1;
  MemoryLogDisk disk;
  {
    Salvaged s = Open(Fill(&disk, changed), options);
    ASSERT_EQ(s.gaps.size(), 1u);
    EXPECT_NE(s.gaps[0].report.find("segment 2 lap 2 offset"), std::string::npos);
    ASSERT_TRUE(s.log->Begin().ok());
    EXPECT_GT(s.log->status().head_segment, image.end.lap);
    ASSERT_TRUE(s.log->Write({{50, "after"}}).ok());
  }
  Salvaged s = Open(&disk, options);
  ASSERT_TRUE(s.status.ok()) << s.status;
  EXPECT_TRUE(s.gaps.empty());
  ASSERT_EQ(s.found.size(), 1u);
  EXPECT_EQ(s.found[0].payload, "after");
  EXPECT_GT(s.found[0].lsn, image.records.back().lsn);
}

// Until the new lap's header is durable the damage stays evidence.
TEST(LogSalvage, ACrashBeforeTheNewLapFindsTheSameDamage) {
  const CommitLogOptions options = SmallRing(7, 8);
  const Image image = MakeImage(options, 17);
  auto changed = image.bytes;
  changed[3][200] ^= 1;
  for (uint64_t call = 1;; ++call) {
    MemoryLogDisk disk;
    Fill(&disk, changed);
    std::string report;
    {
      Salvaged s = Open(&disk, options);
      ASSERT_EQ(s.gaps.size(), 1u);
      report = s.gaps[0].report;
      disk.FailCall(call, absl::InternalError("cut"));
      if (s.log->Begin().ok()) {
        EXPECT_GT(call, 2u);
        return;
      }
    }
    disk.CutPower([](size_t, size_t) { return false; });
    Salvaged again = Open(&disk, options);
    ASSERT_EQ(again.gaps.size(), 1u) << call;
    EXPECT_EQ(again.gaps[0].report, report);
  }
}

TEST(LogSalvage, ACutSegmentIsAnOpenGap) {
  const CommitLogOptions options = SmallRing(2, 4);
  MemoryLogDisk disk;
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, "first"}}).ok());
  }
  auto image = disk.Image();
  image[1].resize(500);
  disk.SetImage(image);
  Salvaged s = Open(&disk, options);
  ASSERT_TRUE(s.status.ok()) << s.status;
  ASSERT_EQ(s.found.size(), 1u);
  ASSERT_EQ(s.gaps.size(), 1u);
  EXPECT_EQ(s.gaps[0].first_lsn, 2u);
  EXPECT_EQ(s.gaps[0].end_lsn, 0u);
}

TEST(LogSalvage, AMissingSegmentIsAGap) {
  const CommitLogOptions options = SmallRing(7, 7);
  const Image image = MakeImage(options, 17);
  for (uint64_t lap = 1; lap < image.end.lap; ++lap) {
    auto changed = image.bytes;
    changed.erase(lap);
    MemoryLogDisk disk;
    Salvaged s = Open(Fill(&disk, changed), options);
    CheckSalvaged(image, s, UINT64_MAX);
    ASSERT_EQ(s.gaps.size(), 1u);
    EXPECT_EQ(s.gaps[0].lap, lap);
  }
}

TEST(LogSalvage, AReadErrorIsNoDamage) {
  const CommitLogOptions options = SmallRing(7, 7);
  const Image image = MakeImage(options, 17);
  auto changed = image.bytes;
  changed[2][300] ^= 1;
  for (uint64_t call = 1;; ++call) {
    MemoryLogDisk disk;
    Fill(&disk, changed);
    SynchronousLog log(&disk, options);
    disk.FailCall(call, absl::InternalError("read failed"));
    Status status = log.ScanDamaged();
    if (status.ok()) {
      EXPECT_GT(call, 10u);
      return;
    }
    ASSERT_TRUE(absl::IsInternal(status)) << status;
  }
}

}  // namespace
}  // namespace stele::storage
