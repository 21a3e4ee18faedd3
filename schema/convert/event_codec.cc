#include "schema/convert/body.h"
#include "schema/convert/codec.h"
#include "schema/convert/model_codec.h"
#include "schema/model/limits.h"
#include "schema/wire/event.capnp.h"

namespace stele::wire {
namespace {

Status Get(schema::Event::Reader from, Event* out) {
  out->number = from.getNumber();
  out->time_us = from.getTimeUs();
  out->tablet = from.getTablet();
  RETURN_IF_ERROR(CopyData(from.getKind(), kMaxTextBytes, "kind", &out->kind));
  RETURN_IF_ERROR(CopyData(from.getTable(), kMaxTableNameBytes, "table name", &out->table));
  RETURN_IF_ERROR(CopyData(from.getServer(), kMaxTextBytes, "server id", &out->server));
  RETURN_IF_ERROR(CopyData(from.getActor(), kMaxTextBytes, "actor", &out->actor));
  return CopyData(from.getText(), kMaxTextBytes, "text", &out->text);
}

void Put(const Event& event, schema::Event::Builder to) {
  to.setNumber(event.number);
  to.setTimeUs(event.time_us);
  to.setKind(ToData(event.kind));
  to.setTablet(event.tablet);
  to.setTable(ToData(event.table));
  to.setServer(ToData(event.server));
  to.setActor(ToData(event.actor));
  to.setText(ToData(event.text));
}

}  // namespace

StatusOr<net::Buffer> Encode(const Event& message) {
  return WriteBody<schema::Event>(0, [&](schema::Event::Builder to) { Put(message, to); });
}

Status Decode(const net::Buffer& body, Event* out) {
  return ReadBody<schema::Event>(
      body, kBadResponse,
      [&](schema::Event::Reader from, const ReadLimits&) { return Get(from, out); });
}

StatusOr<net::Buffer> Encode(const ListEventsRequest& message) {
  return WriteBody<schema::ListEventsRequest>(0, [&](schema::ListEventsRequest::Builder to) {
    to.setAfter(message.after);
    to.setSinceUs(message.since_us);
    to.setKind(ToData(message.kind));
    to.setTablet(message.tablet);
    to.setTable(ToData(message.table));
    to.setServer(ToData(message.server));
    to.setLimit(message.limit);
    to.setBefore(message.before);
  });
}

Status Decode(const net::Buffer& body, ListEventsRequest* out) {
  auto fill = [&](schema::ListEventsRequest::Reader from, const ReadLimits&) -> Status {
    out->after = from.getAfter();
    out->since_us = from.getSinceUs();
    out->tablet = from.getTablet();
    out->limit = from.getLimit();
    out->before = from.getBefore();
    RETURN_IF_ERROR(CopyData(from.getKind(), kMaxTextBytes, "kind", &out->kind));
    RETURN_IF_ERROR(CopyData(from.getTable(), kMaxTableNameBytes, "table name", &out->table));
    return CopyData(from.getServer(), kMaxTextBytes, "server id", &out->server);
  };
  return ReadBody<schema::ListEventsRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const ListEventsResponse& message) {
  return WriteBody<schema::ListEventsResponse>(0, [&](schema::ListEventsResponse::Builder to) {
    auto events = to.initEvents(static_cast<uint>(message.events.size()));
    for (uint i = 0; i < events.size(); i++) Put(message.events[i], events[i]);
    to.setLast(message.last);
  });
}

Status Decode(const net::Buffer& body, ListEventsResponse* out) {
  auto fill = [&](schema::ListEventsResponse::Reader from, const ReadLimits& limits) -> Status {
    out->last = from.getLast();
    const auto events = from.getEvents();
    RETURN_IF_ERROR(limits.CheckList<schema::Event>(events.size(), kMaxListedEvents, "events"));
    out->events.clear();
    out->events.resize(events.size());
    for (uint i = 0; i < events.size(); i++) RETURN_IF_ERROR(Get(events[i], &out->events[i]));
    return OkStatus();
  };
  return ReadBody<schema::ListEventsResponse>(body, kBadResponse, fill);
}

}  // namespace stele::wire
