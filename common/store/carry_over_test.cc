// Goal: a store of format 1 is carried over to this one whole, whatever call of it a power cut or a
// disk error meets, and never while a process of the earlier program uses it.
#include "common/store/carry_over.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "common/base/log.h"
#include "common/store/blob_store.h"
#include "common/store/cell_format.h"
#include "common/testing/fault_fs.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"

namespace stele {
namespace {

using Fault = FaultFs::Fault;
using Names = std::vector<std::string>;

void WriteSyncedFile(Fs* fs, const std::string& path, Slice content) {
  ASSERT_OK_AND_ASSIGN(auto file, fs->Open(path, Fs::Mode::kCreateExclusive));
  ASSERT_OK(file->WriteAt(0, {content}));
  ASSERT_OK(file->Sync());
}

// A store as format 1 had it, durable.
void MakeFormat1(Fs* fs) {
  for (const char* dir : {"/s", "/s/blobs", "/s/cells", "/s/cells/t", "/s/cells/t/1", "/s/logs",
                          "/s/locks", "/s/tmp"}) {
    ASSERT_OK(fs->MakeDir(dir));
  }
  WriteSyncedFile(fs, "/s/STELE", "stele store format 1\n");
  WriteSyncedFile(fs, "/s/locks/cells.3", "");
  WriteSyncedFile(fs, "/s/locks/tmp.0", "");
  WriteSyncedFile(fs, "/s/cells/top@cell", EncodeCellFile("top", 1, ""));
  WriteSyncedFile(fs, "/s/cells/t/a@cell", EncodeCellFile("t/a", 17, "seventeen"));
  WriteSyncedFile(fs, "/s/cells/t/1/m@cell", EncodeCellFile("t/1/m", 3, std::string(3000, 'm')));
  WriteSyncedFile(fs, "/s/cells/t/hurt@cell", "not a cell");
  for (const char* dir : {"/", "/s", "/s/cells", "/s/cells/t", "/s/cells/t/1", "/s/locks"}) {
    ASSERT_OK(fs->SyncDir(dir));
  }
}

// Everything is there, in the new form.
void ExpectCarriedOver(FaultFs* fs) {
  StatusOr<std::unique_ptr<BlobStore>> store = OpenPosixStore(fs, "/s", false);
  ASSERT_OK(store);
  EXPECT_EQ(*(*store)->ListCells(""), (Names{"t/1/m", "t/a", "t/hurt", "top"}));
  EXPECT_EQ((*store)->ReadCell("t/a")->version, 17u);
  EXPECT_EQ((*store)->ReadCell("t/a")->value, "seventeen");
  EXPECT_EQ((*store)->ReadCell("t/1/m")->value, std::string(3000, 'm'));
  EXPECT_EQ((*store)->ReadCell("top")->version, 1u);
  EXPECT_STATUS(kDataLoss, "t/hurt", (*store)->ReadCell("t/hurt"));
  EXPECT_EQ(*fs->Contents("/s/STELE"), "stele store format 2\n");
  for (const std::string& path : fs->AllFiles()) {
    EXPECT_FALSE(absl::EndsWith(path, "@cell") || absl::EndsWith(path, "CARRYOVER")) << path;
  }
}

TEST(CarryOverTest, CellsKeepTheirVersionsAndGoOn) {
  FaultFs fs;
  MakeFormat1(&fs);
  ExpectCarriedOver(&fs);
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&fs, "/s", false));
  EXPECT_EQ(*store->SwapCell("t/a", 17, "next"), 18u);
  ASSERT_OK(store->DeleteCell("top", 1));
  ASSERT_OK(store->CreateCell("top", "again"));
  auto image = fs.Image(0);
  ASSERT_OK_AND_ASSIGN(store, OpenPosixStore(image.get(), "/s", false));
  EXPECT_EQ(store->ReadCell("t/a")->value, "next");
  EXPECT_EQ(store->ReadCell("top")->value, "again");
}

TEST(CarryOverTest, ProcessOfTheEarlierProgramKeepsTheStore) {
  FaultFs fs;
  MakeFormat1(&fs);
  ASSERT_OK_AND_ASSIGN(auto slot, fs.TryLock("/s/locks/tmp.0"));
  EXPECT_STATUS(kFailedPrecondition, "in use by an earlier version of this program: stop all",
                OpenPosixStore(&fs, "/s", true));
  EXPECT_EQ(*fs.Contents("/s/STELE"), "stele store format 1\n");
  slot.reset();
  ExpectCarriedOver(&fs);
}

TEST(CarryOverTest, EarlierProgramThatOpenedAtTheLastMomentIsMet) {
  FaultFs fs;
  MakeFormat1(&fs);
  // As a crash leaves it after the new marker; the earlier program had read the old one.
  ASSERT_OK(fs.Unlink("/s/STELE"));
  WriteSyncedFile(&fs, "/s/STELE", "stele store format 2\n");
  WriteSyncedFile(&fs, "/s/CARRYOVER", "");
  ASSERT_OK_AND_ASSIGN(auto slot, fs.TryLock("/s/locks/tmp.0"));
  EXPECT_STATUS(kFailedPrecondition, "in use", OpenPosixStore(&fs, "/s", true));
  EXPECT_OK(fs.Contents("/s/cells/top@cell"));
  slot.reset();
  ExpectCarriedOver(&fs);
}

TEST(CarryOverTest, CellOfANewerFormatIsRefused) {
  FaultFs fs;
  MakeFormat1(&fs);
  CellVersion newer{{3, "value"}, static_cast<CellKind>(9), {}};
  WriteSyncedFile(&fs, "/s/cells/t/z@cell", EncodeCellVersion("t/z", newer));
  EXPECT_STATUS(kFailedPrecondition, "cell t/z: kind 9", OpenPosixStore(&fs, "/s", true));
  EXPECT_OK(fs.Contents("/s/cells/top@cell").status());
}

uint64_t CallsOfAnOpen() {
  FaultFs fs;
  MakeFormat1(&fs);
  const uint64_t before = fs.calls();
  EXPECT_OK(OpenPosixStore(&fs, "/s", false));
  return fs.calls() - before;
}

TEST(CarryOverTest, PowerCutOrErrorAtEveryCall) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SetMinLogLevel(LogLevel::kWarning);
  SeededRandom random(seed);
  const uint64_t calls = CallsOfAnOpen();
  EXPECT_GT(calls, 25u);
  for (uint64_t call = 1; call <= calls; ++call) {
    for (Fault fault : {Fault::kPowerCutBefore, Fault::kPowerCutAfter, Fault::kIoError,
                        Fault::kIoErrorAfter, Fault::kNoSpace}) {
      FaultFs fs;
      MakeFormat1(&fs);
      fs.InjectAt(fs.calls() + call, fault);
      OpenPosixStore(&fs, "/s", false).status().IgnoreError();
      ASSERT_EQ(fs.fault_report().size(), 1u);
      SCOPED_TRACE(fs.fault_report()[0]);
      for (uint64_t image : {uint64_t{0}, uint64_t{1}, random.Next(), random.Next()}) {
        SCOPED_TRACE(image);
        std::unique_ptr<FaultFs> again = fs.Image(image);
        again->InjectAt(random.Between(1, 25), Fault::kPowerCutAfter);
        OpenPosixStore(again.get(), "/s", false).status().IgnoreError();
        ExpectCarriedOver(again->Image(random.Next()).get());
        ExpectCarriedOver(fs.Image(image).get());
      }
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace stele
