#include "schema/convert/body.h"
#include "schema/convert/codec.h"
#include "schema/convert/counters_codec.h"
#include "schema/convert/model_codec.h"
#include "schema/model/limits.h"
#include "schema/wire/master.capnp.h"

namespace stele::wire {
namespace {

void PutSummary(schema::TableSummary::Builder to, const TableSummary& from) {
  PutSchema(to.initSchema(), from.schema);
  to.setState(ToData(from.state));
  to.setTablets(from.tablets);
  to.setTabletsServing(from.tablets_serving);
  to.setBytes(from.bytes);
}

Status GetSummaries(List<schema::TableSummary>::Reader from, const ReadLimits& limits,
                    std::vector<TableSummary>* out) {
  RETURN_IF_ERROR(limits.CheckList<schema::TableSummary>(from.size(), kMaxListEntries, "tables"));
  out->resize(from.size());
  for (uint i = 0; i < from.size(); i++) {
    const auto table = from[i];
    TableSummary& to = (*out)[i];
    RETURN_IF_ERROR(GetSchema(table.getSchema(), limits, &to.schema));
    RETURN_IF_ERROR(CopyData(table.getState(), kMaxTextBytes, "table state", &to.state));
    to.tablets = table.getTablets();
    to.tablets_serving = table.getTabletsServing();
    to.bytes = table.getBytes();
  }
  return OkStatus();
}

void PutServer(schema::ServerSummary::Builder to, const ServerSummary& from) {
  to.setServerId(ToData(from.server_id));
  to.setIncarnation(from.incarnation);
  to.setAddress(ToData(from.address));
  to.setHttpAddress(ToData(from.http_address));
  to.setState(ToData(from.state));
  to.setTablets(from.tablets);
  to.setBytes(from.bytes);
  to.setLastReportAgeMs(from.last_report_age_ms);
  to.setDraining(from.draining);
  to.setNote(ToData(from.note));
  if (!from.recovery.has_value()) return;
  auto recovery = to.initRecovery();
  recovery.setBy(ToData(from.recovery->by));
  recovery.setBytesDone(from.recovery->bytes_done);
  recovery.setBytesTotal(from.recovery->bytes_total);
  recovery.setTabletsDone(from.recovery->tablets_done);
  recovery.setTabletsTotal(from.recovery->tablets_total);
  recovery.setLeftMs(from.recovery->left_ms);
}

Status GetServer(schema::ServerSummary::Reader from, ServerSummary* out) {
  RETURN_IF_ERROR(CopyData(from.getServerId(), kMaxTextBytes, "server id", &out->server_id));
  out->incarnation = from.getIncarnation();
  RETURN_IF_ERROR(CopyData(from.getAddress(), kMaxTextBytes, "address", &out->address));
  RETURN_IF_ERROR(
      CopyData(from.getHttpAddress(), kMaxTextBytes, "http address", &out->http_address));
  RETURN_IF_ERROR(CopyData(from.getState(), kMaxTextBytes, "server state", &out->state));
  out->tablets = from.getTablets();
  out->bytes = from.getBytes();
  out->last_report_age_ms = from.getLastReportAgeMs();
  out->draining = from.getDraining();
  if (from.hasRecovery()) {
    const auto recovery = from.getRecovery();
    RecoveryProgress& progress = out->recovery.emplace();
    RETURN_IF_ERROR(CopyData(recovery.getBy(), kMaxTextBytes, "server id", &progress.by));
    progress.bytes_done = recovery.getBytesDone();
    progress.bytes_total = recovery.getBytesTotal();
    progress.tablets_done = recovery.getTabletsDone();
    progress.tablets_total = recovery.getTabletsTotal();
    progress.left_ms = recovery.getLeftMs();
  }
  return CopyData(from.getNote(), kMaxTextBytes, "note", &out->note);
}

void PutTabletSummary(schema::TabletSummary::Builder to, const TabletSummary& from) {
  to.setLocation(ToData(EncodeTabletLocation(from.location)));
  to.setState(ToData(from.state));
  to.setReason(ToData(from.reason));
  to.setNextStep(ToData(from.next_step));
  to.setStateAgeMs(from.state_age_ms);
  PutCounters(to.initCounters(), from.counters);
}

Status GetTabletSummary(schema::TabletSummary::Reader from, TabletSummary* out) {
  RETURN_IF_ERROR(GetLocation(from.getLocation(), &out->location));
  RETURN_IF_ERROR(CopyData(from.getState(), kMaxTextBytes, "tablet state", &out->state));
  RETURN_IF_ERROR(CopyData(from.getReason(), kMaxTextBytes, "reason", &out->reason));
  RETURN_IF_ERROR(CopyData(from.getNextStep(), kMaxTextBytes, "next step", &out->next_step));
  out->state_age_ms = from.getStateAgeMs();
  out->counters = GetCounters(from.getCounters());
  return OkStatus();
}

static_assert(static_cast<int>(FamilyChange::Kind::kDrop) ==
              static_cast<int>(schema::FamilyChange::Kind::DROP));

}  // namespace

StatusOr<net::Buffer> Encode(const CreateTableRequest& message) {
  return WriteBody<schema::CreateTableRequest>(0, [&](schema::CreateTableRequest::Builder to) {
    PutSchema(to.initSchema(), message.schema);
    PutStrings(to.initSplitKeys(static_cast<uint>(message.split_keys.size())), message.split_keys);
  });
}

Status Decode(const net::Buffer& body, CreateTableRequest* out) {
  auto fill = [&](schema::CreateTableRequest::Reader from, const ReadLimits& limits) -> Status {
    RETURN_IF_ERROR(GetSchema(from.getSchema(), limits, &out->schema));
    return GetStrings(from.getSplitKeys(), limits, kMaxSplitKeys, kMaxRowKeyBytes, "split keys",
                      &out->split_keys);
  };
  return ReadBody<schema::CreateTableRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const TableResponse& message) {
  return WriteBody<schema::TableResponse>(
      0, [&](schema::TableResponse::Builder to) { PutSchema(to.initSchema(), message.schema); });
}

Status Decode(const net::Buffer& body, TableResponse* out) {
  return ReadBody<schema::TableResponse>(
      body, kBadResponse, [&](schema::TableResponse::Reader from, const ReadLimits& limits) {
        return GetSchema(from.getSchema(), limits, &out->schema);
      });
}

StatusOr<net::Buffer> Encode(const TableSchema& message) {
  return WriteBody<schema::TableSchema>(
      0, [&](schema::TableSchema::Builder to) { PutSchema(to, message); });
}

Status Decode(const net::Buffer& body, TableSchema* out) {
  return ReadBody<schema::TableSchema>(
      body, kBadResponse, [&](schema::TableSchema::Reader from, const ReadLimits& limits) {
        return GetSchema(from, limits, out);
      });
}

StatusOr<net::Buffer> Encode(const AlterTableRequest& message) {
  return WriteBody<schema::AlterTableRequest>(0, [&](schema::AlterTableRequest::Builder to) {
    to.setTable(ToData(message.table));
    auto changes = to.initChanges(static_cast<uint>(message.changes.size()));
    for (uint i = 0; i < changes.size(); i++) {
      changes[i].setKind(static_cast<schema::FamilyChange::Kind>(message.changes[i].kind));
      PutFamily(changes[i].initFamily(), message.changes[i].family);
    }
    PutGroups(to.initGroups(static_cast<uint>(message.groups.size())), message.groups);
    to.setSetSplitBytes(message.split_bytes.has_value());
    to.setSplitBytes(message.split_bytes.value_or(0));
    to.setSetDeletionProtection(message.deletion_protection.has_value());
    to.setDeletionProtection(message.deletion_protection.value_or(false));
  });
}

Status Decode(const net::Buffer& body, AlterTableRequest* out) {
  auto fill = [&](schema::AlterTableRequest::Reader from, const ReadLimits& limits) -> Status {
    RETURN_IF_ERROR(CopyData(from.getTable(), kMaxTableNameBytes, "table name", &out->table));
    const auto changes = from.getChanges();
    // Each family may be dropped and created again in one list.
    RETURN_IF_ERROR(limits.CheckList<schema::FamilyChange>(changes.size(), 3 * kMaxFamiliesPerTable,
                                                           "changes"));
    out->changes.resize(changes.size());
    for (uint i = 0; i < changes.size(); i++) {
      const auto change = changes[i];
      if (change.getKind() > schema::FamilyChange::Kind::DROP) {
        return absl::InvalidArgumentError("family change: unknown kind");
      }
      out->changes[i].kind = static_cast<FamilyChange::Kind>(change.getKind());
      RETURN_IF_ERROR(GetFamily(change.getFamily(), limits, &out->changes[i].family));
    }
    RETURN_IF_ERROR(GetGroups(from.getGroups(), limits, &out->groups));
    out->split_bytes.reset();
    if (from.getSetSplitBytes()) out->split_bytes = from.getSplitBytes();
    out->deletion_protection.reset();
    if (from.getSetDeletionProtection()) out->deletion_protection = from.getDeletionProtection();
    return OkStatus();
  };
  return ReadBody<schema::AlterTableRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const TableNameRequest& message) {
  return WriteBody<schema::TableNameRequest>(
      0, [&](schema::TableNameRequest::Builder to) { to.setTable(ToData(message.table)); });
}

Status Decode(const net::Buffer& body, TableNameRequest* out) {
  return ReadBody<schema::TableNameRequest>(
      body, kBadRequest, [&](schema::TableNameRequest::Reader from, const ReadLimits&) {
        return CopyData(from.getTable(), kMaxTableNameBytes, "table name", &out->table);
      });
}

StatusOr<net::Buffer> Encode(const GetTableResponse& message) {
  auto fill = [&](schema::GetTableResponse::Builder to) {
    PutSchema(to.initSchema(), message.schema);
    auto tablets = to.initTablets(static_cast<uint>(message.tablets.size()));
    for (uint i = 0; i < tablets.size(); i++) {
      tablets.set(i, ToData(EncodeTabletLocation(message.tablets[i])));
    }
  };
  return WriteBody<schema::GetTableResponse>(128 * message.tablets.size(), fill);
}

Status Decode(const net::Buffer& body, GetTableResponse* out) {
  auto fill = [&](schema::GetTableResponse::Reader from, const ReadLimits& limits) -> Status {
    RETURN_IF_ERROR(GetSchema(from.getSchema(), limits, &out->schema));
    const auto tablets = from.getTablets();
    RETURN_IF_ERROR(limits.CheckPlainList(tablets.size(), kMaxListEntries, "tablets"));
    out->tablets.resize(tablets.size());
    for (uint i = 0; i < tablets.size(); i++) {
      RETURN_IF_ERROR(GetLocation(tablets[i], &out->tablets[i]));
    }
    return OkStatus();
  };
  return ReadBody<schema::GetTableResponse>(body, kBadResponse, fill);
}

StatusOr<net::Buffer> Encode(const ListTablesResponse& message) {
  auto fill = [&](schema::ListTablesResponse::Builder to) {
    auto tables = to.initTables(static_cast<uint>(message.tables.size()));
    for (uint i = 0; i < tables.size(); i++) PutSummary(tables[i], message.tables[i]);
  };
  return WriteBody<schema::ListTablesResponse>(512 * message.tables.size(), fill);
}

Status Decode(const net::Buffer& body, ListTablesResponse* out) {
  return ReadBody<schema::ListTablesResponse>(
      body, kBadResponse, [&](schema::ListTablesResponse::Reader from, const ReadLimits& limits) {
        return GetSummaries(from.getTables(), limits, &out->tables);
      });
}

StatusOr<net::Buffer> Encode(const CellStatusResponse& message) {
  auto fill = [&](schema::CellStatusResponse::Builder to) {
    to.setCellName(ToData(message.cell_name));
    to.setMasterAddress(ToData(message.master_address));
    to.setMasterHttpAddress(ToData(message.master_http_address));
    to.setMasterEpoch(message.master_epoch);
    auto servers = to.initServers(static_cast<uint>(message.servers.size()));
    for (uint i = 0; i < servers.size(); i++) PutServer(servers[i], message.servers[i]);
    auto tables = to.initTables(static_cast<uint>(message.tables.size()));
    for (uint i = 0; i < tables.size(); i++) PutSummary(tables[i], message.tables[i]);
    auto tablets = to.initTablets(static_cast<uint>(message.tablets.size()));
    for (uint i = 0; i < tablets.size(); i++) PutTabletSummary(tablets[i], message.tablets[i]);
    to.setReady(message.ready);
    to.setRecoveryBytesPerSecond(message.recovery_bytes_per_second);
    to.setTrouble(ToData(message.trouble));
    PutStrings(to.initWork(static_cast<uint>(message.work.size())), message.work);
  };
  const size_t expected =
      256 * message.servers.size() + 512 * message.tables.size() + 256 * message.tablets.size();
  return WriteBody<schema::CellStatusResponse>(expected, fill);
}

Status Decode(const net::Buffer& body, CellStatusResponse* out) {
  auto fill = [&](schema::CellStatusResponse::Reader from, const ReadLimits& limits) -> Status {
    RETURN_IF_ERROR(CopyData(from.getCellName(), kMaxTextBytes, "cell name", &out->cell_name));
    RETURN_IF_ERROR(
        CopyData(from.getMasterAddress(), kMaxTextBytes, "address", &out->master_address));
    RETURN_IF_ERROR(CopyData(from.getMasterHttpAddress(), kMaxTextBytes, "http address",
                             &out->master_http_address));
    out->master_epoch = from.getMasterEpoch();
    const auto servers = from.getServers();
    RETURN_IF_ERROR(
        limits.CheckList<schema::ServerSummary>(servers.size(), kMaxListEntries, "servers"));
    out->servers.resize(servers.size());
    for (uint i = 0; i < servers.size(); i++) {
      RETURN_IF_ERROR(GetServer(servers[i], &out->servers[i]));
    }
    RETURN_IF_ERROR(GetSummaries(from.getTables(), limits, &out->tables));
    const auto tablets = from.getTablets();
    RETURN_IF_ERROR(
        limits.CheckList<schema::TabletSummary>(tablets.size(), kMaxListEntries, "tablets"));
    out->tablets.resize(tablets.size());
    for (uint i = 0; i < tablets.size(); i++) {
      RETURN_IF_ERROR(GetTabletSummary(tablets[i], &out->tablets[i]));
    }
    out->ready = from.getReady();
    out->recovery_bytes_per_second = from.getRecoveryBytesPerSecond();
    RETURN_IF_ERROR(CopyData(from.getTrouble(), kMaxTextBytes, "trouble", &out->trouble));
    return GetStrings(from.getWork(), limits, kMaxListEntries, kMaxTextBytes, "work", &out->work);
  };
  return ReadBody<schema::CellStatusResponse>(body, kBadResponse, fill);
}

}  // namespace stele::wire
