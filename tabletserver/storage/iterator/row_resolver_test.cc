// Goal: each rule of visibility, collection and selection by an example of its own, and every error
// of the resolver and the garbage collector.
#include "tabletserver/storage/iterator/row_resolver.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/testing/status_asserts.h"
#include "schema/model/mutation_cell.h"
#include "tabletserver/storage/iterator/garbage_collector.h"
#include "tabletserver/storage/iterator/vector_iterator.h"

namespace stele::storage {
namespace {

constexpr int64_t kNow = 100'000;

class TextSink : public RowSink {
 public:
  void StartRow(Slice row) override { absl::StrAppend(&text, row, "{"); }
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
    absl::StrAppend(&text, family, ":", qualifier, "@", timestamp_us / 1000, "=", value, " ");
  }
  bool EndRow() override {
    text += "}";
    return go_on;
  }
  std::string text;
  bool go_on = true;
};

GcRule MaxVersions(int32_t n) { return {.kind = GcRule::Kind::kMaxVersions, .max_versions = n}; }
GcRule MaxAge(int64_t us) { return {.kind = GcRule::Kind::kMaxAge, .max_age_us = us}; }

class SeekCounter : public VectorIterator {
 public:
  using VectorIterator::VectorIterator;
  void Seek(Slice target) override {
    ++seeks;
    VectorIterator::Seek(target);
  }
  int seeks = 0;
};

// Families a (id 1, the rule under test) and b (id 3); writes get the sequences 1, 2, 3...
class ResolverTest : public testing::Test {
 protected:
  void SetRule(GcRule rule) {
    schema_.next_family_id = 4;
    schema_.families = {FamilySchema{.name = "a", .id = 1, .gc = std::move(rule)},
                        FamilySchema{.name = "b", .id = 3}};
    families_ = std::make_unique<VisibleFamilies>(schema_);
  }
  void SetUp() override { SetRule(GcRule{}); }

  void Write(const Mutation& mutation, const std::string& row = "r") {
    MutationCell cell;
    EncodeMutation(row, mutation, schema_, ++sequence_, &cell);
    cells_.emplace_back(cell.key, std::string(cell.value));
  }
  void Set(int64_t ms, const std::string& value, const std::string& qualifier = "q") {
    Write(SetCell{"a", qualifier, ms * 1000, value});
  }
  KeyValues Sorted() const {
    KeyValues sorted = cells_;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
  RowResolverOptions Options() const {
    return {.families = families_.get(), .now_us = now_us_, .max_row_bytes = max_row_bytes_};
  }
  std::string ReadPairs(KeyValues pairs, const ReadSelection& selection = {},
                        Sequence snapshot = kMaxSequence) {
    VectorIterator it(std::move(pairs));
    RowResolverOptions options = Options();
    options.snapshot = snapshot;
    RowResolver resolver(options, selection);
    TextSink sink;
    for (it.SeekToFirst(); it.Valid(); resolver.SkipRow(&it)) {
      const Status status = resolver.ResolveRow(&it, &sink);
      if (!status.ok()) return status.ToString();
    }
    return sink.text;
  }
  std::string Read(const ReadSelection& selection = {}) { return ReadPairs(Sorted(), selection); }
  // Also when columns are too large to be held.
  KeyValues Compact(const KeyValues& pairs, bool oldest, bool contiguous) {
    const KeyValues out = CompactHolding(4u << 20, pairs, oldest, contiguous);
    for (size_t hold_bytes : {0, 60}) {
      EXPECT_EQ(CompactHolding(hold_bytes, pairs, oldest, contiguous), out) << hold_bytes;
    }
    return out;
  }
  KeyValues CompactHolding(size_t hold_bytes, const KeyValues& pairs, bool oldest,
                           bool contiguous) {
    GarbageCollectorOptions options{families_.get(), now_us_, oldest, contiguous};
    options.hold_bytes = hold_bytes;
    auto input = std::make_unique<SeekCounter>(pairs);
    SeekCounter* const counter = input.get();
    auto it = NewGarbageCollector(options, std::move(input));
    KeyValues out;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      out.emplace_back(std::string(it->key()), std::string(it->value()));
    }
    EXPECT_OK(it->status());
    seeks_ = counter->seeks;
    return out;
  }
  Status ResolveStatus(KeyValues pairs, Status end = OkStatus()) {
    VectorIterator it(std::move(pairs), std::move(end));
    RowResolver resolver(Options(), {});
    TextSink sink;
    it.SeekToFirst();
    return resolver.ResolveRow(&it, &sink);
  }
  Status CollectStatus(KeyValues pairs, Status end = OkStatus(), bool oldest = false) {
    auto it =
        NewGarbageCollector({families_.get(), now_us_, oldest, true},
                            std::make_unique<VectorIterator>(std::move(pairs), std::move(end)));
    for (it->SeekToFirst(); it->Valid(); it->Next()) continue;
    return it->status();
  }

  TableSchema schema_;
  std::unique_ptr<VisibleFamilies> families_;
  KeyValues cells_;
  Sequence sequence_ = 0;
  int seeks_ = 0;  // of the last CompactHolding
  int64_t now_us_ = kNow;
  uint64_t max_row_bytes_ = kMaxRowReadBytes;
};

// A seek in a merge places every file anew: one for each column made merges of files with others
// between them read twenty times their bytes.
TEST_F(ResolverTest, AMergeWithOthersBetweenDoesNotGoBack) {
  SetRule(MaxVersions(1));
  for (int i = 0; i < 100; ++i) {
    for (int64_t ms = 1; ms <= i % 3 + 1; ++ms) Set(ms, "value", absl::StrCat("q", 100 + i));
  }
  const KeyValues held = CompactHolding(4u << 20, Sorted(), false, false);
  EXPECT_EQ(seeks_, 0);
  EXPECT_EQ(CompactHolding(0, Sorted(), false, false), held);
  EXPECT_EQ(seeks_, 100);
}

TEST_F(ResolverTest, AWriteOlderThanTheDeleteBeforeItIsVisible) {
  Set(9, "x");
  Write(DeleteFromRow{});
  Set(7, "y");
  EXPECT_EQ(Read(), "r{a:q@7=y }");
}

TEST_F(ResolverTest, LaterWriteOfAnIdentityWinsAndSnapshotsSeeTheirPast) {
  Set(5, "x");
  Set(5, "y");
  Write(DeleteFromFamily{"a"});
  Set(5, "z");
  EXPECT_EQ(Read(), "r{a:q@5=z }");
  EXPECT_EQ(ReadPairs(Sorted(), {}, 3), "");
  EXPECT_EQ(ReadPairs(Sorted(), {}, 2), "r{a:q@5=y }");
  EXPECT_EQ(ReadPairs(Sorted(), {}, 1), "r{a:q@5=x }");
  EXPECT_EQ(ReadPairs(Sorted(), {}, 0), "");
}

TEST_F(ResolverTest, FamiliesMustMatchByNameAndId) {
  std::string key;
  AppendSetKey(&key, "r", "b", 2, "q", 1000, 50);  // the b before this b
  cells_.emplace_back(key, "old");
  Set(1, "x");
  EXPECT_EQ(Read(), "r{a:q@1=x }");
}

TEST_F(ResolverTest, CellsExactlyMaxAgeOldAreKept) {
  SetRule(MaxAge(kNow - 5000));
  Set(5, "kept");
  Set(4, "gone");
  EXPECT_EQ(Read(), "r{a:q@5=kept }");
  EXPECT_EQ(Compact(Sorted(), false, false).size(), 1u);
  now_us_ += 1;
  EXPECT_EQ(Read(), "");
  now_us_ = 0;  // cells from the future are young
  EXPECT_EQ(Read(), "r{a:q@5=kept a:q@4=gone }");
}

// The decision of gc_policy.h: what max_versions has collected stays collected.
TEST_F(ResolverTest, DeletingANewerVersionBringsNoOlderOneBack) {
  SetRule(MaxVersions(2));
  Set(1, "x");
  Set(2, "y");
  const KeyValues older = Sorted();
  Set(3, "z");
  EXPECT_EQ(Read(), "r{a:q@3=z a:q@2=y }");
  Write(DeleteFromColumn{"a", "q", 3000, 4000});
  EXPECT_EQ(Read(), "r{a:q@2=y }");
  EXPECT_EQ(ReadPairs(Compact(Sorted(), true, true)), "r{a:q@2=y }");
  // A merge that holds the delete and its victim, but not the older versions.
  KeyValues newer(cells_.begin() + 2, cells_.end());
  std::sort(newer.begin(), newer.end());
  KeyValues merged = Compact(newer, false, true);
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged[1].second, "") << "the ghost keeps no value";
  merged.insert(merged.end(), older.begin(), older.end());
  std::sort(merged.begin(), merged.end());
  EXPECT_EQ(ReadPairs(merged), "r{a:q@2=y }");
  Set(1, "again");
  EXPECT_EQ(Read(), "r{a:q@2=y a:q@1=again }") << "written again, it counts again";
}

TEST_F(ResolverTest, AVersionIsNotCountedBesideOnesDeletedBeforeIt) {
  SetRule(MaxVersions(2));
  Set(1, "x");
  Set(2, "y");
  Write(DeleteFromColumn{"a", "q", 2000, 3000});
  Set(3, "z");
  EXPECT_EQ(Read(), "r{a:q@3=z a:q@1=x }");
}

TEST_F(ResolverTest, SurplusThatIsTooYoungStaysUntilItIsOld) {
  SetRule({.kind = GcRule::Kind::kIntersection, .rules = {MaxVersions(1), MaxAge(kNow)}});
  Set(1, "x");
  Set(2, "y");
  Write(DeleteFromColumn{"a", "q", 2000, 3000});
  const KeyValues compacted = Compact(Sorted(), true, true);
  EXPECT_EQ(compacted.size(), 3u) << "the history stays";
  EXPECT_EQ(ReadPairs(compacted), "r{a:q@1=x }");
  now_us_ = kNow + 1001;
  EXPECT_EQ(ReadPairs(compacted), "");
  EXPECT_EQ(Read(), "");
  EXPECT_TRUE(Compact(compacted, true, true).empty());
}

TEST_F(ResolverTest, MajorDropsMarkersPartialKeepsTheNewest) {
  Write(DeleteFromRow{});
  Set(1, "x");
  Write(DeleteFromFamily{"a"});
  Write(DeleteFromRow{});
  Write(DeleteFromColumn{"a", "q", 0, 0});
  Write(DeleteFromColumn{"a", "q", 1000, 2000});
  Write(DeleteFromFamily{"b"});
  EXPECT_EQ(Compact(Sorted(), false, false).size(), 4u);
  EXPECT_TRUE(Compact(Sorted(), true, true).empty());
}

TEST_F(ResolverTest, FamiliesNewerThanTheSchemaAreLeftAlone) {
  std::string key, marker, row_marker;
  AppendSetKey(&key, "r", "new", 4, "q", 1000, 5);
  AppendFamilyMarkerKey(&marker, "r", "new", 4, 3);
  AppendRowMarkerKey(&row_marker, "r", 2);
  std::string shadowed;
  AppendSetKey(&shadowed, "r", "new", 4, "q", 1000, 1);
  KeyValues pairs = {{key, "v"}, {marker, ""}, {row_marker, ""}, {shadowed, ""}};
  std::sort(pairs.begin(), pairs.end());
  const KeyValues out = Compact(pairs, true, true);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].first, marker);
  EXPECT_EQ(out[1].first, key);
}

TEST_F(ResolverTest, SelectionInItsOrder) {
  for (int ms = 1; ms <= 4; ++ms) Set(ms, "v", "p");
  for (int ms = 1; ms <= 4; ++ms) Set(ms, "w", "q");
  Write(SetCell{"b", "", 1000, "b"});
  EXPECT_EQ(Read({.families = {"b"}}), "r{b:@1=b }");
  EXPECT_EQ(Read({.families = {"b"}, .columns = {{"a", "q"}}, .cells_per_column = 1}),
            "r{a:q@4=w b:@1=b }");
  EXPECT_EQ(Read({.min_timestamp_us = 2000, .max_timestamp_us = 4000}),
            "r{a:p@3=v a:p@2=v a:q@3=w a:q@2=w }");
  EXPECT_EQ(Read({.max_timestamp_us = 4000, .cells_per_column = 1}), "r{a:p@3=v a:q@3=w b:@1=b }");
  EXPECT_EQ(Read({.cells_per_column = 2, .cells_per_row = 3}), "r{a:p@4=v a:p@3=v a:q@4=w }");
  EXPECT_EQ(Read({.columns = {{"nowhere", "q"}}}), "");
}

TEST_F(ResolverTest, LongColumnsAndRowsAreSkippedBySeeking) {
  for (int ms = 1; ms <= 100; ++ms) Set(ms, "v", "p");
  Set(1, "w", "q");
  Write(SetCell{"a", "q", 1000, "x"}, "s");
  EXPECT_EQ(Read({.cells_per_column = 1}), "r{a:p@100=v a:q@1=w }s{a:q@1=x }");
  EXPECT_EQ(Read({.cells_per_row = 1}), "r{a:p@100=v }s{a:q@1=x }");
  EXPECT_EQ(Read({.columns = {{"a", "q"}}}), "r{a:q@1=w }s{a:q@1=x }");
}

TEST_F(ResolverTest, EachStoredCellIsExaminedOnce) {
  const auto examined = [this] {
    VectorIterator it(Sorted());
    RowResolver resolver(Options(), {});
    TextSink sink;
    it.SeekToFirst();
    EXPECT_OK(resolver.ResolveRow(&it, &sink));
    return resolver.keys_examined();
  };
  Set(1, "v", "one");
  EXPECT_EQ(examined(), 1u);
  for (int column = 0; column < 4; ++column) Set(1, "v", absl::StrCat("q", column));
  EXPECT_EQ(examined(), 5u);
  Set(2, "newer", "one");
  EXPECT_EQ(examined(), 6u);
  Set(2, "instead", "one");
  EXPECT_EQ(examined(), 7u) << "also one that was replaced";
  Write(DeleteFromColumn{"a", "one", 0, 0});
  EXPECT_EQ(examined(), 8u) << "and the marker before them";
}

TEST_F(ResolverTest, TheSinkMayStopAndARowMayBeTooLarge) {
  Set(1, "0123456789");
  Set(2, "0123456789");
  VectorIterator it(Sorted());
  it.SeekToFirst();
  TextSink sink;
  sink.go_on = false;
  RowResolver resolver(Options(), {});
  ASSERT_OK(resolver.ResolveRow(&it, &sink));
  const ResolvedRow& row = resolver.resolved();
  EXPECT_FALSE(row.sink_goes_on);
  EXPECT_EQ(row.cells, 2u);
  EXPECT_EQ(row.bytes, 1u + 2 * (1 + 1 + 8 + 10));
  max_row_bytes_ = row.bytes;
  EXPECT_OK(ResolveStatus(Sorted()));
  max_row_bytes_ = row.bytes - 1;
  EXPECT_STATUS(kFailedPrecondition, "row \"r\" is larger than 40 bytes", ResolveStatus(Sorted()));
}

TEST_F(ResolverTest, ErrorsOfTheStreamEndReadAndCompaction) {
  SetRule(MaxVersions(1));
  Set(1, "x");
  Set(2, "y");
  EXPECT_STATUS(kDataLoss, "bad block", ResolveStatus(Sorted(), CorruptError("bad block")));
  EXPECT_STATUS(kDataLoss, "bad block", CollectStatus(Sorted(), CorruptError("bad block")));
  Write(DeleteFromColumn{"a", "q", 1000, 2000});  // judged by history
  EXPECT_STATUS(kDataLoss, "bad block", ResolveStatus(Sorted(), CorruptError("bad block")));
  EXPECT_STATUS(kDataLoss, "bad block", CollectStatus(Sorted(), CorruptError("bad block")));
  cells_ = {cells_.back()};
  EXPECT_STATUS(kDataLoss, "bad block", ResolveStatus(Sorted(), CorruptError("bad block")));
  EXPECT_STATUS(kDataLoss, "bad block", CollectStatus(Sorted(), CorruptError("bad block")));
}

// Keys that a file's checks would let through if its writer had been wrong.
TEST_F(ResolverTest, MalformedKeysAreDataLoss) {
  for (bool counts : {false, true}) {
    SetRule(counts ? MaxVersions(1) : GcRule{});
    cells_.clear();
    Write(DeleteFromColumn{"a", "q", 1000, 2000});
    Set(1, "x");
    KeyValues bad_marker = Sorted();
    bad_marker[0].second = "\xff";
    EXPECT_STATUS(kDataLoss, "time range", ResolveStatus(bad_marker));
    EXPECT_STATUS(kDataLoss, "time range", CollectStatus(bad_marker));
    KeyValues bad_kind = Sorted();
    bad_kind[1].first.back() = static_cast<char>(~2);
    EXPECT_STATUS(kDataLoss, "malformed", ResolveStatus(bad_kind));
    EXPECT_STATUS(kDataLoss, "malformed", CollectStatus(bad_kind));
    KeyValues bad_place = Sorted();
    bad_place[0].first.back() = static_cast<char>(~4);
    EXPECT_STATUS(kDataLoss, "malformed", ResolveStatus(bad_place));
    EXPECT_STATUS(kDataLoss, "malformed", CollectStatus(bad_place));
    EXPECT_STATUS(kDataLoss, "malformed", ResolveStatus({{"no key", ""}}));
    EXPECT_STATUS(kDataLoss, "malformed", CollectStatus({{"no key", ""}}));
  }
}

// Behind its first key a column's place is known from the first: the kinds must still fit it.
TEST_F(ResolverTest, ACellInThePlaceOfMarkersIsDataLoss) {
  std::string marker;
  AppendFamilyMarkerKey(&marker, "r", "a", 1, 9);
  std::string cell = marker.substr(0, marker.size() - 16);
  PutBig64(&cell, ~uint64_t{1000});
  PutBig64(&cell, ~((uint64_t{8} << 8) | 1));
  EXPECT_STATUS(kDataLoss, "malformed", ResolveStatus({{marker, ""}, {cell, ""}}));
  EXPECT_STATUS(kDataLoss, "malformed", CollectStatus({{marker, ""}, {cell, ""}}));
  std::string wrong_kind = marker;
  PutBig64(&(wrong_kind = marker.substr(0, marker.size() - 8)), ~((uint64_t{8} << 8) | 4));
  EXPECT_STATUS(kDataLoss, "malformed", ResolveStatus({{marker, ""}, {wrong_kind, ""}}));
  EXPECT_STATUS(kDataLoss, "malformed", CollectStatus({{marker, ""}, {wrong_kind, ""}}));
}

}  // namespace
}  // namespace stele::storage
