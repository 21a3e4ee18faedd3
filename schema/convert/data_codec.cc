#include <algorithm>
#include <vector>

#include "common/net/status_coding.h"
#include "schema/convert/body.h"
#include "schema/convert/codec.h"
#include "schema/convert/model_codec.h"
#include "schema/model/limits.h"
#include "schema/wire/data.capnp.h"

namespace stele::wire {
namespace {

// Words of a struct of a list: its data and its pointers.
template <typename T>
constexpr size_t StructBytes() {
  return size_t{T::_capnpPrivate::dataWordSize + T::_capnpPrivate::pointerCount} * 8;
}
constexpr size_t kRootBytes = 256;  // of any root struct with its list tags

size_t EncodedSize(const MutateRowsRequest& message) {
  size_t bytes = kRootBytes;
  for (const RowMutation& row : message.rows) {
    bytes += StructBytes<schema::RowMutation>() + 8 + DataBytes(row.row.size());
    bytes += row.mutations.size() * StructBytes<schema::Mutation>();
    for (const Mutation& mutation : row.mutations) {
      if (const auto* set = std::get_if<SetCell>(&mutation)) {
        bytes += DataBytes(set->family.size()) + DataBytes(set->qualifier.size()) +
                 DataBytes(set->value.size());
      } else if (const auto* column = std::get_if<DeleteFromColumn>(&mutation)) {
        bytes += DataBytes(column->family.size()) + DataBytes(column->qualifier.size());
      } else if (const auto* family = std::get_if<DeleteFromFamily>(&mutation)) {
        bytes += DataBytes(family->family.size());
      }
    }
  }
  return bytes;
}

void PutMutation(schema::Mutation::Builder to, const Mutation& from) {
  if (const auto* set = std::get_if<SetCell>(&from)) {
    to.setKind(schema::Mutation::Kind::SET_CELL);
    to.setTimestampUs(set->timestamp_us);
    to.setFamily(ToData(set->family));
    to.setQualifier(ToData(set->qualifier));
    to.setValue(ToData(set->value));
  } else if (const auto* column = std::get_if<DeleteFromColumn>(&from)) {
    to.setKind(schema::Mutation::Kind::DELETE_FROM_COLUMN);
    to.setTimestampUs(column->start_us);
    to.setEndUs(column->end_us);
    to.setFamily(ToData(column->family));
    to.setQualifier(ToData(column->qualifier));
  } else if (const auto* family = std::get_if<DeleteFromFamily>(&from)) {
    to.setKind(schema::Mutation::Kind::DELETE_FROM_FAMILY);
    to.setFamily(ToData(family->family));
  } else {
    to.setKind(schema::Mutation::Kind::DELETE_FROM_ROW);
  }
}

Status GetMutation(schema::Mutation::Reader from, Mutation* out) {
  switch (from.getKind()) {
    case schema::Mutation::Kind::SET_CELL: {
      SetCell& set = out->emplace<SetCell>();
      set.timestamp_us = from.getTimestampUs();
      RETURN_IF_ERROR(CopyData(from.getFamily(), kMaxFamilyNameBytes, "family name", &set.family));
      RETURN_IF_ERROR(
          CopyData(from.getQualifier(), kMaxQualifierBytes, "qualifier", &set.qualifier));
      return CopyData(from.getValue(), kMaxValueBytes, "value", &set.value);
    }
    case schema::Mutation::Kind::DELETE_FROM_COLUMN: {
      DeleteFromColumn& column = out->emplace<DeleteFromColumn>();
      column.start_us = from.getTimestampUs();
      column.end_us = from.getEndUs();
      RETURN_IF_ERROR(
          CopyData(from.getFamily(), kMaxFamilyNameBytes, "family name", &column.family));
      return CopyData(from.getQualifier(), kMaxQualifierBytes, "qualifier", &column.qualifier);
    }
    case schema::Mutation::Kind::DELETE_FROM_FAMILY: {
      DeleteFromFamily& family = out->emplace<DeleteFromFamily>();
      return CopyData(from.getFamily(), kMaxFamilyNameBytes, "family name", &family.family);
    }
    case schema::Mutation::Kind::DELETE_FROM_ROW:
      out->emplace<DeleteFromRow>();
      return OkStatus();
  }
  return absl::InvalidArgumentError("mutation: unknown kind");
}

// The distinct family names or labels of a page, in order of first appearance. A page has few, and
// cells of a family follow each other, so a linear search from the last hit is enough.
class NameList {
 public:
  uint16_t IndexOf(const std::string& name) {
    if (last_ < names_.size() && names_[last_] == name) return static_cast<uint16_t>(last_);
    last_ = static_cast<size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
    if (last_ == names_.size()) names_.push_back(name);
    return static_cast<uint16_t>(last_);
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  size_t last_ = 0;
};

size_t EncodedSize(const ReadRowsResponse& message) {
  size_t bytes = kRootBytes + DataBytes(message.resume_after.size()) +
                 kMaxFamiliesPerTable * (8 + kMaxFamilyNameBytes);
  for (const Row& row : message.rows) {
    bytes += StructBytes<schema::Row>() + 8 + DataBytes(row.key.size()) +
             row.cells.size() * StructBytes<schema::Cell>();
    for (const Cell& cell : row.cells) {
      bytes += DataBytes(cell.qualifier.size()) + DataBytes(cell.value.size());
    }
  }
  return bytes;
}

Status GetRow(schema::Row::Reader from, const std::vector<std::string>& families,
              const std::vector<std::string>& labels, const ReadLimits& limits, Row* out) {
  RETURN_IF_ERROR(CopyData(from.getKey(), kMaxRowKeyBytes, "row key", &out->key));
  const auto cells = from.getCells();
  RETURN_IF_ERROR(limits.CheckList<schema::Cell>(cells.size(), SIZE_MAX, "cells"));
  out->cells.resize(cells.size());
  for (uint i = 0; i < cells.size(); i++) {
    const auto cell = cells[i];
    Cell& to = out->cells[i];
    if (cell.getFamily() >= families.size()) {
      return absl::DataLossError("cell: family index out of range");
    }
    to.family = families[cell.getFamily()];
    if (cell.getLabel() > labels.size()) {
      return absl::DataLossError("cell: label index out of range");
    }
    if (cell.getLabel() != 0) to.label = labels[cell.getLabel() - 1];
    to.timestamp_us = cell.getTimestampUs();
    RETURN_IF_ERROR(CopyData(cell.getQualifier(), kMaxQualifierBytes, "qualifier", &to.qualifier));
    RETURN_IF_ERROR(CopyData(cell.getValue(), kMaxValueBytes, "value", &to.value));
  }
  return OkStatus();
}

}  // namespace

StatusOr<net::Buffer> Encode(const Empty&) {
  return WriteBody<schema::Empty>(0, [](schema::Empty::Builder) {});
}

Status Decode(const net::Buffer& body, Empty*) {
  return ReadBody<schema::Empty>(body, kBadRequest,
                                 [](auto, const ReadLimits&) { return OkStatus(); });
}

StatusOr<net::Buffer> Encode(const GetRootResponse& message) {
  return WriteBody<schema::GetRootResponse>(0, [&](schema::GetRootResponse::Builder to) {
    to.setCellName(ToData(message.cell_name));
    to.setRoot(ToData(EncodeTabletLocation(message.root)));
    to.setCatalog(ToData(EncodeTabletLocation(message.catalog)));
    to.setMasterAddress(ToData(message.master_address));
  });
}

Status Decode(const net::Buffer& body, GetRootResponse* out) {
  return ReadBody<schema::GetRootResponse>(
      body, kBadResponse, [&](schema::GetRootResponse::Reader from, const ReadLimits&) -> Status {
        RETURN_IF_ERROR(CopyData(from.getCellName(), kMaxTextBytes, "cell name", &out->cell_name));
        RETURN_IF_ERROR(GetLocation(from.getRoot(), &out->root));
        RETURN_IF_ERROR(GetLocation(from.getCatalog(), &out->catalog));
        return CopyData(from.getMasterAddress(), kMaxTextBytes, "address", &out->master_address);
      });
}

StatusOr<net::Buffer> Encode(const MutateRowsRequest& message) {
  auto fill = [&](schema::MutateRowsRequest::Builder to) {
    to.setTable(message.table);
    to.setTablet(message.tablet);
    to.setSchemaVersion(message.schema_version);
    to.setClientId(message.client_id);
    auto rows = to.initRows(static_cast<uint>(message.rows.size()));
    for (uint i = 0; i < rows.size(); i++) {
      const RowMutation& row = message.rows[i];
      rows[i].setRow(ToData(row.row));
      auto mutations = rows[i].initMutations(static_cast<uint>(row.mutations.size()));
      for (uint j = 0; j < mutations.size(); j++) PutMutation(mutations[j], row.mutations[j]);
    }
  };
  return WriteBody<schema::MutateRowsRequest>(EncodedSize(message), fill);
}

Status Decode(const net::Buffer& body, MutateRowsRequest* out) {
  auto fill = [&](schema::MutateRowsRequest::Reader from, const ReadLimits& limits) -> Status {
    out->table = from.getTable();
    out->tablet = from.getTablet();
    out->schema_version = from.getSchemaVersion();
    out->client_id = from.getClientId();
    const auto rows = from.getRows();
    RETURN_IF_ERROR(
        limits.CheckList<schema::RowMutation>(rows.size(), kMaxMutationsPerBatch, "rows"));
    out->rows.resize(rows.size());
    size_t total = 0;
    for (uint i = 0; i < rows.size(); i++) {
      const auto row = rows[i];
      RowMutation& to = out->rows[i];
      RETURN_IF_ERROR(CopyData(row.getRow(), kMaxRowKeyBytes, "row key", &to.row));
      const auto mutations = row.getMutations();
      RETURN_IF_ERROR(limits.CheckList<schema::Mutation>(mutations.size(), kMaxMutationsPerBatch,
                                                         "mutations of one row"));
      total += mutations.size();
      if (total > kMaxMutationsPerBatch) {
        return absl::InvalidArgumentError(absl::StrCat("mutations in one batch: ", total,
                                                       " entries, limit ", kMaxMutationsPerBatch));
      }
      to.mutations.resize(mutations.size());
      for (uint j = 0; j < mutations.size(); j++) {
        RETURN_IF_ERROR(GetMutation(mutations[j], &to.mutations[j]));
      }
    }
    return OkStatus();
  };
  return ReadBody<schema::MutateRowsRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const MutateRowsResponse& message) {
  const size_t expected = kRootBytes + message.results.size() * StructBytes<schema::RowResult>();
  auto fill = [&](schema::MutateRowsResponse::Builder to) {
    auto results = to.initResults(static_cast<uint>(message.results.size()));
    for (uint i = 0; i < results.size(); i++) {
      const RowResult& result = message.results[i];
      if (!result.status.ok()) results[i].setStatus(ToData(net::EncodeStatus(result.status)));
      results[i].setRetryDelayMs(result.retry_delay_ms);
      results[i].setOutcomeUnknown(result.outcome_unknown);
    }
  };
  return WriteBody<schema::MutateRowsResponse>(expected, fill);
}

Status Decode(const net::Buffer& body, MutateRowsResponse* out) {
  auto fill = [&](schema::MutateRowsResponse::Reader from, const ReadLimits& limits) -> Status {
    const auto results = from.getResults();
    RETURN_IF_ERROR(
        limits.CheckList<schema::RowResult>(results.size(), kMaxMutationsPerBatch, "results"));
    out->results.resize(results.size());
    for (uint i = 0; i < results.size(); i++) {
      const auto result = results[i];
      RETURN_IF_ERROR(GetStatus(result.getStatus(), &out->results[i].status));
      out->results[i].retry_delay_ms = result.getRetryDelayMs();
      out->results[i].outcome_unknown = result.getOutcomeUnknown();
    }
    return OkStatus();
  };
  return ReadBody<schema::MutateRowsResponse>(body, kBadResponse, fill);
}

StatusOr<net::Buffer> Encode(const ReadRowsRequest& message) {
  return WriteBody<schema::ReadRowsRequest>(0, [&](schema::ReadRowsRequest::Builder to) {
    to.setTable(message.table);
    to.setTablet(message.tablet);
    PutRowSet(to.initRows(), message.rows);
    PutSelection(to.initSelection(), message.selection);
    to.setRowsLimit(message.rows_limit);
    to.setMaxBytes(message.max_bytes);
    to.setResumeAfter(ToData(message.resume_after));
    auto cursor = to.initCursor();
    cursor.setScannerId(message.cursor.scanner_id);
    cursor.setCellOffset(message.cursor.cell_offset);
    if (!message.filter.empty()) PutFilter(to.initFilter(), message.filter);
    to.setSampleSeed(message.sample_seed);
  });
}

Status Decode(const net::Buffer& body, ReadRowsRequest* out) {
  auto fill = [&](schema::ReadRowsRequest::Reader from, const ReadLimits& limits) -> Status {
    out->table = from.getTable();
    out->tablet = from.getTablet();
    RETURN_IF_ERROR(GetRowSet(from.getRows(), limits, &out->rows));
    RETURN_IF_ERROR(GetSelection(from.getSelection(), limits, &out->selection));
    out->rows_limit = from.getRowsLimit();
    out->max_bytes = from.getMaxBytes();
    RETURN_IF_ERROR(
        CopyData(from.getResumeAfter(), kMaxRowKeyBytes, "resume_after", &out->resume_after));
    const auto cursor = from.getCursor();
    out->cursor = {cursor.getScannerId(), cursor.getCellOffset()};
    out->sample_seed = from.getSampleSeed();
    return GetFilter(from.getFilter(), limits, &out->filter);
  };
  return ReadBody<schema::ReadRowsRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const ReadRowsResponse& message) {
  auto fill = [&](schema::ReadRowsResponse::Builder to) {
    NameList families, labels;
    auto rows = to.initRows(static_cast<uint>(message.rows.size()));
    for (uint i = 0; i < rows.size(); i++) {
      const Row& row = message.rows[i];
      rows[i].setKey(ToData(row.key));
      auto cells = rows[i].initCells(static_cast<uint>(row.cells.size()));
      for (uint j = 0; j < cells.size(); j++) {
        auto cell = cells[j];
        cell.setFamily(families.IndexOf(row.cells[j].family));
        cell.setTimestampUs(row.cells[j].timestamp_us);
        if (const std::string& label = row.cells[j].label; !label.empty()) {
          cell.setLabel(static_cast<uint16_t>(1 + labels.IndexOf(label)));
        }
        cell.setQualifier(ToData(row.cells[j].qualifier));
        cell.setValue(ToData(row.cells[j].value));
      }
    }
    // A table has at most kMaxFamiliesPerTable; more cannot come from one, and would not decode.
    KJ_REQUIRE(families.names().size() <= kMaxFamiliesPerTable, "too many families in one page");
    PutStrings(to.initFamilies(static_cast<uint>(families.names().size())), families.names());
    KJ_REQUIRE(labels.names().size() <= kMaxLabelsPerPage, "too many labels in one page");
    if (!labels.names().empty()) {
      PutStrings(to.initLabels(static_cast<uint>(labels.names().size())), labels.names());
    }
    to.setDone(message.done);
    to.setResumeAfter(ToData(message.resume_after));
    auto cursor = to.initCursor();
    cursor.setScannerId(message.cursor.scanner_id);
    cursor.setCellOffset(message.cursor.cell_offset);
    to.setStatRows(message.stats.rows);
    to.setStatCells(message.stats.cells);
    to.setStatBytes(message.stats.bytes);
  };
  return WriteBody<schema::ReadRowsResponse>(EncodedSize(message), fill);
}

Status Decode(const net::Buffer& body, ReadRowsResponse* out) {
  auto fill = [&](schema::ReadRowsResponse::Reader from, const ReadLimits& limits) -> Status {
    std::vector<std::string> families;
    RETURN_IF_ERROR(GetStrings(from.getFamilies(), limits, kMaxFamiliesPerTable,
                               kMaxFamilyNameBytes, "family name", &families));
    std::vector<std::string> labels;
    RETURN_IF_ERROR(
        GetStrings(from.getLabels(), limits, kMaxLabelsPerPage, kMaxLabelBytes, "label", &labels));
    const auto rows = from.getRows();
    RETURN_IF_ERROR(limits.CheckList<schema::Row>(rows.size(), SIZE_MAX, "rows"));
    out->rows.resize(rows.size());
    for (uint i = 0; i < rows.size(); i++) {
      RETURN_IF_ERROR(GetRow(rows[i], families, labels, limits, &out->rows[i]));
    }
    out->done = from.getDone();
    RETURN_IF_ERROR(
        CopyData(from.getResumeAfter(), kMaxRowKeyBytes, "resume_after", &out->resume_after));
    const auto cursor = from.getCursor();
    out->cursor = {cursor.getScannerId(), cursor.getCellOffset()};
    out->stats = {from.getStatRows(), from.getStatCells(), from.getStatBytes()};
    return OkStatus();
  };
  return ReadBody<schema::ReadRowsResponse>(body, kBadResponse, fill);
}

}  // namespace stele::wire
