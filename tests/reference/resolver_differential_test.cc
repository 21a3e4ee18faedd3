// Goal: row resolver and garbage collector answer as the reference table does, whatever was
// written, flushed and compacted in whatever order.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "common/base/check.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "schema/model/mutation_cell.h"
#include "tabletserver/storage/index/tablet_index.h"
#include "tabletserver/storage/iterator/garbage_collector.h"
#include "tabletserver/storage/iterator/merging_iterator.h"
#include "tabletserver/storage/iterator/row_resolver.h"
#include "tabletserver/storage/iterator/vector_iterator.h"
#include "tabletserver/storage/memtable/memtable.h"
#include "tabletserver/storage/sstable/table_fixture.h"
#include "tests/reference/reference_table.h"

namespace stele::storage {
namespace {

class RowCollector : public RowSink {
 public:
  void StartRow(Slice row) override { rows.push_back(Row{.key = std::string(row)}); }
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
    rows.back().cells.push_back(
        Cell{std::string(family), std::string(qualifier), timestamp_us, std::string(value)});
  }
  bool EndRow() override { return true; }
  std::vector<Row> rows;
};

std::string Show(const std::vector<Row>& rows) {
  std::string out;
  for (const Row& row : rows) {
    for (const Cell& c : row.cells) {
      absl::StrAppend(&out, row.key, " ", c.family, ":", c.qualifier, "@", c.timestamp_us, "=",
                      c.value, "\n");
    }
  }
  return out;
}

StatusOr<std::vector<Row>> Resolve(Iterator* it, const RowResolverOptions& options,
                                   const ReadSelection& selection) {
  RowResolver resolver(options, selection);
  RowCollector rows;
  for (it->SeekToFirst(); it->Valid();) {
    RETURN_IF_ERROR(resolver.ResolveRow(it, &rows));
    const ResolvedRow& row = resolver.resolved();
    if (row.emitted != (row.cells > 0)) return absl::InternalError("emitted");
    resolver.SkipRow(it);
  }
  RETURN_IF_ERROR(it->status());
  return std::move(rows.rows);
}

// A sorted file of ascending sequences. Several of them and a memtable are a tablet.
struct Run {
  std::shared_ptr<const KeyValues> pairs;
  Sequence first = 0, last = 0;
  std::shared_ptr<const SSTable> table;  // made when first read through the index; null when empty
};

std::shared_ptr<const SSTable> MakeTable(const KeyValues& pairs, SeededRandom* random) {
  if (pairs.empty()) return nullptr;
  SSTableOptions options;
  options.block_bytes = static_cast<uint32_t>(64 + random->Below(300));
  options.bloom_columns = random->OneIn(2);
  auto table = OpenBytes(Build(CellMap(pairs.begin(), pairs.end()), options));
  CHECK_OK(table.status());
  return *table;
}

struct Mix {
  bool range_deletes = true;
  bool several_limits = false;  // in one rule
};

class Walk {
 public:
  Walk(uint64_t seed, Mix mix) : random_(seed), mix_(mix), reference_(MakeSchema()) {
    families_ = std::make_unique<VisibleFamilies>(schema_);
    memtable_ = std::make_unique<Memtable>();
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      trail_.clear();
      const uint64_t dice = random_.Below(20);
      if (dice < 11) {
        Write();
      } else if (dice < 14) {
        Flush();
      } else if (dice < 16) {
        Merge(/*contiguous=*/true);
      } else if (dice < 17) {
        Merge(/*contiguous=*/false);
      } else if (dice < 18) {
        MergeOldest();
      } else if (dice < 19) {
        now_us_ += static_cast<int64_t>(random_.Below(3000));
      }
      Compare();
    }
  }

 private:
  GcRule MakeRule(int depth) {
    const uint64_t dice = random_.Below(depth == 0 ? 6 : 3);
    if (dice == 0) return GcRule{.kind = GcRule::Kind::kMaxAge, .max_age_us = Time() + 1000};
    if (dice <= 2) {
      const auto n = mix_.several_limits ? static_cast<int32_t>(1 + random_.Below(4)) : limit_;
      return GcRule{.kind = GcRule::Kind::kMaxVersions, .max_versions = n};
    }
    if (dice == 3) return GcRule{};
    GcRule rule{.kind = dice == 4 ? GcRule::Kind::kUnion : GcRule::Kind::kIntersection};
    for (uint64_t n = 1 + random_.Below(3); n > 0; --n) rule.rules.push_back(MakeRule(depth + 1));
    return rule;
  }
  const TableSchema& MakeSchema() {
    limit_ = static_cast<int32_t>(1 + random_.Below(4));
    schema_.name = "t";
    schema_.next_family_id = 4;
    schema_.families = {FamilySchema{.name = "a", .id = 1, .gc = MakeRule(0)},
                        FamilySchema{.name = "b", .id = 3, .gc = MakeRule(0)}};
    return schema_;
  }

  int64_t Time() { return static_cast<int64_t>(random_.Below(9)) * 1000; }
  std::string Pick(const char* letters, size_t n) {
    return std::string(1, letters[random_.Below(n)]);
  }
  Mutation MakeMutation() {
    const std::string family = Pick("ab", 2);
    const std::string qualifier = random_.OneIn(4) ? "" : Pick("xy", 2);
    const uint64_t dice = random_.Below(24);
    if (dice == 0) return DeleteFromRow{};
    if (dice == 1) return DeleteFromFamily{family};
    if (dice == 2) return DeleteFromColumn{family, qualifier, 0, 0};
    if (dice <= 5 && mix_.range_deletes) {
      const int64_t start = Time();
      const int64_t end = random_.OneIn(3) ? 0 : start + 1000 + Time() / 2 / 1000 * 1000;
      return DeleteFromColumn{family, qualifier, start, end};
    }
    return SetCell{family, qualifier, Time(), absl::StrCat("v", sequence_)};
  }

  void Write() {
    RowMutation mutation{.row = std::string("r\0", 2) + Pick("12", 2)};
    for (uint64_t n = 1 + random_.Below(6); n > 0; --n) {
      mutation.mutations.push_back(MakeMutation());
      ++sequence_;
      MutationCell cell;
      EncodeMutation(mutation.row, mutation.mutations.back(), schema_, sequence_, &cell);
      memtable_->Add(cell.key, cell.value);
      history_.emplace_back(cell.key, std::string(cell.value));
    }
    if (random_.OneIn(8)) AddDroppedFamily(mutation.row);
    ASSERT_OK(ValidateRowMutation(mutation, &schema_));
    reference_.Apply(mutation);
  }
  // Cells that a family of the same name but another id left behind.
  void AddDroppedFamily(const std::string& row) {
    std::string key;
    AppendSetKey(&key, row, "b", 2, "x", Time(), ++sequence_);
    memtable_->Add(key, "of a dropped family");
    std::string marker;
    AppendFamilyMarkerKey(&marker, row, "a", 2, ++sequence_);
    memtable_->Add(marker, "");
  }

  std::shared_ptr<const KeyValues> Collect(std::unique_ptr<Iterator> in, bool oldest,
                                           bool contiguous) {
    GarbageCollectorOptions options{families_.get(), now_us_, oldest, contiguous};
    constexpr size_t kHold[] = {0, 60, 4u << 20};
    options.hold_bytes = kHold[random_.Below(3)];
    auto it = NewGarbageCollector(options, std::move(in));
    auto out = std::make_shared<KeyValues>();
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      EXPECT_TRUE(out->empty() || Slice(out->back().first) < it->key());
      out->emplace_back(std::string(it->key()), std::string(it->value()));
    }
    EXPECT_OK(it->status());
    return out;
  }
  void Flush() {
    if (memtable_->empty()) return;
    trail_ = "flush";
    const Sequence first = runs_.empty() ? 1 : runs_.back().last + 1;
    runs_.push_back({Collect(memtable_->NewIterator(), false, true), first, sequence_, nullptr});
    memtable_ = std::make_unique<Memtable>();
  }
  // Merges runs [from, to); a run that is left out on purpose makes it not contiguous.
  void MergeRuns(size_t from, size_t to, std::optional<size_t> but, bool oldest) {
    std::vector<std::unique_ptr<Iterator>> inputs;
    for (size_t i = from; i < to; ++i) {
      if (i != but) inputs.push_back(std::make_unique<VectorIterator>(runs_[i].pairs));
    }
    struct Run merged;
    merged.first = runs_[from].first;
    merged.last = runs_[to - 1].last;
    merged.pairs = Collect(NewMergingIterator(std::move(inputs)), oldest, !but.has_value());
    std::vector<struct Run> next(runs_.begin(), runs_.begin() + static_cast<ptrdiff_t>(from));
    next.push_back(merged);
    if (but.has_value()) next.push_back(runs_[*but]);
    next.insert(next.end(), runs_.begin() + static_cast<ptrdiff_t>(to), runs_.end());
    runs_ = std::move(next);
    tangled_ = tangled_ || but.has_value();
  }
  void Merge(bool contiguous) {
    if (runs_.size() < 3 || (contiguous && tangled_)) return;
    trail_ = contiguous ? "contiguous merge" : "merge with a gap";
    const size_t count = 3 + random_.Below(runs_.size() - 2);
    const size_t from = random_.Below(runs_.size() - count + 1);
    if (contiguous) return MergeRuns(from, from + count - 1, std::nullopt, false);
    MergeRuns(from, from + count, from + 1, false);
  }
  void MergeOldest() {
    if (runs_.empty()) return;
    trail_ = "oldest merge";
    const size_t count = tangled_ ? runs_.size() : 1 + random_.Below(runs_.size());
    MergeRuns(0, count, std::nullopt, true);
    if (count == runs_.size() || runs_.size() == 1) tangled_ = false;
  }

  Bound MakeBound() {
    if (random_.OneIn(3)) return {};
    const std::string qualifier = random_.OneIn(4) ? "" : Pick("wxyz", 4);
    return random_.OneIn(2) ? Bound::Closed(qualifier) : Bound::Open(qualifier);
  }
  ReadSelection MakeSelection() {
    ReadSelection s;
    if (random_.OneIn(2)) return s;
    if (random_.OneIn(4)) s.families.push_back(Pick("abz", 3));
    for (uint64_t n = random_.Below(3); n > 0 && random_.OneIn(2); --n) {
      s.columns.emplace_back(Pick("abz", 3), random_.OneIn(3) ? "" : Pick("xy", 2));
    }
    for (uint64_t n = random_.Below(3); n > 0 && random_.OneIn(2); --n) {
      s.ranges.push_back({random_.OneIn(3) ? "" : Pick("abz", 3), MakeBound(), MakeBound()});
    }
    if (random_.OneIn(3)) s.min_timestamp_us = Time();
    if (random_.OneIn(3)) s.max_timestamp_us = s.min_timestamp_us + Time();
    if (random_.OneIn(3)) s.cells_per_column = static_cast<int32_t>(random_.Below(4));
    if (random_.OneIn(3)) s.cells_per_row = static_cast<int32_t>(random_.Below(6));
    return s;
  }
  void Compare() {
    std::vector<std::unique_ptr<Iterator>> inputs;
    inputs.push_back(memtable_->NewIterator());
    for (const struct Run& run : runs_) {
      inputs.push_back(std::make_unique<VectorIterator>(run.pairs));
    }
    auto it = NewMergingIterator(std::move(inputs));
    const ReadSelection selection = MakeSelection();
    RowResolverOptions options{
        .families = families_.get(), .snapshot = kMaxSequence, .now_us = now_us_};
    ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, Resolve(it.get(), options, selection));
    const std::vector<Row> expected = reference_.Read(RowRange{}, selection, now_us_);
    ASSERT_EQ(Show(rows), Show(expected))
        << "after " << (trail_.empty() ? "a write" : trail_) << " at sequence " << sequence_;
    CompareHistory(selection, expected);
    CompareByIndex(selection);
  }
  // Row by row through filters, files and their index.
  void CompareByIndex(const ReadSelection& selection) {
    if (!random_.OneIn(16)) return;
    std::vector<TabletIndex::File> files;
    for (struct Run& run : runs_) {
      if (run.table == nullptr) run.table = MakeTable(*run.pairs, &random_);
      if (run.table != nullptr) files.push_back({run.table, "", ""});
    }
    index_ = TabletIndex::Build(std::move(files), index_.get());
    for (const std::string& row : {std::string("r\0", 2) + "1", std::string("r\0", 2) + "2"}) {
      std::string encoded, column;
      AppendRowStart(&encoded, row);
      const bool one_column =
          selection.columns.size() == 1 && selection.families.empty() && selection.ranges.empty();
      const FamilySchema* family =
          one_column ? schema_.FindFamily(selection.columns[0].first) : nullptr;
      if (family != nullptr) {
        AppendColumnStart(&column, row, family->name, family->id, selection.columns[0].second);
      }
      std::string row_end;
      AppendRowEnd(&row_end, row);
      TabletIndex::RowParts parts;
      ASSERT_OK(index_->FindRow(encoded, row_end, column, {}, &parts));
      parts.push_back(memtable_->NewIterator());
      parts.back()->Seek(encoded);
      auto it = MergePlaced(absl::MakeSpan(parts));
      RowCollector sink;
      RowResolverOptions options{
          .families = families_.get(), .snapshot = kMaxSequence, .now_us = now_us_};
      RowResolver resolver(options, selection);
      if (it->Valid() && EncodedRow(it->key()) == Slice(encoded)) {
        ASSERT_OK(resolver.ResolveRow(it.get(), &sink));
      }
      ASSERT_OK(it->status());
      const Row expected = reference_.ReadRow(row, selection, now_us_);
      ASSERT_EQ(Show(sink.rows), Show({expected})) << "through the index";
    }
  }
  // Everything ever written, never compacted.
  void CompareHistory(const ReadSelection& selection, const std::vector<Row>& expected) {
    if (!random_.OneIn(4)) return;
    KeyValues all = history_;
    std::sort(all.begin(), all.end());
    VectorIterator it(std::move(all));
    RowResolverOptions options{
        .families = families_.get(), .snapshot = kMaxSequence, .now_us = now_us_};
    ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, Resolve(&it, options, selection));
    ASSERT_EQ(Show(rows), Show(expected)) << "uncompacted, at sequence " << sequence_;
  }

  SeededRandom random_;
  const Mix mix_;
  int32_t limit_ = 1;
  TableSchema schema_;
  ReferenceTable reference_;
  std::unique_ptr<VisibleFamilies> families_;
  std::unique_ptr<Memtable> memtable_;
  std::vector<struct Run> runs_;
  std::shared_ptr<const TabletIndex> index_;
  bool tangled_ = false;  // the runs' sequences overlap
  KeyValues history_;
  Sequence sequence_ = 0;
  int64_t now_us_ = 8000;
  std::string trail_;
};

void WalkMany(Mix mix, int walks, uint64_t salt) {
  SeededRandom seeds(TestSeed() + salt);
  for (int i = 0; i < walks && !testing::Test::HasFailure(); ++i) {
    const uint64_t seed = seeds.Next();
    SCOPED_TRACE(absl::StrCat("STELE_SEED=", TestSeed(), " walk ", i));
    Walk(seed, mix).Run(60);
  }
}

TEST(ResolverDifferentialTest, OneLimitARule) { WalkMany({}, 2'000, 1); }
TEST(ResolverDifferentialTest, SeveralLimitsWithoutRangeDeletes) {
  WalkMany({.range_deletes = false, .several_limits = true}, 1'000, 2);
}
TEST(ResolverDifferentialTest, SeveralLimitsARule) { WalkMany({.several_limits = true}, 2'000, 3); }

}  // namespace
}  // namespace stele::storage
