// The methods of every RPC service, with the one permission that each needs, and who has which.
// Numbers are the wire's: append only, never reuse. A method without an entry in kMethods does not
// compile.
//
// Callers are told apart by the cell's key (locker/cell_key.h), which comes with a request
// (common/net): who has it is a server of the cell. Certificates and roles, when they come, make
// finer callers of those without it; the table of what a caller may do stays here.
//
// Immutable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stele::wire {

enum class Method : uint16_t {
  kNone = 0,  // never sent
  // Cell: where the location tree begins. Any server.
  kGetRoot,
  // Data: tablet servers.
  kMutateRows,
  kReadRows,
  // Tablets: the master asks, a tablet server does.
  kOpenTablet,
  kCloseTablet,
  kAlterTablet,
  kFlushTablet,
  kCompactTablet,
  kReportTablets,
  kServerStatus,
  // Master.
  kCreateTable,
  kAlterTable,
  kDropTable,
  kListTables,
  kGetTable,
  kCellStatus,
  kFlushTable,
  kCompactTable,
  // Tablets: the master asks, a tablet server does.
  kDropTablet,      // TabletRequest -> Empty: deletes the manifest; file GC takes the files
  kCollectGarbage,  // Empty -> Empty: one round of file GC, asked of one server of the cell
  // Data: tablet servers.
  kReadModifyWriteRow,
  kCheckAndMutateRow,
  // Tablets: the master asks, a tablet server does.
  kSplitTablet,   // SplitTabletRequest -> Empty
  kMergeTablets,  // MergeTabletsRequest -> Empty
  kForgetMerged,  // MergeTabletsRequest -> Empty: deletes the manifest of the left one
  // Master: TabletOrderRequest -> TabletOrderResponse.
  kSplit,
  kMove,
  kMerge,
  kDropRowRange,    // master: DropRowRangeRequest -> Empty
  kDropTabletRows,  // the master asks a tablet server: DropTabletRowsRequest -> Empty
  kSampleRowKeys,   // tablet servers: SampleRowKeysRequest -> SampleRowKeysResponse
  kRecoverLog,      // the master asks a tablet server: RecoverLogRequest -> Empty
  // Master: TabletOrderRequest -> TabletOrderResponse, when it is done.
  kFlushTablets,
  kCompactTablets,
  // Master: TabletOrderRequest -> TabletOrderResponse: what is left to do, which it goes on with.
  kDrain,
  kUndrain,
  kBalance,
  // Tablet servers, asked by operators.
  kRestartServer,  // Empty -> Empty: it ends, for its supervisor to start it again
  kVerifyTablet,   // TabletRequest -> VerifyTabletResponse: reads all its files
  kListEvents,     // master: ListEventsRequest -> ListEventsResponse
  kReportLoad,     // the master asks a tablet server: Empty -> ReportLoadResponse
  // A process of the cell, whichever: Empty -> DescribeProcessResponse.
  kDescribeProcess,
  kSetOption,        // master: SetOptionRequest -> TabletOrderResponse
  kSetServerOption,  // the master asks a tablet server: the same
  kEnd,              // one past the last
};

enum class Permission : uint8_t {
  kNone,     // of no method
  kData,     // read or write cells, look up tables and locations
  kAdmin,    // create, change, drop tables; keep tablets and servers
  kCluster,  // one server of the cell to another
  kStatus,   // read the state of servers, tables and tablets
};

enum class Caller : uint8_t {
  kAnybody,  // who reached the port
  kCell,     // a server of the cell
};

// What is not granted is denied.
constexpr bool IsGranted(Caller caller, Permission permission) {
  switch (permission) {
    case Permission::kData:
    case Permission::kAdmin:
    case Permission::kStatus:
      return true;
    case Permission::kCluster:
      return caller == Caller::kCell;
    case Permission::kNone:
      break;
  }
  return false;
}

struct MethodInfo {
  Method method;
  const char* name;
  Permission permission;
};

inline constexpr std::array kMethods = {
    MethodInfo{Method::kGetRoot, "GetRoot", Permission::kData},
    MethodInfo{Method::kMutateRows, "MutateRows", Permission::kData},
    MethodInfo{Method::kReadRows, "ReadRows", Permission::kData},
    MethodInfo{Method::kOpenTablet, "OpenTablet", Permission::kCluster},
    MethodInfo{Method::kCloseTablet, "CloseTablet", Permission::kCluster},
    MethodInfo{Method::kAlterTablet, "AlterTablet", Permission::kCluster},
    MethodInfo{Method::kFlushTablet, "FlushTablet", Permission::kCluster},
    MethodInfo{Method::kCompactTablet, "CompactTablet", Permission::kCluster},
    MethodInfo{Method::kReportTablets, "ReportTablets", Permission::kCluster},
    MethodInfo{Method::kServerStatus, "ServerStatus", Permission::kStatus},
    MethodInfo{Method::kCreateTable, "CreateTable", Permission::kAdmin},
    MethodInfo{Method::kAlterTable, "AlterTable", Permission::kAdmin},
    MethodInfo{Method::kDropTable, "DropTable", Permission::kAdmin},
    MethodInfo{Method::kListTables, "ListTables", Permission::kData},
    MethodInfo{Method::kGetTable, "GetTable", Permission::kData},
    MethodInfo{Method::kCellStatus, "CellStatus", Permission::kStatus},
    MethodInfo{Method::kFlushTable, "FlushTable", Permission::kAdmin},
    MethodInfo{Method::kCompactTable, "CompactTable", Permission::kAdmin},
    MethodInfo{Method::kDropTablet, "DropTablet", Permission::kCluster},
    MethodInfo{Method::kCollectGarbage, "CollectGarbage", Permission::kCluster},
    MethodInfo{Method::kReadModifyWriteRow, "ReadModifyWriteRow", Permission::kData},
    MethodInfo{Method::kCheckAndMutateRow, "CheckAndMutateRow", Permission::kData},
    MethodInfo{Method::kSplitTablet, "SplitTablet", Permission::kCluster},
    MethodInfo{Method::kMergeTablets, "MergeTablets", Permission::kCluster},
    MethodInfo{Method::kForgetMerged, "ForgetMerged", Permission::kCluster},
    MethodInfo{Method::kSplit, "Split", Permission::kAdmin},
    MethodInfo{Method::kMove, "Move", Permission::kAdmin},
    MethodInfo{Method::kMerge, "Merge", Permission::kAdmin},
    MethodInfo{Method::kDropRowRange, "DropRowRange", Permission::kAdmin},
    MethodInfo{Method::kDropTabletRows, "DropTabletRows", Permission::kCluster},
    MethodInfo{Method::kSampleRowKeys, "SampleRowKeys", Permission::kData},
    MethodInfo{Method::kRecoverLog, "RecoverLog", Permission::kCluster},
    MethodInfo{Method::kFlushTablets, "FlushTablets", Permission::kAdmin},
    MethodInfo{Method::kCompactTablets, "CompactTablets", Permission::kAdmin},
    MethodInfo{Method::kDrain, "Drain", Permission::kAdmin},
    MethodInfo{Method::kUndrain, "Undrain", Permission::kAdmin},
    MethodInfo{Method::kBalance, "Balance", Permission::kAdmin},
    MethodInfo{Method::kRestartServer, "RestartServer", Permission::kAdmin},
    MethodInfo{Method::kVerifyTablet, "VerifyTablet", Permission::kAdmin},
    MethodInfo{Method::kListEvents, "ListEvents", Permission::kStatus},
    MethodInfo{Method::kReportLoad, "ReportLoad", Permission::kCluster},
    MethodInfo{Method::kDescribeProcess, "DescribeProcess", Permission::kStatus},
    MethodInfo{Method::kSetOption, "SetOption", Permission::kAdmin},
    MethodInfo{Method::kSetServerOption, "SetServerOption", Permission::kCluster},
};

namespace internal {
constexpr bool EveryMethodIsDeclaredOnce() {
  if (kMethods.size() + 1 != static_cast<size_t>(Method::kEnd)) return false;
  for (size_t i = 0; i < kMethods.size(); i++) {
    if (static_cast<size_t>(kMethods[i].method) != i + 1) return false;
    if (kMethods[i].permission == Permission::kNone || kMethods[i].name == nullptr) return false;
  }
  return true;
}
}  // namespace internal
static_assert(internal::EveryMethodIsDeclaredOnce(),
              "kMethods needs one entry, in order and with a permission, for each Method");

// The entry of a method number as it came from the wire; nullptr when there is no such method.
constexpr const MethodInfo* FindMethod(uint16_t number) {
  if (number == 0 || number > kMethods.size()) return nullptr;
  return &kMethods[number - 1u];
}

}  // namespace stele::wire
