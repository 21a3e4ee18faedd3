// Catalog: the tables of the cell and the allocation of ids, kept in the catalog tablet
// (row "t/<name>": the TableRecord; row "ids": the next ids; row "d/<server id>": an operator
// drains that server; row "e/<number>": an event; rows of other names are passed over), with a copy
// in memory that is right because the one active master is the only writer. After a failed write
// the copy is in doubt and loaded() turns false: load again before anything else. Bound to the
// master thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "master/catalog/revision.h"
#include "master/catalog/table_record.h"
#include "master/catalog/tablet_access.h"

namespace stele::master {

class Catalog {
 public:
  Catalog(TabletAccess* access, Revision* revision) : access_(access), revision_(revision) {}

  void SetLocation(const TabletLocation& location) { location_ = location; }
  Status Load();
  bool loaded() const { return loaded_; }

  const std::map<std::string, TableRecord>& tables() const { return tables_; }
  const TableRecord* FindTable(const std::string& name) const;
  const TableRecord* FindTable(TableId id) const;

  Status Put(const TableRecord& record);
  Status Erase(const std::string& name);

  // The servers that operators drain, alive or not.
  const std::set<std::string>& drained() const { return drained_; }
  Status PutDrained(const std::string& server_id);
  Status EraseDrained(const std::string& server_id);

  // Records of events by their numbers, as events/event_log.h keeps them: no copy is held here, and
  // a failed write leaves the rest of the catalog out of doubt.
  StatusOr<std::map<uint64_t, std::string>> ReadEvents();
  Status WriteEvents(const std::map<uint64_t, std::string>& put,
                     const std::vector<uint64_t>& erase);

  // Numbers that were never given out before and never will be again, durable before they are
  // returned.
  StatusOr<TableId> NewTableId();
  StatusOr<TabletId> NewTabletIds(uint64_t count);  // the first of `count` in a row

 private:
  Status Write(const RowMutation& row);
  Status WriteIds(TableId next_table, TabletId next_tablet);

  TabletAccess* const access_;
  Revision* const revision_;
  TabletLocation location_;
  bool loaded_ = false;
  std::map<std::string, TableRecord> tables_;
  std::set<std::string> drained_;
  TableId next_table_ = kFirstUserTable;
  TabletId next_tablet_ = kFirstUserTablet;
  // What is durable: ids below these may be given out.
  struct {
    TableId table = kFirstUserTable;
    TabletId tablet = kFirstUserTablet;
  } id_limits_;
};

}  // namespace stele::master
