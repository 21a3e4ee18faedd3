// Client: the way into a cell.
//
//   ASSIGN_OR_RETURN(auto client, stele::Client::Connect("127.0.0.1:7600"));
//   ASSIGN_OR_RETURN(stele::Table table, client->OpenTable("webtable"));
//   RETURN_IF_ERROR(table.Apply(stele::RowMutationBuilder("row").Set("title", "", "x").Build()));
//
// Locations of tablets are found by the three-level walk, cached, and learnt anew when a tablet
// moves: callers see neither moves nor restarts, only their deadlines. Thread-safe; one client a
// process and cell is enough. The destructor waits for calls under way (each has a deadline).
#pragma once

#include <memory>
#include <string_view>

#include "client/admin.h"
#include "client/options.h"
#include "client/table.h"
#include "common/base/status.h"

namespace stele {

class Client {
 public:
  // `cell`: host:port of any server of the cell. Unavailable when nobody answers there,
  // InvalidArgument when it is not an address.
  static StatusOr<std::unique_ptr<Client>> Connect(std::string_view cell,
                                                   const ClientOptions& options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // NotFound when there is no such table. Open it once and keep it.
  StatusOr<Table> OpenTable(std::string_view name);
  Admin& admin();

 private:
  struct Parts;
  explicit Client(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace stele
