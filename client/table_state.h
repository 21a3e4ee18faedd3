// Table::State: what the copies of one table handle share. Not part of the SDK's face. Immutable.
#pragma once

#include <memory>

#include "client/routing/scan_op.h"
#include "client/session.h"
#include "stele/table.h"

namespace stele {

struct Table::State {
  const TableSchema schema;
  const std::shared_ptr<internal::Session> session;

  // InvalidArgument when the query is malformed.
  StatusOr<std::shared_ptr<routing::ScanOp>> Scan(const RowSet& rows, const ReadQuery& query,
                                                  uint64_t limit) const {
    RETURN_IF_ERROR(ValidateSelection(query.selection()));
    ASSIGN_OR_RETURN(routing::RowRanges ranges, routing::RowRanges::Create(rows));
    return routing::ScanOp::Create(session->core(), session->locator(),
                                   {schema.id, std::move(ranges), query.selection(), limit});
  }
};

}  // namespace stele
