@0xb3f1c9a2d47e6058;
# The data model (schema/model/model.h) on the wire. Strings are Data: row keys, qualifiers and
# values are any bytes, and names are checked by the receiver.
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("stele::wire::schema");

struct Cell {
  family @0 :UInt16;  # index into the page's list of families
  timestampUs @1 :Int64;
  qualifier @2 :Data;
  value @3 :Data;
  label @4 :UInt16;  # 1 + index into the page's list of labels; 0: none
}

struct Row {
  key @0 :Data;
  cells @1 :List(Cell);
}

struct Mutation {
  enum Kind {
    setCell @0;
    deleteFromColumn @1;
    deleteFromFamily @2;
    deleteFromRow @3;
    addToCell @4;
    mergeToCell @5;
  }
  kind @0 :Kind;
  timestampUs @1 :Int64;  # setCell, addToCell, mergeToCell; deleteFromColumn: start
  endUs @2 :Int64;        # deleteFromColumn; addToCell: the input
  family @3 :Data;
  qualifier @4 :Data;
  value @5 :Data;         # setCell; mergeToCell: the state
}

struct ReadModifyWriteRule {
  family @0 :Data;
  qualifier @1 :Data;
  increment @2 :Bool;  # by amount; else append value
  amount @3 :Int64;
  value @4 :Data;
}

struct RowMutation {
  row @0 :Data;
  mutations @1 :List(Mutation);
}

struct RowRange {
  start @0 :Data;
  startOpen @1 :Bool;
  end @2 :Data;
  endOpen @3 :Bool = true;
}

struct RowSet {
  keys @0 :List(Data);
  ranges @1 :List(RowRange);
}

struct Column {
  family @0 :Data;
  qualifier @1 :Data;
}

struct ColumnRange {
  family @0 :Data;
  startKind @1 :UInt8;  # of Bound
  endKind @2 :UInt8;
  start @3 :Data;
  end @4 :Data;
}

struct ReadSelection {
  families @0 :List(Data);
  columns @1 :List(Column);
  minTimestampUs @2 :Int64;
  maxTimestampUs @3 :Int64;
  cellsPerColumn @4 :Int32;
  cellsPerRow @5 :Int32;
  ranges @6 :List(ColumnRange);
}

struct Filter {
  kind @0 :UInt8;  # Filter::Kind of schema/model/filter.h; the fields that it does not use are absent
  flag @1 :Bool;
  startKind @2 :UInt8;  # of Bound
  endKind @3 :UInt8;
  count @4 :Int32;
  startUs @5 :Int64;
  endUs @6 :Int64;
  probability @7 :Float64;
  bytes @8 :Data;
  family @9 :Data;
  start @10 :Data;
  end @11 :Data;
  children @12 :List(Filter);
}

struct GcRule {
  enum Kind {
    none @0;
    maxVersions @1;
    maxAge @2;
    union @3;
    intersection @4;
  }
  kind @0 :Kind;
  maxVersions @1 :Int32;
  maxAgeUs @2 :Int64;
  rules @3 :List(GcRule);
}

struct LocalityGroup {
  name @0 :Data;
  codec @1 :UInt8;
  blockBytes @2 :UInt32;
  bloomBitsPerKey @3 :UInt32;
  bloomColumns @4 :Bool;
  inMemory @5 :Bool;
}

struct Family {
  name @0 :Data;
  id @1 :UInt16;
  localityGroup @2 :Data;
  gc @3 :GcRule;
  aggregate @4 :UInt8;  # 0 none, 1 sum, 2 min, 3 max
}

struct TableSchema {
  name @0 :Data;
  id @1 :UInt64;
  version @2 :UInt64;
  nextFamilyId @3 :UInt16;
  families @4 :List(Family);
  groups @5 :List(LocalityGroup);
  splitBytes @6 :UInt64;
  deletionProtection @7 :Bool;
}

struct TabletDescriptor {
  id @0 :UInt64;
  table @1 :UInt64;
  startRow @2 :Data;
  endRow @3 :Data;
}
