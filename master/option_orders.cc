#include "master/option_orders.h"

#include "absl/strings/str_join.h"
#include "master/servers/parallel_calls.h"
#include "schema/convert/codec.h"
#include "schema/wire/method.h"

namespace stele::master {
namespace {

constexpr char kMaster[] = "master", kAll[] = "all", kOneProcess[] = "local";

using Steps = std::vector<std::string>;

StatusOr<Steps> AskServers(const OptionOrderParts& parts, const wire::SetOptionRequest& order) {
  std::vector<std::string> asked;
  ParallelCalls calls(parts.client);
  for (const auto& [id, server] : *parts.servers) {
    if (order.target != kAll && order.target != id) continue;
    ASSIGN_OR_RETURN(net::Buffer body, wire::Encode(order));
    calls.Add(server.node.address, wire::Method::kSetServerOption, std::move(body),
              parts.timeout_ms);
    asked.push_back(id);
  }
  Steps steps;
  Status failed;
  const auto answers = calls.Wait();
  for (size_t i = 0; i < answers.size(); ++i) {
    wire::TabletOrderResponse done;
    Status status = answers[i].status();
    if (status.ok()) status = wire::Decode(*answers[i], &done);
    if (!status.ok() && failed.ok()) failed = WithContext(status, asked[i]);
    steps.insert(steps.end(), done.steps.begin(), done.steps.end());
  }
  if (failed.ok()) return steps;
  if (steps.empty()) return failed;
  return Status(failed.code(),
                absl::StrCat(failed.message(), "; done: ", absl::StrJoin(steps, "; ")));
}

}  // namespace

StatusOr<wire::TabletOrderResponse> CarryOutOptionOrder(const OptionOrderParts& parts,
                                                        const wire::SetOptionRequest& order) {
  const wire::ProcessOptions* own = parts.own;
  if (own == nullptr) {
    return absl::FailedPreconditionError("this master has no options that could be changed");
  }
  const bool all = order.target == kAll, master = order.target == kMaster;
  if (!all && !master && parts.servers->count(order.target) == 0) {
    return absl::NotFoundError(absl::StrCat("there is no live server \"", order.target,
                                            "\"; `master` and `all` are the other targets"));
  }
  wire::TabletOrderResponse response;
  const bool one_process = own->role == kOneProcess;
  if (one_process || master || (all && own->has(order.name))) {
    ASSIGN_OR_RETURN(std::string step, own->set(order));
    response.steps.push_back(std::move(step));
    if (one_process || master) return response;
  }
  // What is the master's alone is not asked of servers; what nobody has, they say.
  if (all && !response.steps.empty() && !own->shared(order.name)) return response;
  ASSIGN_OR_RETURN(Steps steps, AskServers(parts, order));
  response.steps.insert(response.steps.end(), steps.begin(), steps.end());
  return response;
}

}  // namespace stele::master
