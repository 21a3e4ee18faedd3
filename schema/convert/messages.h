// What the RPC methods carry, as plain structs. Each method of schema/wire/method.h has a request
// and a response here; codec.h turns them into bodies and back. Value types, thread-compatible.
//
// Sizes are checked on decoding against the limits beside each field (and schema/model/limits.h)
// before anything is allocated; what a limit does not say, the service checks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "schema/convert/range_messages.h"
#include "schema/convert/recovery_messages.h"
#include "schema/convert/status_messages.h"
#include "schema/convert/trace_messages.h"
#include "schema/metadata/metadata.h"
#include "schema/model/conditional.h"
#include "schema/model/filter.h"
#include "schema/model/model.h"

namespace stele::wire {

inline constexpr size_t kMaxSplitKeys = 10'000;
inline constexpr size_t kMaxRowSetEntries = 100'000;  // keys and ranges of one read
inline constexpr size_t kMaxSelectionEntries = 10'000;
inline constexpr size_t kMaxLabelsPerPage = 10'000;
inline constexpr size_t kMaxListEntries = 1'000'000;  // of a status or table list
inline constexpr size_t kMaxTextBytes = 64 * 1024;    // of a name, an address, an error message
inline constexpr size_t kMaxGcRuleNodes = kMaxGcRuleBytes / 2;
inline constexpr size_t kMaxLocalityGroups = 100;

// The answer or the request of a method that has nothing to say.
struct Empty {
  bool operator==(const Empty&) const = default;
};

// GetRoot: Empty -> GetRootResponse.
struct GetRootResponse {
  std::string cell_name;
  TabletLocation root;         // its server_id is empty while no server owns it
  TabletLocation catalog;      // likewise
  std::string master_address;  // rpc; empty while there is no master
  bool operator==(const GetRootResponse&) const = default;
};

// MutateRows. Rows are independent: each is atomic and has its own result, in the same order.
struct MutateRowsRequest {
  TableId table = 0;
  TabletId tablet = 0;
  uint64_t client_id = 0;           // 0: none
  std::vector<RowMutation> rows;    // kMaxMutationsPerBatch mutations in all
  std::vector<uint64_t> sequences;  // RequestId::sequence of each row; empty without a client
  uint64_t first_incomplete = 0;
  bool operator==(const MutateRowsRequest&) const = default;
};
struct RowResult {
  Status status;
  int64_t retry_delay_ms = 0;    // with ResourceExhausted: try again after it
  bool outcome_unknown = false;  // all or nothing, but not known which
  bool operator==(const RowResult&) const = default;
};
struct MutateRowsResponse {
  std::vector<RowResult> results;
  bool operator==(const MutateRowsResponse&) const = default;
};

// ReadModifyWriteRow. As with MutateRows the call succeeds and `result` says what became of it. The
// answer has the touched columns only, one cell each.
struct ReadModifyWriteRowRequest {
  TableId table = 0;
  TabletId tablet = 0;
  RequestId id;
  std::string row;
  std::vector<ReadModifyWriteRule> rules;  // kMaxReadModifyWriteRules
  bool operator==(const ReadModifyWriteRowRequest&) const = default;
};
struct ReadModifyWriteRowResponse {
  RowResult result;
  Row row;  // when it is OK
  bool operator==(const ReadModifyWriteRowResponse&) const = default;
};

// CheckAndMutateRow: if_true when the predicate leaves a cell of the row.
struct CheckAndMutateRowRequest {
  TableId table = 0;
  TabletId tablet = 0;
  RequestId id;
  std::string row;
  Filter predicate;                         // empty: whether the row has a cell. Valid when decoded
  std::vector<Mutation> if_true, if_false;  // kMaxMutationsPerRow each
  bool operator==(const CheckAndMutateRowRequest&) const = default;
};
struct CheckAndMutateRowResponse {
  RowResult result;
  bool matched = false;  // when it is OK
  bool operator==(const CheckAndMutateRowResponse&) const = default;
};

// A place inside a row that was too large for one page: the server keeps the row's state under
// `scanner_id` for a while, so that the rest comes from the same state. NotFound: begin it again.
struct RowCursor {
  uint64_t scanner_id = 0;   // 0: none
  uint64_t cell_offset = 0;  // cells of the row given so far
  bool operator==(const RowCursor&) const = default;
};

// ReadRows: one page of one tablet, in order. It may hold no row and yet go on.
struct ReadRowsRequest {
  TableId table = 0;
  TabletId tablet = 0;
  RowSet rows;
  ReadSelection selection;
  uint64_t rows_limit = 0;   // 0: none; counts rows that have a cell after the filter
  uint64_t max_bytes = 0;    // of keys and values in the page; 0: the server's choice
  std::string resume_after;  // rows up to and including it are done; empty: from the start
  RowCursor cursor;          // with scanner_id: go on inside the row that follows resume_after
  Filter filter;             // of what the selection takes; kNone: no filter. Valid when decoded
  uint64_t sample_seed = 0;  // of its row_samples: one for all pages and tablets of a scan
  bool reversed = false;     // rows descend; resume_after: that row and those behind it are done
  bool release = false;      // nothing is read: what `cursor` names is not wanted any more
  bool explain = false;      // the answer tells what was looked at, and the time of each stage
  bool operator==(const ReadRowsRequest&) const = default;
};
struct ReadStats {
  uint64_t rows = 0, cells = 0, bytes = 0;  // rows: whole ones, or the last parts of such
  uint64_t rows_examined = 0, cells_examined = 0, bytes_examined = 0;  // before the filter
  bool operator==(const ReadStats&) const = default;
};
struct ReadRowsResponse {
  std::vector<Row> rows;
  bool done = false;         // nothing of the row set is left in this tablet
  std::string resume_after;  // for the next page
  RowCursor cursor;          // with scanner_id: the last row is only a part, perhaps without a cell
  ReadStats stats;
  std::optional<PageTrace> trace = std::nullopt;  // with `explain`
  bool operator==(const ReadRowsResponse&) const = default;
};

// OpenTablet: OpenTabletRequest -> Empty. Idempotent for the same epoch.
struct NewTablet {
  TabletDescriptor descriptor;
  TableSchema schema;
  bool operator==(const NewTablet&) const = default;
};
struct OpenTabletRequest {
  TabletId tablet = 0;
  Epoch epoch = 0;
  std::optional<NewTablet> create;  // when the tablet has no manifest yet
  bool operator==(const OpenTabletRequest&) const = default;
};
// CloseTablet: -> Empty. Not serving it is success.
struct CloseTabletRequest {
  TabletId tablet = 0;
  Epoch epoch = 0;
  bool flush = true;
  std::optional<TabletLocation> moved_to = std::nullopt;  // told to clients that still come
  bool operator==(const CloseTabletRequest&) const = default;
};
// AlterTablet: -> Empty. An older or equal version is success.
struct AlterTabletRequest {
  TabletId tablet = 0;
  Epoch epoch = 0;
  TableSchema schema;
  bool operator==(const AlterTabletRequest&) const = default;
};
// FlushTablet and CompactTablet: -> Empty, when it is done.
struct TabletRequest {
  TabletId tablet = 0;
  Epoch epoch = 0;  // 0: any
  bool operator==(const TabletRequest&) const = default;
};

// ReportTablets: Empty -> ReportTabletsResponse.
enum class TabletState : uint8_t { kOpening = 0, kOpen = 1, kClosing = 2, kFailed = 3 };
const char* TabletStateName(TabletState state);
struct TabletCounters {
  uint64_t bytes = 0;  // in SSTables
  uint64_t files = 0;
  uint64_t memtable_bytes = 0;
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t request_bytes = 0;                  // of changes, and of rows that were read
  uint64_t index_bytes = 0, index_blocks = 0;  // of the tablet index
  uint64_t compaction_debt_bytes = 0;          // what the next compaction would read
  bool operator==(const TabletCounters&) const = default;
};
struct TabletReport {
  TabletDescriptor tablet;
  Epoch epoch = 0;
  TabletState state = TabletState::kOpening;
  uint64_t schema_version = 0;
  TabletCounters counters;
  Status error;  // why it failed
  // The last split gave the rows (split_start_row, tablet.start_row] to split_child; 0: none.
  TabletId split_child = 0;
  std::string split_start_row;
  TabletId merged_into = 0;      // not 0: it failed to open because its rows are that tablet's
  uint64_t last_drop_order = 0;  // of DropTabletRows, the highest that was carried out
  bool operator==(const TabletReport&) const = default;
};
struct ReportTabletsResponse {
  std::string server_id;
  uint64_t incarnation = 0;
  std::vector<TabletReport> tablets;
  bool leaving = false;  // it will end: it is to be given no tablets, and to be relieved of its own
  std::vector<LogSorting> sortings;
  uint64_t sorted_log_bytes = 0, sorted_log_ms = 0;  // of all that this incarnation has recovered
  bool operator==(const ReportTabletsResponse&) const = default;
};

// CreateTable: -> TableResponse. The master chooses id, version and family ids.
struct CreateTableRequest {
  TableSchema schema;
  std::vector<std::string> split_keys;
  bool operator==(const CreateTableRequest&) const = default;
};
struct TableResponse {
  TableSchema schema;
  bool operator==(const TableResponse&) const = default;
};
// AlterTable: -> TableResponse. The changes are applied in order, all or none.
struct FamilyChange {
  enum class Kind : uint8_t { kCreate = 0, kUpdate = 1, kDrop = 2 };
  Kind kind = Kind::kCreate;
  FamilySchema family;  // kDrop: only the name; kUpdate: gc is replaced, the group stays; kCreate:
                        // no group is "default"
  bool operator==(const FamilyChange&) const = default;
};
struct AlterTableRequest {
  std::string table;
  std::vector<FamilyChange> changes;
  std::vector<LocalityGroupSchema> groups;  // created or replaced by name, before the changes
  std::optional<uint64_t> split_bytes;
  std::optional<bool> deletion_protection;
  bool operator==(const AlterTableRequest&) const = default;
};
// DropTable, FlushTable, CompactTable: -> Empty. GetTable: -> GetTableResponse.
struct TableNameRequest {
  std::string table;
  bool operator==(const TableNameRequest&) const = default;
};
struct GetTableResponse {
  TableSchema schema;
  std::vector<TabletLocation> tablets;  // in key order
  bool operator==(const GetTableResponse&) const = default;
};
// ListTables: Empty -> ListTablesResponse.
struct TableSummary {
  TableSchema schema;
  std::string state;  // "serving", "creating", "dropping"
  uint64_t tablets = 0;
  uint64_t tablets_serving = 0;
  uint64_t bytes = 0;
  bool operator==(const TableSummary&) const = default;
};
struct ListTablesResponse {
  std::vector<TableSummary> tables;
  bool operator==(const ListTablesResponse&) const = default;
};
// CellStatus: Empty -> CellStatusResponse.
struct ServerSummary {
  std::string server_id;
  uint64_t incarnation = 0;
  std::string address, http_address;
  std::string state;  // "live", "suspect" (does not report), "recovering" (its log), "dead"
  uint64_t tablets = 0;
  uint64_t bytes = 0;
  int64_t last_report_age_ms = 0;
  bool draining = false;                     // it is given no tablets
  std::string note;                          // why it is not live
  std::optional<RecoveryProgress> recovery;  // of its log, when that has begun
  bool operator==(const ServerSummary&) const = default;
};
struct TabletSummary {
  TabletLocation location;
  std::string state;      // "serving", "opening", "closing", "unassigned", "broken"
  std::string reason;     // why it is not serving; of one that does and is hot, why it stays whole
  std::string next_step;  // what the master will do about it
  int64_t state_age_ms = 0;
  TabletCounters counters;
  bool operator==(const TabletSummary&) const = default;
};
struct CellStatusResponse {
  std::string cell_name;
  std::string master_address, master_http_address;
  Epoch master_epoch = 0;
  std::vector<ServerSummary> servers;
  std::vector<TableSummary> tables;
  std::vector<TabletSummary> tablets;
  bool ready = false;                      // the master knows all tables and tablets
  std::string trouble;                     // what keeps it from going on; empty: nothing
  std::vector<std::string> work;           // what it is busy with, a sentence each
  uint64_t recovery_bytes_per_second = 0;  // of past recoveries of logs; 0: none was measured
  bool operator==(const CellStatusResponse&) const = default;
};

}  // namespace stele::wire
