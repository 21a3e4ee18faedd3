// History: what clients asked of a table and what they were told, each call with the times at which
// it began and ended. An append gives its row one id that nobody else uses, together with one
// increment of the row's count of ids; an add is an increment of another column by one; a read, or
// a row of a scan, shows all three. Plain values; the history itself is thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/mutex.h"

namespace stele {

// What a row holds, as one answer showed it.
struct SeenRow {
  std::vector<uint64_t> ids;
  int64_t count = 0;  // of ids
  int64_t sum = 0;    // of adds
};

struct Operation {
  enum class Kind : uint8_t { kAppend, kAdd, kRead };
  enum class Outcome : uint8_t {
    kOk,       // and `seen` is the answer: the row after it; of an add the sum alone
    kFailed,   // certainly no effect, ever
    kUnknown,  // applied wholly or not at all
  };
  Kind kind = Kind::kRead;
  Outcome outcome = Outcome::kUnknown;
  int client = 0;
  uint64_t row = 0;
  uint64_t id = 0;  // of an append
  int64_t begin_ns = 0, end_ns = 0;
  SeenRow seen;
};

class History {
 public:
  void Add(Operation operation);
  std::vector<Operation> operations() const;
  size_t size() const;

 private:
  mutable Mutex mu_;
  std::vector<Operation> operations_ GUARDED_BY(mu_);
};

// One line, with the last of the ids only.
std::string ToString(const Operation& operation);
// All of it, in order of rows and begins, for a file.
std::string Dump(std::vector<Operation> operations);

}  // namespace stele
