#include "tests/history/history_check.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"

namespace stele {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

constexpr size_t kMaxViolationsOfRow = 5;

// One row of a history. A register of it (its ids, its sum) goes through states 0, 1, 2 ..; each is
// made from the one before by one change.
class RowCheck {
 public:
  explicit RowCheck(std::vector<const Operation*> operations)
      : operations_(std::move(operations)) {}

  std::vector<std::string> Run() {
    CheckIds();
    if (violations_.empty()) CheckEnd();
    if (violations_.empty()) CheckAppends();
    if (violations_.empty()) CheckAdds();
    return std::move(violations_);
  }

 private:
  // That the register was in `state` at some moment of the operation, after the change that made
  // it; a change shows the state that it made.
  struct Sight {
    size_t state = 0;
    const Operation* by = nullptr;
  };

  void Violation(const std::string& what, const Operation& by) {
    if (violations_.size() < kMaxViolationsOfRow) {
      violations_.push_back(absl::StrCat(what, ": ", ToString(by)));
    }
  }
  void CheckIds();
  void CheckSeen(const Operation& by, const std::map<uint64_t, const Operation*>& appends);
  void CheckEnd();
  void CheckAppends();
  void CheckAdds();
  void CheckTimes(const std::vector<const Operation*>& changes, const std::vector<Sight>& sights,
                  const char* what);

  const std::vector<const Operation*> operations_;
  std::vector<uint64_t> order_;  // the longest list that was seen
  std::vector<std::string> violations_;
};

void RowCheck::CheckSeen(const Operation& by, const std::map<uint64_t, const Operation*>& appends) {
  std::set<uint64_t> before;
  for (const uint64_t id : by.seen.ids) {
    if (!before.insert(id).second) Violation(absl::StrCat("id ", id, " is there twice"), by);
    auto append = appends.find(id);
    if (append == appends.end()) {
      Violation(absl::StrCat("id ", id, " comes out of nothing"), by);
    } else if (append->second->outcome == Outcome::kFailed) {
      Violation(absl::StrCat("id ", id, " is there, its append failed for certain"), by);
    }
  }
  if (by.seen.count != static_cast<int64_t>(by.seen.ids.size())) {
    Violation(absl::StrCat("a count of ", by.seen.count, " with ", by.seen.ids.size(), " ids"), by);
  }
  const size_t common = std::min(order_.size(), by.seen.ids.size());
  if (!std::equal(order_.begin(), order_.begin() + static_cast<ptrdiff_t>(common),
                  by.seen.ids.begin())) {
    Violation("its ids and those of another answer have different orders", by);
  }
}

void RowCheck::CheckIds() {
  std::map<uint64_t, const Operation*> appends;
  for (const Operation* operation : operations_) {
    if (operation->kind == Kind::kAppend) appends[operation->id] = operation;
    if (operation->outcome == Outcome::kOk && operation->seen.ids.size() > order_.size()) {
      order_ = operation->seen.ids;
    }
  }
  for (const Operation* operation : operations_) {
    if (operation->outcome != Outcome::kOk || operation->kind == Kind::kAdd) continue;
    CheckSeen(*operation, appends);
    if (operation->kind != Kind::kAppend) continue;
    if (std::find(order_.begin(), order_.end(), operation->id) == order_.end()) {
      Violation("an acknowledged append is lost", *operation);
    }
    if (operation->seen.ids.empty() || operation->seen.ids.back() != operation->id) {
      Violation("an append's own id is not the last of its answer", *operation);
    }
  }
}

void RowCheck::CheckEnd() {
  const Operation* last_read = nullptr;
  const Operation* last_change = nullptr;
  for (const Operation* operation : operations_) {
    if (operation->kind == Kind::kRead) {
      if (operation->outcome == Outcome::kOk &&
          (last_read == nullptr || operation->begin_ns > last_read->begin_ns)) {
        last_read = operation;
      }
    } else if (last_change == nullptr || operation->end_ns > last_change->end_ns) {
      last_change = operation;
    }
  }
  if (last_change == nullptr) return;
  if (last_read == nullptr || last_read->begin_ns < last_change->end_ns) {
    Violation("no read tells what became of it", *last_change);
  }
}

void RowCheck::CheckAppends() {
  std::map<uint64_t, size_t> place;
  for (size_t i = 0; i < order_.size(); ++i) place[order_[i]] = i;
  std::vector<const Operation*> changes(order_.size());
  std::vector<Sight> sights;
  for (const Operation* operation : operations_) {
    if (operation->kind == Kind::kRead && operation->outcome == Outcome::kOk) {
      sights.push_back({operation->seen.ids.size(), operation});
    }
    if (operation->kind != Kind::kAppend) continue;
    auto at = place.find(operation->id);
    if (at != place.end()) changes[at->second] = operation;
  }
  CheckTimes(changes, sights, "ids");
}

void RowCheck::CheckAdds() {
  std::map<size_t, const Operation*> by_sum;
  std::vector<const Operation*> unknown;
  std::vector<Sight> sights;
  size_t last = 0;
  for (const Operation* operation : operations_) {
    if (operation->kind == Kind::kAdd && operation->outcome == Outcome::kUnknown) {
      unknown.push_back(operation);
    }
    if (operation->kind == Kind::kAppend || operation->outcome != Outcome::kOk) continue;
    const int64_t sum = operation->seen.sum;
    if (sum < 0) return Violation("a sum below zero", *operation);
    last = std::max(last, static_cast<size_t>(sum));
    if (operation->kind == Kind::kRead) {
      sights.push_back({static_cast<size_t>(sum), operation});
    } else if (sum == 0 || !by_sum.emplace(sum, operation).second) {
      return Violation("two adds made the same sum, or one none", *operation);
    }
  }
  std::sort(unknown.begin(), unknown.end(),
            [](const Operation* a, const Operation* b) { return a->begin_ns < b->begin_ns; });
  std::vector<const Operation*> changes;
  size_t taken = 0;
  for (size_t sum = 1; sum <= last; ++sum) {
    auto add = by_sum.find(sum);
    if (add == by_sum.end() && taken == unknown.size()) {
      return Violation(absl::StrCat("nobody added what made the sum ", sum), *operations_.front());
    }
    changes.push_back(add != by_sum.end() ? add->second : unknown[taken++]);
  }
  CheckTimes(changes, sights, "sum");
}

// Change i makes state i + 1 at the earliest moment that those before it allow; who saw a state did
// so at the earliest moment from then on. A moment after the end of its operation is a violation.
void RowCheck::CheckTimes(const std::vector<const Operation*>& changes,
                          const std::vector<Sight>& sights, const char* what) {
  std::vector<std::vector<const Operation*>> seen_in(changes.size() + 1);
  for (const Sight& sight : sights) seen_in[sight.state].push_back(sight.by);
  const Operation* latest = nullptr;  // whose begin is the earliest moment for what follows
  auto earliest_of = [&](const Operation* operation, const Operation* after) {
    if (after == nullptr || operation->begin_ns > after->begin_ns) return operation;
    if (operation->outcome == Outcome::kOk && after->begin_ns > operation->end_ns) {
      Violation(absl::StrCat("its ", what, " come after those of ", ToString(*after)), *operation);
    }
    return after;
  };
  for (size_t state = 0; state <= changes.size(); ++state) {
    if (state > 0) latest = earliest_of(changes[state - 1], latest);
    const Operation* next = latest;
    for (const Operation* reader : seen_in[state]) {
      const Operation* seen = earliest_of(reader, latest);
      if (next == nullptr || seen->begin_ns > next->begin_ns) next = seen;
    }
    latest = next;
  }
}

}  // namespace

std::vector<std::string> CheckHistory(const std::vector<Operation>& operations) {
  std::map<uint64_t, std::vector<const Operation*>> rows;
  for (const Operation& operation : operations) rows[operation.row].push_back(&operation);
  std::vector<std::string> violations;
  for (auto& [row, of_row] : rows) {
    for (std::string& violation : RowCheck(std::move(of_row)).Run()) {
      violations.push_back(std::move(violation));
    }
  }
  return violations;
}

}  // namespace stele
