#include "stele/client.h"

#include "client/routing/wait.h"
#include "client/session.h"
#include "client/table_state.h"

namespace stele {

struct Client::Parts {
  std::shared_ptr<internal::Session> session;
  Admin admin;
};

Client::Client(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Client::~Client() { Close(); }
Admin& Client::admin() { return parts_->admin; }
ClientMetrics Client::metrics() const { return parts_->session->metrics(); }
void Client::Close() { parts_->session->Close(); }

namespace {

constexpr int64_t kReachPauseMs = 200;

// One round of the cell's addresses.
Status Reach(internal::Session* session, int64_t deadline_ns) {
  auto waiter = std::make_shared<routing::Waiter<Status>>();
  session->locator()->GetCell(
      deadline_ns, [waiter](StatusOr<wire::GetRootResponse> cell) { waiter->Set(cell.status()); });
  return waiter->Wait(session->core(), deadline_ns)
      .value_or(absl::UnavailableError("no answer came in time"));
}

}  // namespace

StatusOr<std::unique_ptr<Client>> Client::Connect(std::string_view cell,
                                                  const ClientOptions& options) {
  ASSIGN_OR_RETURN(std::shared_ptr<internal::Session> session,
                   internal::Session::Create(cell, options));
  std::unique_ptr<Client> client(
      new Client(std::unique_ptr<Parts>(new Parts{session, Admin(session)})));
  routing::Core* core = session->core();
  const int64_t deadline_ns = core->DeadlineAfterMs(options.connect_timeout_ms);
  // Of several masters one takes over from another; of one that is not there, no more is expected.
  const bool several = cell.find(',') != cell.npos;
  Status reached = Reach(session.get(), deadline_ns);
  while (several && absl::IsUnavailable(reached) && core->LeftMs(deadline_ns) > kReachPauseMs) {
    auto pause = std::make_shared<routing::Waiter<bool>>();
    core->timers()->RunAfter(kReachPauseMs, [pause] { pause->Set(true); });
    pause->Wait(core, deadline_ns);
    reached = Reach(session.get(), deadline_ns);
  }
  if (!reached.ok()) {
    return absl::UnavailableError(
        absl::StrCat("no cell answers at ", FromStd(cell), ": ", reached.message()));
  }
  return client;
}

StatusOr<Table> Client::OpenTable(std::string_view name) {
  RETURN_IF_ERROR(ValidateTableName(FromStd(name)));
  ASSIGN_OR_RETURN(TableDescription description, admin().DescribeTable(name));
  return Table(
      std::make_shared<Table::State>(Table::State{std::move(description.schema), parts_->session}));
}

void Client::OpenTableAsync(std::string_view name, std::function<void(StatusOr<Table>)> done) {
  if (Status s = ValidateTableName(FromStd(name)); !s.ok()) return done(s);
  admin().DescribeTableAsync(
      name, [session = parts_->session, done](StatusOr<TableDescription> description) {
        if (!description.ok()) return done(description.status());
        done(Table(
            std::make_shared<Table::State>(Table::State{std::move(description->schema), session})));
      });
}

std::future<StatusOr<Table>> Client::OpenTableAsync(std::string_view name) {
  std::future<StatusOr<Table>> future;
  OpenTableAsync(name, internal::Fulfil(&future));
  return future;
}

}  // namespace stele
