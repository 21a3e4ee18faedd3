@0xe2b84f60c1d7395a;
# Operations on runs of rows: drops, and samples of the keys.
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("stele::wire::schema");
using Model = import "model.capnp";

struct DropRowRangeRequest {
  table @0 :Data;
  prefix @1 :Data;
  all @2 :Bool;
}

struct DropTabletRowsRequest {
  tablet @0 :UInt64;
  epoch @1 :UInt64;
  range @2 :Model.RowRange;
  order @3 :UInt64;
}

struct SampleRowKeysRequest {
  table @0 :UInt64;
  tablet @1 :UInt64;
  stepBytes @2 :UInt64;
  after @3 :Data;
}

struct RowKeySample {
  row @0 :Data;
  bytes @1 :UInt64;
  rows @2 :UInt64;
}

struct SampleRowKeysResponse {
  samples @0 :List(RowKeySample);
}
