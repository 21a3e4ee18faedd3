// Goal: at each named step of flush, compaction, recovery and file gc a failure is survived in
// place, and a power cut loses nothing.
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "common/testing/status_asserts.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

constexpr uint64_t kImages = 4;

Status WriteRows(EngineHarness* h, const std::string& value) {
  for (const char* row : {"a", "b", "c"}) {
    RETURN_IF_ERROR(h->Write({row,
                              {SetCell{"a", "q", 1000, value},
                               SetCell{"c", "q", ManualClock::kStartWallMicros, value}}}));
  }
  return h->Write({"b", {DeleteFromFamily{"a"}}});
}

// Brings the store to where the step of the point is next, and does it.
Status Step(EngineHarness* h, Slice area) {
  if (area == "flush") return h->tablet()->Flush();
  if (area == "compaction") return h->tablet()->CompactMajor();
  if (area == "recovery") {
    h->Drop();
    return h->Open();
  }
  RETURN_IF_ERROR(h->engine()->CollectGarbage().status());
  h->clock().AdvanceMillis(120'000);
  return h->engine()->CollectGarbage().status();
}

Status Prepare(EngineHarness* h, Slice area) {
  RETURN_IF_ERROR(h->Open());
  for (int i = 0; i < 3; ++i) {
    RETURN_IF_ERROR(WriteRows(h, absl::StrCat("old", i)));
    RETURN_IF_ERROR(h->tablet()->Flush());
  }
  if (area == "gc") {
    RETURN_IF_ERROR(h->tablet()->CompactMajor());
    h->clock().AdvanceMillis(60'000);
  }
  return WriteRows(h, "new");
}

constexpr char kExpected[] =
    "a a:q@1000=new\na c:q@1700000000000000=new\nb c:q@1700000000000000=new\nc a:q@1000=new\n"
    "c c:q@1700000000000000=new\n";

class FaultPointTest : public ::testing::TestWithParam<const char*> {
 protected:
  FaultPointTest() { SetMinLogLevel(LogLevel::kOff); }
  std::string area() const { return std::string(GetParam(), std::string(GetParam()).find('.')); }
  void ExpectRows(EngineHarness* h) {
    ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h->Scan());
    EXPECT_EQ(ShowRows(rows), kExpected);
  }
};

TEST_P(FaultPointTest, AFailureIsSurvived) {
  EngineHarness h;
  ASSERT_OK(Prepare(&h, area()));
  const uint64_t before = h.faults().hits(GetParam());
  h.faults().FailAt(GetParam(), before + 1, absl::InternalError("injected"));
  Status status = Step(&h, area());
  EXPECT_STATUS(kInternal, "injected", status);
  EXPECT_EQ(h.faults().hits(GetParam()), before + 1);
  if (area() == "recovery") {
    h.Drop();
    ASSERT_OK(h.Open());
  }
  ExpectRows(&h);
  ASSERT_OK(Step(&h, area()));
  ExpectRows(&h);
  EXPECT_TRUE(h.fatal().empty());
  ASSERT_OK(h.tablet()->Flush());
  EXPECT_EQ(h.engine()->stats().ring.pinning.size(), 0u) << "the log is told in the end";
  h.Drop();
  ASSERT_OK(h.Open());
  ExpectRows(&h);
}

TEST_P(FaultPointTest, APowerCutLosesNothing) {
  for (uint64_t image = 0; image < kImages; ++image) {
    EngineHarness h;
    ASSERT_OK(Prepare(&h, area()));
    const uint64_t before = h.faults().hits(GetParam());
    h.faults().RunAt(GetParam(), before + 1, [&h] {
      h.fs().CutPower();
      return absl::InternalError("cut");
    });
    EXPECT_FALSE(Step(&h, area()).ok());
    EXPECT_TRUE(h.fs().power_is_off());
    h.PowerCut(image);
    ASSERT_OK(h.Open());
    ExpectRows(&h);
    ASSERT_OK(Step(&h, area()));
    ExpectRows(&h);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Points, FaultPointTest,
    ::testing::Values("flush.freeze", "flush.file_open", "flush.mid_write", "flush.before_fsync",
                      "flush.after_fsync", "flush.before_meta_cas", "flush.after_meta_cas",
                      "flush.before_reclaim", "compaction.file_open", "compaction.mid_write",
                      "compaction.before_fsync", "compaction.after_fsync",
                      "compaction.before_meta_cas", "compaction.after_meta_cas",
                      "compaction.before_input_delete", "recovery.list", "recovery.replay_mid",
                      "recovery.flush_recovered", "recovery.before_open", "recovery.after_open",
                      "gc.mark", "gc.recheck", "gc.trash", "gc.unlink"),
    [](const auto& info) {
      std::string name = info.param;
      std::replace(name.begin(), name.end(), '.', '_');
      return name;
    });

}  // namespace
}  // namespace stele::storage
