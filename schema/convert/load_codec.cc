#include "schema/convert/body.h"
#include "schema/convert/codec.h"
#include "schema/convert/model_codec.h"
#include "schema/model/limits.h"
#include "schema/wire/load.capnp.h"

namespace stele::wire {
namespace {

void Put(const TabletLoad& from, schema::TabletLoad::Builder to) {
  PutTablet(to.initTablet(), from.tablet);
  to.setEpoch(from.epoch);
  to.setReads(from.reads);
  to.setWrites(from.writes);
  to.setSamplesTaken(from.samples_taken);
  auto newest = to.initNewest(static_cast<uint>(from.newest.size()));
  for (uint i = 0; i < newest.size(); i++) {
    newest[i].setRow(ToData(from.newest[i].row));
    newest[i].setWrite(from.newest[i].write);
  }
}

Status Get(schema::TabletLoad::Reader from, const ReadLimits& limits, TabletLoad* out) {
  RETURN_IF_ERROR(GetTablet(from.getTablet(), &out->tablet));
  out->epoch = from.getEpoch();
  out->reads = from.getReads();
  out->writes = from.getWrites();
  out->samples_taken = from.getSamplesTaken();
  const auto newest = from.getNewest();
  RETURN_IF_ERROR(
      limits.CheckList<schema::SampledRow>(newest.size(), kMaxSampledRows, "sampled rows"));
  out->newest.clear();
  out->newest.resize(newest.size());
  for (uint i = 0; i < newest.size(); i++) {
    out->newest[i].write = newest[i].getWrite();
    RETURN_IF_ERROR(
        CopyData(newest[i].getRow(), kMaxRowKeyBytes, "sampled row", &out->newest[i].row));
  }
  return OkStatus();
}

void Put(const std::vector<uint64_t>& from, List<uint64_t>::Builder to) {
  for (uint i = 0; i < to.size(); i++) to.set(i, from[i]);
}

Status Get(List<uint64_t>::Reader from, const ReadLimits& limits, std::vector<uint64_t>* out) {
  RETURN_IF_ERROR(limits.CheckPlainList(from.size(), kMaxTimeClasses, "classes of times"));
  out->clear();
  for (const uint64_t count : from) out->push_back(count);
  return OkStatus();
}

}  // namespace

StatusOr<net::Buffer> Encode(const ReportLoadResponse& message) {
  auto fill = [&](schema::ReportLoadResponse::Builder to) {
    to.setServerId(ToData(message.server_id));
    to.setIncarnation(message.incarnation);
    auto tablets = to.initTablets(static_cast<uint>(message.tablets.size()));
    for (uint i = 0; i < tablets.size(); i++) Put(message.tablets[i], tablets[i]);
    auto times = to.initTimes(static_cast<uint>(message.times.size()));
    for (uint i = 0; i < times.size(); i++) {
      const TableTimes& from = message.times[i];
      times[i].setTable(from.table);
      Put(from.reads, times[i].initReads(static_cast<uint>(from.reads.size())));
      Put(from.writes, times[i].initWrites(static_cast<uint>(from.writes.size())));
    }
  };
  return WriteBody<schema::ReportLoadResponse>(1024 * message.tablets.size(), fill);
}

Status Decode(const net::Buffer& body, ReportLoadResponse* out) {
  auto fill = [&](schema::ReportLoadResponse::Reader from, const ReadLimits& limits) -> Status {
    RETURN_IF_ERROR(CopyData(from.getServerId(), kMaxTextBytes, "server id", &out->server_id));
    out->incarnation = from.getIncarnation();
    const auto tablets = from.getTablets();
    RETURN_IF_ERROR(
        limits.CheckList<schema::TabletLoad>(tablets.size(), kMaxListEntries, "tablets"));
    out->tablets.clear();
    out->tablets.resize(tablets.size());
    for (uint i = 0; i < tablets.size(); i++) {
      RETURN_IF_ERROR(Get(tablets[i], limits, &out->tablets[i]));
    }
    const auto times = from.getTimes();
    RETURN_IF_ERROR(limits.CheckList<schema::TableTimes>(times.size(), kMaxListEntries, "tables"));
    out->times.clear();
    out->times.resize(times.size());
    for (uint i = 0; i < times.size(); i++) {
      out->times[i].table = times[i].getTable();
      RETURN_IF_ERROR(Get(times[i].getReads(), limits, &out->times[i].reads));
      RETURN_IF_ERROR(Get(times[i].getWrites(), limits, &out->times[i].writes));
    }
    return OkStatus();
  };
  return ReadBody<schema::ReportLoadResponse>(body, kBadResponse, fill);
}

}  // namespace stele::wire
