// QueryService: the Master methods that change no table, answered from the view of the last pass:
// GetRoot, GetTable, ListTables, CellStatus; and FlushTable(t)s and CompactTable(t)s, which are
// passed on to the tablets' servers and answered when all have done it. Thread-safe.
#pragma once

#include <string>

#include "common/net/rpc.h"
#include "master/cell_view.h"

namespace stele::master {

class QueryService {
 public:
  explicit QueryService(net::RpcClient* client) : client_(client) {}  // outlives it

  void Handle(const CellView& view, const net::RpcRequest& request, net::RpcReply reply);

 private:
  void GetTable(const CellView& view, const net::RpcRequest& request, net::RpcReply reply);
  void ListTables(const CellView& view, net::RpcReply reply);
  void KeepTable(const CellView& view, const net::RpcRequest& request, net::RpcReply reply);
  void KeepTablets(const CellView& view, const net::RpcRequest& request, net::RpcReply reply);

  net::RpcClient* const client_;
};

}  // namespace stele::master
