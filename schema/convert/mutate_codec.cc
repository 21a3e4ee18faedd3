#include <vector>

#include "common/net/status_coding.h"
#include "schema/convert/body.h"
#include "schema/convert/codec.h"
#include "schema/convert/model_codec.h"
#include "schema/model/limits.h"
#include "schema/wire/data.capnp.h"

namespace stele::wire {
namespace {

size_t EncodedSize(const std::vector<Mutation>& mutations) {
  size_t bytes = mutations.size() * StructBytes<schema::Mutation>();
  for (const Mutation& mutation : mutations) {
    if (const auto* set = std::get_if<SetCell>(&mutation)) {
      bytes += DataBytes(set->family.size()) + DataBytes(set->qualifier.size()) +
               DataBytes(set->value.size());
    } else if (const auto* column = std::get_if<DeleteFromColumn>(&mutation)) {
      bytes += DataBytes(column->family.size()) + DataBytes(column->qualifier.size());
    } else if (const auto* family = std::get_if<DeleteFromFamily>(&mutation)) {
      bytes += DataBytes(family->family.size());
    } else if (const auto* add = std::get_if<AddToCell>(&mutation)) {
      bytes += DataBytes(add->family.size()) + DataBytes(add->qualifier.size());
    } else if (const auto* merge = std::get_if<MergeToCell>(&mutation)) {
      bytes += DataBytes(merge->family.size()) + DataBytes(merge->qualifier.size()) +
               DataBytes(merge->state.size());
    }
  }
  return bytes;
}

size_t EncodedSize(const MutateRowsRequest& message) {
  size_t bytes = kRootBytes + message.sequences.size() * sizeof(uint64_t);
  for (const RowMutation& row : message.rows) {
    bytes += StructBytes<schema::RowMutation>() + 8 + DataBytes(row.row.size()) +
             EncodedSize(row.mutations);
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
  } else if (const auto* add = std::get_if<AddToCell>(&from)) {
    to.setKind(schema::Mutation::Kind::ADD_TO_CELL);
    to.setTimestampUs(add->timestamp_us);
    to.setEndUs(add->input);
    to.setFamily(ToData(add->family));
    to.setQualifier(ToData(add->qualifier));
  } else if (const auto* merge = std::get_if<MergeToCell>(&from)) {
    to.setKind(schema::Mutation::Kind::MERGE_TO_CELL);
    to.setTimestampUs(merge->timestamp_us);
    to.setFamily(ToData(merge->family));
    to.setQualifier(ToData(merge->qualifier));
    to.setValue(ToData(merge->state));
  } else {
    to.setKind(schema::Mutation::Kind::DELETE_FROM_ROW);
  }
}

void PutMutations(List<schema::Mutation>::Builder to, const std::vector<Mutation>& from) {
  for (uint i = 0; i < to.size(); i++) PutMutation(to[i], from[i]);
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
    case schema::Mutation::Kind::ADD_TO_CELL: {
      AddToCell& add = out->emplace<AddToCell>();
      add.timestamp_us = from.getTimestampUs();
      add.input = from.getEndUs();
      RETURN_IF_ERROR(CopyData(from.getFamily(), kMaxFamilyNameBytes, "family name", &add.family));
      return CopyData(from.getQualifier(), kMaxQualifierBytes, "qualifier", &add.qualifier);
    }
    case schema::Mutation::Kind::MERGE_TO_CELL: {
      MergeToCell& merge = out->emplace<MergeToCell>();
      merge.timestamp_us = from.getTimestampUs();
      RETURN_IF_ERROR(
          CopyData(from.getFamily(), kMaxFamilyNameBytes, "family name", &merge.family));
      RETURN_IF_ERROR(
          CopyData(from.getQualifier(), kMaxQualifierBytes, "qualifier", &merge.qualifier));
      return CopyData(from.getValue(), kMaxValueBytes, "state", &merge.state);
    }
  }
  return absl::InvalidArgumentError("mutation: unknown kind");
}

Status GetMutations(List<schema::Mutation>::Reader from, const ReadLimits& limits, const char* what,
                    std::vector<Mutation>* out) {
  RETURN_IF_ERROR(limits.CheckList<schema::Mutation>(from.size(), kMaxMutationsPerRow, what));
  out->resize(from.size());
  for (uint i = 0; i < from.size(); i++) RETURN_IF_ERROR(GetMutation(from[i], &(*out)[i]));
  return OkStatus();
}

void PutId(schema::RequestId::Builder to, const RequestId& from) {
  to.setClientId(from.client_id);
  to.setSequence(from.sequence);
  to.setFirstIncomplete(from.first_incomplete);
}

RequestId GetId(schema::RequestId::Reader from) {
  return {from.getClientId(), from.getSequence(), from.getFirstIncomplete()};
}

void PutRule(schema::ReadModifyWriteRule::Builder to, const ReadModifyWriteRule& from) {
  if (const auto* increment = std::get_if<IncrementValue>(&from)) {
    to.setIncrement(true);
    to.setFamily(ToData(increment->family));
    to.setQualifier(ToData(increment->qualifier));
    to.setAmount(increment->amount);
    return;
  }
  const auto& append = std::get<AppendToValue>(from);
  to.setFamily(ToData(append.family));
  to.setQualifier(ToData(append.qualifier));
  to.setValue(ToData(append.value));
}

Status GetRule(schema::ReadModifyWriteRule::Reader from, ReadModifyWriteRule* out) {
  std::string family, qualifier;
  RETURN_IF_ERROR(CopyData(from.getFamily(), kMaxFamilyNameBytes, "family name", &family));
  RETURN_IF_ERROR(CopyData(from.getQualifier(), kMaxQualifierBytes, "qualifier", &qualifier));
  if (from.getIncrement()) {
    *out = IncrementValue{std::move(family), std::move(qualifier), from.getAmount()};
    return OkStatus();
  }
  AppendToValue append{std::move(family), std::move(qualifier), {}};
  RETURN_IF_ERROR(CopyData(from.getValue(), kMaxValueBytes, "appended value", &append.value));
  *out = std::move(append);
  return OkStatus();
}

size_t EncodedSize(const ReadModifyWriteRowRequest& message) {
  size_t bytes = kRootBytes + DataBytes(message.row.size()) +
                 message.rules.size() * StructBytes<schema::ReadModifyWriteRule>();
  for (const ReadModifyWriteRule& rule : message.rules) {
    bytes += std::visit(
        [](const auto& r) { return DataBytes(r.family.size()) + DataBytes(r.qualifier.size()); },
        rule);
    const auto* append = std::get_if<AppendToValue>(&rule);
    if (append != nullptr) bytes += DataBytes(append->value.size());
  }
  return bytes;
}

bool IsApplied(const RowResult& result) {
  return result.status.ok() && result.retry_delay_ms == 0 && !result.outcome_unknown;
}

StatusOr<net::Buffer> EncodeResults(const std::vector<RowResult>& from) {
  const size_t expected = kRootBytes + from.size() * StructBytes<schema::RowResult>();
  return WriteBody<schema::MutateRowsResponse>(
      expected, [&](schema::MutateRowsResponse::Builder to) {
        auto results = to.initResults(static_cast<uint>(from.size()));
        for (uint i = 0; i < from.size(); i++) {
          if (!IsApplied(from[i])) PutResult(results[i], from[i]);
        }
      });
}

// Most answers to changes: of one row, which was applied. They are all the same bytes.
Slice OneApplied() {
  // Never destroyed: threads may ask to the very end of the process.
  static const auto* const body = new net::Buffer(*EncodeResults(std::vector<RowResult>(1)));
  return body->bytes();
}

}  // namespace

void PutResult(schema::RowResult::Builder to, const RowResult& from) {
  if (!from.status.ok()) to.setStatus(ToData(net::EncodeStatus(from.status)));
  to.setRetryDelayMs(from.retry_delay_ms);
  to.setOutcomeUnknown(from.outcome_unknown);
}

Status GetResult(schema::RowResult::Reader from, RowResult* out) {
  out->retry_delay_ms = from.getRetryDelayMs();
  out->outcome_unknown = from.getOutcomeUnknown();
  out->status = OkStatus();
  return from.hasStatus() ? GetStatus(from.getStatus(), &out->status) : OkStatus();
}

StatusOr<net::Buffer> Encode(const MutateRowsRequest& message) {
  auto fill = [&](schema::MutateRowsRequest::Builder to) {
    to.setTable(message.table);
    to.setTablet(message.tablet);
    to.setClientId(message.client_id);
    auto rows = to.initRows(static_cast<uint>(message.rows.size()));
    for (uint i = 0; i < rows.size(); i++) {
      const RowMutation& row = message.rows[i];
      rows[i].setRow(ToData(row.row));
      auto mutations = rows[i].initMutations(static_cast<uint>(row.mutations.size()));
      PutMutations(mutations, row.mutations);
    }
    to.setFirstIncomplete(message.first_incomplete);
    if (message.sequences.empty()) return;
    auto sequences = to.initSequences(static_cast<uint>(message.sequences.size()));
    for (uint i = 0; i < sequences.size(); i++) sequences.set(i, message.sequences[i]);
  };
  return WriteBody<schema::MutateRowsRequest>(EncodedSize(message), fill);
}

Status Decode(const net::Buffer& body, MutateRowsRequest* out) {
  auto fill = [&](schema::MutateRowsRequest::Reader from, const ReadLimits& limits) -> Status {
    out->table = from.getTable();
    out->tablet = from.getTablet();
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
      total += mutations.size();
      if (total > kMaxMutationsPerBatch) {
        return absl::InvalidArgumentError(absl::StrCat("mutations in one batch: ", total,
                                                       " entries, limit ", kMaxMutationsPerBatch));
      }
      RETURN_IF_ERROR(GetMutations(mutations, limits, "mutations of one row", &to.mutations));
    }
    out->first_incomplete = from.getFirstIncomplete();
    const auto sequences = from.getSequences();
    if (sequences.size() != 0 && sequences.size() != rows.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("sequences: ", sequences.size(), " entries for ", rows.size(), " rows"));
    }
    out->sequences.resize(sequences.size());
    for (uint i = 0; i < sequences.size(); i++) out->sequences[i] = sequences[i];
    return OkStatus();
  };
  return ReadBody<schema::MutateRowsRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const MutateRowsResponse& message) {
  if (message.results.size() == 1 && IsApplied(message.results[0])) {
    return net::Buffer::Copy(OneApplied());
  }
  return EncodeResults(message.results);
}

Status Decode(const net::Buffer& body, MutateRowsResponse* out) {
  if (body.bytes() == OneApplied()) {
    out->results.assign(1, RowResult());
    return OkStatus();
  }
  auto fill = [&](schema::MutateRowsResponse::Reader from, const ReadLimits& limits) -> Status {
    const auto results = from.getResults();
    RETURN_IF_ERROR(
        limits.CheckList<schema::RowResult>(results.size(), kMaxMutationsPerBatch, "results"));
    out->results.resize(results.size());
    for (uint i = 0; i < results.size(); i++) {
      RETURN_IF_ERROR(GetResult(results[i], &out->results[i]));
    }
    return OkStatus();
  };
  return ReadBody<schema::MutateRowsResponse>(body, kBadResponse, fill);
}

StatusOr<net::Buffer> Encode(const ReadModifyWriteRowRequest& message) {
  auto fill = [&](schema::ReadModifyWriteRowRequest::Builder to) {
    to.setTable(message.table);
    to.setTablet(message.tablet);
    PutId(to.initId(), message.id);
    to.setRow(ToData(message.row));
    auto rules = to.initRules(static_cast<uint>(message.rules.size()));
    for (uint i = 0; i < rules.size(); i++) PutRule(rules[i], message.rules[i]);
  };
  return WriteBody<schema::ReadModifyWriteRowRequest>(EncodedSize(message), fill);
}

Status Decode(const net::Buffer& body, ReadModifyWriteRowRequest* out) {
  auto fill = [&](schema::ReadModifyWriteRowRequest::Reader from,
                  const ReadLimits& limits) -> Status {
    out->table = from.getTable();
    out->tablet = from.getTablet();
    out->id = GetId(from.getId());
    RETURN_IF_ERROR(CopyData(from.getRow(), kMaxRowKeyBytes, "row key", &out->row));
    const auto rules = from.getRules();
    RETURN_IF_ERROR(limits.CheckList<schema::ReadModifyWriteRule>(
        rules.size(), kMaxReadModifyWriteRules, "rules"));
    out->rules.resize(rules.size());
    for (uint i = 0; i < rules.size(); i++) {
      RETURN_IF_ERROR(GetRule(rules[i], &out->rules[i]));
    }
    return OkStatus();
  };
  return ReadBody<schema::ReadModifyWriteRowRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const CheckAndMutateRowRequest& message) {
  auto fill = [&](schema::CheckAndMutateRowRequest::Builder to) {
    to.setTable(message.table);
    to.setTablet(message.tablet);
    PutId(to.initId(), message.id);
    to.setRow(ToData(message.row));
    if (!message.predicate.empty()) PutFilter(to.initPredicate(), message.predicate);
    PutMutations(to.initTrueMutations(static_cast<uint>(message.if_true.size())), message.if_true);
    PutMutations(to.initFalseMutations(static_cast<uint>(message.if_false.size())),
                 message.if_false);
  };
  const size_t expected = kRootBytes + DataBytes(message.row.size()) +
                          EncodedSize(message.if_true) + EncodedSize(message.if_false);
  return WriteBody<schema::CheckAndMutateRowRequest>(expected, fill);
}

Status Decode(const net::Buffer& body, CheckAndMutateRowRequest* out) {
  auto fill = [&](schema::CheckAndMutateRowRequest::Reader from,
                  const ReadLimits& limits) -> Status {
    out->table = from.getTable();
    out->tablet = from.getTablet();
    out->id = GetId(from.getId());
    RETURN_IF_ERROR(CopyData(from.getRow(), kMaxRowKeyBytes, "row key", &out->row));
    RETURN_IF_ERROR(GetFilter(from.getPredicate(), limits, &out->predicate));
    RETURN_IF_ERROR(GetMutations(from.getTrueMutations(), limits, "true mutations", &out->if_true));
    return GetMutations(from.getFalseMutations(), limits, "false mutations", &out->if_false);
  };
  return ReadBody<schema::CheckAndMutateRowRequest>(body, kBadRequest, fill);
}

StatusOr<net::Buffer> Encode(const CheckAndMutateRowResponse& message) {
  return WriteBody<schema::CheckAndMutateRowResponse>(
      kRootBytes, [&](schema::CheckAndMutateRowResponse::Builder to) {
        to.setMatched(message.matched);
        PutResult(to.initResult(), message.result);
      });
}

Status Decode(const net::Buffer& body, CheckAndMutateRowResponse* out) {
  auto fill = [&](schema::CheckAndMutateRowResponse::Reader from, const ReadLimits&) -> Status {
    out->matched = from.getMatched();
    return GetResult(from.getResult(), &out->result);
  };
  return ReadBody<schema::CheckAndMutateRowResponse>(body, kBadResponse, fill);
}

}  // namespace stele::wire
