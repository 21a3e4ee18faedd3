/// @file
/// What a cell tells of itself: tables, tablets, servers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stele/schema.h"

namespace stele {

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

/// How far the recovery of a dead server's log is. Its tablets are served again when it is done.
struct RecoveryProgress {
  std::string by;              ///< the server that does it
  uint64_t bytes_done = 0;     ///< of the log that are read and sorted
  uint64_t bytes_total = 0;    ///< of the log, about
  uint64_t tablets_done = 0;   ///< whose part is in SSTables
  uint64_t tablets_total = 0;  ///< found in the log so far
  int64_t left_ms = 0;         ///< until it is done, about
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
  std::optional<RecoveryProgress> recovery;  ///< of its log, once that has begun
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
  /// Of logs of dead servers that were recovered here so far; 0: none that was long enough to tell.
  uint64_t recovery_bytes_per_second = 0;
};

/// Why the cell is not healthy, a sentence each, the most important first; empty: every tablet of
/// every table is served, all servers report and no log waits for its recovery. A server that is
/// drained and away is no trouble.
std::vector<std::string> FindTroubles(const CellStatus& status);

/// Something that happened in the cell.
struct Event {
  uint64_t number = 0;  ///< grows, over changes of masters too
  int64_t time_us = 0;  ///< by the master's clock, since 1970
  std::string kind;     ///< "master", "server", "recovery", "table", "tablet", "assign", "split",
                        ///< "merge", "order" (of an operator), "refused"
  uint64_t tablet = 0;  ///< 0: of none
  std::string table;    ///< empty: of none
  std::string server;   ///< empty: of none
  std::string actor;    ///< who asked for it, as host:port; empty: the cell itself
  std::string text;     ///< a sentence
};

/// Which events; an empty field selects nothing.
struct EventQuery {
  uint64_t after = 0;    ///< only those behind this number, the oldest first; 0: the newest
  int64_t since_us = 0;  ///< only those from this time on
  std::string kind;      ///< of this kind
  uint64_t tablet = 0;   ///< of this tablet
  std::string table;     ///< of this table
  std::string server;    ///< of this server
  uint64_t limit = 100;  ///< no more than so many, 1 .. 10 000
};

/// Some events, ascending.
struct EventList {
  std::vector<Event> events;  ///< ascending
  uint64_t last = 0;          ///< EventQuery::after for those that come later
};

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

/// One option of a process.
struct ProcessOption {
  std::string name;        ///< such as "memory-limit"
  std::string value;       ///< as one would write it; empty: none was given, there is no default
  std::string source;      ///< "flag", "file", "environment", "default", or "live": changed since
  std::string place;       ///< of the source: a file and line, a variable, who changed it
  std::string by_default;  ///< or what holds without it
  std::string range;       ///< "1 .. 64", "host:port"
  std::string unit;        ///< "bytes", "time", "threads"
  bool live = false;       ///< Admin::SetOption changes it
  std::string meaning;     ///< for people
};

/// What a master or tablet server is.
struct ProcessInfo {
  std::string role;                    ///< "master", "tabletserver", "local": both
  std::string id;                      ///< of a tablet server; of a master its address
  std::string version;                 ///< of the program
  std::string state;                   ///< "active", "standby", "serving", "draining", "failed"
  int64_t wall_us = 0;                 ///< its clock when it answered, since 1970
  int64_t started_us = 0;              ///< when it was started, by the same clock
  int64_t lease_left_ms = 0;           ///< of its lock; negative: it is over
  int64_t session_timeout_ms = 0;      ///< of its session with the Locker; 0: it has no lock
  std::vector<ProcessOption> options;  ///< in the order of its help
};

/// What reading all files of a tablet came to.
struct TabletVerification {
  uint64_t files = 0;               ///< that were read and are whole
  uint64_t bytes = 0;               ///< of them
  std::vector<std::string> damage;  ///< a sentence each; empty: all is well
};

}  // namespace stele
