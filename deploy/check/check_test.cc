// Goal: a cell that is whole gives no finding, one between two steps of a split or merge gives
// notes only, and each seeded damage is found and named.
#include "deploy/check/check.h"

#include <gtest/gtest.h>

#include <functional>

#include "common/testing/status_asserts.h"
#include "tabletserver/storage/manifest/reshape.h"

namespace stele::deploy {
namespace {

using storage::Manifest;

constexpr TableId kTable = 20;
constexpr int64_t kNowUs = 1'000'000'000;
constexpr int64_t kGraceUs = 1'000'000;

Manifest MakeManifest(TabletId id, std::string start, std::string end) {
  Manifest m;
  m.tablet = {id, kTable, std::move(start), std::move(end)};
  m.epoch = 3;
  m.flushed_sequence = 100;
  storage::ManifestFile file;
  file.blob = absl::StrCat("tables/", id);
  file.file_id = id;
  file.first_row = m.tablet.start_row + "a";
  file.last_row = m.tablet.end_row.empty() ? "zz" : m.tablet.end_row;
  file.max_sequence = 90;
  m.files = {file};
  return m;
}

TabletLocation Locate(const Manifest& m) {
  TabletLocation location;
  location.tablet = m.tablet;
  location.epoch = 3;
  location.assignment = TabletAssignment::kAssigned;
  location.server_id = "ts-1";
  return location;
}

void Put(const Manifest& m, CheckInput* input) {
  input->manifests.insert_or_assign(m.tablet.id, m);
  for (const auto& file : m.files) input->blobs[file.blob] = 0;
}

// Tablets 30 ("", "g"], 31 ("g", "p"], 32 ("p", ""].
CheckInput Whole() {
  CheckInput input;
  input.now_us = kNowUs;
  input.grace_us = kGraceUs;
  input.strict = true;
  for (const Manifest& m :
       {MakeManifest(30, "", "g"), MakeManifest(31, "g", "p"), MakeManifest(32, "p", "")}) {
    Put(m, &input);
    input.locations.push_back(Locate(m));
  }
  return input;
}

Manifest& ManifestOf(CheckInput* input, TabletId id) { return *input->manifests.at(id); }

std::string Show(const CheckInput& input) {
  std::string out;
  for (const Finding& finding : FindDamage(input)) {
    absl::StrAppend(&out, finding.damage ? "DAMAGE " : "note ", finding.text, "\n");
  }
  return out;
}

TEST(Check, AWholeCellGivesNoFinding) { EXPECT_EQ(Show(Whole()), ""); }

struct Seeded {
  const char* name;
  std::function<void(CheckInput*)> damage;
  const char* expected;  // part of a DAMAGE line
};

std::vector<Seeded> AllDamages() {
  return {
      {"manifest gone", [](CheckInput* in) { in->manifests.erase(31); },
       "tablet 31 has no manifest"},
      {"manifest unreadable",
       [](CheckInput* in) { in->manifests.insert_or_assign(31, CorruptError("crc mismatch")); },
       "tablet 31: crc mismatch"},
      {"row gone", [](CheckInput* in) { in->locations.erase(in->locations.begin() + 1); },
       "no tablet has the rows (\"g\", \"p\"]"},
      {"last row gone", [](CheckInput* in) { in->locations.pop_back(); },
       "no tablet has the rows after \"p\""},
      {"gap", [](CheckInput* in) { ManifestOf(in, 31).tablet.start_row = "k"; },
       "no tablet has the rows (\"g\", \"k\"]"},
      {"overlap", [](CheckInput* in) { ManifestOf(in, 31).tablet.start_row = "c"; },
       "tablets 30 and 31 both have the rows (\"c\", \"g\"]"},
      {"first rows missing", [](CheckInput* in) { ManifestOf(in, 30).tablet.start_row = "b"; },
       "no tablet has the rows (\"\", \"b\"]"},
      {"other end", [](CheckInput* in) { ManifestOf(in, 31).tablet.end_row = "q"; },
       "tablet 31: its manifest is of other rows"},
      {"two rows for one",
       [](CheckInput* in) {
         TabletLocation twin = in->locations[1];
         twin.tablet.end_row = "h";
         in->locations.push_back(twin);
       },
       "tablet 31 has two rows"},
      {"unknown owner", [](CheckInput* in) { ManifestOf(in, 31).epoch = 4; },
       "tablet 31 is owned under epoch 4"},
      {"file gone", [](CheckInput* in) { in->blobs.erase("tables/31"); }, "tables/31 is missing"},
      {"file too many", [](CheckInput* in) { in->blobs["tables/99"] = 0; },
       "tables/99 is named by no manifest"},
      {"sequence", [](CheckInput* in) { ManifestOf(in, 31).flushed_sequence = 50; },
       "holds sequence 90, flushed is 50"},
      {"orphan manifest", [](CheckInput* in) { Put(MakeManifest(40, "x", "y"), in); },
       "manifest of tablet 40, which METADATA does not know"},
      {"merged into nothing", [](CheckInput* in) { ManifestOf(in, 31).merged_into = 77; },
       "merged into tablet 77, which has not its rows"},
      {"merged, never taken over, row gone",
       [](CheckInput* in) {
         ManifestOf(in, 30).merged_into = 31;
         ManifestOf(in, 31).tablet.start_row = "k";
       },
       "which has not its rows"},
  };
}

TEST(Check, EverySeededDamageIsFound) {
  for (const Seeded& seeded : AllDamages()) {
    CheckInput input = Whole();
    seeded.damage(&input);
    bool found = false;
    for (const Finding& finding : FindDamage(input)) {
      found |= finding.damage && finding.text.find(seeded.expected) != std::string::npos;
    }
    EXPECT_TRUE(found) << seeded.name << ":\n" << Show(input);
  }
}

TEST(Check, EveryStepOfASplitIsNoDamage) {
  CheckInput input = Whole();
  const Manifest before = ManifestOf(&input, 31);
  Put(storage::WithPendingSplit(before, 50), &input);
  EXPECT_EQ(Show(input), "");
  Put(storage::SplitChild(ManifestOf(&input, 31), 50, "k"), &input);
  EXPECT_EQ(Show(input),
            "note a split of tablet 31 was cut off; its child 50 goes when the tablet "
            "is opened or split again\n");
  Put(storage::SplitRest(ManifestOf(&input, 31), 50, "k"), &input);
  EXPECT_EQ(Show(input), "note the split of tablet 31 is not in METADATA yet\n");
  input.locations.push_back(Locate(ManifestOf(&input, 50)));
  EXPECT_EQ(Show(input), "") << "the start in the parent's row is only a hint";
}

TEST(Check, EveryStepOfAMergeIsNoDamage) {
  CheckInput input = Whole();
  ManifestOf(&input, 30).merged_into = 31;
  const std::string unfinished = "note the merge of tablet 30 into tablet 31 is not finished\n";
  EXPECT_EQ(Show(input), unfinished);
  Put(storage::Merged(ManifestOf(&input, 30), ManifestOf(&input, 31)), &input);
  EXPECT_EQ(Show(input), unfinished);
  input.manifests.erase(30);
  EXPECT_EQ(Show(input), unfinished);
  input.locations.erase(input.locations.begin());
  EXPECT_EQ(Show(input), "");
}

// The root is in the Locker; METADATA's others are in it, and tile the rest of the table.
TEST(Check, MetadataMayHaveManyTablets) {
  CheckInput input = Whole();
  const TabletId child = kSystemTabletBit | 50;
  auto tablet = [](TabletId id, std::string start, std::string end) {
    Manifest m = MakeManifest(id, std::move(start), std::move(end));
    m.tablet.table = kMetadataTable;
    if (id == child) m.parents = {kFirstMetadataTablet};
    return m;
  };
  const std::string middle = MetadataRowKey(kTable, "g");
  const std::string begin = RootTabletDescriptor().end_row;
  for (const Manifest& m :
       {tablet(child, begin, middle), tablet(kFirstMetadataTablet, middle, "")}) {
    Put(m, &input);
    input.locations.push_back(Locate(m));
  }
  Put(tablet(kRootTablet, "", begin), &input);
  EXPECT_EQ(Show(input), "");
  ManifestOf(&input, kFirstMetadataTablet).tablet.start_row = MetadataRowKey(kTable, "p");
  EXPECT_NE(Show(input).find("DAMAGE table 1: no tablet has the rows"), std::string::npos);
  ManifestOf(&input, kFirstMetadataTablet).last_split = {child, begin};
  ManifestOf(&input, kFirstMetadataTablet).tablet.start_row = middle;
  input.locations.erase(input.locations.end() - 2);
  EXPECT_EQ(Show(input), "note the split of tablet 2 is not in METADATA yet\n");
}

TEST(Check, YoungAndTrashedFilesAreNobodysDamage) {
  CheckInput input = Whole();
  input.blobs["tables/young"] = kNowUs - kGraceUs / 2;
  input.blobs["tables/trashed"] = 0;
  input.trash.insert("tables/trashed");
  EXPECT_EQ(Show(input), "");
  input.blobs["tables/left"] = 0;
  input.strict = false;
  EXPECT_EQ(Show(input), "note tables/left is named by no manifest\n");
}

}  // namespace
}  // namespace stele::deploy
