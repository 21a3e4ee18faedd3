/// @file
/// Admin: tables and the state of the cell.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/schema.h"

namespace stele {

/// The SDK's inside.
namespace internal {
class Session;
}

/// A tablet: the rows of a table in (start_row, end_row], and who serves them.
struct TabletInfo {
  uint64_t id = 0;         ///< never used again
  TableId table = 0;       ///< whose rows these are
  std::string start_row;   ///< exclusive; empty: the beginning of the table
  std::string end_row;     ///< inclusive; empty: the end of the table
  uint64_t epoch = 0;      ///< raised by every change of owner
  std::string assignment;  ///< "unassigned", "assigned", "closing" or "creating"
  std::string server_id;   ///< of the owner; empty while there is none
  std::string address;     ///< its rpc address, host:port; empty while there is none
};

/// A table in a list.
struct TableSummary {
  TableSchema schema;            ///< as of now
  std::string state;             ///< "serving", "creating" or "dropping"
  uint64_t tablets = 0;          ///< in all
  uint64_t tablets_serving = 0;  ///< of them
  uint64_t bytes = 0;            ///< in SSTables
};

/// A table in full.
struct TableDescription {
  TableSchema schema;               ///< as of now
  std::vector<TabletInfo> tablets;  ///< in key order, without a gap
};

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

/// A tablet server as the master sees it.
struct ServerSummary {
  std::string server_id;           ///< its name in the cell
  uint64_t incarnation = 0;        ///< another with each start
  std::string address;             ///< rpc, host:port
  std::string http_address;        ///< of its status pages; empty: none
  std::string state;               ///< "live", "suspect" (silent), "recovering" (its log) or "dead"
  uint64_t tablets = 0;            ///< that it serves
  uint64_t bytes = 0;              ///< of their SSTables
  int64_t last_report_age_ms = 0;  ///< how old this is
  bool draining = false;           ///< it is given no tablets, and relieved of its own
  std::string note;                ///< why it is not live, or leaves; empty: nothing to say
};

/// A tablet as the master sees it.
struct TabletSummary {
  TabletInfo tablet;            ///< whose and where
  std::string state;            ///< "serving", "opening", "closing", "unassigned" or "broken"
  std::string reason;           ///< why it is not serving
  std::string next_step;        ///< what the master will do about it
  int64_t state_age_ms = 0;     ///< since it is so
  uint64_t bytes = 0;           ///< in SSTables
  uint64_t files = 0;           ///< SSTables
  uint64_t memtable_bytes = 0;  ///< in memory, not yet in SSTables
  uint64_t reads = 0;           ///< since its server opened it
  uint64_t writes = 0;          ///< since its server opened it
};

/// The whole cell as the master sees it.
struct CellStatus {
  std::string cell_name;               ///< as it was started
  std::string master_address;          ///< rpc, host:port
  std::string master_http_address;     ///< of its status pages; empty: none
  uint64_t master_epoch = 0;           ///< raised by every change of master
  std::vector<ServerSummary> servers;  ///< by server id
  std::vector<TableSummary> tables;    ///< by name
  std::vector<TabletSummary> tablets;  ///< by tablet id
  bool ready = false;                  ///< the master knows all tables and tablets
  std::string trouble;                 ///< what keeps the master from going on; empty: nothing
  std::vector<std::string> work;       ///< what it is busy with, a sentence each
};

/// Why the cell is not healthy, a sentence each, the most important first; empty: every tablet of
/// every table is served, all servers report and no log waits for its recovery. A server that is
/// drained and away is no trouble.
std::vector<std::string> FindTroubles(const CellStatus& status);

/// The commit log of one tablet server: a ring of segments.
struct RingStatus {
  uint64_t epoch = 0;             ///< of the log
  uint64_t segments = 0;          ///< it has now
  uint64_t max_segments = 0;      ///< it may grow to
  uint64_t segment_bytes = 0;     ///< of each
  uint64_t head_segment = 0;      ///< being written
  uint64_t tail_segment = 0;      ///< the oldest that still counts
  uint64_t head_offset = 0;       ///< bytes written of the head
  uint64_t live_bytes = 0;        ///< from tail to head
  uint64_t next_lsn = 0;          ///< number of the next record
  uint64_t wraps = 0;             ///< how often the ring came round
  std::vector<uint64_t> pinning;  ///< tablets whose records hold the tail
};

/// A number that a server tells about itself.
struct NamedNumber {
  std::string name;   ///< such as "memory.memtables"
  int64_t value = 0;  ///< bytes or a count, as the name says
};

/// One tablet server in its own words.
struct ServerStatus {
  std::string server_id;             ///< its name in the cell
  uint64_t incarnation = 0;          ///< another with each start
  std::string address;               ///< rpc, host:port
  std::string http_address;          ///< of its status pages; empty: none
  std::string state;                 ///< "serving" or "draining"
  uint64_t tablets = 0;              ///< that it serves
  RingStatus ring;                   ///< its commit log
  std::vector<NamedNumber> numbers;  ///< memory, caches, maintenance
};

/// What reading all files of a tablet came to.
struct TabletVerification {
  uint64_t files = 0;               ///< that were read and are whole
  uint64_t bytes = 0;               ///< of them
  std::vector<std::string> damage;  ///< a sentence each; empty: all is well
};

/// What an operator wants done with tablets.
struct TabletOrder {
  std::string table;              ///< a table, or
  std::vector<uint64_t> tablets;  ///< some tablets of one table
  std::string at;        ///< split: the last row of the lower part; empty: about half of the bytes
  std::string server;    ///< move: the server_id of the new owner
  bool dry_run = false;  ///< only tell what would be done
};

/// Tables and the state of the cell. Got from Client::admin; a small handle, copied freely,
/// thread-safe. Every call blocks until it is done or its deadline
/// (ClientOptions::admin_timeout_ms) passes.
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
  /// Makes a table. Name, families, groups, split_bytes and deletion_protection are read from
  /// `schema`; ids and version are the cell's choice and come back. split_keys: each the last row
  /// of a tablet; sorted and deduplicated by the cell; none empty.
  absl::StatusOr<TableSchema> CreateTable(const TableSchema& schema,
                                          const std::vector<std::string>& split_keys = {});
  /// Makes the changes in order, all or none; gives the new schema.
  absl::StatusOr<TableSchema> AlterTable(const TableChange& change);
  /// Removes the table and all its cells.
  absl::Status DropTable(std::string_view table);
  /// Removes every row whose key begins with `prefix`, which must not be empty. Complete when it
  /// returns, and quick however many rows there are: nothing is read. Rows written while it runs
  /// may go or stay; what is written afterwards stays.
  absl::Status DropRowRange(std::string_view table, std::string_view prefix);
  /// Removes all rows, in the same way; the table stays.
  absl::Status TruncateTable(std::string_view table);
  /// All tables but the cell's own, by name.
  absl::StatusOr<std::vector<TableSummary>> ListTables();
  /// Schema, and the tablets in key order with their servers.
  absl::StatusOr<TableDescription> DescribeTable(std::string_view table);
  /// Writes what is in memory to SSTables; returns when it is done.
  absl::Status FlushTable(std::string_view table);
  /// Merges each locality group's files of each tablet into one, without deleted cells.
  absl::Status CompactTable(std::string_view table);
  /// Splits one tablet, or each of a table. All three: clients notice a delay at most; returns when
  /// it is done, with one sentence a step. After an error the steps before it stay done.
  absl::StatusOr<std::vector<std::string>> Split(const TabletOrder& order);
  /// Gives tablets, or all of a table, to a server.
  absl::StatusOr<std::vector<std::string>> Move(const TabletOrder& order);
  /// Makes one tablet of neighbours, or of a whole table.
  absl::StatusOr<std::vector<std::string>> Merge(const TabletOrder& order);
  /// Writes what is in the memory of tablets, or of all of a table, to SSTables.
  absl::StatusOr<std::vector<std::string>> Flush(const TabletOrder& order);
  /// Merges each locality group's files of tablets, or of all of a table, into one.
  absl::StatusOr<std::vector<std::string>> Compact(const TabletOrder& order);
  /// Gives the tablets of a server to others and none to it, from now on, over changes of masters
  /// and restarts of the server. Returns at once with what is left to be done; called again, with
  /// what is still left, until that is nothing. NotFound: no such server lives. FailedPrecondition:
  /// no other could take its tablets.
  absl::StatusOr<std::vector<std::string>> Drain(std::string_view server_id, bool dry_run = false);
  /// Lets it be given tablets again. Those it had come back by Balance only.
  absl::StatusOr<std::vector<std::string>> Undrain(std::string_view server_id,
                                                   bool dry_run = false);
  /// Moves as few tablets as make the numbers of the servers that do not drain differ by one at
  /// most. Returns as Drain does.
  absl::StatusOr<std::vector<std::string>> Balance(bool dry_run = false);
  /// Asks a tablet server to drain and end, for its supervisor to start it again. Returns when it
  /// has begun to. FailedPrecondition: it is not a process of its own. `address`: an rpc address of
  /// CellStatus.
  absl::Status RestartServer(std::string_view address);
  /// Has the tablet's server read all its files and compare them with their checksums.
  absl::StatusOr<TabletVerification> VerifyTablet(const TabletInfo& tablet);
  /// Servers, tables and tablets as the master sees them.
  absl::StatusOr<CellStatus> GetCellStatus();
  /// What one server tells of itself. `address`: an rpc address of CellStatus.
  absl::StatusOr<ServerStatus> GetServerStatus(std::string_view address);

 private:
  friend class Client;
  explicit Admin(std::shared_ptr<internal::Session> session) : session_(std::move(session)) {}
  std::shared_ptr<internal::Session> session_;
};

}  // namespace stele
