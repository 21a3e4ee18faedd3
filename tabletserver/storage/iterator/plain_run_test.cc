// Goal: whoever resolves rows many at a time hears, counts and can go on with exactly what one row
// at a time gives, whatever stands between the plain rows and whatever ends them.
#include "tabletserver/storage/iterator/plain_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "schema/model/mutation_cell.h"
#include "tabletserver/storage/iterator/row_resolver.h"
#include "tabletserver/storage/iterator/vector_iterator.h"

namespace stele::storage {
namespace {

constexpr int64_t kNow = 100'000;

// Fails once, when it is moved to this pair.
class FailingIterator : public VectorIterator {
 public:
  FailingIterator(std::shared_ptr<const KeyValues> pairs, size_t* fails_in)
      : VectorIterator(std::move(pairs)), fails_in_(fails_in) {}
  bool Valid() const override { return status_.ok() && VectorIterator::Valid(); }
  void Seek(Slice target) override {
    status_ = OkStatus();
    VectorIterator::Seek(target);
  }
  void Next() override {
    VectorIterator::Next();
    if (*fails_in_ > 0 && --*fails_in_ == 0) status_ = absl::UnavailableError("would block");
  }
  Status status() const override { return status_; }

 private:
  size_t* const fails_in_;
  Status status_;
};

// Wants something else than more where the dice of its calls say so.
class WillfulSink : public RowSink {
 public:
  WillfulSink(uint64_t seed, uint64_t one_in) : seed_(seed), one_in_(one_in) {}
  void StartRow(Slice row) override {
    absl::StrAppend(&text, row, "{");
    wants_ = Dice(row, 0) == 1 ? Wants::kNextRow : Wants::kMore;
  }
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
    absl::StrAppend(&text, family, ":", qualifier, "@", timestamp_us, "=", value, " ");
    const uint64_t dice = Dice(value, 1);
    wants_ = dice == 1   ? Wants::kPause
             : dice == 2 ? Wants::kNextColumn
             : dice == 3 ? Wants::kNextRow
                         : Wants::kMore;
  }
  bool EndRow() override {
    text += "}";
    wants_ = Dice(text, 2) == 1 ? Wants::kAgain : Wants::kMore;
    return Dice(text, 3) != 1;
  }
  std::string text;

 private:
  uint64_t Dice(Slice bytes, uint64_t salt) const {
    if (one_in_ == 0) return 0;
    uint64_t hash = seed_ + salt;
    for (const char c : bytes) hash = hash * 1'099'511'628'211u + static_cast<uint8_t>(c);
    return SeededRandom(hash).Below(4 * one_in_);
  }
  const uint64_t seed_, one_in_;
};

struct Plan {
  std::shared_ptr<const KeyValues> pairs;
  RowResolverOptions options;
  ReadSelection selection;
  uint64_t sink_seed = 0, sink_one_in = 0;
  size_t fails_in = 0;
  uint64_t keys_between_stops = UINT64_MAX;
  uint64_t rows_limit = UINT64_MAX, rows_examined_limit = UINT64_MAX, bytes_limit = UINT64_MAX;
  std::string end;
};

// A reader as TabletReader is one. It writes down what it heard and where it stood at each stop.
class Reader {
 public:
  explicit Reader(const Plan& plan)
      : plan_(plan),
        resolver_(plan.options, plan.selection),
        sink_(plan.sink_seed, plan.sink_one_in),
        fails_in_(plan.fails_in) {}

  std::string Read(bool many) {
    Open();
    it_->SeekToFirst();
    resolver_.SuspendAfter(plan_.keys_between_stops);
    while (it_->Valid() && (plan_.end.empty() || it_->key() < Slice(plan_.end))) {
      if (!Finish(many ? ReadMany() : resolver_.ResolveRow(it_.get(), &sink_))) break;
      if (!HasRoom()) break;
      resolver_.SkipRow(it_.get());
    }
    Note(it_->Valid() ? std::string(it_->key()) : it_->status().ToString());
    return sink_.text;
  }
  uint64_t rows_at_once() const { return rows_at_once_; }

 private:
  void Open() { it_ = std::make_unique<FailingIterator>(plan_.pairs, &fails_in_); }

  Status ReadMany() {
    RowsLimits limits;
    limits.rows = plan_.rows_limit - rows_;
    limits.rows_examined = plan_.rows_examined_limit - rows_examined_;
    limits.bytes = plan_.bytes_limit - bytes_;
    limits.end = plan_.end;
    RowsBefore before;
    const Status status = resolver_.ResolveRows(it_.get(), &sink_, limits, &before);
    rows_ += before.rows;
    rows_examined_ += before.rows_examined;
    rows_at_once_ += before.rows;
    cells_ += before.cells;
    bytes_ += before.bytes;
    const Slice last = before.last_row.bytes();
    if (!last.empty()) last_row_ = std::string(last);
    return status;
  }

  // Goes on with the row until it is done; false when the read is over.
  bool Finish(Status status) {
    const ResolvedRow& row = resolver_.resolved();
    for (;;) {
      if (!status.ok() || row.suspended) {
        failed_ = !status.ok() && !absl::IsUnavailable(status);
        Note(status.ok() ? "stopped" : status.ToString());
        if (failed_) return false;
        Open();
        resolver_.SuspendAfter(plan_.keys_between_stops);
      } else if (row.emitted && sink_.wants() == RowSink::Wants::kAgain) {
        resolver_.Again();
      } else {
        break;
      }
      status = resolver_.Resume(it_.get(), &sink_);
    }
    last_row_ = std::string(resolver_.row());
    rows_ += row.emitted ? 1 : 0;
    ++rows_examined_;
    cells_ += row.cells;
    bytes_ += row.bytes;
    return row.sink_goes_on;
  }
  bool HasRoom() const {
    return rows_ < plan_.rows_limit && rows_examined_ < plan_.rows_examined_limit &&
           bytes_ < plan_.bytes_limit;
  }
  void Note(Slice why) {
    absl::StrAppend(&sink_.text, "[", why, ": ", rows_, " rows of ", rows_examined_, " to '",
                    last_row_, "', ", cells_, " cells, ", bytes_, " bytes, ",
                    failed_ ? 0 : resolver_.keys_examined(), " keys]");
  }

  const Plan& plan_;
  RowResolver resolver_;
  WillfulSink sink_;
  size_t fails_in_;
  bool failed_ = false;  // then nobody asks for the keys of the row
  std::unique_ptr<FailingIterator> it_;
  std::string last_row_;
  uint64_t rows_ = 0, rows_examined_ = 0, cells_ = 0, bytes_ = 0, rows_at_once_ = 0;
};

class Cases {
 public:
  explicit Cases(uint64_t seed) : random_(seed) {}

  Plan Next() {
    schema_.next_family_id = 4;
    schema_.families = {FamilySchema{.name = "a", .id = 1, .gc = Rule()},
                        FamilySchema{.name = "b", .id = 3}};
    families_.emplace(schema_);
    cells_.clear();
    sequence_ = 100;
    const std::string qualifiers[] = {"", "q", "a longer qualifier than others",
                                      std::string("q\0q", 3)};
    qualifier_ = qualifiers[random_.OneIn(8) ? 3 : random_.Below(3)];
    const uint64_t unusual_one_in = 1 + random_.Below(20);
    for (uint64_t n = random_.Below(40); n > 0; --n) {
      const std::string row = RowName();
      Write(row, SetCell{"a", qualifier_, Time(), Value()});
      if (random_.OneIn(unusual_one_in)) MakeUnusual(row);
    }
    std::sort(cells_.begin(), cells_.end());
    Plan plan;
    plan.options = {.families = &*families_, .now_us = kNow};
    if (random_.OneIn(3)) plan.options.snapshot = 100 + random_.Below(60);
    if (random_.OneIn(4)) plan.options.max_row_bytes = 160;
    if (random_.OneIn(3)) {
      RowDrop drop{.start = RowName(), .end = "", .sequence = 100 + random_.Below(60)};
      drops_.emplace(std::vector<RowDrop>{drop});
      plan.options.drops = &*drops_;
    }
    Limit(&plan);
    plan.pairs = std::make_shared<KeyValues>(cells_);
    return plan;
  }
  uint64_t Below(uint64_t n) { return random_.Below(n); }

 private:
  GcRule Rule() {
    const GcRule one{.kind = GcRule::Kind::kMaxVersions, .max_versions = 1};
    const GcRule young{.kind = GcRule::Kind::kMaxAge, .max_age_us = kNow - 2000};
    switch (random_.Below(5)) {
      case 0:
        return one;
      case 1:
        return young;
      case 2:
        return {.kind = GcRule::Kind::kUnion, .rules = {one, young}};
      case 3:
        return {.kind = GcRule::Kind::kIntersection, .rules = {one, young}};
      default:
        return {};
    }
  }
  void Limit(Plan* plan) {
    ReadSelection& selection = plan->selection;
    if (random_.OneIn(6)) selection.min_timestamp_us = Time();
    if (random_.OneIn(6)) selection.max_timestamp_us = selection.min_timestamp_us + Time() + 1000;
    if (random_.OneIn(6)) selection.cells_per_row = 1;
    if (random_.OneIn(6)) selection.cells_per_column = 1;
    if (random_.OneIn(10)) selection.families = {"a"};
    plan->sink_seed = random_.Next();
    if (random_.OneIn(3)) plan->sink_one_in = 1 + random_.Below(20);
    if (random_.OneIn(3)) plan->fails_in = 1 + random_.Below(40);
    if (random_.OneIn(4)) plan->keys_between_stops = 1 + random_.Below(20);
    if (random_.OneIn(6)) plan->rows_limit = 1 + random_.Below(20);
    if (random_.OneIn(6)) plan->rows_examined_limit = 1 + random_.Below(20);
    if (random_.OneIn(6)) plan->bytes_limit = random_.Below(600);
    if (random_.OneIn(4)) AppendRowStart(&plan->end, RowName());
  }

  int64_t Time() { return static_cast<int64_t>(random_.Below(9)) * 1000; }
  std::string Value() { return absl::StrCat("v", ++value_, std::string(random_.Below(3), '.')); }
  // Rows that begin alike, of all lengths; few hold a zero.
  std::string RowName() {
    static constexpr size_t kLengths[] = {0, 0, 0, 1, 7, 8, 9, 30, 120};
    std::string row = std::string(kLengths[random_.Below(9)], 'r') + absl::StrCat(Below(200));
    if (random_.OneIn(30)) row += std::string("\0x", random_.Below(3));
    return row;
  }
  void Write(const std::string& row, const Mutation& mutation) {
    MutationCell cell;
    EncodeMutation(row, mutation, schema_, ++sequence_, &cell);
    cells_.emplace_back(cell.key, std::string(cell.value));
  }
  void MakeUnusual(const std::string& row) {
    std::string key;
    switch (random_.Below(11)) {
      case 0:
        return Write(row, SetCell{"a", qualifier_, Time(), Value()});
      case 1:
        return Write(row, SetCell{"a", "r", Time(), Value()});
      case 2:
        return Write(row, SetCell{"b", qualifier_, Time(), Value()});
      case 3:
        return Write(row, DeleteFromRow{});
      case 4:
        return Write(row, DeleteFromFamily{"a"});
      case 5:
        return Write(row, DeleteFromColumn{"a", qualifier_, 0, 0});
      case 6:
        return Write(row, DeleteFromColumn{"a", qualifier_, 2000, 5000});
      case 7:
        return Write(row, SetCell{"a", qualifier_, Time(), std::string(200, 'l')});
      case 8:  // of a family that was dropped
        AppendSetKey(&key, row, "a", 2, qualifier_, Time(), ++sequence_);
        break;
      case 9:  // in front of the cells
        return Write(row, SetCell{"a", "", Time(), Value()});
      default:
        if (!random_.OneIn(4)) return;
        key = cells_.back().first;
        key[random_.Below(key.size())] ^= static_cast<char>(1 + random_.Below(255));
        cells_.pop_back();
    }
    cells_.emplace_back(key, Value());
  }

  SeededRandom random_;
  TableSchema schema_;
  std::optional<VisibleFamilies> families_;
  std::optional<DroppedRows> drops_;
  std::string qualifier_;
  KeyValues cells_;
  Sequence sequence_ = 0;
  uint64_t value_ = 0;
};

TEST(PlainRunTest, ManyRowsAtOnceAreAsOneByOne) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  Cases cases(seed);
  uint64_t pairs = 0, at_once = 0;
  for (int i = 0; i < 20'000 && !HasFailure(); ++i) {
    const Plan plan = cases.Next();
    Reader one(plan), many(plan);
    const std::string expected = one.Read(false);
    ASSERT_EQ(many.Read(true), expected) << "case " << i;
    EXPECT_EQ(one.rows_at_once(), 0u);
    pairs += plan.pairs->size();
    at_once += many.rows_at_once();
  }
  EXPECT_GT(at_once, pairs / 8) << "the cases are not plain";
}

}  // namespace
}  // namespace stele::storage
