// Table::State: what the copies of one table handle share. Not part of the SDK's face. Immutable.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "client/routing/scan_op.h"
#include "client/session.h"
#include "schema/model/filter.h"
#include "stele/table.h"

namespace stele {

struct Table::State {
  const TableSchema schema;
  const std::shared_ptr<internal::Session> session;

  // One status a row, once.
  void Mutate(std::vector<RowMutation> rows, std::function<void(std::vector<Status>)> done,
              const CallOptions& call) const;
  // InvalidArgument when the query is malformed.
  StatusOr<std::shared_ptr<routing::ScanOp>> Scan(const RowSet& rows, const ReadQuery& query,
                                                  uint64_t limit) const {
    RETURN_IF_ERROR(ValidateSelection(query.selection()));
    RETURN_IF_ERROR(ValidateFilter(query.filter()));
    ASSIGN_OR_RETURN(routing::RowRanges ranges, routing::RowRanges::Create(rows));
    return routing::ScanOp::Create(
        session->core(), session->locator(),
        {schema.id, std::move(ranges), query.selection(), limit, query.filter(),
         session->core()->jitter()->Below(UINT64_MAX), query.reversed()});
  }
};

}  // namespace stele
