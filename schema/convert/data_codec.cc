#include <algorithm>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "common/net/status_coding.h"
#include "schema/convert/body.h"
#include "schema/convert/codec.h"
#include "schema/convert/model_codec.h"
#include "schema/convert/point_codec.h"
#include "schema/model/limits.h"
#include "schema/wire/data.capnp.h"
#include "schema/wire/trace.capnp.h"

namespace stele::wire {
namespace {

// The distinct family names or labels of a page, in order of first appearance. A page has few, and
// cells of a family follow each other, so a linear search from the last hit is enough.
// The names outlive it.
using Names = absl::InlinedVector<Slice, 4>;

class NameList {
 public:
  uint16_t IndexOf(Slice name) {
    if (last_ < names_.size() && names_[last_] == name) return static_cast<uint16_t>(last_);
    last_ = static_cast<size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
    if (last_ == names_.size()) names_.push_back(name);
    return static_cast<uint16_t>(last_);
  }
  const Names& names() const { return names_; }
  size_t EncodedSize() const {
    size_t bytes = names_.size() * 8;
    for (Slice name : names_) bytes += DataBytes(name.size());
    return bytes;
  }

 private:
  Names names_;
  size_t last_ = 0;
};

// The names that the cells of a page name by number.
struct PageNames {
  NameList families, labels;
  size_t EncodedSize() const { return families.EncodedSize() + labels.EncodedSize(); }
};

// Stored cells have none.
Slice LabelOf(const Cell& cell) { return cell.label; }
Slice LabelOf(const CellSlices&) { return {}; }

// Adds the row's names.
template <typename Cells>
size_t EncodedSize(Slice key, const Cells& cells, PageNames* names) {
  size_t bytes = StructBytes<schema::Row>() + 8 + DataBytes(key.size()) +
                 cells.size() * StructBytes<schema::Cell>();
  for (const auto& cell : cells) {
    bytes += DataBytes(cell.qualifier.size()) + DataBytes(cell.value.size());
    names->families.IndexOf(cell.family);
    if (const Slice label = LabelOf(cell); !label.empty()) names->labels.IndexOf(label);
  }
  return bytes;
}
size_t EncodedSize(const Row& row, PageNames* names) {
  return EncodedSize(row.key, row.cells, names);
}

size_t EncodedSize(const ReadRowsResponse& message, PageNames* names) {
  size_t bytes = kRootBytes + DataBytes(message.resume_after.size());
  for (const Row& row : message.rows) bytes += EncodedSize(row, names);
  bytes += names->EncodedSize();
  if (!message.trace.has_value()) return bytes;
  bytes += StructBytes<schema::PageTrace>() + 8;
  for (const TracedFile& file : message.trace->files) {
    bytes += StructBytes<schema::TracedFile>() + DataBytes(file.name.size());
  }
  return bytes;
}

void PutTrace(schema::PageTrace::Builder to, const PageTrace& from) {
  to.setPrepareNs(from.prepare_ns);
  to.setMemoryNs(from.memory_ns);
  to.setWaitNs(from.wait_ns);
  to.setDiskNs(from.disk_ns);
  to.setMemtables(from.memtables);
  to.setMemtableCells(from.memtable_cells);
  to.setFilesOutOfReach(from.files_out_of_reach);
  auto files = to.initFiles(static_cast<uint>(from.files.size()));
  for (uint i = 0; i < files.size(); i++) {
    const TracedFile& file = from.files[i];
    files[i].setName(ToData(file.name));
    files[i].setFilter(static_cast<uint8_t>(file.filter));
    files[i].setBlocksCached(file.blocks_cached);
    files[i].setBlocksRead(file.blocks_read);
    files[i].setBytesRead(file.bytes_read);
    files[i].setCells(file.cells);
    files[i].setReadNs(file.read_ns);
  }
}

Status GetTrace(schema::PageTrace::Reader from, const ReadLimits& limits, PageTrace* out) {
  out->prepare_ns = from.getPrepareNs();
  out->memory_ns = from.getMemoryNs();
  out->wait_ns = from.getWaitNs();
  out->disk_ns = from.getDiskNs();
  out->memtables = from.getMemtables();
  out->memtable_cells = from.getMemtableCells();
  out->files_out_of_reach = from.getFilesOutOfReach();
  const auto files = from.getFiles();
  RETURN_IF_ERROR(
      limits.CheckList<schema::TracedFile>(files.size(), kMaxTracedFiles, "traced files"));
  out->files.resize(files.size());
  for (uint i = 0; i < files.size(); i++) {
    TracedFile& file = out->files[i];
    RETURN_IF_ERROR(CopyData(files[i].getName(), kMaxTextBytes, "file name", &file.name));
    if (files[i].getFilter() > static_cast<uint8_t>(TracedFile::Filter::kHoldsNot)) {
      return absl::DataLossError("traced file: no such filter state");
    }
    file.filter = static_cast<TracedFile::Filter>(files[i].getFilter());
    file.blocks_cached = files[i].getBlocksCached();
    file.blocks_read = files[i].getBlocksRead();
    file.bytes_read = files[i].getBytesRead();
    file.cells = files[i].getCells();
    file.read_ns = files[i].getReadNs();
  }
  return OkStatus();
}

template <typename Cells>
void PutRow(schema::Row::Builder to, Slice key, const Cells& from, PageNames* names) {
  to.setKey(ToData(key));
  auto cells = to.initCells(static_cast<uint>(from.size()));
  for (uint i = 0; i < from.size(); i++) {
    auto cell = cells[i];
    const auto& from_cell = from[i];
    cell.setFamily(names->families.IndexOf(from_cell.family));
    cell.setTimestampUs(from_cell.timestamp_us);
    if (const Slice label = LabelOf(from_cell); !label.empty()) {
      cell.setLabel(static_cast<uint16_t>(1 + names->labels.IndexOf(label)));
    }
    if (!from_cell.qualifier.empty()) cell.setQualifier(ToData(from_cell.qualifier));
    if (!from_cell.value.empty()) cell.setValue(ToData(from_cell.value));
  }
}
void PutRow(schema::Row::Builder to, const Row& from, PageNames* names) {
  PutRow(to, from.key, from.cells, names);
}

void PutNames(List<Data>::Builder to, const Names& from) {
  for (uint i = 0; i < to.size(); i++) to.set(i, ToData(from[i]));
}

void PutStats(schema::ReadRowsResponse::Builder to, const ReadStats& stats) {
  to.setStatRows(stats.rows);
  to.setStatCells(stats.cells);
  to.setStatBytes(stats.bytes);
  to.setExaminedRows(stats.rows_examined);
  to.setExaminedCells(stats.cells_examined);
  to.setExaminedBytes(stats.bytes_examined);
}

// The names lie in the body.
Status GetNames(List<Data>::Reader from, const ReadLimits& limits, size_t max_count,
                size_t max_bytes, const char* what, Names* out) {
  RETURN_IF_ERROR(limits.CheckPlainList(from.size(), max_count, what));
  out->reserve(from.size());
  for (const Data::Reader name : from) {
    RETURN_IF_ERROR(CheckDataSize(name, max_bytes, what));
    out->push_back(ToSlice(name));
  }
  return OkStatus();
}

void PutCursor(schema::RowCursor::Builder to, const RowCursor& from) {
  to.setScannerId(from.scanner_id);
  to.setCellOffset(from.cell_offset);
}

RowCursor CursorOf(schema::RowCursor::Reader from) {
  return {from.getScannerId(), from.getCellOffset()};
}

// A table has at most kMaxFamiliesPerTable; more cannot come from one, and would not decode.
template <typename Message>
void PutFamilies(Message to, const NameList& families) {
  KJ_REQUIRE(families.names().size() <= kMaxFamiliesPerTable, "too many families in one page");
  PutNames(to.initFamilies(static_cast<uint>(families.names().size())), families.names());
}

Status GetRow(schema::Row::Reader from, const Names& families, const Names& labels,
              const ReadLimits& limits, Row* out) {
  RETURN_IF_ERROR(CopyData(from.getKey(), kMaxRowKeyBytes, "row key", &out->key));
  const auto cells = from.getCells();
  RETURN_IF_ERROR(limits.CheckList<schema::Cell>(cells.size(), SIZE_MAX, "cells"));
  out->cells.clear();
  out->cells.reserve(cells.size());
  for (uint i = 0; i < cells.size(); i++) {
    const auto cell = cells[i];
    const size_t family = cell.getFamily(), label = cell.getLabel();
    if (family >= families.size()) return absl::DataLossError("cell: family index out of range");
    if (label > labels.size()) return absl::DataLossError("cell: label index out of range");
    const Data::Reader qualifier = cell.getQualifier(), value = cell.getValue();
    RETURN_IF_ERROR(CheckDataSize(qualifier, kMaxQualifierBytes, "qualifier"));
    RETURN_IF_ERROR(CheckDataSize(value, kMaxValueBytes, "value"));
    // Each string is made where it stays.
    out->cells.push_back({std::string(families[family]), std::string(ToSlice(qualifier)),
                          cell.getTimestampUs(), std::string(ToSlice(value)),
                          label == 0 ? std::string() : std::string(labels[label - 1])});
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

StatusOr<net::Buffer> Encode(const ReadRowsRequest& message) {
  return WriteBody<schema::ReadRowsRequest>(0, [&](schema::ReadRowsRequest::Builder to) {
    to.setTable(message.table);
    to.setTablet(message.tablet);
    PutRowSet(to.initRows(), message.rows);
    if (message.selection != ReadSelection()) PutSelection(to.initSelection(), message.selection);
    to.setRowsLimit(message.rows_limit);
    to.setMaxBytes(message.max_bytes);
    if (!message.resume_after.empty()) to.setResumeAfter(ToData(message.resume_after));
    if (message.cursor != RowCursor()) PutCursor(to.initCursor(), message.cursor);
    if (!message.filter.empty()) PutFilter(to.initFilter(), message.filter);
    to.setSampleSeed(message.sample_seed);
    to.setReversed(message.reversed);
    to.setRelease(message.release);
    to.setExplain(message.explain);
  });
}

Status Decode(const net::Buffer& body, ReadRowsRequest* out) {
  auto fill = [&](schema::ReadRowsRequest::Reader from, const ReadLimits& limits) -> Status {
    out->table = from.getTable();
    out->tablet = from.getTablet();
    RETURN_IF_ERROR(GetRowSet(from.getRows(), limits, &out->rows));
    out->selection = ReadSelection();
    if (from.hasSelection()) {
      RETURN_IF_ERROR(GetSelection(from.getSelection(), limits, &out->selection));
    }
    out->rows_limit = from.getRowsLimit();
    out->max_bytes = from.getMaxBytes();
    out->resume_after.clear();
    if (from.hasResumeAfter()) {
      RETURN_IF_ERROR(
          CopyData(from.getResumeAfter(), kMaxRowKeyBytes, "resume_after", &out->resume_after));
    }
    out->cursor = from.hasCursor() ? CursorOf(from.getCursor()) : RowCursor();
    out->sample_seed = from.getSampleSeed();
    out->reversed = from.getReversed();
    out->release = from.getRelease();
    out->explain = from.getExplain();
    out->filter = Filter();
    return from.hasFilter() ? GetFilter(from.getFilter(), limits, &out->filter) : OkStatus();
  };
  return ReadBody<schema::ReadRowsRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const ReadRowsResponse& message) {
  PageNames names;
  const size_t expected = EncodedSize(message, &names);
  auto fill = [&](schema::ReadRowsResponse::Builder to) {
    auto rows = to.initRows(static_cast<uint>(message.rows.size()));
    for (uint i = 0; i < rows.size(); i++) {
      PutRow(rows[i], message.rows[i], &names);
    }
    PutFamilies(to, names.families);
    const Names& labels = names.labels.names();
    KJ_REQUIRE(labels.size() <= kMaxLabelsPerPage, "too many labels in one page");
    if (!labels.empty()) PutNames(to.initLabels(static_cast<uint>(labels.size())), labels);
    to.setDone(message.done);
    if (!message.resume_after.empty()) to.setResumeAfter(ToData(message.resume_after));
    if (message.cursor != RowCursor()) PutCursor(to.initCursor(), message.cursor);
    PutStats(to, message.stats);
    if (message.trace.has_value()) PutTrace(to.initTrace(), *message.trace);
  };
  return WriteBody<schema::ReadRowsResponse>(expected, fill);
}

Status Decode(const net::Buffer& body, ReadRowsResponse* out) {
  auto fill = [&](schema::ReadRowsResponse::Reader from, const ReadLimits& limits) -> Status {
    Names families, labels;
    RETURN_IF_ERROR(GetNames(from.getFamilies(), limits, kMaxFamiliesPerTable, kMaxFamilyNameBytes,
                             "family name", &families));
    if (from.hasLabels()) {
      RETURN_IF_ERROR(
          GetNames(from.getLabels(), limits, kMaxLabelsPerPage, kMaxLabelBytes, "label", &labels));
    }
    const auto rows = from.getRows();
    RETURN_IF_ERROR(limits.CheckList<schema::Row>(rows.size(), SIZE_MAX, "rows"));
    out->rows.resize(rows.size());
    for (uint i = 0; i < rows.size(); i++) {
      RETURN_IF_ERROR(GetRow(rows[i], families, labels, limits, &out->rows[i]));
    }
    out->done = from.getDone();
    out->resume_after.clear();
    if (from.hasResumeAfter()) {
      RETURN_IF_ERROR(
          CopyData(from.getResumeAfter(), kMaxRowKeyBytes, "resume_after", &out->resume_after));
    }
    out->cursor = from.hasCursor() ? CursorOf(from.getCursor()) : RowCursor();
    out->stats = {from.getStatRows(),     from.getStatCells(),     from.getStatBytes(),
                  from.getExaminedRows(), from.getExaminedCells(), from.getExaminedBytes()};
    out->trace.reset();
    return from.hasTrace() ? GetTrace(from.getTrace(), limits, &out->trace.emplace()) : OkStatus();
  };
  return ReadBody<schema::ReadRowsResponse>(body, kBadResponse, fill);
}

bool DecodePoint(const net::Buffer& body, PointRequest* out) {
  bool is_point = false;
  auto fill = [&](schema::ReadRowsRequest::Reader from, const ReadLimits& limits) -> Status {
    if (from.hasFilter() || from.hasResumeAfter() || from.hasCursor()) return OkStatus();
    if (from.getReversed() || from.getRelease() || from.getExplain()) return OkStatus();
    const auto rows = from.getRows();
    if (rows.hasRanges()) return OkStatus();
    const auto keys = rows.getKeys();
    if (keys.size() != 1) return OkStatus();
    out->row = ToSlice(keys[0]);
    if (out->row.empty() || out->row.size() > kMaxRowKeyBytes) return OkStatus();
    if (from.hasSelection()) {
      RETURN_IF_ERROR(GetSelection(from.getSelection(), limits, &out->selection));
    }
    out->table = from.getTable();
    out->tablet = from.getTablet();
    out->max_bytes = from.getMaxBytes();
    is_point = true;
    return OkStatus();
  };
  return ReadBody<schema::ReadRowsRequest>(body, kBadRequest, fill).ok() && is_point;
}

StatusOr<net::Buffer> EncodePoint(Slice row, absl::Span<const CellSlices> cells,
                                  const ReadStats& stats) {
  PageNames names;
  size_t expected = kRootBytes;
  if (!cells.empty()) expected += EncodedSize(row, cells, &names) + names.EncodedSize();
  return WriteBody<schema::ReadRowsResponse>(expected, [&](schema::ReadRowsResponse::Builder to) {
    if (!cells.empty()) {
      PutRow(to.initRows(1)[0], row, cells, &names);
      PutFamilies(to, names.families);
    }
    to.setDone(true);
    PutStats(to, stats);
  });
}

StatusOr<net::Buffer> Encode(const ReadModifyWriteRowResponse& message) {
  PageNames names;
  const size_t expected = kRootBytes + EncodedSize(message.row, &names) + names.EncodedSize();
  auto fill = [&](schema::ReadModifyWriteRowResponse::Builder to) {
    PutResult(to.initResult(), message.result);
    PutRow(to.initRow(), message.row, &names);
    KJ_REQUIRE(names.labels.names().empty(), "stored cells have no labels");
    PutFamilies(to, names.families);
  };
  return WriteBody<schema::ReadModifyWriteRowResponse>(expected, fill);
}

Status Decode(const net::Buffer& body, ReadModifyWriteRowResponse* out) {
  auto fill = [&](schema::ReadModifyWriteRowResponse::Reader from,
                  const ReadLimits& limits) -> Status {
    Names families;
    RETURN_IF_ERROR(GetNames(from.getFamilies(), limits, kMaxFamiliesPerTable, kMaxFamilyNameBytes,
                             "family name", &families));
    RETURN_IF_ERROR(GetResult(from.getResult(), &out->result));
    return GetRow(from.getRow(), families, {}, limits, &out->row);
  };
  return ReadBody<schema::ReadModifyWriteRowResponse>(body, kBadResponse, fill);
}

}  // namespace stele::wire
