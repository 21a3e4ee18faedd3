// Goal: damage in the commit log never stops the server: tablets that it cannot concern open with
// all that was acknowledged, the others refuse with a report, also after further restarts and
// crashes on the way, and what reads of their records is kept for a repair.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "common/base/log.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/damage_mark.h"
#include "tabletserver/storage/rescue.h"
#include "tabletserver/storage/rescue_file.h"
#include "tabletserver/storage/write_record.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

constexpr int kDamages = 200;
constexpr TabletId kFirst = 101;
constexpr int kTablets = 4;
constexpr int kWrites = 120;

std::string RowOf(int i) { return absl::StrCat("row", 1000 + i); }
std::string ValueOf(int i) { return absl::StrCat("value-", i, "-", std::string(60, 'v')); }
TabletId TabletOf(int i) { return kFirst + static_cast<TabletId>(i * 7 % 13 % kTablets); }

class LogDamage : public ::testing::Test {
 public:
  LogDamage() {
    SetMinLogLevel(LogLevel::kOff);
    options_.log.segment_bytes = 16384;
  }
  ~LogDamage() override { SetMinLogLevel(LogLevel::kInfo); }

 protected:
  static StatusOr<std::shared_ptr<TabletStore>> Open(EngineHarness* h, TabletId id) {
    ASSIGN_OR_RETURN(StoredManifest stored, ReadManifest(h->store(), id));
    return h->engine()->OpenTablet(id, stored.manifest.epoch + 1);
  }

  // Writes of four tablets, mixed; the first has flushed a part. No restart since: all is in the
  // log.
  static Status Fill(EngineHarness* h) {
    RETURN_IF_ERROR(h->OpenEngine());
    std::map<TabletId, std::shared_ptr<TabletStore>> tablets;
    for (TabletId id = kFirst; id < kFirst + kTablets; ++id) {
      RETURN_IF_ERROR(h->engine()->CreateTablet(TestTablet(id), TinySchema(), 1));
      ASSIGN_OR_RETURN(tablets[id], h->engine()->OpenTablet(id, 1));
    }
    for (int i = 0; i < kWrites; ++i) {
      RETURN_IF_ERROR(tablets[TabletOf(i)]->WriteSync(Put(RowOf(i), "a", "q", 1000, ValueOf(i))));
      if (i == kWrites / 3) RETURN_IF_ERROR(tablets[kFirst]->Flush());
    }
    // A flip in the very last write is a torn tail (log/FORMAT.md): nobody looks at it.
    return tablets[TabletOf(0)]->WriteSync(Put("zzz", "a", "q", 1000, "last"));
  }

  static std::string Get(TabletStore* tablet, const std::string& row) {
    RowCollector rows;
    StatusOr<ReadProgress> progress = tablet->ReadRow(row, {}, &rows);
    if (!progress.ok()) return progress.status().ToString();
    return rows.rows.empty() ? "<none>" : rows.rows[0].cells[0].value;
  }

  static int WrongRows(TabletStore* tablet, TabletId id) {
    int wrong = 0;
    for (int i = 0; i < kWrites; ++i) {
      if (TabletOf(i) == id) wrong += Get(tablet, RowOf(i)) == ValueOf(i) ? 0 : 1;
    }
    return wrong;
  }

  // The tablets that refuse to open; every other one has all of its rows.
  static std::map<TabletId, Status> LookAtAll(EngineHarness* h) {
    std::map<TabletId, Status> refused;
    for (TabletId id = kFirst; id < kFirst + kTablets; ++id) {
      StatusOr<std::shared_ptr<TabletStore>> tablet = Open(h, id);
      if (!tablet.ok()) {
        refused[id] = tablet.status();
        continue;
      }
      EXPECT_EQ(WrongRows(tablet->get(), id), 0) << "tablet " << id;
    }
    return refused;
  }

  static std::vector<std::string> Segments(EngineHarness* h) {
    std::vector<std::string> files;
    for (const std::string& file : h->fs().AllFiles()) {
      if (absl::EndsWith(file, ".seg")) files.push_back(file);
    }
    return files;
  }

  static std::string Content(EngineHarness* h, const std::string& name) {
    auto blob = h->store()->OpenBlob(name);
    if (!blob.ok()) return "";
    std::string content((*blob)->size(), 0);
    EXPECT_OK((*blob)->Read(0, content.size(), content.data()));
    return content;
  }

  // The values in the rescue files of a tablet.
  static std::vector<std::string> Rescued(EngineHarness* h, TabletId id) {
    std::vector<std::string> values;
    auto files = h->store()->ListBlobs(RescueFolder(id));
    for (const BlobInfo& file : files.ok() ? *files : std::vector<BlobInfo>()) {
      EXPECT_OK(ReadRescue(Content(h, file.name), [&](Lsn, Slice payload) {
        WriteHeader header;
        Status whole = DecodeWrite(payload, &header, [&](Slice, Slice value) {
          values.emplace_back(value);
          return OkStatus();
        });
        return IsCorrupt(whole) ? OkStatus() : whole;
      }));
    }
    std::sort(values.begin(), values.end());
    return values;
  }

  EngineOptions options_ = TinyEngineOptions();
};

TEST_F(LogDamage, ConcernsOnlyTheTabletsThatItMay) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  EngineHarness origin(options_);
  ASSERT_OK(Fill(&origin));
  const std::vector<std::string> segments = Segments(&origin);
  int count[kTablets + 1] = {};
  for (int n = 0; n < kDamages;) {
    std::unique_ptr<FaultFs> disk = origin.fs().Image(1);
    const std::string& file = segments[random.Below(segments.size())];
    ASSERT_OK_AND_ASSIGN(std::string content, disk->Contents(file));
    const uint64_t used = content.find(std::string(200, '\0'));
    if (used == 0) continue;
    ++n;
    const uint64_t offset = random.Below(std::min<uint64_t>(used, content.size()));
    ASSERT_OK(disk->Damage(file, offset, static_cast<uint8_t>(1u << random.Below(8))));
    SCOPED_TRACE(absl::StrCat(file, " at ", offset));
    EngineHarness h(options_);
    h.UseDisk(std::move(disk));
    ASSERT_OK(h.OpenEngine());
    const std::map<TabletId, Status> refused = LookAtAll(&h);
    ++count[refused.size()];
    for (const auto& [id, status] : refused) {
      ASSERT_TRUE(IsCorrupt(status)) << status;
      for (const char* part : {"segment", "offset", "LSN", "lap"}) {
        EXPECT_TRUE(absl::StrContains(status.message(), part)) << status;
      }
    }
    // The knowledge stays when the log has long forgotten.
    h.Drop();
    ASSERT_OK(h.OpenEngine());
    const std::map<TabletId, Status> again = LookAtAll(&h);
    EXPECT_EQ(again, refused);
  }
  std::printf("%d damages concerned no tablet %d times, one %d, several %d, all %d\n", kDamages,
              count[0], count[1], count[2] + count[3], count[4]);
  EXPECT_GT(count[0], 0) << "of records that were flushed";
  EXPECT_GT(count[1], 60);
  EXPECT_LT(count[kTablets], 20);
}

// Where the payload of the first record with this value begins.
std::pair<std::string, uint64_t> Find(EngineHarness* h, const std::string& value) {
  for (const std::string& file : h->fs().AllFiles()) {
    if (!absl::EndsWith(file, ".seg")) continue;
    auto content = h->fs().Contents(file);
    const size_t at = content.ok() ? content->find(value) : std::string::npos;
    if (at != std::string::npos) return {file, at};
  }
  return {};
}

TEST_F(LogDamage, WhatReadsIsKeptAndCanBePutBack) {
  EngineHarness h(options_);
  ASSERT_OK(Fill(&h));
  const int lost = 60;
  const TabletId victim = TabletOf(lost);
  const auto [file, offset] = Find(&h, ValueOf(lost));
  ASSERT_FALSE(file.empty());
  h.Drop();
  ASSERT_OK(h.fs().Damage(file, offset, 1));
  ASSERT_OK(h.OpenEngine());
  const std::map<TabletId, Status> refused = LookAtAll(&h);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused.begin()->first, victim);
  const std::vector<std::string> kept = Rescued(&h, victim);
  int expected = 0;
  for (int i = 0; i < kWrites; ++i) {
    if (TabletOf(i) != victim || i == lost) continue;
    if (victim == kFirst && i <= kWrites / 3) continue;  // in files
    ++expected;
    EXPECT_TRUE(std::binary_search(kept.begin(), kept.end(), ValueOf(i))) << i;
  }
  EXPECT_GE(static_cast<int>(kept.size()), expected);
  // The damaged bytes are kept as they are: their place in the ring is used again.
  ASSERT_OK_AND_ASSIGN(auto evidence, h.store()->ListBlobs("rescue/log-server"));
  ASSERT_EQ(evidence.size(), 1u);
  EXPECT_TRUE(absl::StrContains(Content(&h, evidence[0].name), ValueOf(lost).substr(1)));
  h.DropEngine();
  // The operator takes the loss of what is lost.
  std::vector<std::string> lines;
  const auto say = [&](const std::string& line) { lines.push_back(line); };
  ASSERT_OK(ListRescue(h.store(), say));
  EXPECT_TRUE(absl::StrContains(lines[0], absl::StrCat("tablet ", victim)));
  EngineEnv env;
  env.store = h.store();
  env.clock = &h.clock();
  env.server_id = "server";
  ASSERT_OK(ApplyRescue(options_, env, victim, say));
  ASSERT_OK(ApplyRescue(options_, env, victim, say));  // nothing is left to do
  ASSERT_OK(h.OpenEngine());
  ASSERT_OK_AND_ASSIGN(auto tablet, Open(&h, victim));
  EXPECT_EQ(WrongRows(tablet.get(), victim), 1);
  EXPECT_EQ(Get(tablet.get(), RowOf(lost)), "<none>");
  ASSERT_OK(tablet->WriteSync(Put(RowOf(lost), "a", "q", 1000, "new")));
  EXPECT_EQ(Get(tablet.get(), RowOf(lost)), "new");
}

TEST_F(LogDamage, ACrashAnywhereInTheRecoveryMarksTheSameTablets) {
  EngineHarness origin(options_);
  ASSERT_OK(Fill(&origin));
  const TabletId victim = TabletOf(60);
  const auto [file, offset] = Find(&origin, ValueOf(60));
  uint64_t crashes = 0;
  for (uint64_t call = 1;; ++call) {
    std::unique_ptr<FaultFs> disk = origin.fs().Image(1);
    ASSERT_OK(disk->Damage(file, offset, 1));
    disk->InjectAt(
        call, call % 2 == 0 ? FaultFs::Fault::kPowerCutBefore : FaultFs::Fault::kPowerCutAfter);
    EngineHarness h(options_);
    h.UseDisk(std::move(disk));
    const bool opened = h.OpenEngine().ok();
    if (opened && !h.fs().power_is_off()) break;
    ++crashes;
    h.PowerCut(call);
    ASSERT_OK(h.OpenEngine());
    const std::map<TabletId, Status> refused = LookAtAll(&h);
    ASSERT_EQ(refused.size(), 1u) << "call " << call;
    EXPECT_EQ(refused.begin()->first, victim);
    EXPECT_FALSE(Rescued(&h, victim).empty()) << "call " << call;
  }
  EXPECT_GT(crashes, 20u);
}

TEST_F(LogDamage, RecoveryPassesTheFaultPointBeforeItMarks) {
  EngineHarness h(options_);
  ASSERT_OK(Fill(&h));
  const TabletId victim = TabletOf(60);
  const auto [file, offset] = Find(&h, ValueOf(60));
  h.Drop();
  ASSERT_OK(h.fs().Damage(file, offset, 1));
  h.faults().FailAt("recovery.before_mark", 1, absl::InternalError("crash"));
  EXPECT_STATUS(kInternal, "crash", h.OpenEngine());
  h.Drop();
  ASSERT_OK(h.OpenEngine());
  EXPECT_STATUS(kDataLoss, "bad payload", Open(&h, victim));
  // A dropped tablet leaves no mark.
  ASSERT_OK(h.engine()->DropTablet(victim, 10));
  EXPECT_STATUS(kNotFound, "", ReadDamageMark(h.store(), victim));
}

// The record's own content is no better than a missing one, and no reason to stop the others.
TEST_F(LogDamage, ARecordThatMeansNothingConcernsItsTabletOnly) {
  EngineHarness h(options_);
  ASSERT_OK(Fill(&h));
  h.Drop();
  {
    ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&h.fs(), "/store", false));
    ASSERT_OK_AND_ASSIGN(auto log_store, store->OpenLog("server"));
    ASSERT_OK_AND_ASSIGN(auto log,
                         CommitLog::Open(std::move(log_store), options_.log, {}, nullptr));
    std::vector<std::pair<TabletId, std::string>> records;
    ASSERT_OK(log->Recover([&](const RecoveredRecord& r) {
      records.emplace_back(r.tablet, std::string(r.payload));
      return OkStatus();
    }));
    ASSERT_OK(log->Start());
    records.emplace_back(kFirst + 1, std::string("\x01\x00", 2));  // ends inside its header
    std::string half;
    for (const auto& [tablet, payload] : records) {
      if (tablet == kFirst + 2) half = payload.substr(0, payload.size() - 3);  // inside a cell
    }
    records.emplace_back(kFirst + 2, half);
    for (auto& [tablet, payload] : records) {
      LogRecord record;
      record.tablet = tablet;
      record.payload = payload;
      ASSERT_OK(log->Append(std::move(record)));
    }
    ASSERT_OK(log->Close());
  }
  ASSERT_OK(h.OpenEngine());
  const std::map<TabletId, Status> refused = LookAtAll(&h);
  ASSERT_EQ(refused.size(), 2u);
  EXPECT_EQ(refused.count(kFirst + 1) + refused.count(kFirst + 2), 2u);
  for (TabletId id : {kFirst + 1, kFirst + 2}) {
    EXPECT_GT(Rescued(&h, id).size(), 20u);
    ASSERT_OK(h.engine()->CloseTablet(kFirst, true));
    h.DropEngine();
    EngineEnv env;
    env.store = h.store();
    env.clock = &h.clock();
    env.server_id = "server";
    std::string said;
    ASSERT_OK(ApplyRescue(options_, env, id, [&](const std::string& line) { said = line; }));
    EXPECT_TRUE(absl::StrContains(said, "1 do not read")) << said;
    ASSERT_OK(h.OpenEngine());
    ASSERT_OK_AND_ASSIGN(auto tablet, Open(&h, id));
    EXPECT_EQ(WrongRows(tablet.get(), id), 0);
    ASSERT_OK(Open(&h, kFirst).status());
  }
}

}  // namespace
}  // namespace stele::storage
