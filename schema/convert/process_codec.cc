#include "schema/convert/body.h"
#include "schema/convert/codec.h"
#include "schema/convert/model_codec.h"
#include "schema/model/limits.h"
#include "schema/wire/process.capnp.h"

namespace stele::wire {
namespace {

void Put(const OptionValue& option, schema::OptionValue::Builder to) {
  to.setName(ToData(option.name));
  to.setValue(ToData(option.value));
  to.setSource(ToData(option.source));
  to.setPlace(ToData(option.place));
  to.setByDefault(ToData(option.by_default));
  to.setRange(ToData(option.range));
  to.setUnit(ToData(option.unit));
  to.setLive(option.live);
  to.setMeaning(ToData(option.meaning));
}

Status Get(schema::OptionValue::Reader from, OptionValue* out) {
  RETURN_IF_ERROR(CopyData(from.getName(), kMaxTextBytes, "name", &out->name));
  RETURN_IF_ERROR(CopyData(from.getValue(), kMaxTextBytes, "value", &out->value));
  RETURN_IF_ERROR(CopyData(from.getSource(), kMaxTextBytes, "source", &out->source));
  RETURN_IF_ERROR(CopyData(from.getPlace(), kMaxTextBytes, "place", &out->place));
  RETURN_IF_ERROR(CopyData(from.getByDefault(), kMaxTextBytes, "default", &out->by_default));
  RETURN_IF_ERROR(CopyData(from.getRange(), kMaxTextBytes, "range", &out->range));
  RETURN_IF_ERROR(CopyData(from.getUnit(), kMaxTextBytes, "unit", &out->unit));
  out->live = from.getLive();
  return CopyData(from.getMeaning(), kMaxTextBytes, "meaning", &out->meaning);
}

}  // namespace

void ProcessOptions::Describe(DescribeProcessResponse* answer) const {
  answer->role = role;
  answer->version = version;
  answer->started_us = started_us;
  answer->options = list();
}

StatusOr<net::Buffer> Encode(const DescribeProcessResponse& message) {
  auto fill = [&](schema::DescribeProcessResponse::Builder to) {
    to.setRole(ToData(message.role));
    to.setId(ToData(message.id));
    to.setVersion(ToData(message.version));
    to.setState(ToData(message.state));
    to.setWallUs(message.wall_us);
    to.setStartedUs(message.started_us);
    to.setLeaseLeftMs(message.lease_left_ms);
    to.setSessionTimeoutMs(message.session_timeout_ms);
    auto options = to.initOptions(static_cast<uint>(message.options.size()));
    for (uint i = 0; i < options.size(); i++) Put(message.options[i], options[i]);
  };
  return WriteBody<schema::DescribeProcessResponse>(0, fill);
}

Status Decode(const net::Buffer& body, DescribeProcessResponse* out) {
  auto fill = [&](schema::DescribeProcessResponse::Reader from,
                  const ReadLimits& limits) -> Status {
    RETURN_IF_ERROR(CopyData(from.getRole(), kMaxTextBytes, "role", &out->role));
    RETURN_IF_ERROR(CopyData(from.getId(), kMaxTextBytes, "id", &out->id));
    RETURN_IF_ERROR(CopyData(from.getVersion(), kMaxTextBytes, "version", &out->version));
    RETURN_IF_ERROR(CopyData(from.getState(), kMaxTextBytes, "state", &out->state));
    out->wall_us = from.getWallUs();
    out->started_us = from.getStartedUs();
    out->lease_left_ms = from.getLeaseLeftMs();
    out->session_timeout_ms = from.getSessionTimeoutMs();
    const auto options = from.getOptions();
    RETURN_IF_ERROR(
        limits.CheckList<schema::OptionValue>(options.size(), kMaxListedOptions, "options"));
    out->options.clear();
    out->options.resize(options.size());
    for (uint i = 0; i < options.size(); i++) RETURN_IF_ERROR(Get(options[i], &out->options[i]));
    return OkStatus();
  };
  return ReadBody<schema::DescribeProcessResponse>(body, kBadResponse, fill);
}

StatusOr<net::Buffer> Encode(const SetOptionRequest& message) {
  return WriteBody<schema::SetOptionRequest>(0, [&](schema::SetOptionRequest::Builder to) {
    to.setTarget(ToData(message.target));
    to.setName(ToData(message.name));
    to.setValue(ToData(message.value));
    to.setActor(ToData(message.actor));
  });
}

Status Decode(const net::Buffer& body, SetOptionRequest* out) {
  auto fill = [&](schema::SetOptionRequest::Reader from, const ReadLimits&) -> Status {
    RETURN_IF_ERROR(CopyData(from.getTarget(), kMaxTextBytes, "target", &out->target));
    RETURN_IF_ERROR(CopyData(from.getName(), kMaxTextBytes, "name", &out->name));
    RETURN_IF_ERROR(CopyData(from.getValue(), kMaxTextBytes, "value", &out->value));
    return CopyData(from.getActor(), kMaxTextBytes, "actor", &out->actor);
  };
  return ReadBody<schema::SetOptionRequest>(body, kBadRequest, fill);
}

}  // namespace stele::wire
