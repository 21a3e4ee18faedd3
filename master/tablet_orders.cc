#include "master/tablet_orders.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "master/procedures/drain_server.h"
#include "master/procedures/merge_tablets.h"
#include "master/procedures/move_tablet.h"
#include "master/procedures/split_tablet.h"

namespace stele::master {
namespace {

std::string Quoted(Slice row) { return absl::StrCat("\"", absl::CHexEscape(row), "\""); }

StatusOr<std::vector<TabletView>> ViewTableOf(const ProcedureContext& context, TabletId tablet) {
  const TabletLocation* location = context.tablets->Find(tablet);
  if (location == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no tablet ", tablet));
  }
  return ViewTable(context, location->tablet.table);
}

StatusOr<size_t> IndexOf(const std::vector<TabletView>& views, TabletId tablet) {
  for (size_t i = 0; i < views.size(); ++i) {
    if (views[i].location.tablet.id == tablet) return i;
  }
  return absl::NotFoundError(absl::StrCat("there is no tablet ", tablet, " in the table"));
}

StatusOr<TabletView> FindView(const ProcedureContext& context, TabletId tablet) {
  ASSIGN_OR_RETURN(const std::vector<TabletView> views, ViewTableOf(context, tablet));
  ASSIGN_OR_RETURN(const size_t i, IndexOf(views, tablet));
  return views[i];
}

// The table that the request names, by name or by its first tablet.
StatusOr<std::vector<TabletView>> ViewRequested(const ProcedureContext& context,
                                                const wire::TabletOrderRequest& request) {
  if (request.table.empty() == request.tablets.empty()) {
    return absl::InvalidArgumentError("name either a table or tablets");
  }
  if (request.table.empty()) return ViewTableOf(context, request.tablets.front());
  if (request.table == kMetadataTableName) return ViewTable(context, kMetadataTable);
  if (request.table == kCatalogTableName) return ViewTable(context, kCatalogTable);
  const TableRecord* record = context.catalog->FindTable(request.table);
  if (record == nullptr || record->state != TableState::kServing) {
    return absl::NotFoundError(absl::StrCat("table \"", request.table, "\" does not exist"));
  }
  return ViewTable(context, record->schema.id);
}

// What an order that is given again and again until it is taken came to.
struct Given {
  bool given = false;
  TabletId child = 0;
};

// The outcome of an order that was given: true when it is no longer under way, and did not fail.
StatusOr<bool> Outcome(const ProcedureContext& context, TabletId tablet) {
  if (context.reshapes->UnderWay(tablet)) return false;
  if (auto failure = context.reshapes->LastFailure(tablet)) {
    context.reshapes->ForgetFailure(tablet);
    return failure->error;
  }
  return true;
}

bool IsBusy(const Status& status) { return status.code() == absl::StatusCode::kUnavailable; }

StatusOr<bool> AdvanceSplit(const ProcedureContext& context, TabletId tablet, const std::string& at,
                            Given* order) {
  ASSIGN_OR_RETURN(const TabletView view, FindView(context, tablet));
  // Done, even if its server was gone before it said so.
  const TabletLocation* made = context.tablets->Find(order->child);
  if (made != nullptr) return view.serving && context.servers->IsServing(*made);
  if (!order->given) {
    if (!context.reshapes->UnderWay(tablet)) context.reshapes->ForgetFailure(tablet);
    auto child = BeginSplitTablet(context, view, at);
    if (IsBusy(child.status())) return false;
    RETURN_IF_ERROR(child.status());
    *order = {true, *child};
    return false;
  }
  // When it is done and not yet seen in a report, the next pass sees it.
  Status outcome = Outcome(context, tablet).status();
  if (IsBusy(outcome)) order->given = false;
  return outcome.ok() || IsBusy(outcome) ? StatusOr<bool>(false) : outcome;
}

StatusOr<bool> AdvanceMerge(const ProcedureContext& context, TabletId left, TabletId right,
                            Given* order) {
  if (context.tablets->Find(left) == nullptr) {
    const TabletLocation* whole = context.tablets->Find(right);
    if (whole == nullptr) return absl::NotFoundError(absl::StrCat("there is no tablet ", right));
    return context.servers->IsServing(*whole);
  }
  if (order->given) {
    Status outcome = Outcome(context, right).status();
    if (IsBusy(outcome)) order->given = false;
    return outcome.ok() || IsBusy(outcome) ? StatusOr<bool>(false) : outcome;
  }
  ASSIGN_OR_RETURN(const TabletView left_view, FindView(context, left));
  ASSIGN_OR_RETURN(const TabletView right_view, FindView(context, right));
  if (!context.reshapes->UnderWay(right)) context.reshapes->ForgetFailure(right);
  Status begun = BeginMergeTablets(context, left_view, right_view);
  if (IsBusy(begun)) return false;
  RETURN_IF_ERROR(begun);
  order->given = true;
  return false;
}

OrderStep MoveStep(const ProcedureContext& context, const TabletView& view,
                   const std::string& server) {
  const TabletId id = view.location.tablet.id;
  auto move = std::make_shared<std::optional<TabletMove>>();
  return {absl::StrCat("move tablet ", id, " from ", view.location.server_id, " to ", server),
          [context, id, server, move] {
            if (!move->has_value()) {
              // An operator's order does not wait because an earlier one failed.
              if (!context.reshapes->UnderWay(id)) context.reshapes->ForgetFailure(id);
              move->emplace(id, server);
            }
            return (*move)->Advance(context);
          }};
}

OrderStep SplitStep(const ProcedureContext& context, TabletId id, const std::string& at) {
  auto state = std::make_shared<Given>();
  return {absl::StrCat("split tablet ", id, " at ", at.empty() ? "about half" : Quoted(at)),
          [context, id, at, state] { return AdvanceSplit(context, id, at, state.get()); }};
}

void AddMergeSteps(const ProcedureContext& context, const TabletView& left, const TabletView& right,
                   std::vector<OrderStep>* steps) {
  const std::string& server = right.location.server_id;
  if (left.location.server_id != server) steps->push_back(MoveStep(context, left, server));
  const TabletId left_id = left.location.tablet.id, right_id = right.location.tablet.id;
  auto state = std::make_shared<Given>();
  steps->push_back({absl::StrCat("merge tablet ", left_id, " into tablet ", right_id),
                    [context, left_id, right_id, state] {
                      return AdvanceMerge(context, left_id, right_id, state.get());
                    }});
}

Status NeverReshaped(TabletId tablet) {
  return absl::FailedPreconditionError(
      absl::StrCat("tablet ", tablet, " is ", tablet == kRootTablet ? "the root" : "the catalog",
                   ": it is one tablet always, never split or merged"));
}

}  // namespace

StatusOr<std::vector<OrderStep>> PlanSplit(const ProcedureContext& context,
                                           const wire::TabletOrderRequest& request) {
  ASSIGN_OR_RETURN(const std::vector<TabletView> views, ViewRequested(context, request));
  if (request.tablets.size() > 1) {
    return absl::InvalidArgumentError("one tablet is split at a time");
  }
  std::vector<OrderStep> steps;
  for (const TabletView& view : views) {
    const TabletDescriptor& tablet = view.location.tablet;
    if (!request.tablets.empty() && tablet.id != request.tablets.front()) continue;
    if (request.tablets.empty() && !MayReshape(tablet.id)) continue;
    if (!MayReshape(tablet.id)) return NeverReshaped(tablet.id);
    const bool inside = request.at.empty() || tablet.Contains(request.at);
    if (!inside && request.tablets.empty()) continue;
    if (!request.at.empty() && (!inside || request.at == tablet.end_row)) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(request.at), " is not strictly inside tablet ", tablet.id));
    }
    steps.push_back(SplitStep(context, tablet.id, request.at));
  }
  return steps;
}

StatusOr<std::vector<OrderStep>> PlanMove(const ProcedureContext& context,
                                          const wire::TabletOrderRequest& request) {
  ASSIGN_OR_RETURN(const std::vector<TabletView> views, ViewRequested(context, request));
  if (context.servers->servers().count(request.server) == 0) {
    return absl::NotFoundError(absl::StrCat("there is no live server \"", request.server, "\""));
  }
  if (IsDraining(*context.catalog, context.servers->servers().at(request.server))) {
    return absl::FailedPreconditionError(absl::StrCat("server ", request.server, " is drained"));
  }
  std::vector<OrderStep> steps;
  for (const TabletView& view : views) {
    const auto& wanted = request.tablets;
    const bool named =
        wanted.empty() || std::count(wanted.begin(), wanted.end(), view.location.tablet.id) != 0;
    if (!named || view.location.server_id == request.server) continue;
    steps.push_back(MoveStep(context, view, request.server));
  }
  for (TabletId tablet : request.tablets) RETURN_IF_ERROR(IndexOf(views, tablet).status());
  return steps;
}

StatusOr<std::vector<OrderStep>> PlanMerge(const ProcedureContext& context,
                                           const wire::TabletOrderRequest& request) {
  ASSIGN_OR_RETURN(const std::vector<TabletView> views, ViewRequested(context, request));
  if (request.tablets.size() == 1) {
    return absl::InvalidArgumentError("name the neighbours to merge, or a table");
  }
  std::vector<size_t> chosen;
  for (TabletId tablet : request.tablets) {
    ASSIGN_OR_RETURN(const size_t i, IndexOf(views, tablet));
    chosen.push_back(i);
  }
  for (size_t i = 0; i < views.size() && request.tablets.empty(); ++i) {
    if (MayReshape(views[i].location.tablet.id)) chosen.push_back(i);
  }
  for (TabletId tablet : request.tablets) {
    if (!MayReshape(tablet)) return NeverReshaped(tablet);
  }
  std::sort(chosen.begin(), chosen.end());
  std::vector<OrderStep> steps;
  for (size_t i = 1; i < chosen.size(); ++i) {
    if (chosen[i] != chosen[i - 1] + 1) {
      return absl::FailedPreconditionError(
          absl::StrCat("tablet ", views[chosen[i]].location.tablet.id,
                       " is not a neighbour of the one before it"));
    }
    AddMergeSteps(context, views[chosen[i - 1]], views[chosen[i]], &steps);
    // The next step finds the whole where this one's right tablet is.
  }
  return steps;
}

StatusOr<bool> TabletOrder::Advance() {
  while (next_ < steps_.size()) {
    auto done = steps_[next_].advance();
    if (!done.ok()) return WithContext(done.status(), steps_[next_].text);
    if (!*done) return false;
    ++next_;
  }
  return true;
}

wire::TabletOrderResponse TabletOrder::Describe() const {
  wire::TabletOrderResponse response;
  for (const OrderStep& step : steps_) response.steps.push_back(step.text);
  return response;
}

}  // namespace stele::master
