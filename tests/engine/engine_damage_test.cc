// Goal: any single damaged bit in log, SSTables or manifest is found before a byte of it reaches a
// reader: each row is answered right or not at all, and damage to a file spoils only rows of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "common/base/log.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

constexpr int kDamages = 200;
constexpr int kRows = 120;

std::string RowName(int i) { return absl::StrCat("row", 1000 + i); }
std::string ValueOf(int i) { return absl::StrCat("value-", i, "-", std::string(60, 'v')); }

// Rows in three files, the last in the log only. After them one write that nobody looks at: a flip
// in the very last write of a log is a torn tail to it (log/FORMAT.md).
Status Fill(EngineHarness* h) {
  RETURN_IF_ERROR(h->Open());
  for (int i = 0; i < kRows; ++i) {
    if (i > 0 && i % 40 == 0) RETURN_IF_ERROR(h->tablet()->Flush());
    RETURN_IF_ERROR(h->Write(Put(RowName(i), "a", "q", 1000, ValueOf(i))));
  }
  return h->Write(Put("zzz", "a", "q", 1000, "last"));
}

struct Outcome {
  int right = 0, refused = 0, wrong = 0;
  bool served = false;  // the engine opened
  bool opened = false;  // the tablet did
  int scanned = 0, skipped = 0;
};

// A scan goes on behind each row that it is refused. What it shows is right and in order, and what
// it does not show was refused.
void ScanAll(EngineHarness* h, Outcome* outcome) {
  RowRange rest{.start = RowName(0), .end = RowName(kRows - 1), .end_open = false};
  for (int next = 0; next < kRows;) {
    RowCollector rows;
    StatusOr<ReadProgress> page = h->tablet()->Read(rest, {}, &rows);
    for (const Row& row : rows.rows) {
      const bool right = next < kRows && row.key == RowName(next) && row.cells.size() == 1 &&
                         row.cells[0].value == ValueOf(next);
      right ? ++outcome->scanned : ++outcome->wrong;
      ++next;
    }
    if (page.ok() && page->done) {
      outcome->wrong += kRows - next;
      return;
    }
    rest.start_open = true;
    if (page.ok()) {
      rest.start = page->resume_after;
    } else {
      if (!absl::IsDataLoss(page.status())) ++outcome->wrong;
      ++outcome->skipped;
      rest.start = RowName(next++);
    }
  }
}

Outcome LookAtAll(EngineHarness* h) {
  Outcome outcome;
  outcome.served = h->OpenEngine().ok();
  outcome.opened = outcome.served && h->OpenTablet().ok();
  for (int i = 0; outcome.opened && i < kRows; ++i) {
    const std::string value = h->Get(RowName(i), "a", "q");
    if (value == ValueOf(i)) {
      ++outcome.right;
    } else if (value == "DATA_LOSS") {
      ++outcome.refused;
    } else {
      ++outcome.wrong;
    }
  }
  if (outcome.opened) ScanAll(h, &outcome);
  return outcome;
}

TEST(EngineDamage, NoFlippedBitReachesAReader) {
  SetMinLogLevel(LogLevel::kOff);
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  EngineOptions options = TinyEngineOptions();
  options.log.segment_bytes = 32768;
  EngineHarness origin(options);
  ASSERT_OK(Fill(&origin));
  std::vector<std::string> files;
  for (const std::string& file : origin.fs().AllFiles()) {
    if (absl::EndsWith(file, ".sst@blob") || absl::EndsWith(file, ".seg") ||
        absl::StrContains(file, "/tablets/")) {
      files.push_back(file);
    }
  }
  std::map<std::string, int> hits;
  int refused = 0, not_opened = 0;
  for (int n = 0; n < kDamages; ++n) {
    const std::string& file = files[random.Below(files.size())];
    std::unique_ptr<FaultFs> disk = origin.fs().Image(1);
    ASSERT_OK_AND_ASSIGN(std::string content, disk->Contents(file));
    if (content.empty()) continue;
    const uint64_t offset = random.Below(content.size());
    ASSERT_OK(disk->Damage(file, offset, static_cast<uint8_t>(1u << random.Below(8))));
    EngineHarness h(options);
    h.UseDisk(std::move(disk));
    Outcome outcome = LookAtAll(&h);
    EXPECT_EQ(outcome.wrong, 0) << file << " at " << offset;
    EXPECT_TRUE(outcome.served) << file << " at " << offset << " refuses the server";
    if (absl::EndsWith(file, ".sst@blob")) {
      EXPECT_TRUE(outcome.opened) << file << " at " << offset;
      EXPECT_GE(outcome.right, kRows - 40) << file << " at " << offset << " spoils other files";
      EXPECT_GE(outcome.scanned, kRows - 41) << file << " at " << offset;
      if (offset < content.size() / 4) {  // in a block of cells
        EXPECT_GE(outcome.right, kRows - 8) << file << " at " << offset << " spoils other blocks";
        EXPECT_GE(outcome.scanned, kRows - 9) << file << " at " << offset;
      }
    }
    refused += outcome.refused > 0;
    not_opened += !outcome.opened;
    ++hits[file];
  }
  EXPECT_GT(refused + not_opened, kDamages / 4);
  EXPECT_GE(hits.size(), 4u);
  std::printf("%d damages, %d refused rows, %d the tablet, none the server\n", kDamages, refused,
              not_opened);
}

TEST(EngineDamage, ADamagedOutputIsNeverPublished) {
  SetMinLogLevel(LogLevel::kOff);
  EngineHarness h;
  ASSERT_OK(h.Open());
  for (int i = 0; i < 2; ++i) {
    for (const char* row : {"a", "b"}) ASSERT_OK(h.Write(Put(row, "a", "q", 1000, ValueOf(i))));
    ASSERT_OK(h.tablet()->Flush());
  }
  const std::vector<ManifestFile> inputs = h.tablet()->files();
  const std::vector<std::string> before = h.fs().AllFiles();
  h.faults().RunAt("compaction.after_fsync", 1, [&] {
    for (const std::string& file : h.fs().AllFiles()) {
      if (absl::EndsWith(file, ".sst@blob") &&
          std::find(before.begin(), before.end(), file) == before.end()) {
        return h.fs().Damage(file, 10, 1);  // in a block
      }
    }
    return absl::InternalError("no output");
  });
  EXPECT_STATUS(kDataLoss, "", h.tablet()->CompactMajor());
  EXPECT_EQ(h.tablet()->files(), inputs);
  EXPECT_EQ(h.Get("a", "a", "q"), ValueOf(1));
  ASSERT_OK(h.tablet()->CompactMajor());
  EXPECT_EQ(h.tablet()->files().size(), 1u);
  EXPECT_EQ(h.Get("a", "a", "q"), ValueOf(1));
}

TEST(EngineDamage, AScanAnswersUpToTheDamage) {
  SetMinLogLevel(LogLevel::kOff);
  EngineHarness h;
  ASSERT_OK(h.Open());
  for (const char* row : {"m", "n"}) ASSERT_OK(h.Write(Put(row, "a", "q", 1000, "lost")));
  ASSERT_OK(h.tablet()->Flush());
  for (const char* row : {"a", "b", "z"}) ASSERT_OK(h.Write(Put(row, "a", "q", 1000, "v")));
  ASSERT_OK(h.tablet()->Flush());
  const std::string blob = h.tablet()->files()[0].blob;
  h.Drop();
  const std::string path = absl::StrCat("/store/blobs/", blob, "@blob");
  ASSERT_OK_AND_ASSIGN(std::string content, h.fs().Contents(path));
  ASSERT_OK(h.fs().Damage(path, content.size() - 1, 0x40));  // in the footer
  ASSERT_OK(h.Open());
  RowCollector rows;
  ASSERT_OK_AND_ASSIGN(ReadProgress progress, h.tablet()->Read({}, {}, &rows));
  EXPECT_FALSE(progress.done);
  EXPECT_EQ(progress.resume_after, "b");
  RowRange rest{.start = "b", .start_open = true};
  EXPECT_STATUS(kDataLoss, blob, h.tablet()->Read(rest, {}, &rows));
  EXPECT_EQ(h.Get("m", "a", "q"), "DATA_LOSS");
  EXPECT_EQ(h.Get("mm", "a", "q"), "DATA_LOSS") << "it may have been there";
  EXPECT_EQ(h.Get("z", "a", "q"), "v");
  EXPECT_EQ(h.Get("m", "c", "q"), "<none>") << "another locality group";
  // Compactions leave it alone, and go on with the rest.
  ASSERT_OK(h.Write(Put("z", "a", "q", 1000, "w")));
  ASSERT_OK(h.tablet()->Flush());
  ASSERT_OK(h.tablet()->CompactMajor());
  EXPECT_EQ(h.tablet()->files().size(), 2u);
  EXPECT_EQ(h.Get("z", "a", "q"), "w");
  // A file that is gone is no better.
  h.Drop();
  ASSERT_OK(h.fs().Unlink(path));
  ASSERT_OK(h.Open());
  EXPECT_EQ(h.Get("m", "a", "q"), "DATA_LOSS");
  EXPECT_EQ(h.Get("a", "a", "q"), "v");
}

}  // namespace
}  // namespace stele::storage
