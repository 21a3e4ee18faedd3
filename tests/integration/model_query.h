// ModelQuery: a read of any kind as data, and what a table may answer to it by the reference. A
// filter's row samples may fall either way, so an answer is right when some way gives it.
// A query that is answered wrongly is made smaller as long as it is. Value type and pure functions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/testing/seeded_random.h"
#include "stele/read_query.h"
#include "tests/reference/reference_table.h"

namespace stele {

struct ModelQuery {
  bool one_row = false;  // by ReadRow, of the only key
  RowSet rows;
  bool reversed = false;
  uint64_t limit = 0;
  ReadSelection selection;  // without ranges, which no query of the SDK has
  Filter filter;
  // The filter is asked for behind an offset of 0, past which nothing is pushed down.
  bool push_down = true;

  ReadQuery Build() const;
  std::string Show() const;
};

// Rows are taken from `keys`.
ModelQuery RandomQuery(SeededRandom* random, const std::vector<std::string>& keys);

// What is wrong with the answer, or nothing. `keys`: all that the table may have, ascending.
std::optional<std::string> CheckAnswer(const ModelQuery& query, const std::vector<Row>& answer,
                                       const ReferenceTable& reference,
                                       const std::vector<std::string>& keys, int64_t now_us);

// The smallest query found for which `fails` still holds.
ModelQuery ShrinkQuery(ModelQuery query, const std::function<bool(const ModelQuery&)>& fails);

}  // namespace stele
