// Goal: whatever is written, deleted, changed by condition, dropped, flushed, compacted, split,
// moved, merged, restarted, every read through the SDK answers as a small reference says: filters
// up to 6 deep, nested rules of garbage collection, row sets, limits, either way; and neither
// push-down nor Bloom filters nor caches nor a restart change an answer.
//
// A case is one query whose whole answer was compared: every row of the table that it names, with
// all its cells, or that the row did not come. STELE_SEED chooses the walks, STELE_WALKS how many
// there are. A failing one is shrunk and printed; STELE_WALK="write:17 ..." with its seed repeats
// it.
#include <gtest/gtest.h>

#include <cstdlib>

#include "stele/filter_text.h"
#include "tests/integration/model_walk.h"

namespace stele {
namespace {

constexpr uint64_t kWalks = 16;
constexpr size_t kChanges = 44;
constexpr size_t kQueries = 125;
constexpr size_t kMostTries = 150;  // of shrinking a walk
constexpr int64_t kStartUs = 50'000;

class DataModelDifferential : public ::testing::Test {
 protected:
  void SetUp() override {
    // Early, so that random timestamps of some milliseconds are neither all old nor all new.
    cell_ =
        std::make_unique<ModelCell>(ModelCell::Options{.held_clock = true, .start_us = kStartUs});
    ASSERT_OK(cell_->status());
  }
  std::unique_ptr<ModelWalk> NewWalk(const ModelWalk::Options& options) {
    return std::make_unique<ModelWalk>(cell_.get(), absl::StrCat("t", ++tables_), options);
  }

  // Takes steps away as long as the query is still answered wrongly behind them.
  std::vector<ModelStep> Shrink(const ModelWalk::Options& options, std::vector<ModelStep> steps,
                                const ModelQuery& query) {
    std::erase_if(steps, [](const ModelStep& s) { return s.kind == ModelStepKind::kQueries; });
    size_t tries = 0;
    const auto fails = [&](const std::vector<ModelStep>& fewer) {
      auto walk = NewWalk(options);
      return ++tries <= kMostTries && !walk->Run(fewer).has_value() && walk->Ask(query).has_value();
    };
    for (size_t chunk = std::max<size_t>(1, steps.size() / 2); chunk >= 1; chunk /= 2) {
      for (size_t at = 0; at + chunk <= steps.size();) {
        std::vector<ModelStep> fewer = steps;
        const auto from = fewer.begin() + static_cast<ptrdiff_t>(at);
        fewer.erase(from, from + static_cast<ptrdiff_t>(chunk));
        if (fails(fewer)) {
          steps = std::move(fewer);
        } else {
          at += chunk;
        }
      }
    }
    return steps;
  }

  // What went wrong, as small as it gets, and how to repeat it.
  std::string Explain(const ModelWalk::Options& options, std::vector<ModelStep> steps,
                      ModelWalk* walk, const std::string& what) {
    steps.resize(walk->steps_done());
    std::string out =
        absl::StrCat(what, "\nrepeat with STELE_SEED=", options.seed, " STELE_WALKS=1\n");
    if (!walk->failed_query().has_value()) return absl::StrCat(out, walk->Describe());
    const ModelQuery query = ShrinkQuery(
        *walk->failed_query(), [&](const ModelQuery& q) { return walk->Ask(q).has_value(); });
    std::vector<ModelStep> shrunk = Shrink(options, steps, query);
    steps_left_ = shrunk.size();
    auto again = NewWalk(options);
    const std::string how = again->Run(shrunk).value_or("");
    const std::string wrong = again->Ask(query).value_or("(it is right now)");
    shrunk.push_back(steps.back());
    return absl::StrCat(out, "shrunk:\n", again->Describe(), how, wrong,
                        "\nrepeat with STELE_SEED=", options.seed, " STELE_WALK=\"",
                        ShowModelWalk(shrunk), "\"\n");
  }

  std::unique_ptr<ModelCell> cell_;
  int tables_ = 0;
  size_t steps_left_ = 0;
};

TEST_F(DataModelDifferential, AnswersAsTheReferenceDoes) {
  const uint64_t seed = TestSeed();
  std::printf("repeat with STELE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  ModelWalk::Options options{.seed = seed, .queries = kQueries};
  if (const char* saved = std::getenv("STELE_WALK")) {
    ASSERT_OK_AND_ASSIGN(std::vector<ModelStep> steps, ParseModelWalk(saved));
    auto walk = NewWalk(options);
    const std::string wrong = walk->Run(steps).value_or("");
    EXPECT_EQ(wrong, "") << walk->Describe();
    return;
  }
  const char* text = std::getenv("STELE_WALKS");
  const uint64_t walks = text != nullptr ? std::strtoull(text, nullptr, 10) : kWalks;
  std::vector<std::unique_ptr<ModelWalk>> done;
  for (uint64_t i = 0; i < walks; ++i) {
    options.seed = seed + i;
    if (i == walks / 2 && i > 0) {  // the rest without caches, and all that there is anew
      cell_->Restart({.held_clock = true, .caches = false});
      ASSERT_OK(cell_->status());
      for (auto& walk : done) {
        ASSERT_OK(walk->OpenAgain());
        const std::string wrong = walk->AskMany(options.seed).value_or("");
        ASSERT_EQ(wrong, "") << "after a restart\n" << walk->Describe();
      }
    }
    const std::vector<ModelStep> steps = MakeModelWalk(options.seed, kChanges);
    done.push_back(NewWalk(options));
    std::optional<std::string> wrong = done.back()->Run(steps);
    ASSERT_FALSE(wrong.has_value()) << Explain(options, steps, done.back().get(), *wrong);
  }
  uint64_t cases = 0, rows = 0, cells = 0;
  for (const auto& walk : done) {
    cases += walk->queries();
    rows += walk->rows();
    cells += walk->cells();
  }
  std::printf("%llu cases: %llu rows with %llu cells came\n",
              static_cast<unsigned long long>(cases), static_cast<unsigned long long>(rows),
              static_cast<unsigned long long>(cells));
  if (text == nullptr) EXPECT_GE(cases, 100'000u);
  EXPECT_GT(rows, cases) << "the cases are not empty ones";
  EXPECT_GT(cells, 2 * cases);
}

TEST_F(DataModelDifferential, AWrongReferenceIsFoundAndShrunk) {
  ModelWalk::Options options{.seed = TestSeed(), .queries = 20};
  // As if a delete of a family took only its column x.
  options.distort = [](const Mutation& m) -> Mutation {
    const auto* del = std::get_if<DeleteFromFamily>(&m);
    return del == nullptr ? m : DeleteFromColumn{del->family, "x", 0, 0};
  };
  for (;; ++options.seed) {
    ASSERT_LT(options.seed, TestSeed() + 10);
    const std::vector<ModelStep> steps = MakeModelWalk(options.seed, 20);
    auto walk = NewWalk(options);
    std::optional<std::string> wrong = walk->Run(steps);
    if (!wrong.has_value() || !walk->failed_query().has_value()) continue;
    const std::string text = Explain(options, steps, walk.get(), *wrong);
    EXPECT_LE(steps_left_, 3u) << text;
    EXPECT_NE(text.find("STELE_WALK=\""), std::string::npos);
    const std::string saved = text.substr(text.find("STELE_WALK=\"") + 12);
    ASSERT_OK_AND_ASSIGN(std::vector<ModelStep> shrunk,
                         ParseModelWalk(saved.substr(0, saved.find('"'))));
    EXPECT_TRUE(NewWalk(options)->Run(shrunk).has_value()) << "it can be repeated";
    options.distort = [](const Mutation& m) { return m; };
    EXPECT_EQ(NewWalk(options)->Run(shrunk).value_or(""), "") << "and the table was right";
    break;
  }
  EXPECT_STATUS(kInvalidArgument, "no step: fly:1", ParseModelWalk("write:1 fly:1"));
}

}  // namespace
}  // namespace stele
