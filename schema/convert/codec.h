// Messages to RPC bodies and back. The only folder that knows Cap'n Proto; no type of it is visible
// here, and its exceptions end here. Pure functions.
//
// Encode fails with ResourceExhausted when the body would exceed kMaxFrameBytes. Decode of a
// request answers InvalidArgument (malformed, or a size over its limit, naming the field); of a
// response DataLoss. Hostile bytes cost at most a small multiple of the body's size in memory and
// time. `out` is unspecified after an error.
#pragma once

#include "common/net/rpc.h"
#include "schema/convert/event_messages.h"
#include "schema/convert/load_messages.h"
#include "schema/convert/messages.h"
#include "schema/convert/process_messages.h"
#include "schema/convert/reshape_messages.h"
#include "schema/wire/method.h"

namespace stele::wire {

StatusOr<net::Buffer> Encode(const Empty& message);
StatusOr<net::Buffer> Encode(const GetRootResponse& message);
StatusOr<net::Buffer> Encode(const MutateRowsRequest& message);
StatusOr<net::Buffer> Encode(const MutateRowsResponse& message);
StatusOr<net::Buffer> Encode(const ReadModifyWriteRowRequest& message);
StatusOr<net::Buffer> Encode(const ReadModifyWriteRowResponse& message);
StatusOr<net::Buffer> Encode(const CheckAndMutateRowRequest& message);
StatusOr<net::Buffer> Encode(const CheckAndMutateRowResponse& message);
StatusOr<net::Buffer> Encode(const ReadRowsRequest& message);
StatusOr<net::Buffer> Encode(const ReadRowsResponse& message);
StatusOr<net::Buffer> Encode(const OpenTabletRequest& message);
StatusOr<net::Buffer> Encode(const CloseTabletRequest& message);
StatusOr<net::Buffer> Encode(const AlterTabletRequest& message);
StatusOr<net::Buffer> Encode(const TabletRequest& message);
StatusOr<net::Buffer> Encode(const ReportTabletsResponse& message);
StatusOr<net::Buffer> Encode(const ServerStatusResponse& message);
StatusOr<net::Buffer> Encode(const VerifyTabletResponse& message);
StatusOr<net::Buffer> Encode(const CreateTableRequest& message);
StatusOr<net::Buffer> Encode(const TableResponse& message);
StatusOr<net::Buffer> Encode(const AlterTableRequest& message);
StatusOr<net::Buffer> Encode(const TableNameRequest& message);
StatusOr<net::Buffer> Encode(const GetTableResponse& message);
StatusOr<net::Buffer> Encode(const ListTablesResponse& message);
StatusOr<net::Buffer> Encode(const CellStatusResponse& message);
StatusOr<net::Buffer> Encode(const SplitTabletRequest& message);
StatusOr<net::Buffer> Encode(const RecoverLogRequest& message);
StatusOr<net::Buffer> Encode(const MergeTabletsRequest& message);
StatusOr<net::Buffer> Encode(const TabletOrderRequest& message);
StatusOr<net::Buffer> Encode(const TabletOrderResponse& message);
StatusOr<net::Buffer> Encode(const DropRowRangeRequest& message);
StatusOr<net::Buffer> Encode(const DropTabletRowsRequest& message);
StatusOr<net::Buffer> Encode(const SampleRowKeysRequest& message);
StatusOr<net::Buffer> Encode(const SampleRowKeysResponse& message);
StatusOr<net::Buffer> Encode(const ListEventsRequest& message);
StatusOr<net::Buffer> Encode(const ListEventsResponse& message);
StatusOr<net::Buffer> Encode(const ReportLoadResponse& message);
StatusOr<net::Buffer> Encode(const DescribeProcessResponse& message);
StatusOr<net::Buffer> Encode(const SetOptionRequest& message);
// A schema, an event alone, for the catalog.
StatusOr<net::Buffer> Encode(const TableSchema& schema);
StatusOr<net::Buffer> Encode(const Event& message);

Status Decode(const net::Buffer& body, Empty* out);
Status Decode(const net::Buffer& body, GetRootResponse* out);
Status Decode(const net::Buffer& body, MutateRowsRequest* out);
Status Decode(const net::Buffer& body, MutateRowsResponse* out);
Status Decode(const net::Buffer& body, ReadModifyWriteRowRequest* out);
Status Decode(const net::Buffer& body, ReadModifyWriteRowResponse* out);
Status Decode(const net::Buffer& body, CheckAndMutateRowRequest* out);
Status Decode(const net::Buffer& body, CheckAndMutateRowResponse* out);
Status Decode(const net::Buffer& body, ReadRowsRequest* out);
Status Decode(const net::Buffer& body, ReadRowsResponse* out);
Status Decode(const net::Buffer& body, OpenTabletRequest* out);
Status Decode(const net::Buffer& body, CloseTabletRequest* out);
Status Decode(const net::Buffer& body, AlterTabletRequest* out);
Status Decode(const net::Buffer& body, TabletRequest* out);
Status Decode(const net::Buffer& body, ReportTabletsResponse* out);
Status Decode(const net::Buffer& body, ServerStatusResponse* out);
Status Decode(const net::Buffer& body, VerifyTabletResponse* out);
Status Decode(const net::Buffer& body, CreateTableRequest* out);
Status Decode(const net::Buffer& body, TableResponse* out);
Status Decode(const net::Buffer& body, AlterTableRequest* out);
Status Decode(const net::Buffer& body, TableNameRequest* out);
Status Decode(const net::Buffer& body, GetTableResponse* out);
Status Decode(const net::Buffer& body, ListTablesResponse* out);
Status Decode(const net::Buffer& body, CellStatusResponse* out);
Status Decode(const net::Buffer& body, SplitTabletRequest* out);
Status Decode(const net::Buffer& body, RecoverLogRequest* out);
Status Decode(const net::Buffer& body, MergeTabletsRequest* out);
Status Decode(const net::Buffer& body, TabletOrderRequest* out);
Status Decode(const net::Buffer& body, TabletOrderResponse* out);
Status Decode(const net::Buffer& body, DropRowRangeRequest* out);
Status Decode(const net::Buffer& body, DropTabletRowsRequest* out);
Status Decode(const net::Buffer& body, SampleRowKeysRequest* out);
Status Decode(const net::Buffer& body, SampleRowKeysResponse* out);
Status Decode(const net::Buffer& body, ListEventsRequest* out);
Status Decode(const net::Buffer& body, ListEventsResponse* out);
Status Decode(const net::Buffer& body, ReportLoadResponse* out);
Status Decode(const net::Buffer& body, DescribeProcessResponse* out);
Status Decode(const net::Buffer& body, SetOptionRequest* out);
Status Decode(const net::Buffer& body, TableSchema* out);  // DataLoss
Status Decode(const net::Buffer& body, Event* out);        // DataLoss

// Encode, call, wait, decode. Not from an io thread. REQUIRES: Request and Response belong to
// `method`.
template <typename Response, typename Request>
StatusOr<Response> CallSync(net::RpcClient* client, const std::string& address, Method method,
                            const Request& request, int64_t timeout_ms) {
  ASSIGN_OR_RETURN(net::Buffer body, Encode(request));
  ASSIGN_OR_RETURN(net::Buffer answer, client->CallSync(address, static_cast<uint16_t>(method),
                                                        std::move(body), timeout_ms));
  Response response;
  RETURN_IF_ERROR(Decode(answer, &response));
  return response;
}

}  // namespace stele::wire
