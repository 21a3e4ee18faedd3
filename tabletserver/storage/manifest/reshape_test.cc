// Goal: split manifests tile the parent's rows and clip its files, merged ones hold both sides, and
// a file whose middle belongs to nobody any more is never joined over the gap.
#include "tabletserver/storage/manifest/reshape.h"

#include <gtest/gtest.h>

namespace stele::storage {
namespace {

ManifestFile File(uint64_t id, std::string first, std::string last) {
  ManifestFile file;
  file.blob = std::to_string(id);
  file.file_id = id;
  file.first_row = std::move(first);
  file.last_row = std::move(last);
  return file;
}

Manifest Parent() {
  Manifest m;
  m.tablet = {.id = 5, .table = 7, .start_row = "c", .end_row = "x"};
  m.epoch = 3;
  m.flushed_sequence = 90;
  m.max_server_timestamp_us = 1000;
  m.parents = {1};
  m.files = {File(1, "d", "w"), File(2, "d", "f"), File(3, "n", "w"), File(4, "m", "m")};
  return m;
}

std::string Files(const Manifest& manifest) {
  std::string out;
  for (const ManifestFile& file : manifest.files) {
    absl::StrAppend(&out, out.empty() ? "" : " ", file.blob, "(", file.clip_start, ",",
                    file.clip_end, "]");
  }
  return out;
}

TEST(Reshape, ASplitTilesTheRowsAndClipsTheFiles) {
  const Manifest parent = Parent();
  const Manifest child = SplitChild(parent, 6, "m");
  const Manifest rest = SplitRest(parent, 6, "m");
  EXPECT_EQ(child.tablet, (TabletDescriptor{6, 7, "c", "m"}));
  EXPECT_EQ(rest.tablet, (TabletDescriptor{5, 7, "m", "x"}));
  EXPECT_EQ(Files(child), "1(,m] 2(,m] 4(,m]");
  EXPECT_EQ(Files(rest), "1(m,] 3(m,]");
  EXPECT_EQ(child.parents, (std::vector<TabletId>{1, 5}));
  EXPECT_EQ(rest.parents, parent.parents);
  EXPECT_EQ(rest.last_split, (SplitOff{6, "c"}));
  EXPECT_EQ(child.last_split, SplitOff());
  for (const Manifest& side : {child, rest}) {
    EXPECT_EQ(side.flushed_sequence, 90u);
    EXPECT_EQ(side.max_server_timestamp_us, 1000);
    EXPECT_EQ(side.epoch, 3u);
  }
}

TEST(Reshape, ASecondSplitNarrowsTheClipsFurther) {
  const Manifest rest = SplitRest(Parent(), 6, "m");
  EXPECT_EQ(Files(SplitChild(rest, 8, "p")), "1(m,p] 3(m,p]");
  EXPECT_EQ(Files(SplitRest(rest, 8, "p")), "1(p,] 3(p,]");
}

TEST(Reshape, PendingUntilTheRowsAreGivenUp) {
  const Manifest parent = Parent();
  EXPECT_FALSE(SplitIsPending(parent));
  const Manifest pending = WithPendingSplit(parent, 6);
  EXPECT_TRUE(SplitIsPending(pending));
  EXPECT_EQ(pending.tablet, parent.tablet);
  EXPECT_EQ(Files(pending), Files(parent));
  EXPECT_FALSE(SplitIsPending(SplitRest(pending, 6, "m")));
  EXPECT_FALSE(SplitIsPending(SplitChild(pending, 6, "m")));
}

TEST(Reshape, SplitsOnlyStrictlyInside) {
  const TabletDescriptor tablet = Parent().tablet;
  EXPECT_TRUE(CanSplitAt(tablet, "m"));
  for (const char* at : {"", "b", "c", "x", "y"}) EXPECT_FALSE(CanSplitAt(tablet, at)) << at;
  EXPECT_TRUE(CanSplitAt({1, 1, "", ""}, "a"));
}

TEST(Reshape, WhatWasSplitMergesBack) {
  const Manifest parent = Parent();
  Manifest child = SplitChild(parent, 6, "m");
  child.flushed_sequence = 200;
  child.max_server_timestamp_us = 5000;
  const Manifest merged = Merged(child, SplitRest(parent, 6, "m"));
  EXPECT_EQ(merged.tablet, parent.tablet);
  EXPECT_EQ(Files(merged), "1(,] 3(m,] 2(,m] 4(,m]");
  EXPECT_EQ(merged.flushed_sequence, 200u);
  EXPECT_EQ(merged.max_server_timestamp_us, 5000);
  EXPECT_EQ(merged.parents, (std::vector<TabletId>{1, 6}));
  EXPECT_FALSE(SplitIsPending(merged));
}

TEST(Reshape, AFileIsNotJoinedOverAGap) {
  const Manifest parent = Parent();
  const Manifest low = SplitChild(parent, 6, "f");
  const Manifest rest = SplitRest(parent, 6, "f");
  Manifest middle = SplitChild(rest, 8, "p");
  const Manifest high = SplitRest(rest, 8, "p");
  EXPECT_FALSE(ShareFileWithGap(low, middle));
  EXPECT_FALSE(ShareFileWithGap(middle, high));
  middle.files = {File(9, "g", "p")};  // compacted: its part of the shared files is gone
  const Manifest joined = Merged(low, middle);
  EXPECT_TRUE(ShareFileWithGap(joined, high));
  Manifest compacted = joined;
  compacted.files = {File(10, "d", "p")};
  EXPECT_FALSE(ShareFileWithGap(compacted, high));
}

// A retry finds what was done wherever its row went.
TEST(Reshape, RememberedRequestsTravelWithTheRows) {
  Manifest parent = Parent();
  parent.requests = {{7, 1, {{1, ChangeKind::kMatched, {}}}}};
  Manifest child = SplitChild(parent, 6, "m"), rest = SplitRest(parent, 6, "m");
  EXPECT_EQ(child.requests, parent.requests);
  EXPECT_EQ(rest.requests, parent.requests);
  child.requests[0].requests.push_back({3, ChangeKind::kWrite, {}});
  child.requests.push_back({9, 2, {{2, ChangeKind::kWrite, {}}}});
  rest.requests[0] = {7, 2, {{2, ChangeKind::kNotMatched, {}}}};
  EXPECT_EQ(Merged(child, rest).requests,
            (std::vector<RememberedClient>{{7,
                                            2,
                                            {{1, ChangeKind::kMatched, {}},
                                             {2, ChangeKind::kNotMatched, {}},
                                             {3, ChangeKind::kWrite, {}}}},
                                           {9, 2, {{2, ChangeKind::kWrite, {}}}}}));
}

}  // namespace
}  // namespace stele::storage
