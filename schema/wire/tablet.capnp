@0xd80a6b4f3c92e175;
# The master asks, a tablet server does or tells.
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("stele::wire::schema");
using Model = import "model.capnp";

struct OpenTabletRequest {
  tablet @0 :UInt64;
  epoch @1 :UInt64;
  create @2 :Bool;  # then the two below are there
  descriptor @3 :Model.TabletDescriptor;
  schema @4 :Model.TableSchema;
}

struct CloseTabletRequest {
  tablet @0 :UInt64;
  epoch @1 :UInt64;
  flush @2 :Bool;
  movedTo @3 :Data;  # a TabletLocation; empty: not known
}

struct SplitTabletRequest {
  tablet @0 :UInt64;
  epoch @1 :UInt64;
  startRow @2 :Data;
  child @3 :UInt64;
  at @4 :Data;
  byLoad @5 :Bool;
}

struct MergeTabletsRequest {
  left @0 :UInt64;
  leftEpoch @1 :UInt64;
  right @2 :UInt64;
  rightEpoch @3 :UInt64;
  rightStartRow @4 :Data;
}

struct AlterTabletRequest {
  tablet @0 :UInt64;
  epoch @1 :UInt64;
  schema @2 :Model.TableSchema;
}

struct TabletRequest {
  tablet @0 :UInt64;
  epoch @1 :UInt64;
}

struct TabletCounters {
  bytes @0 :UInt64;
  files @1 :UInt64;
  memtableBytes @2 :UInt64;
  reads @3 :UInt64;
  writes @4 :UInt64;
  requestBytes @5 :UInt64;  # of changes and of rows that were read
  indexBytes @6 :UInt64;
  indexBlocks @7 :UInt64;
  compactionDebtBytes @8 :UInt64;
}

struct TabletReport {
  enum State {
    opening @0;
    open @1;
    closing @2;
    failed @3;
  }
  tablet @0 :Model.TabletDescriptor;
  epoch @1 :UInt64;
  state @2 :State;
  schemaVersion @3 :UInt64;
  counters @4 :TabletCounters;
  error @5 :Data;  # a Status; empty: OK
  splitChild @6 :UInt64;
  splitStartRow @7 :Data;
  mergedInto @8 :UInt64;
  lastDropOrder @9 :UInt64;
}

struct RecoverLogRequest {
  serverId @0 :Data;
  incarnation @1 :UInt64;
  systemOnly @2 :Bool;
}

struct LogSorting {
  serverId @0 :Data;
  incarnation @1 :UInt64;
  bytesDone @2 :UInt64;
  bytesTotal @3 :UInt64;
  tabletsDone @4 :UInt64;
  tabletsTotal @5 :UInt64;
  runningMs @6 :Int64;
}

struct ReportTabletsResponse {
  serverId @0 :Data;
  incarnation @1 :UInt64;
  tablets @2 :List(TabletReport);
  leaving @3 :Bool;
  sortings @4 :List(LogSorting);
  sortedLogBytes @5 :UInt64;
  sortedLogMs @6 :UInt64;
}

struct RingStatus {
  epoch @0 :UInt64;
  segments @1 :UInt64;
  maxSegments @2 :UInt64;
  segmentBytes @3 :UInt64;
  headSegment @4 :UInt64;
  tailSegment @5 :UInt64;
  headOffset @6 :UInt64;
  liveBytes @7 :UInt64;
  nextLsn @8 :UInt64;
  wraps @9 :UInt64;
  pinning @10 :List(UInt64);
}

struct NamedNumber {
  name @0 :Data;
  value @1 :Int64;
}

struct ServerStatusResponse {
  serverId @0 :Data;
  incarnation @1 :UInt64;
  address @2 :Data;
  httpAddress @3 :Data;
  state @4 :Data;
  tablets @5 :UInt64;
  ring @6 :RingStatus;
  numbers @7 :List(NamedNumber);
}

struct VerifyTabletResponse {
  files @0 :UInt64;
  bytes @1 :UInt64;
  damage @2 :List(Data);
}
