/// @file
/// Client: the way into a cell.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/admin.h"
#include "stele/metrics.h"
#include "stele/options.h"
#include "stele/table.h"

/// The SDK.
namespace stele {

/// The way into a cell:
///
///     auto client = stele::Client::Connect("127.0.0.1:7600");
///     if (!client.ok()) return client.status();
///     auto table = (*client)->OpenTable("webtable");
///     if (!table.ok()) return table.status();
///     return table->Apply(stele::RowMutationBuilder("row").Set("title", "", "x").Build());
///
/// Locations of tablets are found by the three-level walk, cached, and learnt anew when a tablet
/// moves: callers see neither moves nor restarts, only their deadlines. Thread-safe; one client a
/// process and cell is enough.
class Client {
 public:
  /// `cell`: host:port[,host:port]* of the cell's masters. Unavailable when none answers,
  /// InvalidArgument when it is not an address.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(std::string_view cell,
                                                         const ClientOptions& options = {});
  /// Closes it.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// NotFound when there is no such table. Open it once and keep it.
  absl::StatusOr<Table> OpenTable(std::string_view name);
  /// `done` runs once, by the deadline of the admin's calls, on a thread of the client or before
  /// the call returns; it must not block.
  void OpenTableAsync(std::string_view name, std::function<void(absl::StatusOr<Table>)> done);
  /// The same with a future; dropping it does not wait.
  std::future<absl::StatusOr<Table>> OpenTableAsync(std::string_view name);
  /// Tables and the state of the cell; lives as long as this client, copies of it longer.
  Admin& admin();

  /// What it counted so far; also after Close.
  ClientMetrics metrics() const;

  /// Lets no new call in, waits for those under way (each has a deadline; none is tried again) and
  /// ends the client's threads. Every later call, also of tables, readers and the admin that came
  /// from this client, answers Cancelled, "the client is closed". May be called again; must not be
  /// called from a callback of this client, which it would wait for.
  void Close();

 private:
  struct Parts;
  explicit Client(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace stele
