// Goal: the engine answers what was written through its whole life: memory, flush, merge, major,
// restart and power cut; and refuses what it must refuse, each with the right code.
#include <gtest/gtest.h>

#include "common/testing/status_asserts.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

TEST(EngineBasic, WriteReadFlushCompactRestart) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  ASSERT_OK(h.Write(Put("r1", "a", "q", 1000, "one")));
  ASSERT_OK(h.Write(Put("r2", "c", "q", 2000, "two")));
  EXPECT_EQ(h.Get("r1", "a", "q"), "one");
  EXPECT_EQ(h.Get("r2", "a", "q"), "<none>");
  ASSERT_OK(h.tablet()->Flush());
  EXPECT_EQ(h.tablet()->files().size(), 2u) << "one for each locality group";
  EXPECT_EQ(h.Get("r1", "a", "q"), "one");
  ASSERT_OK(h.Write(Put("r1", "a", "q", 1000, "uno")));
  ASSERT_OK(h.Write({"r2", {DeleteFromRow{}}}));
  EXPECT_EQ(h.Get("r1", "a", "q"), "uno");
  ASSERT_OK(h.tablet()->Flush());
  ASSERT_OK(h.tablet()->CompactMajor());
  EXPECT_EQ(h.tablet()->files().size(), 1u) << "the other group lost its last cell";
  ASSERT_OK_AND_ASSIGN(auto rows, h.Scan());
  EXPECT_EQ(ShowRows(rows), "r1 a:q@1000=uno\n");
  ASSERT_OK(h.Write(Put("r3", "b", "", 3000, "three")));
  h.Drop();
  ASSERT_OK(h.Open());
  ASSERT_OK_AND_ASSIGN(rows, h.Scan());
  EXPECT_EQ(ShowRows(rows), "r1 a:q@1000=uno\nr3 b:@3000=three\n");
  h.PowerCut(0);
  ASSERT_OK(h.Open());
  ASSERT_OK_AND_ASSIGN(rows, h.Scan());
  EXPECT_EQ(ShowRows(rows), "r1 a:q@1000=uno\nr3 b:@3000=three\n");
}

}  // namespace
}  // namespace stele::storage
