#include "schema/convert/body.h"
#include "schema/convert/codec.h"
#include "schema/convert/model_codec.h"
#include "schema/model/limits.h"
#include "schema/wire/master.capnp.h"
#include "schema/wire/tablet.capnp.h"

namespace stele::wire {

StatusOr<net::Buffer> Encode(const SplitTabletRequest& message) {
  return WriteBody<schema::SplitTabletRequest>(0, [&](schema::SplitTabletRequest::Builder to) {
    to.setTablet(message.tablet);
    to.setEpoch(message.epoch);
    to.setStartRow(ToData(message.start_row));
    to.setChild(message.child);
    to.setAt(ToData(message.at));
    to.setByLoad(message.by_load);
  });
}

Status Decode(const net::Buffer& body, SplitTabletRequest* out) {
  auto fill = [&](schema::SplitTabletRequest::Reader from, const ReadLimits&) -> Status {
    out->tablet = from.getTablet();
    out->epoch = from.getEpoch();
    out->child = from.getChild();
    out->by_load = from.getByLoad();
    RETURN_IF_ERROR(CopyData(from.getStartRow(), kMaxRowKeyBytes, "start row", &out->start_row));
    return CopyData(from.getAt(), kMaxEndRowBytes, "split row", &out->at);
  };
  return ReadBody<schema::SplitTabletRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const MergeTabletsRequest& message) {
  return WriteBody<schema::MergeTabletsRequest>(0, [&](schema::MergeTabletsRequest::Builder to) {
    to.setLeft(message.left);
    to.setLeftEpoch(message.left_epoch);
    to.setRight(message.right);
    to.setRightEpoch(message.right_epoch);
    to.setRightStartRow(ToData(message.right_start_row));
  });
}

Status Decode(const net::Buffer& body, MergeTabletsRequest* out) {
  auto fill = [&](schema::MergeTabletsRequest::Reader from, const ReadLimits&) -> Status {
    out->left = from.getLeft();
    out->left_epoch = from.getLeftEpoch();
    out->right = from.getRight();
    out->right_epoch = from.getRightEpoch();
    return CopyData(from.getRightStartRow(), kMaxRowKeyBytes, "start row", &out->right_start_row);
  };
  return ReadBody<schema::MergeTabletsRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const RecoverLogRequest& message) {
  return WriteBody<schema::RecoverLogRequest>(0, [&](schema::RecoverLogRequest::Builder to) {
    to.setServerId(ToData(message.server_id));
    to.setIncarnation(message.incarnation);
    to.setSystemOnly(message.system_only);
  });
}

Status Decode(const net::Buffer& body, RecoverLogRequest* out) {
  auto fill = [&](schema::RecoverLogRequest::Reader from, const ReadLimits&) -> Status {
    out->incarnation = from.getIncarnation();
    out->system_only = from.getSystemOnly();
    return CopyData(from.getServerId(), kMaxTextBytes, "server id", &out->server_id);
  };
  return ReadBody<schema::RecoverLogRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const TabletOrderRequest& message) {
  return WriteBody<schema::TabletOrderRequest>(0, [&](schema::TabletOrderRequest::Builder to) {
    to.setTable(ToData(message.table));
    auto tablets = to.initTablets(static_cast<uint>(message.tablets.size()));
    for (uint i = 0; i < tablets.size(); i++) tablets.set(i, message.tablets[i]);
    to.setAt(ToData(message.at));
    to.setServer(ToData(message.server));
    to.setDryRun(message.dry_run);
  });
}

Status Decode(const net::Buffer& body, TabletOrderRequest* out) {
  auto fill = [&](schema::TabletOrderRequest::Reader from, const ReadLimits& limits) -> Status {
    RETURN_IF_ERROR(CopyData(from.getTable(), kMaxTableNameBytes, "table name", &out->table));
    const auto tablets = from.getTablets();
    RETURN_IF_ERROR(limits.CheckPlainList(tablets.size(), kMaxOrderedTablets, "tablets"));
    out->tablets.clear();
    out->tablets.reserve(tablets.size());
    for (const TabletId tablet : tablets) out->tablets.push_back(tablet);
    RETURN_IF_ERROR(CopyData(from.getAt(), kMaxEndRowBytes, "split row", &out->at));
    RETURN_IF_ERROR(CopyData(from.getServer(), kMaxTextBytes, "server id", &out->server));
    out->dry_run = from.getDryRun();
    return OkStatus();
  };
  return ReadBody<schema::TabletOrderRequest>(body, kBadRequest, fill);
}

// Of more steps than are read (a server that drains may have more tablets) the last one that is
// sent says how many are not told.
StatusOr<net::Buffer> Encode(const TabletOrderResponse& message) {
  const size_t steps = message.steps.size();
  std::vector<std::string> cut;
  if (steps > kMaxOrderedTablets) {
    cut.assign(message.steps.begin(), message.steps.begin() + kMaxOrderedTablets - 1);
    cut.push_back(absl::StrCat("and ", steps - cut.size(), " more"));
  }
  const std::vector<std::string>& told = cut.empty() ? message.steps : cut;
  return WriteBody<schema::TabletOrderResponse>(0, [&](schema::TabletOrderResponse::Builder to) {
    PutStrings(to.initSteps(static_cast<uint>(told.size())), told);
  });
}

Status Decode(const net::Buffer& body, TabletOrderResponse* out) {
  return ReadBody<schema::TabletOrderResponse>(
      body, kBadResponse, [&](schema::TabletOrderResponse::Reader from, const ReadLimits& limits) {
        return GetStrings(from.getSteps(), limits, kMaxOrderedTablets, kMaxTextBytes, "steps",
                          &out->steps);
      });
}

}  // namespace stele::wire
