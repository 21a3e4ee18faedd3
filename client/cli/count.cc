#include <algorithm>
#include <iostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "client/cli/interrupt.h"
#include "client/cli/progress.h"
#include "client/cli/query_flags.h"
#include "client/cli/row_text.h"
#include "client/cli/verbs.h"
#include "schema/model/filter.h"

namespace stele::cli {
namespace {

struct RowCount {
  uint64_t cells = 0;
  std::string row;
};
// More cells first, then by key.
bool Before(const RowCount& a, const RowCount& b) {
  return a.cells != b.cells ? a.cells > b.cells : a.row < b.row;
}

struct Counts {
  uint64_t rows = 0;
  uint64_t cells = 0;
  std::vector<RowCount> by_row;  // a heap of the best so far; its front is the least of them
};

void KeepBest(RowCount row, size_t top, std::vector<RowCount>* best) {
  best->push_back(std::move(row));
  std::push_heap(best->begin(), best->end(), Before);
  if (best->size() > top) {
    std::pop_heap(best->begin(), best->end(), Before);
    best->pop_back();
  }
}

Status Count(const Invocation& call, Table& table, const ReadQuery& query, Counts* counts) {
  const size_t top = static_cast<size_t>(call.Get<int64_t>("top"));
  Progress progress(call.env->err, call.env->progress, call.env->clock, "rows", 0);
  for (StatusOr<Row>& row : table.ReadRows(query)) {
    RETURN_IF_ERROR(row.status());
    ++counts->rows;
    counts->cells += row->cells.size();
    progress.Update(counts->rows);
    if (call.env->interrupt != nullptr && call.env->interrupt->Pending()) {
      return absl::CancelledError("interrupted");
    }
    if (call.Has("by-row")) {
      KeepBest({row->cells.size(), std::move(row->key)}, top, &counts->by_row);
    }
  }
  std::sort(counts->by_row.begin(), counts->by_row.end(), Before);
  return OkStatus();
}

void Print(const Invocation& call, const Counts& counts) {
  if (call.Has("json")) {
    std::string json = absl::StrCat("{\"rows\":", counts.rows);
    if (call.Has("cells") || call.Has("by-row"))
      absl::StrAppend(&json, ",\"cells\":", counts.cells);
    for (const RowCount& row : counts.by_row) {
      json += &row == &counts.by_row.front() ? ",\"by_row\":[{" : ",{";
      AppendJsonBytes("row", row.row, TextEncoding::kRaw, &json);
      absl::StrAppend(&json, ",\"cells\":", row.cells, "}");
    }
    *call.env->out << json << (counts.by_row.empty() ? "}\n" : "]}\n");
  } else if (call.Has("by-row")) {
    for (const RowCount& row : counts.by_row) {
      *call.env->out << row.cells << '\t' << Escape(row.row) << '\n';
    }
  } else {
    *call.env->out << (call.Has("cells") ? counts.cells : counts.rows) << '\n';
  }
}

// The filter comes after the selection, so with one the first cell is taken behind it; not when
// that makes the filter larger than one may be.
void WantOneCellPerRow(ReadQuery* query) {
  if (query->filter().empty()) {
    query->CellsPerRow(1);
  } else if (Filter first = query->filter() & Filter::CellsPerRowLimit(1);
             ValidateFilter(first).ok()) {
    query->Filter(std::move(first));
  }
}

int Run(const Invocation& call) {
  ReadQuery query;
  Status valid = ReadSelectionFlags(call, &query);
  if (valid.ok()) valid = ReadRangeFlags(call, &query);
  if (valid.ok() && call.Get<int64_t>("top") < 1) {
    valid = absl::InvalidArgumentError("--top is at least 1");
  }
  if (!valid.ok()) return Fail(call, valid);
  if (!call.Has("cells") && !call.Has("by-row")) WantOneCellPerRow(&query);
  std::shared_ptr<Client> client;
  StatusOr<Table> table = OpenTable(call, call.args[0], &client);
  if (!table.ok()) return Fail(call, table.status());
  Counts counts;
  if (Status s = Count(call, *table, query, &counts); !s.ok()) return Fail(call, s);
  Print(call, counts);
  return kOk;
}

}  // namespace

Verb CountVerb() {
  Verb verb;
  verb.name = "count";
  verb.arguments = "TABLE";
  verb.summary = "count rows or cells";
  verb.details =
      "Reads what it counts. --by-row prints `CELLS<tab>ROW` of the rows with most cells.";
  verb.example = "stele count webtable --family anchor --by-row --top 10";
  verb.min_args = verb.max_args = 1;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    AddRangeFlags(options);
    AddSelectionFlags(options);
    AddFilterFlag(options);
    auto add = options->add_options();
    add("cells", "count cells instead of rows");
    add("by-row", "rank rows by their number of cells");
    add("top", po::value<int64_t>()->default_value(10), "rows of the ranking");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
