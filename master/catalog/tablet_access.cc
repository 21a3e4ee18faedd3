#include "master/catalog/tablet_access.h"

#include <algorithm>
#include <utility>

#include "schema/convert/codec.h"

namespace stele::master {
namespace {

constexpr size_t kMaxRowsPerBatch = 1000;

std::string Name(const TabletLocation& location) {
  return absl::StrCat("tablet ", location.tablet.id, " on ", location.server_id);
}

}  // namespace

StatusOr<std::vector<Row>> TabletAccess::ReadAll(const TabletLocation& tablet,
                                                 const RowRange& range) {
  wire::ReadRowsRequest request;
  request.table = tablet.tablet.table;
  request.tablet = tablet.tablet.id;
  if (range != RowRange()) request.rows.ranges.push_back(range);
  request.selection.cells_per_column = 1;
  std::vector<Row> rows;
  while (true) {
    auto page = wire::CallSync<wire::ReadRowsResponse>(
        client_, tablet.address, wire::Method::kReadRows, request, call_timeout_ms_);
    if (!page.ok()) return WithContext(page.status(), Name(tablet));
    for (Row& row : page->rows) {
      // A row that came in parts goes on in the next page.
      if (!rows.empty() && rows.back().key == row.key) {
        rows.back().cells.insert(rows.back().cells.end(), row.cells.begin(), row.cells.end());
      } else {
        rows.push_back(std::move(row));
      }
    }
    if (page->done) return rows;
    const bool stuck = page->rows.empty() && page->resume_after == request.resume_after &&
                       page->cursor == request.cursor;
    if (stuck) return absl::InternalError(absl::StrCat(Name(tablet), " made no progress"));
    request.resume_after = page->resume_after;
    request.cursor = page->cursor;
  }
}

Status TabletAccess::WriteBatch(const TabletLocation& tablet, wire::MutateRowsRequest request) {
  auto response = wire::CallSync<wire::MutateRowsResponse>(
      client_, tablet.address, wire::Method::kMutateRows, request, call_timeout_ms_);
  if (!response.ok()) return WithContext(response.status(), Name(tablet));
  if (response->results.size() != request.rows.size()) {
    return CorruptError(absl::StrCat(Name(tablet), " answered ", response->results.size(),
                                     " results for ", request.rows.size(), " rows"));
  }
  for (const wire::RowResult& result : response->results) {
    RETURN_IF_ERROR(WithContext(result.status, Name(tablet)));
  }
  return OkStatus();
}

Status TabletAccess::Write(const TabletLocation& tablet, const std::vector<RowMutation>& rows) {
  for (size_t begin = 0; begin < rows.size(); begin += kMaxRowsPerBatch) {
    wire::MutateRowsRequest request;
    request.table = tablet.tablet.table;
    request.tablet = tablet.tablet.id;
    const size_t end = std::min(rows.size(), begin + kMaxRowsPerBatch);
    request.rows.assign(rows.begin() + static_cast<ptrdiff_t>(begin),
                        rows.begin() + static_cast<ptrdiff_t>(end));
    RETURN_IF_ERROR(WriteBatch(tablet, std::move(request)));
  }
  return OkStatus();
}

}  // namespace stele::master
