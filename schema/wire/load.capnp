@0xa94c1d7e5b20f683;
# What a tablet server is asked for, and how long it takes.
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("stele::wire::schema");
using Model = import "model.capnp";

struct SampledRow {
  row @0 :Data;
  write @1 :Bool;
}

struct TabletLoad {
  tablet @0 :Model.TabletDescriptor;
  epoch @1 :UInt64;
  reads @2 :UInt64;
  writes @3 :UInt64;
  samplesTaken @4 :UInt64;
  newest @5 :List(SampledRow);
}

struct TableTimes {
  table @0 :UInt64;
  reads @1 :List(UInt64);   # how many took how long, by common/obs/time_classes.h
  writes @2 :List(UInt64);
}

struct ReportLoadResponse {
  serverId @0 :Data;
  incarnation @1 :UInt64;
  tablets @2 :List(TabletLoad);
  times @3 :List(TableTimes);
}
