@0xe1c85a3b7d920f46;
# What one page of a read looked at and how long each stage took, for whoever asks.
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("stele::wire::schema");

struct TracedFile {
  name @0 :Data;
  filter @1 :UInt8;  # 0 not asked, 1 may hold the row, 2 does not
  blocksCached @2 :UInt64;
  blocksRead @3 :UInt64;
  bytesRead @4 :UInt64;
  cells @5 :UInt64;
  readNs @6 :Int64;
}

struct PageTrace {
  prepareNs @0 :Int64;
  memoryNs @1 :Int64;
  waitNs @2 :Int64;
  diskNs @3 :Int64;
  memtables @4 :UInt64;
  memtableCells @5 :UInt64;
  filesOutOfReach @6 :UInt64;
  files @7 :List(TracedFile);
}
