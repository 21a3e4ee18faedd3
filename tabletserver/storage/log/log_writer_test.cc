// Goal: the writer and the ring agree on what is live: pieces, wraps, pins, growth, copies of cold
// records, a full ring and its reserve; and what was written is read back exactly.
#include "tabletserver/storage/log/log_writer.h"

#include <gtest/gtest.h>

#include "common/base/check.h"
#include "tabletserver/storage/log/synchronous_log.h"

namespace stele::storage {
namespace {

std::string Payload(size_t n, char seed) {
  std::string s(n, seed);
  for (size_t i = 0; i < n; ++i) s[i] = static_cast<char>(seed + i * 7);
  return s;
}

// What a new opener finds.
std::vector<Found> Reopen(MemoryLogDisk* disk, const CommitLogOptions& options) {
  SynchronousLog log(disk, options);
  Status status = log.Scan();
  EXPECT_TRUE(status.ok()) << status;
  auto found = log.Replay();
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() ? *found : std::vector<Found>();
}

TEST(LogWriter, ReadsBackWhatWasWritten) {
  MemoryLogDisk disk;
  const CommitLogOptions options = SmallRing(2, 4, 4096);
  std::vector<Found> want;
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, "one"}, {21, ""}, {20, "three"}}).ok());
    ASSERT_TRUE(log.Write({{22, Payload(500, 'x')}}).ok());
    EXPECT_EQ(log.writer().next_lsn(), 5u);
    want = {{1, 20, "one", 1}, {2, 21, "", 2}, {3, 20, "three", 3}, {4, 22, Payload(500, 'x'), 4}};
  }
  EXPECT_EQ(Reopen(&disk, options), want);
}

TEST(LogWriter, PiecesSpanSegments) {
  MemoryLogDisk disk;
  const CommitLogOptions options = SmallRing(8, 8);
  std::vector<Found> want;
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    Lsn lsn = 1;
    for (size_t n : {300u, 250u, 1u, 2500u, 0u, 700u}) {
      ASSERT_TRUE(log.Write({{20, Payload(n, 'a')}}).ok());
      want.push_back({lsn, 20, Payload(n, 'a'), lsn});
      ++lsn;
    }
    EXPECT_GT(log.status().head_segment, 4u);
  }
  EXPECT_EQ(Reopen(&disk, options), want);
}

// Every size near the end of a segment, so that header, piece and pad meet it in every way.
TEST(LogWriter, EverySizeAtTheEndOfASegment) {
  for (size_t n = 400; n < 660; ++n) {
    MemoryLogDisk disk;
    const CommitLogOptions options = SmallRing(4, 4);
    {
      SynchronousLog log(&disk, options);
      ASSERT_TRUE(log.Open().ok());
      ASSERT_TRUE(log.Write({{20, Payload(n, 'a')}, {21, "next"}}).ok());
    }
    const std::vector<Found> want = {{1, 20, Payload(n, 'a'), 1}, {2, 21, "next", 2}};
    ASSERT_EQ(Reopen(&disk, options), want) << n;
  }
}

TEST(LogRing, WrapsOftenWhileATabletPinsItsSegment) {
  MemoryLogDisk disk;
  const CommitLogOptions options = SmallRing(4, 4);
  SynchronousLog log(&disk, options);
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Write({{20, Payload(200, 'c')}}).ok());  // too much to be carried
  int written = 0, refused = 0;
  for (int i = 0; i < 100 && log.status().wraps < 12; ++i) {
    auto fits = log.WriteIfFits(21, Payload(100, 'u'));
    ASSERT_TRUE(fits.ok()) << fits.status();
    if (*fits) {
      ++written;
      continue;
    }
    ++refused;
    log.ring().MarkFlushed(21, log.writer().next_lsn() - 1);
    if (refused % 2 == 0) {
      log.ring().MarkFlushed(20, log.writer().next_lsn() - 1);
      ASSERT_TRUE(*log.WriteIfFits(20, Payload(200, 'c')));
    }
  }
  EXPECT_GE(log.status().wraps, 12u);
  EXPECT_GT(written, 40);
  // 20's last record is still unflushed: it must be found.
  const std::vector<Found> found = Reopen(&disk, options);
  EXPECT_TRUE(std::any_of(found.begin(), found.end(), [](const Found& f) {
    return f.tablet == 20 && f.payload == Payload(200, 'c');
  }));
}

TEST(LogRing, FullUntilFlushedAndKeepsAReserveForSystemTablets) {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(3, 3));
  ASSERT_TRUE(log.Open().ok());
  while (*log.WriteIfFits(20, Payload(90, 'u'))) continue;
  EXPECT_EQ(log.status().head_segment, 2u);  // one of three stays free
  EXPECT_FALSE(*log.WriteIfFits(20, Payload(90, 'u')));
  EXPECT_TRUE(*log.WriteIfFits(kFirstUserTablet - 1, Payload(90, 's')));
  EXPECT_TRUE(*log.WriteIfFits(kSystemTabletBit | 20, Payload(90, 's')));
  int system = 2;
  while (*log.WriteIfFits(3, Payload(90, 's'))) ++system;
  EXPECT_EQ(log.status().head_segment, 3u);
  EXPECT_GE(system, 4);
  EXPECT_FALSE(*log.WriteIfFits(20, Payload(90, 'u')));
  const Lsn last = log.writer().next_lsn() - 1;
  for (TabletId tablet : {TabletId{3}, TabletId{15}, kSystemTabletBit | 20, TabletId{20}})
    log.ring().MarkFlushed(tablet, last);
  EXPECT_TRUE(*log.WriteIfFits(20, Payload(90, 'u')));
}

TEST(LogRing, AnEntirelyFlushedHeadIsLeftEvenWithTwoSegments) {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(2, 2));
  ASSERT_TRUE(log.Open().ok());
  for (int round = 0; round < 6; ++round) {
    int n = 0;
    while (*log.WriteIfFits(20, Payload(90, 'u'))) ++n;
    EXPECT_GE(n, 2) << round;
    log.ring().MarkFlushed(20, log.writer().next_lsn() - 1);
  }
  EXPECT_GE(log.status().wraps, 3u);
}

TEST(LogRing, GrowsToItsLimitAsLoadAsks) {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(2, 6));
  ASSERT_TRUE(log.Open().ok());
  EXPECT_EQ(log.status().segments, 2u);
  EXPECT_FALSE(log.ring().WantsGrowth());
  while (*log.WriteIfFits(20, Payload(90, 'u'))) {
    if (log.ring().WantsGrowth()) log.Grow();
  }
  EXPECT_EQ(log.status().segments, 6u);
  EXPECT_EQ(log.status().head_segment, 5u);
}

TEST(LogRing, AFullDiskIsNotFatalWhileASegmentCanBeReused) {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(3, 6));
  ASSERT_TRUE(log.Open().ok());
  disk.FailCreates(absl::ResourceExhaustedError("disk full"));
  for (int round = 0; round < 5; ++round) {
    int n = 0;
    while (*log.WriteIfFits(20, Payload(90, 'u'))) ++n;
    EXPECT_GE(n, 2) << round;
    log.ring().MarkFlushed(20, log.writer().next_lsn() - 1);
  }
  EXPECT_EQ(log.status().segments, 3u);
  disk.FailCreates(OkStatus());
  while (*log.WriteIfFits(20, Payload(90, 'u'))) continue;
  EXPECT_EQ(log.status().segments, 6u);
}

TEST(LogRing, PressureNamesTheTabletsOfTheTail) {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(4, 4));
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Write({{30, Payload(60, 'a')}, {25, Payload(60, 'b')}}).ok());
  EXPECT_TRUE(log.ring().Pressure().empty());
  while (log.status().head_segment < 3) ASSERT_TRUE(*log.WriteIfFits(40, Payload(90, 'u')));
  EXPECT_EQ(log.ring().Pressure(), (std::vector<TabletId>{25, 30, 40}));
  log.ring().MarkFlushed(25, 2);
  log.ring().Forget(30);
  EXPECT_EQ(log.ring().Pressure(), (std::vector<TabletId>{40}));
}

TEST(LogRing, FlushesMayEndOutOfOrder) {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(4, 4));
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Write({{20, "1"}, {20, "2"}, {20, "3"}}).ok());
  log.ring().MarkFlushed(20, 2);
  EXPECT_EQ(log.ring().Pinning(), std::vector<TabletId>{20});
  log.ring().MarkFlushed(20, 3);
  log.ring().MarkFlushed(20, 1);
  EXPECT_TRUE(log.ring().Pinning().empty());
}

// A ring of 16 KiB segments with a cold tablet's one small record in the tail.
void FillOverHalf(SynchronousLog* log) {
  while (log->status().head_segment < 3) {
    StatusOr<bool> fits = log->WriteIfFits(40, Payload(3000, 'u'));
    ASSERT_TRUE(fits.ok() && *fits);
  }
}

TEST(LogCarry, ColdRecordsMoveToTheHead) {
  MemoryLogDisk disk;
  const CommitLogOptions options = SmallRing(4, 4, 16384);
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, "cold"}, {21, "flushed"}, {22, "old"}}).ok());
    FillOverHalf(&log);
    log.ring().MarkFlushed(40, log.writer().next_lsn() - 1);
    log.ring().MarkFlushed(21, 2);
    EXPECT_EQ(log.ring().Pressure(), (std::vector<TabletId>{20, 22}));
    auto carried = log.writer().CarryTail();
    ASSERT_TRUE(carried.ok()) << carried.status();
    EXPECT_TRUE(*carried);
    EXPECT_EQ(log.status().tail_segment, 3u);
    EXPECT_FALSE(*log.writer().CarryTail());
    // MarkFlushed speaks of original LSNs: the copy of LSN 3 is dead with it.
    log.ring().MarkFlushed(22, 3);
    EXPECT_EQ(log.ring().Pinning(), std::vector<TabletId>{20});
  }
  std::vector<Found> copies;
  for (const Found& f : Reopen(&disk, options)) {
    if (f.original_lsn != f.lsn) copies.push_back(f);
  }
  ASSERT_EQ(copies.size(), 2u);
  EXPECT_EQ(copies[0].payload, "cold");
  EXPECT_EQ(copies[0].original_lsn, 1u);
  EXPECT_EQ(copies[1].payload, "old");
  EXPECT_EQ(copies[1].original_lsn, 3u);
}

// Of a ring that could be four times as large.
TEST(LogCarry, AFewColdRecordsAreCarriedBeforeTheRingGrows) {
  MemoryLogDisk disk;
  const CommitLogOptions options = SmallRing(4, 16, 1 << 20);
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, "cold"}, {40, "hot"}, {20, "and more"}, {21, "flushed"}}).ok());
    FillOverHalf(&log);
    EXPECT_FALSE(*log.writer().CarryTail()) << "others' records are in it";
    log.ring().MarkFlushed(40, log.writer().next_lsn() - 1);
    log.ring().MarkFlushed(21, 4);
    EXPECT_TRUE(log.ring().Pressure().empty());
    EXPECT_TRUE(*log.writer().CarryTail());
    EXPECT_EQ(log.status().tail_segment, 3u);
    EXPECT_FALSE(*log.writer().CarryTail()) << "it is the head";
  }
  std::vector<Found> found = Reopen(&disk, options);
  std::erase_if(found, [](const Found& f) { return f.original_lsn == f.lsn; });
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].tablet, 20u);
  EXPECT_EQ(found[0].payload, "cold");
  EXPECT_EQ(found[0].original_lsn, 1u);
  EXPECT_EQ(found[1].payload, "and more");
  EXPECT_EQ(found[1].original_lsn, 3u);
}

TEST(LogCarry, WhatMustBeSearchedForWaitsUntilTheRingIsHalfFull) {
  constexpr size_t kSegment = 1 << 20;
  const CommitLogOptions options = SmallRing(4, 16, kSegment);
  const auto is_carried = [&](const std::vector<std::pair<TabletId, std::string>>& cold) {
    MemoryLogDisk disk;
    SynchronousLog log(&disk, options);
    EXPECT_TRUE(log.Open().ok());
    for (const auto& [tablet, payload] : cold) EXPECT_TRUE(*log.WriteIfFits(tablet, payload));
    FillOverHalf(&log);
    log.ring().MarkFlushed(40, log.writer().next_lsn() - 1);
    return *log.writer().CarryTail();
  };
  EXPECT_TRUE(is_carried({{20, "a"}, {21, "b"}}));
  EXPECT_FALSE(is_carried(std::vector<std::pair<TabletId, std::string>>(65, {20, ""})));
  EXPECT_FALSE(is_carried({{20, Payload(kSegment / 64, 'x')}})) << "too much";
  EXPECT_FALSE(is_carried({{40, Payload(kSegment - 604, 'x')}, {20, Payload(200, 'x')}}))
      << "in two pieces: 168 bytes are left for it";
}

TEST(LogCarry, ATabletThatIsWrittenALittleForeverIsFlushedNowAndThen) {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(4, 16, 1 << 20));
  ASSERT_TRUE(log.Open().ok());
  int flushes = 0, carries = 0;
  for (int lap = 0; lap < 100; ++lap) {
    ASSERT_TRUE(log.Write({{20, "cold"}, {20, "and cold"}}).ok());
    const uint64_t head = log.status().head_segment;
    while (log.status().head_segment == head) {
      ASSERT_TRUE(*log.WriteIfFits(40, Payload(3000, 'u')));
    }
    const LogRing::Turn before = log.ring().turn();
    log.ring().MarkFlushed(40, log.writer().next_lsn() - 1);
    EXPECT_NE(log.ring().turn(), before);
    while (*log.writer().CarryTail()) ++carries;
    ASSERT_LE(log.status().head_segment - log.status().tail_segment, 3u) << lap;
    if (const auto wanted = log.ring().Pressure(); !wanted.empty()) {
      EXPECT_EQ(wanted, std::vector<TabletId>{20});
      log.ring().MarkFlushed(20, log.writer().next_lsn() - 1);
      ++flushes;
    }
  }
  EXPECT_GT(carries, 40);
  EXPECT_GE(flushes, 1);
  EXPECT_LT(flushes, 10);
}

TEST(LogCarry, ManyTabletsWithLittleAreNotFlushedForAShorterRing) {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(4, 16, 1 << 20));
  ASSERT_TRUE(log.Open().ok());
  for (int i = 0; i < 65; ++i) ASSERT_TRUE(log.Write({{100, ""}}).ok());
  for (TabletId tablet = 101; tablet < 117; ++tablet) ASSERT_TRUE(log.Write({{tablet, ""}}).ok());
  FillOverHalf(&log);
  log.ring().MarkFlushed(40, log.writer().next_lsn() - 1);
  EXPECT_FALSE(*log.writer().CarryTail());
  EXPECT_TRUE(log.ring().Pressure().empty());
  log.ring().MarkFlushed(101, log.writer().next_lsn() - 1);
  EXPECT_EQ(log.ring().Pressure().size(), 16u);
}

// The log thread may be reading it.
TEST(LogRing, ASegmentOfAnOlderConfigurationOutlivesItsLastPin) {
  MemoryLogDisk disk;
  {
    SynchronousLog log(&disk, SmallRing(4, 4));
    ASSERT_TRUE(log.Open().ok());
  }
  SynchronousLog log(&disk, SmallRing(4, 4, 16384));
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Write({{20, "cold"}}).ok());
  while (log.ring().live().size() < 2) ASSERT_TRUE(*log.WriteIfFits(40, Payload(100, 'u')));
  log.ring().MarkFlushed(40, log.writer().next_lsn() - 1);
  const LogRing::Live tail = log.ring().live().front();
  ASSERT_LT(tail.segment->capacity(), 16384u);
  log.ring().MarkFlushed(20, 1);
  ASSERT_EQ(log.ring().live().size(), 1u);
  char magic[4];
  ASSERT_EQ(*tail.segment->Read(0, sizeof(magic), magic), sizeof(magic));
  EXPECT_EQ(Slice(magic, sizeof(magic)), "STLG");
}

TEST(LogCarry, ACopyOfACopyKeepsTheFirstLsn) {
  MemoryLogDisk disk;
  const CommitLogOptions options = SmallRing(4, 4, 16384);
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, "cold"}}).ok());
    for (int round = 0; round < 8; ++round) {
      const uint64_t head = log.status().head_segment;
      while (log.status().head_segment < head + 2) {
        ASSERT_TRUE(*log.WriteIfFits(40, Payload(3000, 'u')));
      }
      log.ring().MarkFlushed(40, log.writer().next_lsn() - 1);
      while (*log.writer().CarryTail()) continue;
    }
    EXPECT_GE(log.status().wraps, 4u);
    EXPECT_EQ(log.ring().Pinning(), std::vector<TabletId>{20});
  }
  std::vector<Found> found = Reopen(&disk, options);
  std::erase_if(found, [](const Found& f) { return f.tablet != 20; });
  ASSERT_FALSE(found.empty());
  for (const Found& f : found) {
    EXPECT_EQ(f.payload, "cold");
    EXPECT_EQ(f.original_lsn, 1u);
  }
}

TEST(LogCarry, AnUnreadableTailIsLeftToAFlush) {
  MemoryLogDisk disk;
  const CommitLogOptions options = SmallRing(4, 4, 16384);
  SynchronousLog log(&disk, options);
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Write({{20, "cold"}}).ok());
  FillOverHalf(&log);
  log.ring().MarkFlushed(40, log.writer().next_lsn() - 1);
  auto image = disk.Image();
  image[1][kLogControlBytes + kLogHeaderBytes] ^= 1;
  disk.SetImage(image);
  auto carried = log.writer().CarryTail();
  ASSERT_TRUE(carried.ok()) << carried.status();
  EXPECT_FALSE(*carried);
  EXPECT_EQ(log.ring().Pressure(), std::vector<TabletId>{20});
  EXPECT_TRUE(*log.WriteIfFits(40, "goes on"));
}

TEST(LogCarry, ForgottenOnTheWayIsDead) {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(4, 4, 16384));
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Write({{20, "cold"}}).ok());
  log.ring().Forget(20);
  log.ring().AddPin(20, 1, 100, std::nullopt);  // its copy arrives after
  EXPECT_TRUE(log.ring().Pinning().empty());
}

TEST(LogWriter, RefusesAPayloadThatChangedInTheQueue) {
  MemoryLogDisk disk;
  SynchronousLog log(&disk, SmallRing(2, 2));
  ASSERT_TRUE(log.Open().ok());
  std::vector<PendingRecord> group;
  group.push_back(SynchronousLog::Pending(20, "right"));
  group[0].record.payload[0] = 'w';
  const Status status = log.writer().WriteGroup(absl::MakeSpan(group));
  EXPECT_TRUE(IsCorrupt(status)) << status;
  EXPECT_EQ(log.writer().attempted(), 0u);
  EXPECT_FALSE(log.Write({{20, "dead now"}}).ok());
}

TEST(LogWriter, NoReuseOfASegmentWithoutTheLease) {
  MemoryLogDisk disk;
  const CommitLogOptions options = SmallRing(2, 2);
  SynchronousLog log(&disk, options);
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Write({{20, Payload(300, 'a')}}).ok());
  log.lease = absl::AbortedError("lease over");
  EXPECT_TRUE(IsFenced(log.Write({{20, Payload(400, 'b')}})));
  EXPECT_EQ(disk.Image()[2], std::string(1024, '\0'));
}

TEST(LogRing, CostIsNeverLessThanWhatARecordTakes) {
  for (size_t n = 0; n < 3000; n += 13) {
    MemoryLogDisk disk;
    SynchronousLog log(&disk, SmallRing(8, 8));
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.ring().CanEverFit(20, n)) << n;
    int written = 0;
    while (*log.WriteIfFits(20, Payload(n, 'f'))) ++written;  // fails if the ring runs dry inside
    EXPECT_GE(written, 1) << n;
  }
}

TEST(LogRing, SaysWhatCanNeverFit) {
  LogRing ring(SmallRing(2, 4));
  EXPECT_TRUE(ring.CanEverFit(20, 1400));
  EXPECT_FALSE(ring.CanEverFit(20, 1700));
  EXPECT_TRUE(ring.CanEverFit(1, 1700));
  EXPECT_FALSE(ring.CanEverFit(1, 4096));
}

}  // namespace
}  // namespace stele::storage
