// HandClient: requests made by hand against a cell, through GetRoot, root tablet, METADATA tablet
// and user tablet, with nothing cached: what the tests of the servers use so that they do not
// depend on the SDK. Bound to one thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/net/rpc.h"
#include "schema/convert/codec.h"
#include "schema/metadata/metadata.h"

namespace stele {

class HandClient {
 public:
  explicit HandClient(std::string cell) : cell_(std::move(cell)) {
    net::RpcOptions options;
    options.max_frame_bytes = kMaxFrameBytes;
    rpc_ = net::RpcClient::Create(options);
  }

  template <typename Response, typename Request>
  StatusOr<Response> Call(const std::string& address, wire::Method method, const Request& request) {
    constexpr int64_t kTimeoutMs = 60'000;
    return wire::CallSync<Response>(rpc_.get(), address, method, request, kTimeoutMs);
  }
  template <typename Response, typename Request>
  StatusOr<Response> CallMaster(wire::Method method, const Request& request) {
    return Call<Response>(cell_, method, request);
  }

  // To the master, with a deadline of one's own.
  Status CallRaw(wire::Method method, net::Buffer body, int64_t timeout_ms) {
    return rpc_->CallSync(cell_, static_cast<uint16_t>(method), std::move(body), timeout_ms)
        .status();
  }

  Status CallAnything(const std::string& address, uint16_t method, net::Buffer body) {
    constexpr int64_t kTimeoutMs = 10'000;
    return rpc_->CallSync(address, method, std::move(body), kTimeoutMs).status();
  }

  StatusOr<TableSchema> CreateTable(const std::string& name, std::vector<std::string> splits,
                                    std::vector<std::string> families = {"f"}) {
    wire::CreateTableRequest request;
    request.schema.name = name;
    request.split_keys = std::move(splits);
    for (std::string& family : families) {
      request.schema.families.emplace_back().name = std::move(family);
    }
    ASSIGN_OR_RETURN(wire::TableResponse response,
                     CallMaster<wire::TableResponse>(wire::Method::kCreateTable, request));
    return response.schema;
  }
  Status DropTable(const std::string& name) {
    return CallMaster<wire::Empty>(wire::Method::kDropTable, wire::TableNameRequest{name}).status();
  }
  StatusOr<wire::GetTableResponse> GetTable(const std::string& name) {
    return CallMaster<wire::GetTableResponse>(wire::Method::kGetTable,
                                              wire::TableNameRequest{name});
  }

  // The three-level walk.
  StatusOr<TabletLocation> Locate(TableId table, Slice row) {
    ASSIGN_OR_RETURN(wire::GetRootResponse root,
                     CallMaster<wire::GetRootResponse>(wire::Method::kGetRoot, wire::Empty()));
    ASSIGN_OR_RETURN(TabletLocation metadata, Seek(root.root, RootLookup(table, row)));
    RowRange range = MetadataLookup(table, row);
    auto found = Seek(metadata, range);
    // The row that is looked for may be the first of the next METADATA tablet.
    while (IsNotFound(found.status()) && !metadata.tablet.end_row.empty()) {
      range.start = metadata.tablet.end_row;
      range.start_open = true;
      if (range.start >= range.end) break;
      ASSIGN_OR_RETURN(metadata,
                       Seek(root.root, MetadataLookup(kMetadataTable, range.start + '\0')));
      found = Seek(metadata, range);
    }
    return found;
  }

  Status Put(TableId table, const std::string& row, const std::string& value) {
    ASSIGN_OR_RETURN(TabletLocation tablet, Locate(table, row));
    ASSIGN_OR_RETURN(wire::MutateRowsResponse response,
                     PutAt(tablet, {{row, {SetCell{"f", "q", kServerTime, value}}}}));
    return response.results.at(0).status;
  }
  StatusOr<wire::MutateRowsResponse> PutAt(const TabletLocation& tablet,
                                           std::vector<RowMutation> rows) {
    wire::MutateRowsRequest request;
    request.table = tablet.tablet.table;
    request.tablet = tablet.tablet.id;
    request.rows = std::move(rows);
    return Call<wire::MutateRowsResponse>(tablet.address, wire::Method::kMutateRows, request);
  }

  // The newest value of f:q; NotFound.
  StatusOr<std::string> Get(TableId table, const std::string& row) {
    ASSIGN_OR_RETURN(TabletLocation tablet, Locate(table, row));
    wire::ReadRowsRequest request;
    request.rows.keys.push_back(row);
    request.selection.cells_per_column = 1;
    ASSIGN_OR_RETURN(std::vector<Row> rows, ReadAt(tablet, request));
    if (rows.empty()) return absl::NotFoundError("no such row");
    return rows.at(0).cells.at(0).value;
  }
  // All pages of a read of one tablet; parts of a large row are put together.
  StatusOr<std::vector<Row>> ReadAt(const TabletLocation& tablet, wire::ReadRowsRequest request) {
    request.table = tablet.tablet.table;
    request.tablet = tablet.tablet.id;
    std::vector<Row> rows;
    while (true) {
      ASSIGN_OR_RETURN(
          wire::ReadRowsResponse page,
          Call<wire::ReadRowsResponse>(tablet.address, wire::Method::kReadRows, request));
      ++pages;
      for (Row& row : page.rows) {
        if (!rows.empty() && rows.back().key == row.key) {
          rows.back().cells.insert(rows.back().cells.end(), row.cells.begin(), row.cells.end());
        } else {
          rows.push_back(std::move(row));
        }
      }
      if (page.done) return rows;
      if (request.rows_limit != 0 && rows.size() >= request.rows_limit) return rows;
      request.resume_after = page.resume_after;
      request.cursor = page.cursor;
    }
  }

  uint64_t pages = 0;

 private:
  StatusOr<TabletLocation> Seek(const TabletLocation& holder, const RowRange& range) {
    wire::ReadRowsRequest request;
    request.rows.ranges.push_back(range);
    request.rows_limit = 1;
    ASSIGN_OR_RETURN(std::vector<Row> rows, ReadAt(holder, request));
    if (rows.empty()) return absl::NotFoundError("no location");
    return DecodeTabletLocation(rows[0].cells.at(0).value);
  }

  const std::string cell_;
  std::unique_ptr<net::RpcClient> rpc_;
};

}  // namespace stele
