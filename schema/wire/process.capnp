@0xe2a5c90b7d1f4836;
# What a process of the cell is, its options, and a change of one of them.
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("stele::wire::schema");

struct OptionValue {
  name @0 :Data;
  value @1 :Data;
  source @2 :Data;     # flag, file, environment, default, live
  place @3 :Data;
  byDefault @4 :Data;
  range @5 :Data;
  unit @6 :Data;
  live @7 :Bool;
  meaning @8 :Data;
}

struct DescribeProcessResponse {
  role @0 :Data;
  id @1 :Data;
  version @2 :Data;
  state @3 :Data;
  wallUs @4 :Int64;
  startedUs @5 :Int64;
  leaseLeftMs @6 :Int64;
  sessionTimeoutMs @7 :Int64;
  options @8 :List(OptionValue);
}

struct SetOptionRequest {
  target @0 :Data;
  name @1 :Data;
  value @2 :Data;
  actor @3 :Data;
}
