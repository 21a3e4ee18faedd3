#include "master/events/order_text.h"

#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "master/events/cell_changes.h"

namespace stele::master {
namespace {

wire::Event Order(wire::Method method, const std::string& table, const std::string& rest) {
  wire::Event event;
  event.kind = kOrderEvent;
  event.table = table;
  const wire::MethodInfo* info = wire::FindMethod(static_cast<uint16_t>(method));
  event.text = absl::StrCat(info == nullptr ? "?" : info->name, rest);
  return event;
}

std::string Quoted(const std::string& bytes) {
  constexpr size_t kShown = 100;
  return absl::StrCat("\"", absl::CHexEscape(bytes.substr(0, kShown)),
                      bytes.size() > kShown ? "\"..." : "\"");
}

}  // namespace

wire::Event OrderEvent(wire::Method method, const wire::CreateTableRequest& order) {
  return Order(method, order.schema.name,
               absl::StrCat(" ", Quoted(order.schema.name), " with ", order.split_keys.size() + 1,
                            order.split_keys.empty() ? " tablet" : " tablets"));
}

wire::Event OrderEvent(wire::Method method, const wire::AlterTableRequest& order) {
  return Order(method, order.table, absl::StrCat(" ", Quoted(order.table)));
}

wire::Event OrderEvent(wire::Method method, const wire::TableNameRequest& order) {
  return Order(method, order.table, absl::StrCat(" ", Quoted(order.table)));
}

wire::Event OrderEvent(wire::Method method, const wire::DropRowRangeRequest& order) {
  return Order(
      method, order.table,
      absl::StrCat(" ", Quoted(order.table),
                   order.all ? ", all rows"
                             : absl::StrCat(", rows that begin with ", Quoted(order.prefix))));
}

wire::Event OrderEvent(wire::Method method, const wire::TabletOrderRequest& order) {
  std::string rest;
  if (!order.table.empty()) absl::StrAppend(&rest, " table ", Quoted(order.table));
  if (!order.tablets.empty()) {
    constexpr size_t kShown = 20;
    const auto end =
        order.tablets.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, order.tablets.size()));
    absl::StrAppend(&rest, order.tablets.size() == 1 ? " tablet " : " tablets ",
                    absl::StrJoin(order.tablets.begin(), end, ", "),
                    order.tablets.size() > kShown ? ", ..." : "");
  }
  if (!order.at.empty()) absl::StrAppend(&rest, " at row ", Quoted(order.at));
  const bool moves = method == wire::Method::kMove;
  if (!order.server.empty()) absl::StrAppend(&rest, moves ? " to " : " ", Quoted(order.server));
  wire::Event event = Order(method, order.table, rest);
  event.server = order.server;
  if (order.tablets.size() == 1) event.tablet = order.tablets[0];
  return event;
}

wire::Event OrderEvent(wire::Method method, const wire::SetOptionRequest& order) {
  wire::Event event = Order(method, "",
                            absl::StrCat(" of ", Quoted(order.target), ": ", Quoted(order.name),
                                         " is ", Quoted(order.value), ", until the process ends"));
  if (order.target != "all" && order.target != "master") event.server = order.target;
  return event;
}

wire::Event RefusedEvent(wire::Event order, const Status& why) {
  order.kind = kRefusedEvent;
  absl::StrAppend(&order.text, ": ", why.message());
  return order;
}

}  // namespace stele::master
