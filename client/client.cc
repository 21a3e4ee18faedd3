#include "client/client.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "client/page_source.h"
#include "client/routing/batch_op.h"
#include "client/routing/master_call.h"
#include "client/routing/scan_op.h"
#include "client/routing/wait.h"
#include "common/bytes/crc32c.h"

namespace stele {
namespace {

Status CheckAddress(std::string_view cell) {
  const size_t colon = cell.rfind(':');
  uint32_t port = 0;
  if (colon == cell.npos || colon == 0 ||
      !absl::SimpleAtoi(FromStd(cell.substr(colon + 1)), &port) || port == 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("cell address \"", FromStd(cell), "\" is not of the form host:port"));
  }
  return OkStatus();
}

routing::CoreOptions MakeCoreOptions(std::string_view cell, const ClientOptions& options) {
  routing::CoreOptions core;
  core.cell_address = std::string(cell);
  core.retry.retry = options.retry;
  core.retry.retry_after_unknown = options.retry_after_unknown;
  core.request_bytes = options.batch_request_bytes;
  core.requests_in_flight = std::max<uint32_t>(1, options.batch_requests_in_flight);
  core.page_bytes = options.scan_page_bytes;
  return core;
}

// A reader of a query that cannot be run.
class FailedSource : public RowReader::Source {
 public:
  explicit FailedSource(Status status) : status_(std::move(status)) {}
  StatusOr<std::optional<Row>> Next() override { return status_; }

 private:
  const Status status_;
};

}  // namespace

// Destroyed from the bottom up: the network's threads end before what they call into.
struct Client::Parts {
  Parts(std::string_view cell, const ClientOptions& client_options)
      : options(client_options),
        jitter(static_cast<uint64_t>(SystemClock()->BootNanos()) ^
               (uint64_t{Crc32c(FromStd(cell))} << 32)),
        timers(net::TimerQueue::Create()),
        rpc(net::RpcClient::Create(RpcOptionsOf(client_options))),
        core({rpc.get(), timers.get(), SystemClock(), &jitter},
             MakeCoreOptions(cell, client_options)),
        locator(&core),
        admin(&core, &locator, client_options.admin_timeout_ms) {}

  ~Parts() {
    core.gate()->CloseAndDrain();
    rpc.reset();
    timers.reset();
  }

  static net::RpcOptions RpcOptionsOf(const ClientOptions& options) {
    net::RpcOptions rpc;
    rpc.io_threads = options.io_threads;
    rpc.max_frame_bytes = kMaxFrameBytes;
    return rpc;
  }

  const ClientOptions options;
  routing::SeededJitter jitter;
  std::unique_ptr<net::TimerQueue> timers;
  std::unique_ptr<net::RpcClient> rpc;
  routing::Core core;
  routing::Locator locator;
  Admin admin;
};

struct Table::State {
  TableSchema schema;
  routing::Core* core;        // the client's
  routing::Locator* locator;  // the client's
  int64_t timeout_ms;

  int64_t Deadline(const CallOptions& call) const { return core->DeadlineAfterMs(TimeoutMs(call)); }
  int64_t TimeoutMs(const CallOptions& call) const {
    return call.timeout_ms > 0 ? call.timeout_ms : timeout_ms;
  }
  StatusOr<std::shared_ptr<routing::ScanOp>> Scan(const RowSet& rows, const ReadQuery& query,
                                                  uint64_t limit) const {
    RETURN_IF_ERROR(ValidateSelection(query.selection()));
    ASSIGN_OR_RETURN(routing::RowRanges ranges, routing::RowRanges::Create(rows));
    return routing::ScanOp::Create(core, locator,
                                   {schema.id, std::move(ranges), query.selection(), limit});
  }
};

Client::Client(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Client::~Client() = default;
Admin& Client::admin() { return parts_->admin; }

StatusOr<std::unique_ptr<Client>> Client::Connect(std::string_view cell,
                                                  const ClientOptions& options) {
  RETURN_IF_ERROR(CheckAddress(cell));
  std::unique_ptr<Client> client(new Client(std::make_unique<Parts>(cell, options)));
  routing::Core* core = &client->parts_->core;
  const int64_t deadline_ns = core->DeadlineAfterMs(options.connect_timeout_ms);
  auto waiter = std::make_shared<routing::Waiter<Status>>();
  client->parts_->locator.GetCell(
      deadline_ns, [waiter](StatusOr<wire::GetRootResponse> cell) { waiter->Set(cell.status()); });
  Status reached =
      waiter->Wait(core, deadline_ns).value_or(absl::UnavailableError("no answer came in time"));
  if (!reached.ok()) {
    return absl::UnavailableError(
        absl::StrCat("no cell answers at ", FromStd(cell), ": ", reached.message()));
  }
  return client;
}

StatusOr<Table> Client::OpenTable(std::string_view name) {
  RETURN_IF_ERROR(ValidateTableName(FromStd(name)));
  ASSIGN_OR_RETURN(TableDescription description, admin().DescribeTable(name));
  auto state = std::make_shared<Table::State>();
  state->schema = std::move(description.schema);
  state->core = &parts_->core;
  state->locator = &parts_->locator;
  state->timeout_ms = parts_->options.timeout_ms;
  return Table(std::move(state));
}

const TableSchema& Table::schema() const { return state_->schema; }

Status Table::Apply(RowMutation mutation, const CallOptions& call) {
  std::vector<RowMutation> rows;
  rows.push_back(std::move(mutation));
  return ApplyBatch(std::move(rows), call).front();
}

void Table::ApplyAsync(RowMutation mutation, std::function<void(Status)> done,
                       const CallOptions& call) {
  std::vector<RowMutation> rows;
  rows.push_back(std::move(mutation));
  ApplyBatchAsync(
      std::move(rows),
      [done = std::move(done)](std::vector<Status> statuses) { done(std::move(statuses[0])); },
      call);
}

std::vector<Status> Table::ApplyBatch(std::vector<RowMutation> rows, const CallOptions& call) {
  const size_t count = rows.size();
  const int64_t deadline_ns = state_->Deadline(call);
  auto waiter = std::make_shared<routing::Waiter<std::vector<Status>>>();
  ApplyBatchAsync(
      std::move(rows), [waiter](std::vector<Status> statuses) { waiter->Set(std::move(statuses)); },
      call);
  std::optional<std::vector<Status>> statuses = waiter->Wait(state_->core, deadline_ns);
  if (statuses.has_value()) return *std::move(statuses);
  return std::vector<Status>(count,
                             absl::UnknownError("outcome unknown: no answer came by the deadline"));
}

void Table::ApplyBatchAsync(std::vector<RowMutation> rows,
                            std::function<void(std::vector<Status>)> done,
                            const CallOptions& call) {
  if (state_->schema.id < kFirstUserTable) {
    return done(std::vector<Status>(
        rows.size(), absl::PermissionDeniedError(absl::StrCat("table \"", state_->schema.name,
                                                              "\" is the cell's own: read-only"))));
  }
  size_t mutations = 0;
  for (const RowMutation& row : rows) mutations += row.mutations.size();
  if (mutations > kMaxMutationsPerBatch) {
    return done(std::vector<Status>(
        rows.size(),
        absl::InvalidArgumentError(absl::StrCat(
            "batch has ", mutations, " mutations; the limit is ", kMaxMutationsPerBatch))));
  }
  routing::BatchOp::Start(state_->core, state_->locator, state_->schema.id, std::move(rows),
                          state_->Deadline(call), std::move(done));
}

StatusOr<std::optional<Row>> Table::ReadRow(std::string_view key, const ReadQuery& what,
                                            const CallOptions& call) {
  using Answer = StatusOr<std::optional<Row>>;
  const int64_t deadline_ns = state_->Deadline(call);
  auto waiter = std::make_shared<routing::Waiter<Answer>>();
  ReadRowAsync(
      key, what, [waiter](Answer row) { waiter->Set(std::move(row)); }, call);
  std::optional<Answer> row = waiter->Wait(state_->core, deadline_ns);
  if (!row.has_value()) return absl::DeadlineExceededError("no answer came by the deadline");
  return *std::move(row);
}

void Table::ReadRowAsync(std::string_view key, const ReadQuery& what,
                         std::function<void(StatusOr<std::optional<Row>>)> done,
                         const CallOptions& call) {
  RowSet rows;
  rows.keys.emplace_back(key);
  auto scan = state_->Scan(rows, what, 1);
  if (!scan.ok()) return done(scan.status());
  (*scan)->NextPage(state_->Deadline(call),
                    [done = std::move(done)](StatusOr<routing::ScanOp::Page> page) {
                      if (!page.ok()) return done(page.status());
                      if (page->rows.empty()) return done(std::optional<Row>());
                      done(std::optional<Row>(std::move(page->rows.front())));
                    });
}

RowReader Table::ReadRows(const ReadQuery& query, const CallOptions& call) {
  auto scan = state_->Scan(query.rows(), query, query.limit());
  if (!scan.ok()) return RowReader(std::make_unique<FailedSource>(scan.status()));
  const int64_t scan_deadline_ns = call.whole_scan_timeout_ms > 0
                                       ? state_->core->DeadlineAfterMs(call.whole_scan_timeout_ms)
                                       : INT64_MAX;
  return RowReader(std::make_unique<PageSource>(state_->core, *std::move(scan),
                                                state_->TimeoutMs(call), scan_deadline_ns));
}

Status Table::ReadRows(const ReadQuery& query, const std::function<bool(Row)>& row,
                       const CallOptions& call) {
  for (StatusOr<Row>& next : ReadRows(query, call)) {
    if (!next.ok()) return next.status();
    if (!row(*std::move(next))) break;
  }
  return OkStatus();
}

}  // namespace stele
