@0x9c5d27e08b1f4a63;
# Reading and writing cells, and where the location tree begins. A TabletLocation is Data in the
# coding of schema/metadata, the same that METADATA rows hold; a Status is Data in the coding of
# common/net, the same that error frames hold.
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("stele::wire::schema");
using Model = import "model.capnp";
using Trace = import "trace.capnp";

struct Empty {}

struct GetRootResponse {
  cellName @0 :Data;
  root @1 :Data;
  catalog @2 :Data;
  masterAddress @3 :Data;
}

struct MutateRowsRequest {
  table @0 :UInt64;
  tablet @1 :UInt64;
  unused @2 :UInt64;
  clientId @3 :UInt64;
  rows @4 :List(Model.RowMutation);
  sequences @5 :List(UInt64);  # of the client, one a row; none without a client
  firstIncomplete @6 :UInt64;
}

struct RequestId {
  clientId @0 :UInt64;
  sequence @1 :UInt64;
  firstIncomplete @2 :UInt64;
}

struct ReadModifyWriteRowRequest {
  table @0 :UInt64;
  tablet @1 :UInt64;
  id @2 :RequestId;
  row @3 :Data;
  rules @4 :List(Model.ReadModifyWriteRule);
}

struct ReadModifyWriteRowResponse {
  families @0 :List(Data);  # each name once; cells hold its index
  row @1 :Model.Row;
  result @2 :RowResult;
}

struct CheckAndMutateRowRequest {
  table @0 :UInt64;
  tablet @1 :UInt64;
  id @2 :RequestId;
  row @3 :Data;
  trueMutations @4 :List(Model.Mutation);
  falseMutations @5 :List(Model.Mutation);
  predicate @6 :Model.Filter;
}

struct CheckAndMutateRowResponse {
  matched @0 :Bool;
  result @1 :RowResult;
}

struct RowResult {
  status @0 :Data;  # empty: OK
  retryDelayMs @1 :Int64;
  outcomeUnknown @2 :Bool;
}

struct MutateRowsResponse {
  results @0 :List(RowResult);
}

struct RowCursor {
  scannerId @0 :UInt64;
  cellOffset @1 :UInt64;
}

struct ReadRowsRequest {
  table @0 :UInt64;
  tablet @1 :UInt64;
  rows @2 :Model.RowSet;
  selection @3 :Model.ReadSelection;
  rowsLimit @4 :UInt64;
  maxBytes @5 :UInt64;
  resumeAfter @6 :Data;
  cursor @7 :RowCursor;
  filter @8 :Model.Filter;
  sampleSeed @9 :UInt64;
  reversed @10 :Bool;
  release @11 :Bool;
  explain @12 :Bool;
}

struct ReadRowsResponse {
  families @0 :List(Data);  # each name once; cells hold its index
  rows @1 :List(Model.Row);
  done @2 :Bool;
  resumeAfter @3 :Data;
  cursor @4 :RowCursor;
  statRows @5 :UInt64;
  statCells @6 :UInt64;
  statBytes @7 :UInt64;
  labels @8 :List(Data);  # each once; cells hold 1 + its index
  examinedRows @9 :UInt64;
  examinedCells @10 :UInt64;
  examinedBytes @11 :UInt64;
  trace @12 :Trace.PageTrace;  # absent but with `explain`
}
