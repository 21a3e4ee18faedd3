// Admin: tables and the state of the cell. Got from Client::admin; thread-safe; lives as long as
// its client. Every call blocks until it is done or its deadline (ClientOptions::admin_timeout_ms)
// passes.
//
// Codes: NotFound (no such table or family), AlreadyExists, InvalidArgument (names the field),
// FailedPrecondition (deletion protection), Unavailable and DeadlineExceeded (nothing happened),
// Unknown (a change that may or may not have been made: look, then decide).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/options.h"
#include "common/base/status.h"
#include "schema/convert/messages.h"
#include "schema/model/model.h"
#include "schema/wire/method.h"

namespace stele {

namespace routing {
class Core;
class Locator;
}  // namespace routing

using TableSummary = wire::TableSummary;
using TableDescription = wire::GetTableResponse;
using TableChange = wire::AlterTableRequest;
using CellStatus = wire::CellStatusResponse;
using ServerStatus = wire::ServerStatusResponse;

class Admin {
 public:
  Admin(routing::Core* core, routing::Locator* locator, int64_t timeout_ms)
      : core_(core), locator_(locator), timeout_ms_(timeout_ms) {}

  // Name, families, groups, split_bytes and deletion_protection are read from `schema`; ids and
  // version are the cell's choice and come back. split_keys: each the last row of a tablet; sorted
  // and deduplicated by the cell; none empty.
  StatusOr<TableSchema> CreateTable(const TableSchema& schema,
                                    const std::vector<std::string>& split_keys = {});
  // The changes in order, all or none.
  StatusOr<TableSchema> AlterTable(const TableChange& change);
  Status DropTable(std::string_view table);
  StatusOr<std::vector<TableSummary>> ListTables();
  // Schema, and the tablets in key order with their servers.
  StatusOr<TableDescription> DescribeTable(std::string_view table);
  // Writes what is in memory to SSTables; returns when it is done.
  Status FlushTable(std::string_view table);
  // Merges each locality group's files of each tablet into one, without deleted cells.
  Status CompactTable(std::string_view table);
  StatusOr<CellStatus> GetCellStatus();
  // Of one server, by the rpc address in CellStatus.
  StatusOr<ServerStatus> GetServerStatus(const std::string& address);

 private:
  template <typename Response, typename Request>
  StatusOr<Response> Ask(wire::Method method, Request request, bool repeatable);

  routing::Core* const core_;
  routing::Locator* const locator_;
  const int64_t timeout_ms_;
};

}  // namespace stele
