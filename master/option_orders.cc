#include "master/option_orders.h"

#include "absl/strings/str_join.h"
#include "master/servers/parallel_calls.h"
#include "schema/convert/codec.h"
#include "schema/wire/method.h"

namespace stele::master {
namespace {

constexpr char kMaster[] = "master", kAll[] = "all", kOneProcess[] = "local";

using Steps = std::vector<std::string>;

// Of each server what it did, or why it did not: `steps` and `failures`, whose first is `failed`.
struct Outcome {
  Steps steps, failures;
  Status failed;
};

// `outcome` holds what was done before.
Status AskServers(const OptionOrderParts& parts, const wire::SetOptionRequest& order,
                  Outcome* outcome) {
  std::vector<std::string> asked;
  ParallelCalls calls(parts.client);
  for (const auto& [id, server] : *parts.servers) {
    if (order.target != kAll && order.target != id) continue;
    ASSIGN_OR_RETURN(net::Buffer body, wire::Encode(order));
    calls.Add(server.node.address, wire::Method::kSetServerOption, std::move(body),
              parts.timeout_ms);
    asked.push_back(id);
  }
  const auto answers = calls.Wait();
  for (size_t i = 0; i < answers.size(); ++i) {
    wire::TabletOrderResponse done;
    Status status = answers[i].status();
    if (status.ok()) status = wire::Decode(*answers[i], &done);
    if (!status.ok()) {
      if (outcome->failed.ok()) outcome->failed = status;
      outcome->failures.push_back(absl::StrCat(asked[i], ": ", status.message()));
    }
    for (const std::string& step : done.steps) {
      outcome->steps.push_back(absl::StrCat(asked[i], ": ", step));
    }
  }
  if (outcome->failed.ok()) return OkStatus();
  std::string message = absl::StrJoin(outcome->failures, "; ");
  if (!outcome->steps.empty()) {
    absl::StrAppend(&message, "; done: ", absl::StrJoin(outcome->steps, "; "));
  }
  return Status(outcome->failed.code(), message);
}

bool NamesOneServer(const wire::SetOptionRequest& order) {
  return order.target != kAll && order.target != kMaster;
}

}  // namespace

StatusOr<wire::TabletOrderResponse> CarryOutOptionOrder(const OptionOrderParts& parts,
                                                        const wire::SetOptionRequest& order) {
  const wire::ProcessOptions* own = parts.own;
  if (own == nullptr) {
    return absl::FailedPreconditionError("this master has no options that could be changed");
  }
  const bool all = order.target == kAll, master = order.target == kMaster;
  if (NamesOneServer(order) && parts.servers->count(order.target) == 0) {
    return absl::NotFoundError(absl::StrCat("there is no live server \"", order.target,
                                            "\"; `master` and `all` are the other targets"));
  }
  Outcome outcome;
  const bool one_process = own->role == kOneProcess;
  if (one_process || master || (all && own->has(order.name))) {
    ASSIGN_OR_RETURN(const std::string step, own->set(order));
    outcome.steps.push_back(step + WhoElseChanges(own, order));
    if (one_process || master) return wire::TabletOrderResponse{std::move(outcome.steps)};
  }
  // What is the master's alone is not asked of servers; what nobody has, they say.
  if (!all || outcome.steps.empty() || own->shared(order.name)) {
    RETURN_IF_ERROR(AskServers(parts, order, &outcome));
  }
  return wire::TabletOrderResponse{std::move(outcome.steps)};
}

std::string WhoElseChanges(const wire::ProcessOptions* own, const wire::SetOptionRequest& order) {
  if (own == nullptr || own->role != kOneProcess || !NamesOneServer(order)) return "";
  return "; of all servers, which share one process";
}

}  // namespace stele::master
