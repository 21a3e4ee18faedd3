// The line language of `stele probe`: one request a line, words between single blanks.
//
//   ID put TABLE ROW FAM QUAL VALUE [ts_us=N]     ID get TABLE ROW FAM QUAL
//   ID del TABLE ROW [FAM [QUAL]]                 ID scan TABLE START END LIMIT
//   ID batch TABLE (ROW FAM QUAL VALUE)...        ID append TABLE ROW FAM QUAL VALUE
//   ID incr TABLE ROW FAM QUAL AMOUNT             ID cas TABLE ROW FAM QUAL EXPECTED NEW
//
// AMOUNT is a decimal number. cas sets NEW at the server's time when the newest value of the column
// is EXPECTED, `-` when it has none.
//
// ROW FAM QUAL VALUE START END are hex, `_` the empty string (an open bound for START and END;
// LIMIT 0 is none). A last word deadline_ms=N is
// allowed on each. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "schema/model/model.h"
#include "stele/row_change.h"

namespace stele::cli {

struct ProbeRequest {
  enum class Kind { kPut, kGet, kDelete, kScan, kBatch, kModify, kCheck };
  std::string id;  // set even when the rest is malformed; "?" for an empty line
  Kind kind = Kind::kGet;
  std::string table;
  std::vector<RowMutation> rows;       // put, del: one; batch: each
  std::string row, family, qualifier;  // get
  std::string start, end;              // scan
  uint64_t limit = 0;                  // scan
  ReadModifyWriteRow modify;           // append, incr
  CheckAndMutateRow check;             // cas
  bool apply_if_false = false;         // cas: it is applied when the predicate does not match
  int64_t deadline_ms = 0;             // 0: the client's
};

// *request.id is valid whatever is returned. InvalidArgument: malformed.
Status ParseProbeLine(std::string_view line, ProbeRequest* request);

// The rows as JSON without blanks: [[row,[[fam,qual,ts,value],...]],...], strings in hex.
std::string ProbeRows(const std::vector<Row>& rows);

// "NOT_FOUND": the code's name in capitals.
std::string CodeName(const Status& status);

}  // namespace stele::cli
