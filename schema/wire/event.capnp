@0xd3b1f0a2c4e86715;
# What happened in the cell, as the master wrote it down.
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("stele::wire::schema");

struct Event {
  number @0 :UInt64;
  timeUs @1 :Int64;
  kind @2 :Data;
  tablet @3 :UInt64;
  table @4 :Data;
  server @5 :Data;
  actor @6 :Data;
  text @7 :Data;
}

struct ListEventsRequest {
  after @0 :UInt64;
  sinceUs @1 :Int64;
  kind @2 :Data;
  tablet @3 :UInt64;
  table @4 :Data;
  server @5 :Data;
  limit @6 :UInt64;
  before @7 :UInt64;
}

struct ListEventsResponse {
  events @0 :List(Event);
  last @1 :UInt64;
}
