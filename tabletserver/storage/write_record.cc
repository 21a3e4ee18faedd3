#include "tabletserver/storage/write_record.h"

#include "common/base/check.h"
#include "common/bytes/coding.h"
#include "schema/model/cell_key.h"
#include "schema/model/mutation_cell.h"

namespace stele::storage {
namespace {

constexpr uint8_t kWriteRecordVersion = 2;
constexpr uint8_t kPlainVersion = 1;  // of records without a request id
constexpr uint8_t kHasServerTimestamp = 1;
constexpr uint8_t kHasRequestId = 2;

// What `mutation` becomes, with the server's time for the cells that ask for it.
void MakeCell(Slice row, const Mutation& mutation, const TableSchema& schema, Sequence sequence,
              int64_t server_timestamp_us, MutationCell* cell) {
  const SetCell* set = std::get_if<SetCell>(&mutation);
  if (set == nullptr || set->timestamp_us != kServerTime) {
    EncodeMutation(row, mutation, schema, sequence, cell);
    return;
  }
  const FamilySchema* family = schema.FindFamily(set->family);
  CHECK(family != nullptr) << "the mutation was validated against another schema";
  cell->key.clear();
  AppendSetKey(&cell->key, row, set->family, family->id, set->qualifier, server_timestamp_us,
               sequence);
  cell->value = set->value;
}

Status Damaged(const char* what) {
  return CorruptError(absl::StrCat("damaged write record: ", what));
}

Status ReadHeader(Slice* in, WriteHeader* header, Slice* row) {
  if (in->size() < 2) return Damaged("shorter than its version and flags");
  const uint8_t version = static_cast<uint8_t>((*in)[0]);
  const uint8_t flags = static_cast<uint8_t>((*in)[1]);
  in->remove_prefix(2);
  if (version > kWriteRecordVersion) {
    return absl::FailedPreconditionError(absl::StrCat("write record of version ", int{version},
                                                      " is newer than ", int{kWriteRecordVersion},
                                                      ", the newest this program knows"));
  }
  if (version == 0) return Damaged("version 0");
  if ((flags & ~(kHasServerTimestamp | kHasRequestId)) != 0) return Damaged("unknown flags");
  uint64_t timestamp = 0, kind = 0;
  bool good = GetVarint64(in, &header->epoch) && GetVarint64(in, &header->base_sequence);
  if (good && (flags & kHasServerTimestamp) != 0) good = GetVarint64(in, &timestamp);
  if (good && (flags & kHasRequestId) != 0) {
    good = GetVarint64(in, &header->id.client_id) && GetVarint64(in, &header->id.sequence);
    if (good && version > kPlainVersion) {
      good = GetVarint64(in, &header->id.first_incomplete) && GetVarint64(in, &kind);
    }
  }
  good = good && GetLengthPrefixed(in, row) && GetVarint64(in, &header->mutations);
  if (!good) return Damaged("header");
  if (kind > static_cast<uint64_t>(ChangeKind::kRow)) return Damaged("kind of change");
  header->kind = static_cast<ChangeKind>(kind);
  header->server_timestamp_us = static_cast<int64_t>(timestamp);
  if (header->server_timestamp_us < 0) return Damaged("timestamp");
  if (header->mutations == 0 || header->mutations > kMaxMutationsPerRow) return Damaged("count");
  if (header->base_sequence == 0 || header->base_sequence > kMaxSequence - header->mutations) {
    return Damaged("sequence");
  }
  return OkStatus();
}

}  // namespace

std::string EncodeWrite(const RowMutation& mutation, const TableSchema& schema,
                        const WriteHeader& header) {
  CHECK(!mutation.mutations.empty());
  std::string out;
  size_t bytes = 80 + mutation.row.size() * 2;
  for (const Mutation& m : mutation.mutations) {
    const SetCell* set = std::get_if<SetCell>(&m);
    bytes += 48 + (set != nullptr ? set->family.size() + set->qualifier.size() + set->value.size()
                                  : size_t{64});
  }
  out.reserve(bytes);
  const bool has_id = header.id.client_id != 0;
  out.push_back(static_cast<char>(has_id ? kWriteRecordVersion : kPlainVersion));
  out.push_back(static_cast<char>((header.server_timestamp_us != 0 ? kHasServerTimestamp : 0) |
                                  (has_id ? kHasRequestId : 0)));
  PutVarint64(&out, header.epoch);
  PutVarint64(&out, header.base_sequence);
  if (header.server_timestamp_us != 0) {
    PutVarint64(&out, static_cast<uint64_t>(header.server_timestamp_us));
  }
  if (has_id) {
    PutVarint64(&out, header.id.client_id);
    PutVarint64(&out, header.id.sequence);
    PutVarint64(&out, header.id.first_incomplete);
    PutVarint64(&out, static_cast<uint64_t>(header.kind));
  }
  std::string escaped_row;
  AppendEscaped(&escaped_row, mutation.row);
  PutLengthPrefixed(&out, escaped_row);
  PutVarint64(&out, mutation.mutations.size());
  MutationCell cell;
  for (size_t i = 0; i < mutation.mutations.size(); ++i) {
    MakeCell(mutation.row, mutation.mutations[i], schema, header.base_sequence + i,
             header.server_timestamp_us, &cell);
    out.push_back(static_cast<char>(KeyKind(cell.key)));
    PutLengthPrefixed(&out, KeyWithoutTail(cell.key).substr(escaped_row.size()));
    PutLengthPrefixed(&out, cell.value);
  }
  return out;
}

StatusOr<WriteHeader> DecodeWriteHeader(Slice payload) {
  WriteHeader header;
  Slice row;
  RETURN_IF_ERROR(ReadHeader(&payload, &header, &row));
  return header;
}

Status DecodeWrite(Slice payload, WriteHeader* header,
                   absl::FunctionRef<Status(Slice key, Slice value)> fn) {
  Slice row;
  *header = WriteHeader();
  RETURN_IF_ERROR(ReadHeader(&payload, header, &row));
  std::string key(row);
  for (uint64_t i = 0; i < header->mutations; ++i) {
    if (payload.empty()) return Damaged("cut short");
    const uint8_t kind = static_cast<uint8_t>(payload.front());
    payload.remove_prefix(1);
    Slice middle, value;
    if (!GetLengthPrefixed(&payload, &middle) || !GetLengthPrefixed(&payload, &value)) {
      return Damaged("cell");
    }
    if (kind < static_cast<uint8_t>(CellKind::kSet) ||
        kind > static_cast<uint8_t>(CellKind::kDeleteRow)) {
      return Damaged("kind");
    }
    key.resize(row.size());
    key.append(middle.data(), middle.size());
    PutBig64(&key, ~(((header->base_sequence + i) << 8) | kind));
    RETURN_IF_ERROR(fn(key, value));
  }
  return payload.empty() ? OkStatus() : Damaged("bytes after the end");
}

StatusOr<Row> DecodeWrittenRow(Slice payload) {
  Row row;
  WriteHeader header;
  std::string scratch;
  RETURN_IF_ERROR(DecodeWrite(payload, &header, [&](Slice key, Slice value) -> Status {
    ParsedCellKey parsed;
    RETURN_IF_ERROR(ParseCellKey(key, &parsed, &scratch));
    if (parsed.kind != CellKind::kSet) return Damaged("a delete in an answer");
    row.key = std::string(parsed.row);
    row.cells.push_back({std::string(parsed.family), std::string(parsed.qualifier),
                         parsed.timestamp_us, std::string(value)});
    return OkStatus();
  }));
  return row;
}

}  // namespace stele::storage
