#include "schema/convert/body.h"
#include "schema/convert/codec.h"
#include "schema/convert/model_codec.h"
#include "schema/model/limits.h"
#include "schema/wire/range.capnp.h"

namespace stele::wire {

StatusOr<net::Buffer> Encode(const DropRowRangeRequest& message) {
  return WriteBody<schema::DropRowRangeRequest>(0, [&](schema::DropRowRangeRequest::Builder to) {
    to.setTable(ToData(message.table));
    to.setPrefix(ToData(message.prefix));
    to.setAll(message.all);
  });
}

Status Decode(const net::Buffer& body, DropRowRangeRequest* out) {
  auto fill = [&](schema::DropRowRangeRequest::Reader from, const ReadLimits&) -> Status {
    RETURN_IF_ERROR(CopyData(from.getTable(), kMaxTableNameBytes, "table name", &out->table));
    RETURN_IF_ERROR(CopyData(from.getPrefix(), kMaxRowKeyBytes, "row key prefix", &out->prefix));
    out->all = from.getAll();
    return OkStatus();
  };
  return ReadBody<schema::DropRowRangeRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const DropTabletRowsRequest& message) {
  auto fill = [&](schema::DropTabletRowsRequest::Builder to) {
    to.setTablet(message.tablet);
    to.setEpoch(message.epoch);
    PutRange(to.initRange(), message.range);
    to.setOrder(message.order);
  };
  return WriteBody<schema::DropTabletRowsRequest>(0, fill);
}

Status Decode(const net::Buffer& body, DropTabletRowsRequest* out) {
  auto fill = [&](schema::DropTabletRowsRequest::Reader from, const ReadLimits&) -> Status {
    out->tablet = from.getTablet();
    out->epoch = from.getEpoch();
    out->order = from.getOrder();
    return GetRange(from.getRange(), &out->range);
  };
  return ReadBody<schema::DropTabletRowsRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const SampleRowKeysRequest& message) {
  return WriteBody<schema::SampleRowKeysRequest>(0, [&](schema::SampleRowKeysRequest::Builder to) {
    to.setTable(message.table);
    to.setTablet(message.tablet);
    to.setStepBytes(message.step_bytes);
    to.setAfter(ToData(message.after));
  });
}

Status Decode(const net::Buffer& body, SampleRowKeysRequest* out) {
  auto fill = [&](schema::SampleRowKeysRequest::Reader from, const ReadLimits&) -> Status {
    out->table = from.getTable();
    out->tablet = from.getTablet();
    out->step_bytes = from.getStepBytes();
    return CopyData(from.getAfter(), kMaxRowKeyBytes, "row key", &out->after);
  };
  return ReadBody<schema::SampleRowKeysRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const SampleRowKeysResponse& message) {
  auto fill = [&](schema::SampleRowKeysResponse::Builder to) {
    auto samples = to.initSamples(static_cast<uint>(message.samples.size()));
    for (uint i = 0; i < samples.size(); i++) {
      samples[i].setRow(ToData(message.samples[i].row));
      samples[i].setBytes(message.samples[i].bytes);
      samples[i].setRows(message.samples[i].rows);
    }
  };
  return WriteBody<schema::SampleRowKeysResponse>(64 * message.samples.size(), fill);
}

Status Decode(const net::Buffer& body, SampleRowKeysResponse* out) {
  auto fill = [&](schema::SampleRowKeysResponse::Reader from, const ReadLimits& limits) -> Status {
    const auto samples = from.getSamples();
    RETURN_IF_ERROR(
        limits.CheckList<schema::RowKeySample>(samples.size(), kMaxRowKeySamples, "samples"));
    out->samples.resize(samples.size());
    for (uint i = 0; i < samples.size(); i++) {
      const auto sample = samples[i];
      RETURN_IF_ERROR(CopyData(sample.getRow(), kMaxRowKeyBytes, "row key", &out->samples[i].row));
      out->samples[i].bytes = sample.getBytes();
      out->samples[i].rows = sample.getRows();
    }
    return OkStatus();
  };
  return ReadBody<schema::SampleRowKeysResponse>(body, kBadResponse, fill);
}

}  // namespace stele::wire
