#include "client/admin.h"

#include "client/routing/master_call.h"
#include "client/routing/wait.h"

namespace stele {

template <typename Response, typename Request>
StatusOr<Response> Admin::Ask(wire::Method method, Request request, bool repeatable) {
  const int64_t deadline_ns = core_->DeadlineAfterMs(timeout_ms_);
  auto waiter = std::make_shared<routing::Waiter<StatusOr<Response>>>();
  routing::MasterCall<Response, Request>::Start(
      core_, locator_, method, std::move(request), repeatable, deadline_ns,
      [waiter](StatusOr<Response> answer) { waiter->Set(std::move(answer)); });
  std::optional<StatusOr<Response>> answer = waiter->Wait(core_, deadline_ns);
  if (!answer.has_value()) return absl::UnknownError("no answer came by the deadline");
  return *std::move(answer);
}

StatusOr<TableSchema> Admin::CreateTable(const TableSchema& schema,
                                         const std::vector<std::string>& split_keys) {
  RETURN_IF_ERROR(ValidateTableName(schema.name));
  wire::CreateTableRequest request{schema, split_keys};
  ASSIGN_OR_RETURN(auto answer,
                   Ask<wire::TableResponse>(wire::Method::kCreateTable, std::move(request), false));
  return std::move(answer.schema);
}

StatusOr<TableSchema> Admin::AlterTable(const TableChange& change) {
  ASSIGN_OR_RETURN(auto answer, Ask<wire::TableResponse>(wire::Method::kAlterTable, change, false));
  return std::move(answer.schema);
}

Status Admin::DropTable(std::string_view table) {
  return Ask<wire::Empty>(wire::Method::kDropTable, wire::TableNameRequest{std::string(table)},
                          false)
      .status();
}

StatusOr<std::vector<TableSummary>> Admin::ListTables() {
  ASSIGN_OR_RETURN(auto answer,
                   Ask<wire::ListTablesResponse>(wire::Method::kListTables, wire::Empty{}, true));
  return std::move(answer.tables);
}

StatusOr<TableDescription> Admin::DescribeTable(std::string_view table) {
  return Ask<wire::GetTableResponse>(wire::Method::kGetTable,
                                     wire::TableNameRequest{std::string(table)}, true);
}

Status Admin::FlushTable(std::string_view table) {
  return Ask<wire::Empty>(wire::Method::kFlushTable, wire::TableNameRequest{std::string(table)},
                          true)
      .status();
}

Status Admin::CompactTable(std::string_view table) {
  return Ask<wire::Empty>(wire::Method::kCompactTable, wire::TableNameRequest{std::string(table)},
                          true)
      .status();
}

StatusOr<CellStatus> Admin::GetCellStatus() {
  return Ask<wire::CellStatusResponse>(wire::Method::kCellStatus, wire::Empty{}, true);
}

StatusOr<ServerStatus> Admin::GetServerStatus(const std::string& address) {
  routing::Gate::Pass pass;
  RETURN_IF_ERROR(core_->gate()->Enter(&pass));
  return wire::CallSync<wire::ServerStatusResponse>(
      core_->rpc(), address, wire::Method::kServerStatus, wire::Empty{}, timeout_ms_);
}

}  // namespace stele
