// Goal: the check of histories accepts what a store that keeps its promises shows, seeded random
// runs of one, and refuses each kind of wrong history by its name.
#include "tests/history/history_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "common/testing/seeded_random.h"

namespace stele {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

// A store that keeps its promises: calls of several clients overlap, each takes effect at a moment
// of its own; some answers are lost, some calls fail before or after.
class HonestRun {
 public:
  explicit HonestRun(uint64_t seed) : random_(seed) {
    for (int i = 0; i < kCalls; ++i) Call();
    now_ += kLongest;
    for (uint64_t row = 0; row < kRows; ++row) FinalRead(row);
  }
  std::vector<Operation> operations;

 private:
  static constexpr int kCalls = 300;
  static constexpr int64_t kLongest = 50;
  static constexpr uint64_t kRows = 3;

  void Call() {
    now_ += static_cast<int64_t>(random_.Between(1, 5));
    Operation call;
    call.client = static_cast<int>(random_.Below(8));
    call.kind = static_cast<Kind>(random_.Below(3));
    call.row = random_.Below(kRows);
    // Effects take place in the order of calls: begins lie before, ends after.
    call.begin_ns = now_ - static_cast<int64_t>(random_.Below(kLongest));
    call.end_ns = now_ + static_cast<int64_t>(random_.Below(kLongest));
    const bool fails = random_.OneIn(10), loses_answer = !fails && random_.OneIn(10);
    SeenRow& row = rows_[call.row];
    if (call.kind == Kind::kAppend) call.id = ++last_id_;
    if (!fails && call.kind == Kind::kAppend) {
      row.ids.push_back(call.id);
      ++row.count;
    }
    if (!fails && call.kind == Kind::kAdd) ++row.sum;
    call.outcome = fails ? Outcome::kFailed : loses_answer ? Outcome::kUnknown : Outcome::kOk;
    if (call.outcome == Outcome::kOk) call.seen = row;
    operations.push_back(call);
  }
  void FinalRead(uint64_t row) {
    Operation read;
    read.row = row;
    read.outcome = Outcome::kOk;
    read.begin_ns = read.end_ns = now_ + kLongest;
    read.seen = rows_[row];
    operations.push_back(read);
  }

  SeededRandom random_;
  int64_t now_ = 1000;
  uint64_t last_id_ = 0;
  std::map<uint64_t, SeenRow> rows_;
};

TEST(HistoryCheck, AcceptsHonestRuns) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  for (uint64_t i = 0; i < 50; ++i) {
    const std::vector<std::string> violations = CheckHistory(HonestRun(seed + i).operations);
    ASSERT_TRUE(violations.empty()) << "run " << i << ": " << violations.front();
  }
}

// Each seed finds a place of its own for the one thing that is wrong.
class WrongHistory : public ::testing::Test {
 protected:
  using Spoil = std::function<bool(std::vector<Operation>*, size_t at)>;

  void ExpectAlwaysFound(const std::string& words, const Spoil& spoil) {
    const uint64_t seed = TestSeed();
    STELE_TRACE_SEED(seed);
    for (uint64_t i = 0; i < 30; ++i) {
      std::vector<Operation> operations = HonestRun(seed + i).operations;
      SeededRandom random(seed + i);
      size_t at = random.Below(operations.size());
      size_t tries = 0;
      while (!spoil(&operations, at)) {
        at = (at + 1) % operations.size();
        ASSERT_LT(++tries, operations.size()) << "run " << i << " has no place for it";
      }
      const std::vector<std::string> found = CheckHistory(operations);
      ASSERT_FALSE(found.empty()) << "run " << i << ", operation " << at << ": not found";
      const bool named = std::any_of(found.begin(), found.end(), [&](const std::string& text) {
        return text.find(words) != std::string::npos;
      });
      EXPECT_TRUE(named) << found.front();
    }
  }
  static bool Is(const Operation& operation, Kind kind, Outcome outcome) {
    return operation.kind == kind && operation.outcome == outcome;
  }
  // Takes the id out of whatever was seen of its row.
  static void Forget(std::vector<Operation>* operations, uint64_t id) {
    for (Operation& operation : *operations) {
      operation.seen.count -= static_cast<int64_t>(std::erase(operation.seen.ids, id));
    }
  }
};

TEST_F(WrongHistory, AnAcknowledgedAppendIsLost) {
  ExpectAlwaysFound("an acknowledged append is lost", [](auto* operations, size_t at) {
    if (!Is((*operations)[at], Kind::kAppend, Outcome::kOk)) return false;
    const Operation lost = (*operations)[at];
    const bool longer =
        std::any_of(operations->begin(), operations->end(), [&](const Operation& other) {
          return other.row == lost.row && other.seen.ids.size() > lost.seen.ids.size() + 1;
        });
    if (!longer) return false;
    Forget(operations, lost.id);
    (*operations)[at] = lost;  // as it was answered
    return true;
  });
}

TEST_F(WrongHistory, AnAcknowledgedAppendIsMissingFromOneAnswer) {
  ExpectAlwaysFound("different orders", [](auto* operations, size_t at) {
    SeenRow& seen = (*operations)[at].seen;
    if (!Is((*operations)[at], Kind::kRead, Outcome::kOk) || seen.ids.size() < 2) return false;
    seen.ids.erase(seen.ids.begin());
    --seen.count;
    return true;
  });
}

TEST_F(WrongHistory, AnIdIsThereTwice) {
  ExpectAlwaysFound("is there twice", [](auto* operations, size_t at) {
    const Operation twice = (*operations)[at];
    if (!Is(twice, Kind::kAppend, Outcome::kOk)) return false;
    bool any = false;
    for (Operation& operation : *operations) {  // applied again after its answer was lost
      SeenRow& seen = operation.seen;
      if (operation.row != twice.row || seen.ids.size() <= twice.seen.ids.size()) continue;
      seen.ids.insert(seen.ids.begin() + static_cast<ptrdiff_t>(twice.seen.ids.size()), twice.id);
      ++seen.count;
      any = true;
    }
    return any;
  });
}

TEST_F(WrongHistory, TwoAnswersHaveDifferentOrders) {
  ExpectAlwaysFound("different orders", [](auto* operations, size_t at) {
    SeenRow& seen = (*operations)[at].seen;
    if (!Is((*operations)[at], Kind::kRead, Outcome::kOk) || seen.ids.size() < 3) return false;
    std::swap(seen.ids[0], seen.ids[1]);
    return true;
  });
}

TEST_F(WrongHistory, AReadIsStale) {
  ExpectAlwaysFound("come after those of", [](auto* operations, size_t at) {
    Operation& read = (*operations)[at];
    if (!Is(read, Kind::kRead, Outcome::kOk) || read.seen.ids.empty()) return false;
    const uint64_t last = read.seen.ids.back();
    for (const Operation& append : *operations) {
      if (append.id != last || append.outcome != Outcome::kOk || append.end_ns >= read.begin_ns) {
        continue;
      }
      read.seen.ids.pop_back();
      --read.seen.count;
      return true;
    }
    return false;
  });
}

TEST_F(WrongHistory, AReadKnowsTheFuture) {
  ExpectAlwaysFound("come after those of", [](auto* operations, size_t at) {
    Operation& read = (*operations)[at];
    if (!Is(read, Kind::kRead, Outcome::kOk)) return false;
    for (const Operation& later : *operations) {
      if (!Is(later, Kind::kAppend, Outcome::kOk) || later.row != read.row) continue;
      if (later.begin_ns <= read.end_ns) continue;
      read.seen.ids = later.seen.ids;
      read.seen.count = later.seen.count;
      return true;
    }
    return false;
  });
}

TEST_F(WrongHistory, AnIdComesOutOfNothing) {
  ExpectAlwaysFound("comes out of nothing", [](auto* operations, size_t at) {
    SeenRow& seen = (*operations)[at].seen;
    if (!Is((*operations)[at], Kind::kRead, Outcome::kOk)) return false;
    seen.ids.push_back(1'000'000);
    ++seen.count;
    return true;
  });
}

TEST_F(WrongHistory, AnAppendThatFailedForCertainAppears) {
  ExpectAlwaysFound("failed for certain", [](auto* operations, size_t at) {
    const Operation failed = (*operations)[at];
    if (!Is(failed, Kind::kAppend, Outcome::kFailed)) return false;
    for (Operation& operation : *operations) {  // after all that anybody saw
      if (operation.row != failed.row || operation.begin_ns < operations->back().begin_ns) continue;
      operation.seen.ids.push_back(failed.id);
      ++operation.seen.count;
    }
    return true;
  });
}

TEST_F(WrongHistory, AnAppendWasDoneByHalf) {
  ExpectAlwaysFound("a count of", [](auto* operations, size_t at) {
    if (!Is((*operations)[at], Kind::kRead, Outcome::kOk)) return false;
    ++(*operations)[at].seen.count;
    return true;
  });
}

TEST_F(WrongHistory, AnAppendDoesNotSeeItself) {
  ExpectAlwaysFound("not the last of its answer", [](auto* operations, size_t at) {
    Operation& append = (*operations)[at];
    if (!Is(append, Kind::kAppend, Outcome::kOk)) return false;
    append.seen.ids.pop_back();
    --append.seen.count;
    return true;
  });
}

TEST_F(WrongHistory, AnAddIsLost) {
  ExpectAlwaysFound("the same sum", [](auto* operations, size_t at) {
    const Operation lost = (*operations)[at];
    if (!Is(lost, Kind::kAdd, Outcome::kOk)) return false;
    bool another = false;
    for (Operation& operation : *operations) {
      if (operation.row != lost.row || operation.seen.sum <= lost.seen.sum) continue;
      another = another || (operation.kind == Kind::kAdd && operation.outcome == Outcome::kOk &&
                            operation.seen.sum == lost.seen.sum + 1);
      --operation.seen.sum;
    }
    return another;
  });
}

TEST_F(WrongHistory, AnAddIsDoneTwice) {
  ExpectAlwaysFound("nobody added", [](auto* operations, size_t at) {
    const Operation twice = (*operations)[at];
    if (!Is(twice, Kind::kAdd, Outcome::kOk)) return false;
    // With as many adds of unknown outcome nobody could tell.
    std::erase_if(*operations, [&](const Operation& operation) {
      return operation.row == twice.row && Is(operation, Kind::kAdd, Outcome::kUnknown);
    });
    const int64_t last = operations->back().begin_ns;
    for (Operation& operation : *operations) {
      if (operation.row == twice.row && operation.begin_ns == last) ++operation.seen.sum;
    }
    return true;
  });
}

TEST_F(WrongHistory, ASumIsStale) {
  ExpectAlwaysFound("its sum come after", [](auto* operations, size_t at) {
    Operation& read = (*operations)[at];
    if (!Is(read, Kind::kRead, Outcome::kOk) || read.seen.sum == 0) return false;
    for (const Operation& add : *operations) {
      if (!Is(add, Kind::kAdd, Outcome::kOk) || add.row != read.row) continue;
      if (add.seen.sum != read.seen.sum || add.end_ns >= read.begin_ns) continue;
      --read.seen.sum;
      return true;
    }
    return false;
  });
}

TEST_F(WrongHistory, NobodyLookedAtTheEnd) {
  ExpectAlwaysFound("no read tells", [](auto* operations, size_t) {
    operations->pop_back();
    return true;
  });
}

}  // namespace
}  // namespace stele
