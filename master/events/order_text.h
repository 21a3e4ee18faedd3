// What an operator asked for, as an event tells it. Pure.
#pragma once

#include "schema/convert/event_messages.h"
#include "schema/convert/messages.h"
#include "schema/convert/process_messages.h"
#include "schema/convert/reshape_messages.h"
#include "schema/wire/method.h"

namespace stele::master {

// Kind kOrderEvent; without number, time and actor.
wire::Event OrderEvent(wire::Method method, const wire::CreateTableRequest& order);
wire::Event OrderEvent(wire::Method method, const wire::AlterTableRequest& order);
wire::Event OrderEvent(wire::Method method, const wire::TableNameRequest& order);
wire::Event OrderEvent(wire::Method method, const wire::DropRowRangeRequest& order);
wire::Event OrderEvent(wire::Method method, const wire::TabletOrderRequest& order);

wire::Event OrderEvent(wire::Method method, const wire::SetOptionRequest& order);

// The same order as one that could not be carried out.
wire::Event RefusedEvent(wire::Event order, const Status& why);

}  // namespace stele::master
