@0xa6e40d915b7c38f2;
# Tables and the state of the cell, as the master knows them.
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("stele::wire::schema");
using Model = import "model.capnp";
using Tablet = import "tablet.capnp";

struct CreateTableRequest {
  schema @0 :Model.TableSchema;
  splitKeys @1 :List(Data);
}

struct TableResponse {
  schema @0 :Model.TableSchema;
}

struct FamilyChange {
  enum Kind {
    create @0;
    update @1;
    drop @2;
  }
  kind @0 :Kind;
  family @1 :Model.Family;
}

struct AlterTableRequest {
  table @0 :Data;
  changes @1 :List(FamilyChange);
  groups @2 :List(Model.LocalityGroup);
  setSplitBytes @3 :Bool;
  splitBytes @4 :UInt64;
  setDeletionProtection @5 :Bool;
  deletionProtection @6 :Bool;
}

struct TableNameRequest {
  table @0 :Data;
}

struct GetTableResponse {
  schema @0 :Model.TableSchema;
  tablets @1 :List(Data);  # TabletLocation in the coding of schema/metadata
}

struct TableSummary {
  schema @0 :Model.TableSchema;
  state @1 :Data;
  tablets @2 :UInt64;
  tabletsServing @3 :UInt64;
  bytes @4 :UInt64;
}

struct ListTablesResponse {
  tables @0 :List(TableSummary);
}

struct RecoveryProgress {
  by @0 :Data;
  bytesDone @1 :UInt64;
  bytesTotal @2 :UInt64;
  tabletsDone @3 :UInt64;
  tabletsTotal @4 :UInt64;
  leftMs @5 :Int64;
}

struct ServerSummary {
  serverId @0 :Data;
  incarnation @1 :UInt64;
  address @2 :Data;
  httpAddress @3 :Data;
  state @4 :Data;
  tablets @5 :UInt64;
  bytes @6 :UInt64;
  lastReportAgeMs @7 :Int64;
  draining @8 :Bool;
  note @9 :Data;
  recovery @10 :RecoveryProgress;
}

struct TabletSummary {
  location @0 :Data;
  state @1 :Data;
  reason @2 :Data;
  nextStep @3 :Data;
  stateAgeMs @4 :Int64;
  counters @5 :Tablet.TabletCounters;
}

struct CellStatusResponse {
  cellName @0 :Data;
  masterAddress @1 :Data;
  masterHttpAddress @2 :Data;
  masterEpoch @3 :UInt64;
  servers @4 :List(ServerSummary);
  tables @5 :List(TableSummary);
  tablets @6 :List(TabletSummary);
  ready @7 :Bool;
  trouble @8 :Data;
  work @9 :List(Data);
  recoveryBytesPerSecond @10 :UInt64;
}

struct TabletOrderRequest {
  table @0 :Data;
  tablets @1 :List(UInt64);
  at @2 :Data;
  server @3 :Data;
  dryRun @4 :Bool;
}

struct TabletOrderResponse {
  steps @0 :List(Data);
}
