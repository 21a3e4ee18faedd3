/// @file
/// Admin: tables and the state of the cell.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/cell_status.h"
#include "stele/schema.h"

namespace stele {

/// The SDK's inside.
namespace internal {
class Session;
}

/// One step of a change of families.
struct FamilyChange {
  /// What is done.
  enum class Kind : uint8_t {
    kCreate = 0,  ///< a new family
    kUpdate = 1,  ///< gc is replaced; its locality group stays: the same or "" here
    kDrop = 2     ///< the family of that name and all its cells go
  };
  Kind kind = Kind::kCreate;  ///< what is done
  FamilySchema family;        ///< kDrop: only the name counts
};

/// A change of a table: groups first, then the family changes in order, all or none.
struct TableChange {
  std::string table;                        ///< its name
  std::vector<FamilyChange> changes;        ///< applied in order
  std::vector<LocalityGroupSchema> groups;  ///< created or replaced by name
  std::optional<uint64_t> split_bytes;      ///< absent: as it is
  std::optional<bool> deletion_protection;  ///< absent: as it is
};

/// What an operator wants done with tablets.
struct TabletOrder {
  std::string table;              ///< a table, or
  std::vector<uint64_t> tablets;  ///< some tablets of one table
  std::string at;        ///< split: the last row of the lower part; empty: about half of the bytes
  std::string server;    ///< move: the server_id of the new owner
  bool dry_run = false;  ///< only tell what would be done
};

/// An option of running processes, and what it shall be.
struct OptionChange {
  std::string target;  ///< "master", "all", or a server_id
  std::string name;    ///< such as "compaction-rate"
  std::string value;   ///< as one would write it: "8m"
};

/// Tables and the state of the cell. Got from Client::admin; a small handle, copied freely,
/// thread-safe. Every call ends by its deadline (ClientOptions::admin_timeout_ms). It blocks, or by
/// the name of ...Async calls `done` back or gives a future; dropping that does not wait.
///
/// | code | meaning |
/// |---|---|
/// | NotFound | no such table or family |
/// | AlreadyExists | the name is taken |
/// | InvalidArgument | the message names the field |
/// | FailedPrecondition | deletion protection is set: no drop, no truncation, families stay |
/// | Unavailable, DeadlineExceeded | nothing happened |
/// | Unknown | a change that may or may not have been made: look, then decide |
/// | Cancelled | the client was closed |
class Admin {
 public:
  /// Runs once, by the deadline, on a thread of the client or before the call returns; must not
  /// block.
  template <typename T>
  using Done = std::function<void(T)>;
  /// What was done or would be, a sentence each.
  using Steps = std::vector<std::string>;

  /// Makes a table. Name, families, groups, split_bytes and deletion_protection are read from
  /// `schema`; ids and version are the cell's choice and come back. split_keys: each the last row
  /// of a tablet; sorted and deduplicated by the cell; none empty.
  absl::StatusOr<TableSchema> CreateTable(const TableSchema& schema,
                                          const std::vector<std::string>& split_keys = {});
  /// With a callback.
  void CreateTableAsync(const TableSchema& schema, const std::vector<std::string>& split_keys,
                        Done<absl::StatusOr<TableSchema>> done);
  /// With a future.
  std::future<absl::StatusOr<TableSchema>> CreateTableAsync(
      const TableSchema& schema, const std::vector<std::string>& split_keys = {});
  /// Makes the changes in order, all or none; gives the new schema.
  absl::StatusOr<TableSchema> AlterTable(const TableChange& change);
  /// With a callback.
  void AlterTableAsync(const TableChange& change, Done<absl::StatusOr<TableSchema>> done);
  /// With a future.
  std::future<absl::StatusOr<TableSchema>> AlterTableAsync(const TableChange& change);
  /// Removes the table and all its cells.
  absl::Status DropTable(std::string_view table);
  /// With a callback.
  void DropTableAsync(std::string_view table, Done<absl::Status> done);
  /// With a future.
  std::future<absl::Status> DropTableAsync(std::string_view table);
  /// Removes every row whose key begins with `prefix`, which must not be empty. Complete when it
  /// returns, and quick however many rows there are: nothing is read. Rows written while it runs
  /// may go or stay; what is written afterwards stays.
  absl::Status DropRowRange(std::string_view table, std::string_view prefix);
  /// With a callback.
  void DropRowRangeAsync(std::string_view table, std::string_view prefix, Done<absl::Status> done);
  /// With a future.
  std::future<absl::Status> DropRowRangeAsync(std::string_view table, std::string_view prefix);
  /// Removes all rows, in the same way; the table stays.
  absl::Status TruncateTable(std::string_view table);
  /// With a callback.
  void TruncateTableAsync(std::string_view table, Done<absl::Status> done);
  /// With a future.
  std::future<absl::Status> TruncateTableAsync(std::string_view table);
  /// All tables but the cell's own, by name.
  absl::StatusOr<std::vector<TableSummary>> ListTables();
  /// With a callback.
  void ListTablesAsync(Done<absl::StatusOr<std::vector<TableSummary>>> done);
  /// With a future.
  std::future<absl::StatusOr<std::vector<TableSummary>>> ListTablesAsync();
  /// Schema, and the tablets in key order with their servers.
  absl::StatusOr<TableDescription> DescribeTable(std::string_view table);
  /// With a callback.
  void DescribeTableAsync(std::string_view table, Done<absl::StatusOr<TableDescription>> done);
  /// With a future.
  std::future<absl::StatusOr<TableDescription>> DescribeTableAsync(std::string_view table);
  /// Writes what is in memory to SSTables; returns when it is done.
  absl::Status FlushTable(std::string_view table);
  /// With a callback.
  void FlushTableAsync(std::string_view table, Done<absl::Status> done);
  /// With a future.
  std::future<absl::Status> FlushTableAsync(std::string_view table);
  /// Merges each locality group's files of each tablet into one, without deleted cells.
  absl::Status CompactTable(std::string_view table);
  /// With a callback.
  void CompactTableAsync(std::string_view table, Done<absl::Status> done);
  /// With a future.
  std::future<absl::Status> CompactTableAsync(std::string_view table);
  /// Splits one tablet, or each of a table. All three: clients notice a delay at most; returns when
  /// it is done, with one sentence a step. After an error the steps before it stay done.
  absl::StatusOr<Steps> Split(const TabletOrder& order);
  /// With a callback.
  void SplitAsync(const TabletOrder& order, Done<absl::StatusOr<Steps>> done);
  /// With a future.
  std::future<absl::StatusOr<Steps>> SplitAsync(const TabletOrder& order);
  /// Gives tablets, or all of a table, to a server.
  absl::StatusOr<Steps> Move(const TabletOrder& order);
  /// With a callback.
  void MoveAsync(const TabletOrder& order, Done<absl::StatusOr<Steps>> done);
  /// With a future.
  std::future<absl::StatusOr<Steps>> MoveAsync(const TabletOrder& order);
  /// Makes one tablet of neighbours, or of a whole table.
  absl::StatusOr<Steps> Merge(const TabletOrder& order);
  /// With a callback.
  void MergeAsync(const TabletOrder& order, Done<absl::StatusOr<Steps>> done);
  /// With a future.
  std::future<absl::StatusOr<Steps>> MergeAsync(const TabletOrder& order);
  /// Writes what is in the memory of tablets, or of all of a table, to SSTables.
  absl::StatusOr<Steps> Flush(const TabletOrder& order);
  /// With a callback.
  void FlushAsync(const TabletOrder& order, Done<absl::StatusOr<Steps>> done);
  /// With a future.
  std::future<absl::StatusOr<Steps>> FlushAsync(const TabletOrder& order);
  /// Merges each locality group's files of tablets, or of all of a table, into one.
  absl::StatusOr<Steps> Compact(const TabletOrder& order);
  /// With a callback.
  void CompactAsync(const TabletOrder& order, Done<absl::StatusOr<Steps>> done);
  /// With a future.
  std::future<absl::StatusOr<Steps>> CompactAsync(const TabletOrder& order);
  /// Gives the tablets of a server to others and none to it, from now on, over changes of masters
  /// and restarts of the server. Returns at once with what is left to be done; called again, with
  /// what is still left, until that is nothing. NotFound: no such server lives. FailedPrecondition:
  /// no other could take its tablets.
  absl::StatusOr<Steps> Drain(std::string_view server_id, bool dry_run = false);
  /// With a callback.
  void DrainAsync(std::string_view server_id, bool dry_run, Done<absl::StatusOr<Steps>> done);
  /// With a future.
  std::future<absl::StatusOr<Steps>> DrainAsync(std::string_view server_id, bool dry_run = false);
  /// Lets it be given tablets again. Those it had come back by Balance only.
  absl::StatusOr<Steps> Undrain(std::string_view server_id, bool dry_run = false);
  /// With a callback.
  void UndrainAsync(std::string_view server_id, bool dry_run, Done<absl::StatusOr<Steps>> done);
  /// With a future.
  std::future<absl::StatusOr<Steps>> UndrainAsync(std::string_view server_id, bool dry_run = false);
  /// Moves as few tablets as make the numbers, or within a quarter of these the measured loads, of
  /// the servers that do not drain even. Each step has its reason. Returns as Drain does.
  absl::StatusOr<Steps> Balance(bool dry_run = false);
  /// With a callback.
  void BalanceAsync(bool dry_run, Done<absl::StatusOr<Steps>> done);
  /// With a future.
  std::future<absl::StatusOr<Steps>> BalanceAsync(bool dry_run = false);
  /// Asks a tablet server to drain and end, for its supervisor to start it again. Returns when it
  /// has begun to. FailedPrecondition: it is not a process of its own. `address`: an rpc address of
  /// CellStatus.
  absl::Status RestartServer(std::string_view address);
  /// With a callback.
  void RestartServerAsync(std::string_view address, Done<absl::Status> done);
  /// With a future.
  std::future<absl::Status> RestartServerAsync(std::string_view address);
  /// Changes an option of running processes: of "master" (the active one), of the tablet server of
  /// this name, or of "all". It lasts until the process ends. FailedPrecondition: only a restart
  /// changes it. After an error of one process others may have done it.
  absl::StatusOr<Steps> SetOption(const OptionChange& change);
  /// With a callback.
  void SetOptionAsync(const OptionChange& change, Done<absl::StatusOr<Steps>> done);
  /// With a future.
  std::future<absl::StatusOr<Steps>> SetOptionAsync(const OptionChange& change);
  /// What a master, also one that stands by, or a tablet server is. `address`: an rpc address.
  absl::StatusOr<ProcessInfo> DescribeProcess(std::string_view address);
  /// With a callback.
  void DescribeProcessAsync(std::string_view address, Done<absl::StatusOr<ProcessInfo>> done);
  /// With a future.
  std::future<absl::StatusOr<ProcessInfo>> DescribeProcessAsync(std::string_view address);
  /// Has the tablet's server read all its files and compare them with their checksums.
  absl::StatusOr<TabletVerification> VerifyTablet(const TabletInfo& tablet);
  /// With a callback.
  void VerifyTabletAsync(const TabletInfo& tablet, Done<absl::StatusOr<TabletVerification>> done);
  /// With a future.
  std::future<absl::StatusOr<TabletVerification>> VerifyTabletAsync(const TabletInfo& tablet);
  /// Servers, tables and tablets as the master sees them.
  absl::StatusOr<CellStatus> GetCellStatus();
  /// With a callback.
  void GetCellStatusAsync(Done<absl::StatusOr<CellStatus>> done);
  /// With a future.
  std::future<absl::StatusOr<CellStatus>> GetCellStatusAsync();
  /// What happened in the cell: the last 20 000 events at most.
  absl::StatusOr<EventList> ListEvents(const EventQuery& query = {});
  /// With a callback.
  void ListEventsAsync(const EventQuery& query, Done<absl::StatusOr<EventList>> done);
  /// With a future.
  std::future<absl::StatusOr<EventList>> ListEventsAsync(const EventQuery& query);
  /// What one server tells of itself. `address`: an rpc address of CellStatus.
  absl::StatusOr<ServerStatus> GetServerStatus(std::string_view address);
  /// With a callback.
  void GetServerStatusAsync(std::string_view address, Done<absl::StatusOr<ServerStatus>> done);
  /// With a future.
  std::future<absl::StatusOr<ServerStatus>> GetServerStatusAsync(std::string_view address);

 private:
  friend class Client;
  explicit Admin(std::shared_ptr<internal::Session> session) : session_(std::move(session)) {}
  std::shared_ptr<internal::Session> session_;
};

}  // namespace stele
