#include "common/net/status_coding.h"
#include "schema/convert/body.h"
#include "schema/convert/codec.h"
#include "schema/convert/counters_codec.h"
#include "schema/convert/model_codec.h"
#include "schema/wire/tablet.capnp.h"

namespace stele::wire {

const char* TabletStateName(TabletState state) {
  switch (state) {
    case TabletState::kOpening:
      return "opening";
    case TabletState::kOpen:
      return "open";
    case TabletState::kClosing:
      return "closing";
    case TabletState::kFailed:
      return "failed";
  }
  return "unknown";
}

StatusOr<net::Buffer> Encode(const OpenTabletRequest& message) {
  return WriteBody<schema::OpenTabletRequest>(0, [&](schema::OpenTabletRequest::Builder to) {
    to.setTablet(message.tablet);
    to.setEpoch(message.epoch);
    to.setCreate(message.create.has_value());
    if (!message.create.has_value()) return;
    PutTablet(to.initDescriptor(), message.create->descriptor);
    PutSchema(to.initSchema(), message.create->schema);
  });
}

Status Decode(const net::Buffer& body, OpenTabletRequest* out) {
  auto fill = [&](schema::OpenTabletRequest::Reader from, const ReadLimits& limits) -> Status {
    out->tablet = from.getTablet();
    out->epoch = from.getEpoch();
    out->create.reset();
    if (!from.getCreate()) return OkStatus();
    NewTablet& create = out->create.emplace();
    RETURN_IF_ERROR(GetTablet(from.getDescriptor(), &create.descriptor));
    return GetSchema(from.getSchema(), limits, &create.schema);
  };
  return ReadBody<schema::OpenTabletRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const CloseTabletRequest& message) {
  return WriteBody<schema::CloseTabletRequest>(0, [&](schema::CloseTabletRequest::Builder to) {
    to.setTablet(message.tablet);
    to.setEpoch(message.epoch);
    to.setFlush(message.flush);
    if (message.moved_to.has_value())
      to.setMovedTo(ToData(EncodeTabletLocation(*message.moved_to)));
  });
}

Status Decode(const net::Buffer& body, CloseTabletRequest* out) {
  return ReadBody<schema::CloseTabletRequest>(
      body, kBadRequest, [&](schema::CloseTabletRequest::Reader from, const ReadLimits&) -> Status {
        *out = {from.getTablet(), from.getEpoch(), from.getFlush()};
        if (from.getMovedTo().size() == 0) return OkStatus();
        return GetLocation(from.getMovedTo(), &out->moved_to.emplace());
      });
}

StatusOr<net::Buffer> Encode(const AlterTabletRequest& message) {
  return WriteBody<schema::AlterTabletRequest>(0, [&](schema::AlterTabletRequest::Builder to) {
    to.setTablet(message.tablet);
    to.setEpoch(message.epoch);
    PutSchema(to.initSchema(), message.schema);
  });
}

Status Decode(const net::Buffer& body, AlterTabletRequest* out) {
  return ReadBody<schema::AlterTabletRequest>(
      body, kBadRequest, [&](schema::AlterTabletRequest::Reader from, const ReadLimits& limits) {
        out->tablet = from.getTablet();
        out->epoch = from.getEpoch();
        return GetSchema(from.getSchema(), limits, &out->schema);
      });
}

StatusOr<net::Buffer> Encode(const TabletRequest& message) {
  return WriteBody<schema::TabletRequest>(0, [&](schema::TabletRequest::Builder to) {
    to.setTablet(message.tablet);
    to.setEpoch(message.epoch);
  });
}

Status Decode(const net::Buffer& body, TabletRequest* out) {
  return ReadBody<schema::TabletRequest>(
      body, kBadRequest, [&](schema::TabletRequest::Reader from, const ReadLimits&) {
        *out = {from.getTablet(), from.getEpoch()};
        return OkStatus();
      });
}

void PutCounters(schema::TabletCounters::Builder to, const TabletCounters& from) {
  to.setBytes(from.bytes);
  to.setFiles(from.files);
  to.setMemtableBytes(from.memtable_bytes);
  to.setReads(from.reads);
  to.setWrites(from.writes);
  to.setRequestBytes(from.request_bytes);
  to.setIndexBytes(from.index_bytes);
  to.setIndexBlocks(from.index_blocks);
  to.setCompactionDebtBytes(from.compaction_debt_bytes);
}

TabletCounters GetCounters(schema::TabletCounters::Reader from) {
  return {from.getBytes(),      from.getFiles(),       from.getMemtableBytes(),
          from.getReads(),      from.getWrites(),      from.getRequestBytes(),
          from.getIndexBytes(), from.getIndexBlocks(), from.getCompactionDebtBytes()};
}

StatusOr<net::Buffer> Encode(const ReportTabletsResponse& message) {
  auto fill = [&](schema::ReportTabletsResponse::Builder to) {
    to.setServerId(ToData(message.server_id));
    to.setIncarnation(message.incarnation);
    to.setLeaving(message.leaving);
    auto tablets = to.initTablets(static_cast<uint>(message.tablets.size()));
    for (uint i = 0; i < tablets.size(); i++) {
      const TabletReport& report = message.tablets[i];
      auto tablet = tablets[i];
      PutTablet(tablet.initTablet(), report.tablet);
      tablet.setEpoch(report.epoch);
      tablet.setState(static_cast<schema::TabletReport::State>(report.state));
      tablet.setSchemaVersion(report.schema_version);
      PutCounters(tablet.initCounters(), report.counters);
      tablet.setLastDropOrder(report.last_drop_order);
      if (!report.error.ok()) tablet.setError(ToData(net::EncodeStatus(report.error)));
      tablet.setSplitChild(report.split_child);
      tablet.setSplitStartRow(ToData(report.split_start_row));
      tablet.setMergedInto(report.merged_into);
    }
    auto sortings = to.initSortings(static_cast<uint>(message.sortings.size()));
    for (uint i = 0; i < sortings.size(); i++) {
      const LogSorting& from = message.sortings[i];
      sortings[i].setServerId(ToData(from.server_id));
      sortings[i].setIncarnation(from.incarnation);
      sortings[i].setBytesDone(from.bytes_done);
      sortings[i].setBytesTotal(from.bytes_total);
      sortings[i].setTabletsDone(from.tablets_done);
      sortings[i].setTabletsTotal(from.tablets_total);
      sortings[i].setRunningMs(from.running_ms);
    }
    to.setSortedLogBytes(message.sorted_log_bytes);
    to.setSortedLogMs(message.sorted_log_ms);
  };
  return WriteBody<schema::ReportTabletsResponse>(256 * message.tablets.size(), fill);
}

namespace {

Status GetSortings(capnp::List<schema::LogSorting>::Reader from, const ReadLimits& limits,
                   std::vector<LogSorting>* out) {
  RETURN_IF_ERROR(limits.CheckList<schema::LogSorting>(from.size(), kMaxListEntries, "sortings"));
  out->resize(from.size());
  for (uint i = 0; i < from.size(); i++) {
    LogSorting& sorting = (*out)[i];
    RETURN_IF_ERROR(
        CopyData(from[i].getServerId(), kMaxTextBytes, "server id", &sorting.server_id));
    sorting.incarnation = from[i].getIncarnation();
    sorting.bytes_done = from[i].getBytesDone();
    sorting.bytes_total = from[i].getBytesTotal();
    sorting.tablets_done = from[i].getTabletsDone();
    sorting.tablets_total = from[i].getTabletsTotal();
    sorting.running_ms = from[i].getRunningMs();
  }
  return OkStatus();
}

}  // namespace

static_assert(static_cast<int>(TabletState::kFailed) ==
              static_cast<int>(schema::TabletReport::State::FAILED));

Status Decode(const net::Buffer& body, ReportTabletsResponse* out) {
  auto fill = [&](schema::ReportTabletsResponse::Reader from, const ReadLimits& limits) -> Status {
    RETURN_IF_ERROR(CopyData(from.getServerId(), kMaxTextBytes, "server id", &out->server_id));
    out->incarnation = from.getIncarnation();
    out->leaving = from.getLeaving();
    const auto tablets = from.getTablets();
    RETURN_IF_ERROR(
        limits.CheckList<schema::TabletReport>(tablets.size(), kMaxListEntries, "tablets"));
    out->tablets.resize(tablets.size());
    for (uint i = 0; i < tablets.size(); i++) {
      const auto tablet = tablets[i];
      TabletReport& report = out->tablets[i];
      RETURN_IF_ERROR(GetTablet(tablet.getTablet(), &report.tablet));
      report.epoch = tablet.getEpoch();
      if (tablet.getState() > schema::TabletReport::State::FAILED) {
        return absl::DataLossError("tablet report: unknown state");
      }
      report.state = static_cast<TabletState>(tablet.getState());
      report.schema_version = tablet.getSchemaVersion();
      report.counters = GetCounters(tablet.getCounters());
      report.last_drop_order = tablet.getLastDropOrder();
      RETURN_IF_ERROR(GetStatus(tablet.getError(), &report.error));
      report.split_child = tablet.getSplitChild();
      RETURN_IF_ERROR(
          CopyData(tablet.getSplitStartRow(), kMaxRowKeyBytes, "row", &report.split_start_row));
      report.merged_into = tablet.getMergedInto();
    }
    out->sorted_log_bytes = from.getSortedLogBytes();
    out->sorted_log_ms = from.getSortedLogMs();
    return GetSortings(from.getSortings(), limits, &out->sortings);
  };
  return ReadBody<schema::ReportTabletsResponse>(body, kBadResponse, fill);
}

namespace {

void PutRing(schema::RingStatus::Builder to, const RingStatus& from) {
  to.setEpoch(from.epoch);
  to.setSegments(from.segments);
  to.setMaxSegments(from.max_segments);
  to.setSegmentBytes(from.segment_bytes);
  to.setHeadSegment(from.head_segment);
  to.setTailSegment(from.tail_segment);
  to.setHeadOffset(from.head_offset);
  to.setLiveBytes(from.live_bytes);
  to.setNextLsn(from.next_lsn);
  to.setWraps(from.wraps);
  auto pinning = to.initPinning(static_cast<uint>(from.pinning.size()));
  for (uint i = 0; i < pinning.size(); i++) pinning.set(i, from.pinning[i]);
}

Status GetRing(schema::RingStatus::Reader from, const ReadLimits& limits, RingStatus* out) {
  out->epoch = from.getEpoch();
  out->segments = from.getSegments();
  out->max_segments = from.getMaxSegments();
  out->segment_bytes = from.getSegmentBytes();
  out->head_segment = from.getHeadSegment();
  out->tail_segment = from.getTailSegment();
  out->head_offset = from.getHeadOffset();
  out->live_bytes = from.getLiveBytes();
  out->next_lsn = from.getNextLsn();
  out->wraps = from.getWraps();
  const auto pinning = from.getPinning();
  RETURN_IF_ERROR(limits.CheckPlainList(pinning.size(), kMaxListEntries, "pinning tablets"));
  out->pinning.clear();
  out->pinning.reserve(pinning.size());
  for (const TabletId tablet : pinning) out->pinning.push_back(tablet);
  return OkStatus();
}

}  // namespace

StatusOr<net::Buffer> Encode(const ServerStatusResponse& message) {
  return WriteBody<schema::ServerStatusResponse>(0, [&](schema::ServerStatusResponse::Builder to) {
    to.setServerId(ToData(message.server_id));
    to.setIncarnation(message.incarnation);
    to.setAddress(ToData(message.address));
    to.setHttpAddress(ToData(message.http_address));
    to.setState(ToData(message.state));
    to.setTablets(message.tablets);
    PutRing(to.initRing(), message.ring);
    auto numbers = to.initNumbers(static_cast<uint>(message.numbers.size()));
    for (uint i = 0; i < numbers.size(); i++) {
      numbers[i].setName(ToData(message.numbers[i].name));
      numbers[i].setValue(message.numbers[i].value);
    }
  });
}

Status Decode(const net::Buffer& body, ServerStatusResponse* out) {
  auto fill = [&](schema::ServerStatusResponse::Reader from, const ReadLimits& limits) -> Status {
    RETURN_IF_ERROR(CopyData(from.getServerId(), kMaxTextBytes, "server id", &out->server_id));
    out->incarnation = from.getIncarnation();
    RETURN_IF_ERROR(CopyData(from.getAddress(), kMaxTextBytes, "address", &out->address));
    RETURN_IF_ERROR(
        CopyData(from.getHttpAddress(), kMaxTextBytes, "http address", &out->http_address));
    RETURN_IF_ERROR(CopyData(from.getState(), kMaxTextBytes, "state", &out->state));
    out->tablets = from.getTablets();
    RETURN_IF_ERROR(GetRing(from.getRing(), limits, &out->ring));
    const auto numbers = from.getNumbers();
    RETURN_IF_ERROR(
        limits.CheckList<schema::NamedNumber>(numbers.size(), kMaxListEntries, "numbers"));
    out->numbers.resize(numbers.size());
    for (uint i = 0; i < numbers.size(); i++) {
      const auto number = numbers[i];
      RETURN_IF_ERROR(
          CopyData(number.getName(), kMaxTextBytes, "number name", &out->numbers[i].name));
      out->numbers[i].value = number.getValue();
    }
    return OkStatus();
  };
  return ReadBody<schema::ServerStatusResponse>(body, kBadResponse, fill);
}

StatusOr<net::Buffer> Encode(const VerifyTabletResponse& message) {
  return WriteBody<schema::VerifyTabletResponse>(0, [&](schema::VerifyTabletResponse::Builder to) {
    to.setFiles(message.files);
    to.setBytes(message.bytes);
    PutStrings(to.initDamage(static_cast<uint>(message.damage.size())), message.damage);
  });
}

Status Decode(const net::Buffer& body, VerifyTabletResponse* out) {
  auto fill = [&](schema::VerifyTabletResponse::Reader from, const ReadLimits& limits) -> Status {
    out->files = from.getFiles();
    out->bytes = from.getBytes();
    return GetStrings(from.getDamage(), limits, kMaxDamageReports, kMaxTextBytes, "damage",
                      &out->damage);
  };
  return ReadBody<schema::VerifyTabletResponse>(body, kBadResponse, fill);
}

}  // namespace stele::wire
