// Goal: a tablet that may have lost a record is always among the concerned, and one whose sequences
// prove that it has not is never.
#include "tabletserver/storage/damage_survey.h"

#include <gtest/gtest.h>

#include <set>

#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"

namespace stele::storage {
namespace {

struct Written {
  Lsn lsn;
  TabletId tablet;
  Sequence first, last;
  Lsn original_lsn = 0;  // not 0: a copy
};

std::set<TabletId> Concerned(const std::map<TabletId, Sequence>& flushed,
                             const std::vector<Written>& left, const std::vector<LogGap>& gaps,
                             const std::map<TabletId, Sequence>& drops = {}) {
  DamageSurvey survey(gaps);
  for (const auto& [tablet, sequence] : flushed) {
    Manifest manifest;
    manifest.tablet.id = tablet;
    manifest.epoch = 5;
    manifest.flushed_sequence = sequence;
    auto had = drops.find(tablet);
    if (had != drops.end()) manifest.drops = {{.sequence = had->second}};
    survey.AddTablet(manifest);
  }
  for (const Written& w : left) {
    WriteHeader header;
    header.epoch = 5;
    header.base_sequence = w.first;
    header.mutations = w.last - w.first + 1;
    const Lsn original = w.original_lsn == 0 ? w.lsn : w.original_lsn;
    survey.AddRecord({w.lsn, w.tablet, Slice(), original}, header);
  }
  std::set<TabletId> ids;
  for (const auto& [id, places] : survey.Concerned()) ids.insert(id);
  return ids;
}

LogGap Gap(Lsn first, Lsn end, std::map<Lsn, TabletId> known = {}) {
  LogGap gap;
  gap.first_lsn = first;
  gap.end_lsn = end;
  gap.known = std::move(known);
  return gap;
}

using Ids = std::set<TabletId>;

TEST(DamageSurvey, AKnownRecordConcernsItsTabletOnly) {
  EXPECT_EQ(Concerned({{1, 0}, {2, 0}}, {{1, 1, 1, 1}, {2, 2, 1, 1}}, {Gap(3, 4, {{3, 1}})}),
            Ids{1});
  // Flushed since: what is behind it proves that nothing of it is needed.
  EXPECT_EQ(Concerned({{1, 7}, {2, 0}}, {{2, 2, 1, 1}, {4, 1, 6, 8}}, {Gap(3, 4, {{3, 1}})}),
            Ids{});
  EXPECT_EQ(Concerned({{1, 7}}, {{4, 1, 9, 9}}, {Gap(3, 4, {{3, 1}})}), Ids{1});
  // Nothing behind it, although all that is seen is flushed.
  EXPECT_EQ(Concerned({{1, 7}}, {{1, 1, 7, 7}}, {Gap(3, 4, {{3, 1}})}), Ids{1});
}

TEST(DamageSurvey, AHoleAccountsForAnUnknownRecord) {
  const std::vector<Written> left = {{1, 1, 1, 2}, {2, 2, 1, 1}, {4, 1, 5, 5}};
  EXPECT_EQ(Concerned({{1, 0}, {2, 0}, {3, 9}}, left, {Gap(3, 4)}), Ids{1});
  // Two records are gone and one hole is seen: the other may be anybody's who wrote nothing since.
  EXPECT_EQ(
      Concerned({{1, 0}, {2, 0}, {3, 9}}, {{1, 1, 1, 2}, {2, 2, 1, 1}, {5, 1, 5, 5}}, {Gap(3, 5)}),
      (Ids{1, 2, 3}));
}

// A drop of rows takes a sequence and leaves no record.
TEST(DamageSurvey, ADropAccountsForNothing) {
  const std::vector<Written> left = {{1, 1, 1, 2}, {2, 2, 1, 1}, {4, 1, 4, 4}};
  EXPECT_EQ(Concerned({{1, 0}, {2, 0}}, left, {Gap(3, 4)}, {{1, 3}}), Ids{2});
  EXPECT_EQ(Concerned({{1, 0}, {2, 0}}, left, {Gap(3, 4)}, {{1, 9}}), (Ids{1, 2}));
}

TEST(DamageSurvey, WhoGoesOnWithoutAHoleIsNotConcerned) {
  EXPECT_EQ(
      Concerned({{1, 0}, {2, 0}, {3, 0}}, {{1, 1, 1, 2}, {4, 1, 3, 3}, {5, 2, 1, 1}}, {Gap(2, 4)}),
      Ids{3});
  // A copy of an old record proves nothing about what is before it.
  EXPECT_EQ(Concerned({{1, 0}}, {{1, 1, 1, 1}, {5, 1, 1, 1, 1}}, {Gap(2, 4)}), Ids{1});
}

TEST(DamageSurvey, ControlRecordsAreNoLoss) {
  EXPECT_EQ(Concerned({{1, 0}, {2, 3}}, {{1, 1, 1, 1}}, {Gap(2, 2)}), Ids{});
}

TEST(DamageSurvey, AnOpenGapConcernsAllThatCannotProveTheirState) {
  EXPECT_EQ(Concerned({{1, 0}, {2, 3}}, {{1, 1, 1, 1}}, {Gap(2, 0)}), (Ids{1, 2}));
  EXPECT_EQ(Concerned({{1, 0}, {2, 3}}, {{9, 1, 1, 1}}, {Gap(0, 8)}), Ids{2});
}

// Random logs with random records taken away: the losers are always told.
TEST(DamageSurvey, NoLossIsOverlooked) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  uint64_t spared = 0, exact = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::map<TabletId, Sequence> next, flushed;
    std::vector<Written> log;
    for (Lsn lsn = 1; lsn <= 12; ++lsn) {
      const TabletId tablet = 1 + random.Below(4);
      const Sequence first = next[tablet] + 1;
      next[tablet] += 1 + random.Below(3);
      log.push_back({lsn, tablet, first, next[tablet]});
    }
    for (TabletId tablet = 1; tablet <= 4; ++tablet) {  // at the end of some record
      flushed[tablet] = 0;
      for (const Written& w : log) {
        if (w.tablet == tablet && random.OneIn(3)) flushed[tablet] = w.last;
      }
    }
    std::vector<Written> left;
    std::vector<LogGap> gaps;
    Ids losers;
    for (const Written& w : log) {
      if (w.lsn == 12 || !random.OneIn(4)) {
        left.push_back(w);
        continue;
      }
      if (w.last > flushed[w.tablet]) losers.insert(w.tablet);
      const bool told = random.OneIn(2);
      const std::map<Lsn, TabletId> known =
          told ? std::map<Lsn, TabletId>{{w.lsn, w.tablet}} : std::map<Lsn, TabletId>{};
      gaps.push_back(Gap(w.lsn, w.lsn + 1, known));
    }
    const Ids concerned = Concerned(flushed, left, gaps);
    for (TabletId id : losers) ASSERT_EQ(concerned.count(id), 1u) << "tablet " << id;
    spared += 4 - concerned.size();
    exact += concerned == losers ? 1 : 0;
  }
  EXPECT_GT(spared, 20'000u);
  EXPECT_GT(exact, 8'000u);
}

}  // namespace
}  // namespace stele::storage
