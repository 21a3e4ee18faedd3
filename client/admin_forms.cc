// The blocking and the future forms of Admin's calls, over those with a callback (admin.cc).
#include "client/routing/wait.h"
#include "client/session.h"
#include "client/table_state.h"
#include "stele/admin.h"

namespace stele {
namespace {

// Blocks until what `start` begins has called back.
template <typename T, typename Start>
T Await(internal::Session* session, Start start) {
  routing::Core* core = session->core();
  const int64_t deadline_ns = core->DeadlineAfterMs(session->options().admin_timeout_ms);
  auto waiter = std::make_shared<routing::Waiter<T>>();
  start([waiter](T answer) { waiter->Set(std::move(answer)); });
  return waiter->Wait(core, deadline_ns)
      .value_or(absl::UnknownError("no answer came by the deadline"));
}

template <typename T, typename Start>
std::future<T> Promise(Start start) {
  std::future<T> future;
  start(internal::Fulfil(&future));
  return future;
}

}  // namespace

StatusOr<TableSchema> Admin::CreateTable(const TableSchema& schema,
                                         const std::vector<std::string>& split_keys) {
  return Await<StatusOr<TableSchema>>(session_.get(), [&](Done<StatusOr<TableSchema>> done) {
    CreateTableAsync(schema, split_keys, std::move(done));
  });
}

std::future<StatusOr<TableSchema>> Admin::CreateTableAsync(
    const TableSchema& schema, const std::vector<std::string>& split_keys) {
  return Promise<StatusOr<TableSchema>>([&](Done<StatusOr<TableSchema>> done) {
    CreateTableAsync(schema, split_keys, std::move(done));
  });
}

StatusOr<TableSchema> Admin::AlterTable(const TableChange& change) {
  return Await<StatusOr<TableSchema>>(session_.get(), [&](Done<StatusOr<TableSchema>> done) {
    AlterTableAsync(change, std::move(done));
  });
}

std::future<StatusOr<TableSchema>> Admin::AlterTableAsync(const TableChange& change) {
  return Promise<StatusOr<TableSchema>>(
      [&](Done<StatusOr<TableSchema>> done) { AlterTableAsync(change, std::move(done)); });
}

Status Admin::DropTable(std::string_view table) {
  return Await<Status>(session_.get(),
                       [&](Done<Status> done) { DropTableAsync(table, std::move(done)); });
}

std::future<Status> Admin::DropTableAsync(std::string_view table) {
  return Promise<Status>([&](Done<Status> done) { DropTableAsync(table, std::move(done)); });
}

Status Admin::DropRowRange(std::string_view table, std::string_view prefix) {
  return Await<Status>(session_.get(), [&](Done<Status> done) {
    DropRowRangeAsync(table, prefix, std::move(done));
  });
}

std::future<Status> Admin::DropRowRangeAsync(std::string_view table, std::string_view prefix) {
  return Promise<Status>(
      [&](Done<Status> done) { DropRowRangeAsync(table, prefix, std::move(done)); });
}

Status Admin::TruncateTable(std::string_view table) {
  return Await<Status>(session_.get(),
                       [&](Done<Status> done) { TruncateTableAsync(table, std::move(done)); });
}

std::future<Status> Admin::TruncateTableAsync(std::string_view table) {
  return Promise<Status>([&](Done<Status> done) { TruncateTableAsync(table, std::move(done)); });
}

StatusOr<std::vector<TableSummary>> Admin::ListTables() {
  return Await<StatusOr<std::vector<TableSummary>>>(
      session_.get(),
      [&](Done<StatusOr<std::vector<TableSummary>>> done) { ListTablesAsync(std::move(done)); });
}

std::future<StatusOr<std::vector<TableSummary>>> Admin::ListTablesAsync() {
  return Promise<StatusOr<std::vector<TableSummary>>>(
      [&](Done<StatusOr<std::vector<TableSummary>>> done) { ListTablesAsync(std::move(done)); });
}

StatusOr<TableDescription> Admin::DescribeTable(std::string_view table) {
  return Await<StatusOr<TableDescription>>(
      session_.get(),
      [&](Done<StatusOr<TableDescription>> done) { DescribeTableAsync(table, std::move(done)); });
}

std::future<StatusOr<TableDescription>> Admin::DescribeTableAsync(std::string_view table) {
  return Promise<StatusOr<TableDescription>>(
      [&](Done<StatusOr<TableDescription>> done) { DescribeTableAsync(table, std::move(done)); });
}

Status Admin::FlushTable(std::string_view table) {
  return Await<Status>(session_.get(),
                       [&](Done<Status> done) { FlushTableAsync(table, std::move(done)); });
}

std::future<Status> Admin::FlushTableAsync(std::string_view table) {
  return Promise<Status>([&](Done<Status> done) { FlushTableAsync(table, std::move(done)); });
}

Status Admin::CompactTable(std::string_view table) {
  return Await<Status>(session_.get(),
                       [&](Done<Status> done) { CompactTableAsync(table, std::move(done)); });
}

std::future<Status> Admin::CompactTableAsync(std::string_view table) {
  return Promise<Status>([&](Done<Status> done) { CompactTableAsync(table, std::move(done)); });
}

StatusOr<Admin::Steps> Admin::Split(const TabletOrder& order) {
  return Await<StatusOr<Admin::Steps>>(session_.get(), [&](Done<StatusOr<Admin::Steps>> done) {
    SplitAsync(order, std::move(done));
  });
}

std::future<StatusOr<Admin::Steps>> Admin::SplitAsync(const TabletOrder& order) {
  return Promise<StatusOr<Admin::Steps>>(
      [&](Done<StatusOr<Admin::Steps>> done) { SplitAsync(order, std::move(done)); });
}

StatusOr<Admin::Steps> Admin::Move(const TabletOrder& order) {
  return Await<StatusOr<Admin::Steps>>(session_.get(), [&](Done<StatusOr<Admin::Steps>> done) {
    MoveAsync(order, std::move(done));
  });
}

std::future<StatusOr<Admin::Steps>> Admin::MoveAsync(const TabletOrder& order) {
  return Promise<StatusOr<Admin::Steps>>(
      [&](Done<StatusOr<Admin::Steps>> done) { MoveAsync(order, std::move(done)); });
}

StatusOr<Admin::Steps> Admin::Merge(const TabletOrder& order) {
  return Await<StatusOr<Admin::Steps>>(session_.get(), [&](Done<StatusOr<Admin::Steps>> done) {
    MergeAsync(order, std::move(done));
  });
}

std::future<StatusOr<Admin::Steps>> Admin::MergeAsync(const TabletOrder& order) {
  return Promise<StatusOr<Admin::Steps>>(
      [&](Done<StatusOr<Admin::Steps>> done) { MergeAsync(order, std::move(done)); });
}

StatusOr<Admin::Steps> Admin::Flush(const TabletOrder& order) {
  return Await<StatusOr<Admin::Steps>>(session_.get(), [&](Done<StatusOr<Admin::Steps>> done) {
    FlushAsync(order, std::move(done));
  });
}

std::future<StatusOr<Admin::Steps>> Admin::FlushAsync(const TabletOrder& order) {
  return Promise<StatusOr<Admin::Steps>>(
      [&](Done<StatusOr<Admin::Steps>> done) { FlushAsync(order, std::move(done)); });
}

StatusOr<Admin::Steps> Admin::Compact(const TabletOrder& order) {
  return Await<StatusOr<Admin::Steps>>(session_.get(), [&](Done<StatusOr<Admin::Steps>> done) {
    CompactAsync(order, std::move(done));
  });
}

std::future<StatusOr<Admin::Steps>> Admin::CompactAsync(const TabletOrder& order) {
  return Promise<StatusOr<Admin::Steps>>(
      [&](Done<StatusOr<Admin::Steps>> done) { CompactAsync(order, std::move(done)); });
}

StatusOr<Admin::Steps> Admin::Drain(std::string_view server_id, bool dry_run) {
  return Await<StatusOr<Admin::Steps>>(session_.get(), [&](Done<StatusOr<Admin::Steps>> done) {
    DrainAsync(server_id, dry_run, std::move(done));
  });
}

std::future<StatusOr<Admin::Steps>> Admin::DrainAsync(std::string_view server_id, bool dry_run) {
  return Promise<StatusOr<Admin::Steps>>(
      [&](Done<StatusOr<Admin::Steps>> done) { DrainAsync(server_id, dry_run, std::move(done)); });
}

StatusOr<Admin::Steps> Admin::Undrain(std::string_view server_id, bool dry_run) {
  return Await<StatusOr<Admin::Steps>>(session_.get(), [&](Done<StatusOr<Admin::Steps>> done) {
    UndrainAsync(server_id, dry_run, std::move(done));
  });
}

std::future<StatusOr<Admin::Steps>> Admin::UndrainAsync(std::string_view server_id, bool dry_run) {
  return Promise<StatusOr<Admin::Steps>>([&](Done<StatusOr<Admin::Steps>> done) {
    UndrainAsync(server_id, dry_run, std::move(done));
  });
}

StatusOr<Admin::Steps> Admin::Balance(bool dry_run) {
  return Await<StatusOr<Admin::Steps>>(session_.get(), [&](Done<StatusOr<Admin::Steps>> done) {
    BalanceAsync(dry_run, std::move(done));
  });
}

std::future<StatusOr<Admin::Steps>> Admin::BalanceAsync(bool dry_run) {
  return Promise<StatusOr<Admin::Steps>>(
      [&](Done<StatusOr<Admin::Steps>> done) { BalanceAsync(dry_run, std::move(done)); });
}

Status Admin::RestartServer(std::string_view address) {
  return Await<Status>(session_.get(),
                       [&](Done<Status> done) { RestartServerAsync(address, std::move(done)); });
}

std::future<Status> Admin::RestartServerAsync(std::string_view address) {
  return Promise<Status>([&](Done<Status> done) { RestartServerAsync(address, std::move(done)); });
}

StatusOr<Admin::Steps> Admin::SetOption(const OptionChange& change) {
  return Await<StatusOr<Steps>>(
      session_.get(), [&](Done<StatusOr<Steps>> done) { SetOptionAsync(change, std::move(done)); });
}

std::future<StatusOr<Admin::Steps>> Admin::SetOptionAsync(const OptionChange& change) {
  return Promise<StatusOr<Steps>>(
      [&](Done<StatusOr<Steps>> done) { SetOptionAsync(change, std::move(done)); });
}

StatusOr<ProcessInfo> Admin::DescribeProcess(std::string_view address) {
  return Await<StatusOr<ProcessInfo>>(session_.get(), [&](Done<StatusOr<ProcessInfo>> done) {
    DescribeProcessAsync(address, std::move(done));
  });
}

std::future<StatusOr<ProcessInfo>> Admin::DescribeProcessAsync(std::string_view address) {
  return Promise<StatusOr<ProcessInfo>>(
      [&](Done<StatusOr<ProcessInfo>> done) { DescribeProcessAsync(address, std::move(done)); });
}

StatusOr<TabletVerification> Admin::VerifyTablet(const TabletInfo& tablet) {
  return Await<StatusOr<TabletVerification>>(
      session_.get(),
      [&](Done<StatusOr<TabletVerification>> done) { VerifyTabletAsync(tablet, std::move(done)); });
}

std::future<StatusOr<TabletVerification>> Admin::VerifyTabletAsync(const TabletInfo& tablet) {
  return Promise<StatusOr<TabletVerification>>(
      [&](Done<StatusOr<TabletVerification>> done) { VerifyTabletAsync(tablet, std::move(done)); });
}

StatusOr<CellStatus> Admin::GetCellStatus() {
  return Await<StatusOr<CellStatus>>(session_.get(), [&](Done<StatusOr<CellStatus>> done) {
    GetCellStatusAsync(std::move(done));
  });
}

std::future<StatusOr<CellStatus>> Admin::GetCellStatusAsync() {
  return Promise<StatusOr<CellStatus>>(
      [&](Done<StatusOr<CellStatus>> done) { GetCellStatusAsync(std::move(done)); });
}

StatusOr<EventList> Admin::ListEvents(const EventQuery& query) {
  return Await<StatusOr<EventList>>(session_.get(), [&](Done<StatusOr<EventList>> done) {
    ListEventsAsync(query, std::move(done));
  });
}

std::future<StatusOr<EventList>> Admin::ListEventsAsync(const EventQuery& query) {
  return Promise<StatusOr<EventList>>(
      [&](Done<StatusOr<EventList>> done) { ListEventsAsync(query, std::move(done)); });
}

StatusOr<ServerStatus> Admin::GetServerStatus(std::string_view address) {
  return Await<StatusOr<ServerStatus>>(session_.get(), [&](Done<StatusOr<ServerStatus>> done) {
    GetServerStatusAsync(address, std::move(done));
  });
}

std::future<StatusOr<ServerStatus>> Admin::GetServerStatusAsync(std::string_view address) {
  return Promise<StatusOr<ServerStatus>>(
      [&](Done<StatusOr<ServerStatus>> done) { GetServerStatusAsync(address, std::move(done)); });
}

}  // namespace stele
