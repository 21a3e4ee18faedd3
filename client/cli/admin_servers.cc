// What changes the servers of a cell: drain, undrain, balance, rolling-restart.
#include <iostream>

#include "client/cli/admin_wait.h"
#include "client/cli/bytes_text.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

using Steps = StatusOr<std::vector<std::string>>;
using Order = std::function<Steps(Admin*, bool dry_run)>;

// The plan; then, unless it is a dry run, asks until nothing of it is left.
int RunOrder(const Invocation& call, const Order& order) {
  auto wait = AdminWait::Start(call);
  if (!wait.ok()) return Fail(call, wait.status());
  auto client = ConnectForAdmin(call, *wait);
  if (!client.ok()) return Fail(call, client.status());
  Admin admin = (*client)->admin();
  Steps plan = order(&admin, /*dry_run=*/true);
  if (!plan.ok()) return Fail(call, plan.status());
  const bool dry_run = call.Has("dry-run");
  if (!dry_run) {
    const int code = wait->UntilNothingIsLeft([&] { return order(&admin, /*dry_run=*/false); });
    if (code != kOk) return code;
  }
  PrintSteps(call, *plan, dry_run);
  return kOk;
}

Verb OrderVerb(const char* name, const char* deadline, Order order) {
  Verb verb;
  verb.name = name;
  verb.reads = true;
  verb.options = [deadline](po::options_description* flags) {
    AdminWait::AddFlag(flags, deadline);
    flags->add_options()("dry-run", "only say what would be done");
  };
  verb.run = [order = std::move(order)](const Invocation& call) { return RunOrder(call, order); };
  return verb;
}

// An order for the server that the one argument names.
Verb ServerVerb(const char* name, Steps (Admin::*order)(std::string_view, bool)) {
  Verb verb = OrderVerb(name, "10m", nullptr);
  verb.arguments = "SERVER";
  verb.min_args = verb.max_args = 1;
  verb.run = [order](const Invocation& call) {
    return RunOrder(
        call, [&](Admin* admin, bool dry_run) { return (admin->*order)(call.args[0], dry_run); });
  };
  return verb;
}

constexpr char kPlacement[] =
    "A tablet is flushed while it serves and given away then; clients notice a short delay. At "
    "the\n"
    "deadline the cell goes on with it.";

// One server after the other. A server that does not come back stays drained: nothing is lost, and
// `stele admin undrain` is the way back.
class RollingRestart {
 public:
  RollingRestart(const Invocation& call, AdminWait wait, Admin admin)
      : call_(call), wait_(std::move(wait)), admin_(std::move(admin)) {}

  int Run(const std::vector<std::string>& servers) {
    for (const std::string& server : servers) {
      if (const int code = RestartOne(server); code != kOk) return code;
      done_.push_back(absl::StrCat("restart ", server));
    }
    if (call_.Has("no-balance")) return kOk;
    return wait_.UntilNothingIsLeft([&] { return admin_.Balance(); });
  }
  const std::vector<std::string>& done() const { return done_; }

 private:
  int RestartOne(const std::string& server);
  // What is not as it should be, for UntilNothingIsLeft.
  Steps Troubles();
  Steps WhyNotBack(const std::string& server, uint64_t incarnation);
  StatusOr<ServerSummary> Find(const std::string& server);

  const Invocation& call_;
  AdminWait wait_;
  Admin admin_;
  std::vector<std::string> done_;
};

Steps RollingRestart::Troubles() {
  ASSIGN_OR_RETURN(const CellStatus cell, admin_.GetCellStatus());
  return FindTroubles(cell);
}

StatusOr<ServerSummary> RollingRestart::Find(const std::string& server) {
  ASSIGN_OR_RETURN(const CellStatus cell, admin_.GetCellStatus());
  for (const ServerSummary& one : cell.servers) {
    if (one.server_id == server && one.state == "live") return one;
  }
  return absl::NotFoundError(absl::StrCat("there is no live server \"", server, "\""));
}

Steps RollingRestart::WhyNotBack(const std::string& server, uint64_t incarnation) {
  auto found = Find(server);
  if (found.ok() && found->incarnation != incarnation) return std::vector<std::string>();
  if (!found.ok() && !absl::IsNotFound(found.status())) return found.status();
  return std::vector<std::string>{absl::StrCat(
      server, found.ok() ? " has not ended yet" : " is not back yet, and stays drained")};
}

int RollingRestart::RestartOne(const std::string& server) {
  int code = wait_.UntilNothingIsLeft([&] { return Troubles(); });
  if (code != kOk) return code;
  ServerSummary before;
  Status found = wait_.UntilAnswered([&]() -> Status {
    ASSIGN_OR_RETURN(before, Find(server));
    return OkStatus();
  });
  if (!found.ok()) return Fail(call_, found);
  code = wait_.UntilNothingIsLeft([&] { return admin_.Drain(server); });
  if (code != kOk) return code;
  wait_.Say(absl::StrCat(server, " is drained"));
  Status asked = admin_.RestartServer(before.address);
  if (!asked.ok()) {
    admin_.Undrain(server).status().IgnoreError();  // it was not its fault; the error is told
    return Fail(call_, asked);
  }
  code = wait_.UntilNothingIsLeft([&] { return WhyNotBack(server, before.incarnation); });
  if (code != kOk) return code;
  return wait_.UntilNothingIsLeft([&] { return admin_.Undrain(server); });
}

int RunRollingRestart(const Invocation& call) {
  auto wait = AdminWait::Start(call);
  if (!wait.ok()) return Fail(call, wait.status());
  auto client = ConnectForAdmin(call, *wait);
  if (!client.ok()) return Fail(call, client.status());
  Admin admin = (*client)->admin();
  std::vector<std::string> servers = call.args, steps;
  if (servers.empty()) {
    auto cell = admin.GetCellStatus();
    if (!cell.ok()) return Fail(call, cell.status());
    for (const ServerSummary& server : cell->servers) {
      if (server.state == "live") servers.push_back(server.server_id);
    }
  }
  if (call.Has("dry-run")) {
    for (const std::string& server : servers) steps.push_back(absl::StrCat("restart ", server));
    if (!call.Has("no-balance")) steps.push_back("balance");
    PrintSteps(call, steps, /*dry_run=*/true);
    return kOk;
  }
  RollingRestart restart(call, *wait, std::move(admin));
  const int code = restart.Run(servers);
  PrintSteps(call, restart.done(), /*dry_run=*/false);
  return code;
}

}  // namespace

Verb AdminDrainVerb() {
  Verb verb = ServerVerb("admin drain", &Admin::Drain);
  verb.summary = "move all tablets of a server to others, and give it none";
  verb.details = absl::StrCat(kPlacement,
                              "\nIt holds over restarts of the server and changes of masters, "
                              "until `stele admin undrain`.");
  verb.example = "stele admin drain ts-2 --deadline 5m";
  return verb;
}

Verb AdminUndrainVerb() {
  Verb verb = ServerVerb("admin undrain", &Admin::Undrain);
  verb.summary = "let a drained server be given tablets again";
  verb.details = "It is given new tablets; `stele admin balance` moves old ones to it.";
  verb.example = "stele admin undrain ts-2";
  return verb;
}

Verb AdminBalanceVerb() {
  Verb verb = OrderVerb("admin balance", "30m",
                        [](Admin* admin, bool dry_run) { return admin->Balance(dry_run); });
  verb.summary = "spread tablets and load evenly over the servers, with as few moves as that takes";
  verb.details = absl::StrCat(
      "By count first, then, within a quarter of the average count, by measured load. Each move "
      "is\n"
      "told with its figures. The master does the same by itself (--balance-after).\n",
      kPlacement);
  verb.example = "stele admin balance --dry-run";
  return verb;
}

Verb AdminRollingRestartVerb() {
  Verb verb = OrderVerb("admin rolling-restart", "1h", nullptr);
  verb.arguments = "[SERVER...]";
  verb.max_args = 1000;
  verb.summary = "restart all tablet servers, or some, one after the other, without an outage";
  verb.details =
      "Each is drained, asked to end, waited for until its supervisor has started it again (it "
      "ends\n"
      "with code 14), and undrained; the next follows when the cell is healthy. Balances at the "
      "end.\n"
      "A server that does not come back by the deadline stays drained.";
  verb.example = "stele admin rolling-restart --deadline 30m";
  verb.options = [](po::options_description* flags) {
    AdminWait::AddFlag(flags, "1h");
    auto add = flags->add_options();
    add("dry-run", "only say what would be done");
    add("no-balance", "leave the tablets where they are at the end");
  };
  verb.run = RunRollingRestart;
  return verb;
}

}  // namespace stele::cli
