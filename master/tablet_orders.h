// TabletOrders: what an operator asks for tablets, as steps that are taken one after the other,
// pass by pass: split, move and merge. A plan changes nothing: its texts are the answer to a dry
// run. Bound to the master thread; a plan is used in the term of the master that made it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "master/procedures/procedure.h"
#include "schema/convert/reshape_messages.h"

namespace stele::master {

struct OrderStep {
  std::string text;
  // Called on each pass until it says true: done.
  std::function<StatusOr<bool>()> advance;
};

// NotFound (table, tablet), InvalidArgument (a request that makes no sense), FailedPrecondition.
StatusOr<std::vector<OrderStep>> PlanSplit(const ProcedureContext& context,
                                           const wire::TabletOrderRequest& request);
StatusOr<std::vector<OrderStep>> PlanMove(const ProcedureContext& context,
                                          const wire::TabletOrderRequest& request);
StatusOr<std::vector<OrderStep>> PlanMerge(const ProcedureContext& context,
                                           const wire::TabletOrderRequest& request);

// A plan on its way.
class TabletOrder {
 public:
  explicit TabletOrder(std::vector<OrderStep> steps) : steps_(std::move(steps)) {}

  // True: all is done. An error names the step; those before it stay done.
  StatusOr<bool> Advance();
  wire::TabletOrderResponse Describe() const;

 private:
  std::vector<OrderStep> steps_;
  size_t next_ = 0;
};

}  // namespace stele::master
