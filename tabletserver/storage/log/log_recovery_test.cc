// Goal: recovery finds every durable record and no other, cuts a torn tail silently, and tells
// damage as DataLoss, whatever byte is lost, torn, stale or flipped and whichever call fails.
#include "tabletserver/storage/log/log_recovery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/testing/seeded_random.h"
#include "tabletserver/storage/log/synchronous_log.h"

namespace stele::storage {
namespace {

std::string Payload(size_t n, char seed) {
  std::string s(n, seed);
  for (size_t i = 0; i < n; ++i) s[i] = static_cast<char>(seed + i * 11);
  return s;
}

// Everything unsynced is lost, or random runs of 64 bytes of it are kept.
void LoseAll(MemoryLogDisk* disk) {
  disk->CutPower([](size_t, size_t) { return false; });
}
void KeepRandomSectors(MemoryLogDisk* disk, SeededRandom* rng) {
  std::map<std::pair<size_t, size_t>, bool> kept;
  disk->CutPower([&](size_t write, size_t byte) {
    auto [it, fresh] = kept.emplace(std::make_pair(write, byte / 64), false);
    if (fresh) it->second = rng->OneIn(2);
    return it->second;
  });
}

struct Reopened {
  Status status;
  std::vector<Found> found;
  LogScan* scan = nullptr;
  std::unique_ptr<SynchronousLog> log;
};
Reopened Reopen(MemoryLogDisk* disk, const CommitLogOptions& options) {
  Reopened r;
  r.log = std::make_unique<SynchronousLog>(disk, options);
  r.status = r.log->Scan();
  if (!r.status.ok()) return r;
  r.scan = &r.log->scan();
  auto found = r.log->Replay();
  r.status = found.status();
  if (found.ok()) r.found = *found;
  return r;
}

// Stops syncs from counting: what is written from now on is lost or torn at the power cut.
class NoSyncFrom : public FaultInjector {
 public:
  Status At(Slice point) override {
    return armed && point == "log.before_sync" ? absl::InternalError("power cut") : OkStatus();
  }
  bool armed = false;
};

// ---- what stands at the cut ----

TEST(LogRecovery, AnEmptyRing) {
  MemoryLogDisk disk;
  Reopened r = Reopen(&disk, SmallRing(2, 4));
  ASSERT_TRUE(r.status.ok()) << r.status;
  EXPECT_TRUE(r.scan->empty);
  EXPECT_EQ(r.scan->next_lsn, 1u);
}

TEST(LogRecovery, TellsZerosStaleBadHeaderAndBadPayloadApart) {
  const CommitLogOptions options = SmallRing(2, 4, 4096);
  MemoryLogDisk disk;
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, "first"}}).ok());
    ASSERT_TRUE(log.Write({{20, "second"}}).ok());
  }
  const auto image = disk.Image();
  const size_t second = kLogControlBytes + kLogHeaderBytes + 5;
  auto cut_with = [&](const std::function<void(std::string*)>& change) {
    auto changed = image;
    change(&changed[1]);
    disk.SetImage(changed);
    Reopened r = Reopen(&disk, options);
    EXPECT_TRUE(r.status.ok()) << r.status;
    if (!r.status.ok()) return LogOutcome::kRecord;
    EXPECT_EQ(r.found.size(), r.scan->cut.offset > second ? 2u : 1u);
    return r.scan->cut_reason;
  };
  EXPECT_EQ(cut_with([](std::string*) {}), LogOutcome::kZeros);
  EXPECT_EQ(cut_with([&](std::string* s) { (*s)[second + 9] ^= 1; }), LogOutcome::kBadHeader);
  EXPECT_EQ(cut_with([&](std::string* s) { (*s)[second + kLogHeaderBytes] ^= 1; }),
            LogOutcome::kBadPayload);
  // A record of the lap before, good in itself, where the next one is due.
  EXPECT_EQ(cut_with([&](std::string* s) {
              LogRecordHeader h;
              ASSERT_TRUE(DecodeLogHeader(s->data() + second, &h));
              h.lap -= 1;
              h.payload_crc = LogPayloadCrc(Crc32c("second"), h);
              EncodeLogHeader(h, s->data() + second);
            }),
            LogOutcome::kStale);
}

TEST(LogRecovery, AShortReadIsItsOwnOutcome) {
  MemoryLogDisk disk;
  const CommitLogOptions options = SmallRing(2, 4);
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, "first"}}).ok());
  }
  auto image = disk.Image();
  for (size_t keep : {size_t{30}, kLogControlBytes + 10, kLogControlBytes + kLogHeaderBytes + 2}) {
    const std::string bytes = image[1].substr(0, keep);
    LogSegmentReader reader(
        [&](uint64_t offset, size_t n, char* out) -> StatusOr<size_t> {
          return offset > bytes.size() ? 0 : bytes.copy(out, n, offset);
        },
        1024);
    const uint64_t at = keep < kLogControlBytes ? 0 : kLogControlBytes;
    auto r = reader.ReadAt(at);
    ASSERT_TRUE(r.ok());
    EXPECT_EQ(r->outcome, r->has_header() ? LogOutcome::kBadPayload : LogOutcome::kShort);
  }
  image[1].resize(500);  // a live segment that lost its end
  disk.SetImage(image);
  Reopened r = Reopen(&disk, options);
  EXPECT_TRUE(IsCorrupt(r.status)) << r.status;
}

// ---- torn tails ----

// Writes two acked groups, then one whose power goes before the sync.
void WriteWithTornTail(MemoryLogDisk* disk, const CommitLogOptions& options,
                       std::vector<std::pair<TabletId, std::string>> torn) {
  NoSyncFrom faults;
  SynchronousLog log(disk, options, &faults);
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Write({{20, "a"}, {21, "bb"}}).ok());
  ASSERT_TRUE(log.Write({{20, "ccc"}}).ok());
  faults.armed = true;
  ASSERT_FALSE(log.Write(std::move(torn)).ok());
}

TEST(LogRecovery, TornTailAtEveryByte) {
  const CommitLogOptions options = SmallRing(2, 4, 4096);
  const std::vector<Found> acked = {{1, 20, "a", 1}, {2, 21, "bb", 2}, {3, 20, "ccc", 3}};
  const std::vector<Found> all = {
      acked[0], acked[1], acked[2], {4, 22, "dddd", 4}, {5, 23, "eeeee", 5}};
  for (size_t keep = 0; keep <= 2 * kLogHeaderBytes + 9; ++keep) {
    MemoryLogDisk disk;
    WriteWithTornTail(&disk, options, {{22, "dddd"}, {23, "eeeee"}});
    // The write went out in two halves, the first of which is kept whole when the cut is beyond.
    const size_t half = (2 * kLogHeaderBytes + 9) / 2;
    disk.CutPower([&](size_t write, size_t byte) { return byte + write * half < keep; });
    Reopened r = Reopen(&disk, options);
    ASSERT_TRUE(r.status.ok()) << keep << ": " << r.status;
    ASSERT_GE(r.found.size(), acked.size()) << keep;
    ASSERT_TRUE(std::equal(r.found.begin(), r.found.end(), all.begin())) << keep;
    ASSERT_EQ(r.found.size(),
              3u + (keep >= kLogHeaderBytes + 4) + (keep >= 2 * kLogHeaderBytes + 9))
        << keep;
    // The log goes on, and what was cut never comes back.
    ASSERT_TRUE(r.log->Begin().ok());
    ASSERT_TRUE(r.log->Write({{24, "after"}}).ok());
    const Lsn lsn = r.log->writer().next_lsn() - 1;
    LoseAll(&disk);
    ASSERT_EQ(Reopen(&disk, options).found, (std::vector<Found>{{lsn, 24, "after", lsn}})) << keep;
  }
}

TEST(LogRecovery, ATornWriteThatLostItsBeginningIsNoDamage) {
  SeededRandom rng(7);
  const CommitLogOptions options = SmallRing(4, 4);
  for (int round = 0; round < 300; ++round) {
    MemoryLogDisk disk;
    WriteWithTornTail(&disk, options, {{22, Payload(90, 'd')}, {23, Payload(800, 'e')}, {24, "f"}});
    KeepRandomSectors(&disk, &rng);
    Reopened r = Reopen(&disk, options);
    ASSERT_TRUE(r.status.ok()) << round << ": " << r.status;
    ASSERT_GE(r.found.size(), 3u) << round;
  }
}

// The RocksDB #12591 class: after crash, write, crash, an older record with a good crc stands
// exactly where, and has exactly the LSN with which, the next one is due.
TEST(LogRecovery, LeftoversBehindANewEpochNeverMatch) {
  const CommitLogOptions options = SmallRing(2, 4, 4096);
  const std::string old_first = Payload(200, 'o');
  MemoryLogDisk disk;
  WriteWithTornTail(&disk, options, {{22, old_first}, {23, "leftover"}});
  const size_t start = kLogControlBytes + 3 * kLogHeaderBytes + 6;
  disk.CutPower([&](size_t write, size_t byte) { return write == 1 || byte > 80; });
  Reopened r = Reopen(&disk, options);
  ASSERT_TRUE(r.status.ok()) << r.status;
  ASSERT_EQ(r.found.size(), 3u);
  ASSERT_EQ(r.scan->cut.offset, start);
  ASSERT_TRUE(r.log->Begin().ok());
  ASSERT_TRUE(r.log->Write({{22, Payload(200 - kLogControlBytes, 'n')}}).ok());
  LoseAll(&disk);
  // The leftover is there, whole, right behind.
  LogRecordHeader h;
  const std::string bytes = disk.Image()[1];
  ASSERT_TRUE(DecodeLogHeader(bytes.data() + start + kLogHeaderBytes + 200, &h));
  ASSERT_EQ(h.lsn, 5u);
  r = Reopen(&disk, options);
  ASSERT_TRUE(r.status.ok()) << r.status;
  EXPECT_EQ(r.scan->cut_reason, LogOutcome::kStale);
  EXPECT_EQ(r.found, (std::vector<Found>{{4, 22, Payload(200 - kLogControlBytes, 'n'), 4}}));
}

// A segment about to be reused has a torn header: that is a torn tail. A live one's is damage.
TEST(LogRecovery, TornHeaderOfAReusedSegment) {
  const CommitLogOptions options = SmallRing(2, 2);
  for (size_t keep = 0; keep < 330; ++keep) {
    MemoryLogDisk disk;
    NoSyncFrom faults;
    SynchronousLog log(&disk, options, &faults);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, Payload(500, 'a')}}).ok());
    ASSERT_TRUE(log.Write({{20, Payload(500, 'b')}}).ok());  // lap 1 is full, lap 2 begun
    log.ring().MarkFlushed(20, 1);
    ASSERT_EQ(log.status().tail_segment, 1u);  // record 2 begins in lap 1
    log.ring().MarkFlushed(20, 2);
    ASSERT_TRUE(log.Write({{21, Payload(30, 'c')}}).ok());
    // Lap 2 is full now too: the next group's second write reuses lap 1's segment.
    const uint64_t lap = log.status().head_segment;
    ASSERT_EQ(lap, 2u);
    ASSERT_TRUE(log.writer().SkipRestOfHead().ok());
    faults.armed = true;
    ASSERT_FALSE(log.Write({{22, Payload(150, 'd')}}).ok());
    disk.CutPower([&](size_t write, size_t byte) { return write * 155 + byte < keep; });
    Reopened r = Reopen(&disk, options);
    ASSERT_TRUE(r.status.ok()) << keep << ": " << r.status;
    std::erase_if(r.found, [](const Found& f) { return f.tablet != 21; });
    ASSERT_EQ(r.found.size(), 1u) << keep;
    EXPECT_EQ(r.found[0].payload, Payload(30, 'c'));
    ASSERT_TRUE(r.log->Begin().ok()) << keep;
    ASSERT_TRUE(r.log->Write({{23, "after"}}).ok());
    ASSERT_EQ(Reopen(&disk, options).found.size(), 1u) << keep;
  }
}

TEST(LogRecovery, DamagedHeaderOfALiveSegmentIsDamage) {
  const CommitLogOptions options = SmallRing(4, 4);
  MemoryLogDisk disk;
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    for (int i = 0; i < 9; ++i) ASSERT_TRUE(log.Write({{20, Payload(200, 'a')}}).ok());
    ASSERT_EQ(log.status().head_segment, 4u);
  }
  const auto image = disk.Image();
  for (uint64_t segment = 1; segment <= 4; ++segment) {
    auto changed = image;
    changed[segment][20] ^= 4;
    disk.SetImage(changed);
    Reopened r = Reopen(&disk, options);
    ASSERT_TRUE(IsCorrupt(r.status)) << segment << ": " << r.status;
    EXPECT_NE(
        r.status.message().find(absl::StrCat("segment ", segment, " lap ", segment, " offset 0")),
        Slice::npos)
        << r.status;
  }
}

// ---- flipped bits ----

struct SmallLog {
  std::map<uint64_t, std::string> image;
  std::vector<Found> live;
  uint64_t dead_segment = 0;
  size_t used_in_2 = 0;    // bytes of lap 2 up to and with its pad
  LogPosition last_write;  // where the last write before the end began
  LogPosition end;
};

// Lap 1 dead, lap 2 and 3 live; closed or not.
SmallLog MakeSmallLog(const CommitLogOptions& options, bool closed) {
  MemoryLogDisk disk;
  SmallLog small;
  SynchronousLog log(&disk, options);
  EXPECT_TRUE(log.Open().ok());
  EXPECT_TRUE(log.Write({{20, Payload(500, 'x')}}).ok());
  log.ring().MarkFlushed(20, 1);
  EXPECT_TRUE(log.writer().SkipRestOfHead().ok());
  small.dead_segment = 1;
  for (Lsn lsn = 2; lsn < 8; ++lsn) {
    const std::string payload = Payload(90 + lsn, static_cast<char>('a' + lsn));
    small.last_write = {log.status().head_segment, log.status().head_offset};
    EXPECT_TRUE(log.Write({{20 + lsn, payload}}).ok());
    small.live.push_back({lsn, 20 + lsn, payload, lsn});
  }
  small.end = {log.status().head_segment, log.status().head_offset};
  if (closed) {
    small.last_write = small.end;
    small.end.offset += kLogControlBytes;
    EXPECT_TRUE(log.writer().WriteClose().ok());
  }
  small.image = disk.Image();
  const std::string& two = small.image[2];
  LogRecordHeader h;
  while (DecodeLogHeader(two.data() + small.used_in_2, &h)) {
    small.used_in_2 += kLogHeaderBytes + h.length;
  }
  return small;
}

// Laps 1, 2 and 3 are in the segments of that index.
void CheckFlips(bool closed) {
  const CommitLogOptions options = SmallRing(3, 3);
  const SmallLog small = MakeSmallLog(options, closed);
  ASSERT_EQ(small.end.lap, 3u);
  int damaged = 0, cut = 0;
  for (const auto& [index, bytes] : small.image) {
    for (size_t offset = 0; offset < bytes.size(); ++offset) {
      auto changed = small.image;
      changed[index][offset] ^= static_cast<char>(1 << (offset % 8));
      MemoryLogDisk disk;
      disk.SetImage(changed);
      for (int i = 0; i < 3; ++i) MemoryLogStore raise_epoch(&disk);
      Reopened r = Reopen(&disk, options);
      const LogPosition at{index, offset};
      const bool unused = at >= small.end || (index == 2 && offset >= small.used_in_2);
      if (index == small.dead_segment || unused) {
        ASSERT_TRUE(r.status.ok()) << index << " " << offset << r.status;
        ASSERT_EQ(r.found, small.live);
        continue;
      }
      if (r.status.ok()) {  // never a wrong record, and only the last write may be missing
        ++cut;
        ASSERT_TRUE(at >= small.last_write || r.found == small.live) << index << " " << offset;
        ASSERT_GE(r.found.size(), small.live.size() - (closed ? 0 : 1));
        ASSERT_TRUE(std::equal(r.found.begin(), r.found.end(), small.live.begin()));
        continue;
      }
      ++damaged;
      ASSERT_TRUE(IsCorrupt(r.status)) << r.status;
      ASSERT_LT(at, small.last_write) << index << " " << offset << r.status;
    }
  }
  EXPECT_GT(damaged, 900);
  EXPECT_GT(cut, 90);
}

TEST(LogRecovery, EveryFlipAfterACrash) { CheckFlips(false); }
TEST(LogRecovery, EveryFlipAfterACleanClose) { CheckFlips(true); }

TEST(LogRecovery, DamageNamesPlaceAndTablet) {
  const CommitLogOptions options = SmallRing(2, 4, 4096);
  MemoryLogDisk disk;
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{77, "payload"}}).ok());
    ASSERT_TRUE(log.Write({{78, "later"}}).ok());
  }
  auto image = disk.Image();
  image[1][kLogControlBytes + kLogHeaderBytes + 3] ^= 0x10;
  disk.SetImage(image);
  Reopened r = Reopen(&disk, options);
  ASSERT_TRUE(IsCorrupt(r.status)) << r.status;
  for (const char* part : {"segment 1 ", "offset 92:", "bad payload", "LSN 1 ", "tablet 77"}) {
    EXPECT_NE(r.status.message().find(part), Slice::npos) << part << " in " << r.status;
  }
}

// ---- what is refused ----

// A segment begun by another ring, in a lap long ago.
std::string MixedIn(uint64_t index, uint64_t uuid, uint64_t lap = 1, uint64_t epoch = 1) {
  std::string bytes(1024, '\0');
  LogControl control;
  control.tail = {lap, 0};
  control.capacity = 1024;
  control.segment_index = index;
  EncodeLogControl(control, bytes.data() + kLogHeaderBytes);
  LogRecordHeader h;
  h.type = LogRecordType::kSegment;
  h.uuid = uuid;
  h.epoch = epoch;
  h.lap = lap;
  h.lsn = 1;
  h.length = kLogControlPayloadBytes;
  h.payload_crc =
      LogPayloadCrc(Crc32c(Slice(bytes).substr(kLogHeaderBytes, kLogControlPayloadBytes)), h);
  EncodeLogHeader(h, bytes.data());
  return bytes;
}

TEST(LogRecovery, OneLapInTwoSegments) {
  const CommitLogOptions options = SmallRing(2, 4);
  MemoryLogDisk disk;
  {
    MemoryLogStore raise_epoch(&disk);
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, "a"}}).ok());
  }
  auto image = disk.Image();
  image[2] = MixedIn(2, options.new_log_uuid, 1, 1);  // begun and torn before this epoch
  disk.SetImage(image);
  EXPECT_EQ(Reopen(&disk, options).found.size(), 1u);
  image[3] = image[2];
  image[2] = MixedIn(2, options.new_log_uuid, 1, 2);
  disk.SetImage(image);
  EXPECT_TRUE(IsCorrupt(Reopen(&disk, options).status));
}

// A value that holds the image of a log record must stay a value.
TEST(LogRecovery, RecordsInsideValuesProveNothing) {
  const CommitLogOptions options = SmallRing(2, 4, 4096);
  // The forged header claims the place where it will stand, in the record after the torn one.
  const size_t inside = kLogControlBytes + kLogHeaderBytes + 10 + kLogHeaderBytes;
  for (uint8_t version : {1, 2}) {
    LogRecordHeader h;
    h.version = version;
    h.uuid = options.new_log_uuid;
    h.epoch = h.lap = 1000;
    h.offset = static_cast<uint32_t>(inside);
    h.write_offset = h.offset;
    std::string forged(kLogHeaderBytes, '\0');
    EncodeLogHeader(h, forged.data());
    MemoryLogDisk one;
    NoSyncFrom cut;
    SynchronousLog writer(&one, options, &cut);
    ASSERT_TRUE(writer.Open().ok());
    cut.armed = true;
    ASSERT_FALSE(writer.Write({{20, std::string(10, 't')}, {21, forged}}).ok());
    one.CutPower([](size_t write, size_t byte) { return write == 1 || byte > 8; });
    Reopened r = Reopen(&one, options);
    ASSERT_TRUE(r.status.ok()) << r.status;
    EXPECT_TRUE(r.found.empty());
  }
}

TEST(LogRecovery, WithoutSyncsNothingIsCalledDamage) {
  CommitLogOptions options = SmallRing(2, 4, 4096);
  options.sync = false;
  MemoryLogDisk disk;
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(log.Write({{20, "abcdef"}}).ok());
  }
  auto image = disk.Image();
  image[1][kLogControlBytes + kLogHeaderBytes + 74 + 3] ^= 1;
  disk.SetImage(image);
  Reopened r = Reopen(&disk, options);
  ASSERT_TRUE(r.status.ok()) << r.status;
  EXPECT_EQ(r.found.size(), 1u);
}

TEST(LogRecovery, ACleanCloseAfterAFullFlushLeavesNothingToReplay) {
  const CommitLogOptions options = SmallRing(2, 4, 4096);
  MemoryLogDisk disk;
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, "a"}, {21, "b"}}).ok());
    log.ring().MarkFlushed(20, UINT64_MAX);
    log.ring().MarkFlushed(21, 2);
    ASSERT_TRUE(log.Write({{20, "after"}}).ok());  // not flushed by what was said before
    EXPECT_EQ(log.ring().Pinning(), std::vector<TabletId>{20});
    log.ring().MarkFlushed(20, 3);
    ASSERT_TRUE(log.writer().WriteClose().ok());
  }
  Reopened r = Reopen(&disk, options);
  ASSERT_TRUE(r.status.ok()) << r.status;
  EXPECT_TRUE(r.found.empty());
  EXPECT_TRUE(r.scan->closed);
  EXPECT_EQ(r.scan->next_lsn, 4u);
}

TEST(LogRecovery, RefusesAnotherRingsSegmentsAndVersions) {
  CommitLogOptions options = SmallRing(2, 4);
  MemoryLogDisk disk;
  {
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, "a"}}).ok());
  }
  const auto image = disk.Image();
  options.new_log_uuid = 5;  // of no effect: the ring keeps its own
  EXPECT_EQ(Reopen(&disk, options).found.size(), 1u);
  auto mixed = image;
  mixed[2] = MixedIn(2, 7);
  disk.SetImage(mixed);
  EXPECT_TRUE(absl::IsFailedPrecondition(Reopen(&disk, options).status));

  auto other = image;
  LogRecordHeader h;
  ASSERT_TRUE(DecodeLogHeader(other[1].data() + kLogControlBytes, &h));
  h.version = 2;
  EncodeLogHeader(h, other[1].data() + kLogControlBytes);
  disk.SetImage(other);
  EXPECT_TRUE(absl::IsFailedPrecondition(Reopen(&disk, options).status));

  MemoryLogDisk restored;  // its store's epoch is behind the records'
  { SynchronousLog log(&disk, options); }
  restored.SetImage(image);
  EXPECT_TRUE(absl::IsFailedPrecondition(Reopen(&restored, options).status));
}

TEST(LogRecovery, ASegmentUnderAnotherNameIsDamage) {
  const CommitLogOptions options = SmallRing(3, 3);
  const SmallLog small = MakeSmallLog(options, true);
  auto swapped = small.image;
  std::swap(swapped[2], swapped[3]);
  MemoryLogDisk disk;
  disk.SetImage(swapped);
  EXPECT_TRUE(IsCorrupt(Reopen(&disk, options).status));
}

TEST(LogRecovery, AMissingLiveSegmentIsDamage) {
  const CommitLogOptions options = SmallRing(3, 3);
  const SmallLog small = MakeSmallLog(options, false);
  auto lost = small.image;
  lost.erase(2);
  MemoryLogDisk disk;
  disk.SetImage(lost);
  const Status status = Reopen(&disk, options).status;
  EXPECT_TRUE(IsCorrupt(status)) << status;
}

// ---- failing calls ----

TEST(LogRecovery, AReadErrorIsNeverTheEndOfTheLog) {
  const CommitLogOptions options = SmallRing(3, 3);
  const SmallLog small = MakeSmallLog(options, false);
  uint64_t n = 1;
  for (;; ++n) {
    MemoryLogDisk disk;
    disk.SetImage(small.image);
    for (int i = 0; i < 3; ++i) MemoryLogStore raise_epoch(&disk);
    disk.FailCall(n, absl::InternalError("EIO"));
    Reopened r = Reopen(&disk, options);
    if (disk.calls() < n) {
      ASSERT_EQ(r.found, small.live);
      break;
    }
    ASSERT_EQ(r.status.code(), absl::StatusCode::kInternal) << n << ": " << r.status;
  }
  EXPECT_GE(n, 9u);
}

// The power goes at every call of recovery, and again in the recovery of that: until an epoch is
// begun, everything is found; from then on the recovered records are gone, and nothing else comes.
TEST(LogRecovery, DoubleCrashAtEveryCall) {
  SeededRandom rng(11);
  const CommitLogOptions options = SmallRing(3, 3);
  const SmallLog small = MakeSmallLog(options, false);
  for (uint64_t first = 1; first < 40; ++first) {
    for (uint64_t second = 1; second < 40; ++second) {
      MemoryLogDisk disk;
      disk.SetImage(small.image);
      for (int i = 0; i < 3; ++i) MemoryLogStore raise_epoch(&disk);
      bool begun = false;
      for (uint64_t n : {first, second}) {
        disk.FailCall(n, absl::InternalError("power"));
        Reopened r = Reopen(&disk, options);
        if (r.status.ok()) {
          ASSERT_TRUE(r.found == small.live || (r.found.empty() && begun));
          begun = r.log->Begin().ok() || begun || disk.calls() >= n;
        } else {
          ASSERT_FALSE(IsCorrupt(r.status)) << first << " " << second << r.status;
        }
        KeepRandomSectors(&disk, &rng);
      }
      Reopened r = Reopen(&disk, options);
      ASSERT_TRUE(r.status.ok()) << first << " " << second << ": " << r.status;
      ASSERT_TRUE(r.found == small.live || (r.found.empty() && begun)) << first << " " << second;
    }
  }
}

// A killed writer leaves bytes in the page cache; the power goes while the next one begins, and any
// one of the unsynced writes survives alone. The head's first write (its header) was never synced.
TEST(LogRecovery, PowerCutInTheRecoveryAfterAKill) {
  const CommitLogOptions options = SmallRing(2, 2);
  for (uint64_t call = 1; call <= 4; ++call) {
    for (size_t survivor = 0; survivor < 4; ++survivor) {
      MemoryLogDisk disk;
      NoSyncFrom faults;
      SynchronousLog log(&disk, options, &faults);
      ASSERT_TRUE(log.Open().ok());
      ASSERT_TRUE(log.Write({{20, "a"}}).ok());
      ASSERT_TRUE(log.writer().SkipRestOfHead().ok());
      faults.armed = true;
      ASSERT_FALSE(log.Write({{20, "b"}}).ok());
      disk.KillProcess();
      Reopened r = Reopen(&disk, options);
      ASSERT_EQ(r.found.size(), 2u) << r.status;
      disk.FailCall(call, absl::InternalError("power"));
      r.log->Begin().IgnoreError();
      disk.CutPower([&](size_t write, size_t) { return write == survivor; });
      r = Reopen(&disk, options);
      ASSERT_TRUE(r.status.ok()) << call << " " << survivor << ": " << r.status;
    }
  }
}

// The same, with the pad that frees the only other segment in the page cache, and that segment's
// new header torn.
TEST(LogRecovery, APadIsDurableBeforeTheNextWriterReusesASegment) {
  const CommitLogOptions options = SmallRing(2, 2);
  for (uint64_t call = 1; call <= 4; ++call) {
    MemoryLogDisk disk;
    NoSyncFrom faults;
    SynchronousLog log(&disk, options, &faults);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Write({{20, "a"}}).ok());
    ASSERT_TRUE(log.writer().SkipRestOfHead().ok());
    ASSERT_TRUE(log.Write({{20, "b"}}).ok());  // lap 2 says that lap 1 is needed
    log.ring().MarkFlushed(20, 2);
    faults.armed = true;
    ASSERT_FALSE(log.Write({{21, Payload(700, 'c')}}).ok());
    disk.KillProcess();
    Reopened r = Reopen(&disk, options);
    ASSERT_TRUE(r.status.ok()) << r.status;
    ASSERT_EQ(r.scan->cut, (LogPosition{3, 0}));
    disk.FailCall(call, absl::InternalError("power"));
    r.log->Begin().IgnoreError();
    disk.CutPower([&](size_t write, size_t byte) { return write == 0 && byte < 50; });
    r = Reopen(&disk, options);
    ASSERT_TRUE(r.status.ok()) << call << ": " << r.status;
  }
}

// A full ring, its last bytes used up, must still be closed, opened, crashed and opened again.
TEST(LogRecovery, AFullRingGoesOn) {
  for (size_t last = 1; last < 300; last += 3) {
    const CommitLogOptions options = SmallRing(2, 2);
    MemoryLogDisk disk;
    SynchronousLog log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    while (*log.WriteIfFits(3, Payload(61, 's'))) continue;
    (void)log.WriteIfFits(3, Payload(last, 's'));
    if (last % 2 == 0) {
      ASSERT_TRUE(log.writer().WriteClose().ok());
    }
    const Lsn lsn = log.writer().next_lsn() - 1;
    for (int round = 0; round < 12; ++round) {
      Reopened r = Reopen(&disk, options);
      ASSERT_TRUE(r.status.ok()) << last << " " << round << ": " << r.status;
      ASSERT_EQ(r.found.size(), round == 0 ? lsn : 0) << last << " " << round;
      const Status begun = r.log->Begin();
      ASSERT_TRUE(begun.ok()) << last << " " << round << ": " << begun;
      ASSERT_TRUE(round % 3 == 0 || r.log->writer().WriteClose().ok());
    }
    Reopened r = Reopen(&disk, options);
    ASSERT_TRUE(r.log->Begin().ok());
    ASSERT_TRUE(*r.log->WriteIfFits(3, "goes on"));
  }
}

// ---- the model: everything at once ----

// Random records, flushes, carries, growth and restarts; the power goes at call `n`.
class Workload {
 public:
  // `padding`: so many bytes more in each record of the tablets that are written much.
  explicit Workload(uint64_t seed, size_t padding = 0) : rng_(seed), padding_(padding) {}

  // False when the call failed.
  bool Run(MemoryLogDisk* disk, const CommitLogOptions& options, int steps) {
    SynchronousLog log(disk, options);
    if (!log.Scan().ok()) return false;
    auto found = log.Replay();
    if (!found.ok()) return false;
    Check(*found);
    begun_ = true;  // perhaps: the records recovered count as durable elsewhere
    if (!log.Begin().ok()) return false;
    unflushed_.clear();
    begun_ = false;
    for (int i = 0; i < steps; ++i) {
      const TabletId tablet = rng_.OneIn(30) ? 24 + rng_.Below(2) : 16 + rng_.Below(3);
      std::string payload = absl::StrCat(tablet, "/", counter_++, "/");
      payload.append(rng_.OneIn(8) ? rng_.Below(900) : rng_.Below(60), 'p');
      if (tablet < 24) payload.append(padding_, 'P');
      submitted_.insert(payload);
      if (log.ring().WantsGrowth()) log.Grow();
      auto fits = log.WriteIfFits(tablet, payload);
      if (!fits.ok()) return false;
      if (*fits) unflushed_[log.writer().next_lsn() - 1] = {tablet, payload};
      while (true) {
        const bool over_half = !log.ring().Pressure().empty();
        auto carried = log.writer().CarryTail();
        if (!carried.ok()) return false;
        if (!*carried) break;
        ++carries;
        early_carries += over_half ? 0 : 1;
      }
      if (rng_.OneIn(5)) Flush(&log, 16 + rng_.Below(3));
      if (!*fits) {
        for (TabletId t : log.ring().Pinning()) Flush(&log, t);
      }
    }
    wraps += log.status().wraps;
    return rng_.OneIn(2) || log.writer().WriteClose().ok();
  }

  // Every acked, unflushed record is there; nothing that was never submitted is.
  void Check(const std::vector<Found>& found) {
    std::set<std::string> there;
    for (const Found& f : found) {
      there.insert(f.payload);
      ASSERT_TRUE(submitted_.count(f.payload) == 1) << f.payload;
      ASSERT_EQ(f.payload.substr(0, f.payload.find('/')), absl::StrCat(f.tablet));
    }
    if (begun_ && there.empty()) unflushed_.clear();
    for (const auto& [lsn, record] : unflushed_) {
      ASSERT_TRUE(there.count(record.second) == 1)
          << "lost: LSN " << lsn << " " << record.second.substr(0, 12);
    }
  }
  SeededRandom* rng() { return &rng_; }
  uint64_t wraps = 0, carries = 0, early_carries = 0;

 private:
  void Flush(SynchronousLog* log, TabletId tablet) {
    const Lsn lsn = log->writer().next_lsn() - 1;
    log->ring().MarkFlushed(tablet, lsn);
    std::erase_if(unflushed_, [&](const auto& u) { return u.second.first == tablet; });
  }

  SeededRandom rng_;
  const size_t padding_;
  int counter_ = 0;
  bool begun_ = false;
  std::map<Lsn, std::pair<TabletId, std::string>> unflushed_;
  std::set<std::string> submitted_;
};

// Cuts the power at call `n` and, after each restart, somewhere.
void CutAndRestart(uint64_t n, const CommitLogOptions& options, int restarts, Workload* work) {
  MemoryLogDisk disk;
  for (int restart = 0; restart < restarts; ++restart) {
    const uint64_t span = work->rng()->OneIn(2) ? 30 : 400;  // often inside recovery
    disk.FailCall(restart == 0 ? n : 1 + work->rng()->Below(span), absl::InternalError("power"));
    work->Run(&disk, options, 120);
    if (testing::Test::HasFatalFailure()) return;
    if (work->rng()->OneIn(2)) {
      disk.KillProcess();
    } else {
      KeepRandomSectors(&disk, work->rng());
    }
    Reopened r = Reopen(&disk, options);
    ASSERT_TRUE(r.status.ok()) << r.status;
    work->Check(r.found);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(LogRecovery, PowerCutAtEveryCallLosesNothingAcked) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  uint64_t wraps = 0, carries = 0;
  for (uint64_t n = 1; n < 700; ++n) {
    SCOPED_TRACE(absl::StrCat("first fault at call ", n));
    Workload work(seed + n);
    CutAndRestart(n, SmallRing(2, 6, 1024u << n % 3), 6, &work);
    if (HasFatalFailure()) return;
    wraps += work.wraps;
    carries += work.carries;
  }
  EXPECT_GT(wraps, 300u);
  EXPECT_GT(carries, 20u);
}

// The same where cold records are carried long before the ring is half full.
TEST(LogRecovery, PowerCutAroundAnEarlyCarryLosesNothingAcked) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  uint64_t early_carries = 0;
  for (uint64_t n = 1; n < 300; ++n) {
    SCOPED_TRACE(absl::StrCat("first fault at call ", n));
    Workload work(seed + n, 2500);
    CutAndRestart(n, SmallRing(2, 16, 32768), 3, &work);
    if (HasFatalFailure()) return;
    early_carries += work.early_carries;
  }
  EXPECT_GT(early_carries, 100u);
}

}  // namespace
}  // namespace stele::storage
