#include "schema/model/cell_key.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"
#include "common/bytes/key_head.h"

namespace stele {
namespace {

constexpr char kZero = '\x00';
constexpr char kEscaped = '\xff';
constexpr char kTerminator = '\x01';
constexpr char kRowEnd = '\x02';  // between the terminator and an escaped zero
constexpr size_t kNoSuchEnd = static_cast<size_t>(-1);

void AppendBig16(std::string* out, uint16_t v) {
  char buffer[2];
  EncodeBig16(buffer, v);
  out->append(buffer, 2);
}

void AppendEnd(std::string* out, uint64_t timestamp_field, uint64_t sequence, CellKind kind) {
  DCHECK(sequence <= kMaxSequence);
  PutBig64(out, timestamp_field);
  PutBig64(out, ~((sequence << 8) | static_cast<uint64_t>(kind)));
}

// Index one past the terminator of the escaped string at the front of `s`; kNoSuchEnd when there is
// none or an escape is malformed. *escapes is the number of escaped zeros passed.
size_t FindEscapedEnd(Slice s, size_t* escapes) {
  *escapes = 0;
  size_t pos = 0;
  while (pos < s.size()) {
    pos += FindZero(s.substr(pos)) + 1;
    if (pos >= s.size()) return kNoSuchEnd;
    if (s[pos] == kTerminator) return pos + 1;
    if (s[pos] != kEscaped) return kNoSuchEnd;
    ++*escapes;
    ++pos;
  }
  return kNoSuchEnd;
}

// Appends the original of `body` (escaped, without terminator, known to be well formed).
void AppendUnescapedBody(Slice body, std::string* out) {
  while (!body.empty()) {
    const void* zero = std::memchr(body.data(), kZero, body.size());
    if (zero == nullptr) {
      out->append(body.data(), body.size());
      return;
    }
    size_t plain = static_cast<size_t>(static_cast<const char*>(zero) - body.data());
    out->append(body.data(), plain + 1);
    body.remove_prefix(plain + 2);
  }
}

// Consumes one escaped string from the front of *input. The result points into *input, or into
// *scratch (whose capacity is never passed, so that earlier results stay).
bool TakeEscaped(Slice* input, Slice* result, std::string* scratch, size_t capacity) {
  size_t escapes;
  size_t end = FindEscapedEnd(*input, &escapes);
  if (end == kNoSuchEnd) return false;
  Slice body = input->substr(0, end - 2);
  input->remove_prefix(end);
  if (escapes == 0) {
    *result = body;
    return true;
  }
  if (scratch->capacity() < capacity) scratch->reserve(capacity);
  size_t start = scratch->size();
  AppendUnescapedBody(body, scratch);
  *result = Slice(scratch->data() + start, scratch->size() - start);
  return true;
}

Status Malformed(Slice what) { return CorruptError(absl::StrCat("malformed cell key: ", what)); }

// The kind must agree with the place where the key stands.
Status CheckPlace(const ParsedCellKey& parsed, bool has_qualifier, uint64_t timestamp_field) {
  const bool marker_field = timestamp_field == 0;
  const bool cell_field = (timestamp_field >> 63) != 0;
  const bool in_family = !parsed.family.empty();
  bool fits = false;
  switch (parsed.kind) {
    case CellKind::kSet:
      fits = in_family && has_qualifier && cell_field;
      break;
    case CellKind::kDeleteColumn:
      fits = in_family && has_qualifier && marker_field;
      break;
    case CellKind::kDeleteFamily:
      fits = in_family && !has_qualifier && marker_field;
      break;
    case CellKind::kDeleteRow:
      fits = !in_family && parsed.family_id == 0 && !has_qualifier && marker_field;
      break;
  }
  return fits ? OkStatus() : Malformed("kind does not fit its place");
}

// A cell whose row and qualifier hold no zeros, as nearly all are. False for every other key, and
// for what is none.
bool ParsePlainCell(Slice key, ParsedCellKey* parsed) {
  constexpr size_t kEndBytes = kKeyTimestampBytes + kKeyTailBytes;
  constexpr size_t kFamilyEndBytes = 3;  // zero, id
  const size_t row = FindZero(key);
  if (row == 0 || row + 2 > key.size() || key[row + 1] != kTerminator) return false;
  const Slice behind = key.substr(row + 2);
  const size_t family = FindZero(behind);
  if (family == 0 || behind.size() < family + kFamilyEndBytes + 2 + kEndBytes) return false;
  const Slice column =
      behind.substr(family + kFamilyEndBytes, behind.size() - family - kFamilyEndBytes - kEndBytes);
  const size_t qualifier = FindZero(column);
  if (qualifier + 2 != column.size() || column[qualifier + 1] != kTerminator) return false;
  const uint64_t timestamp_field = DecodeBig64(key.data() + key.size() - kEndBytes);
  const uint64_t tail = KeyTail(key);
  if ((timestamp_field >> 63) == 0 || static_cast<CellKind>(tail & 0xff) != CellKind::kSet) {
    return false;
  }
  parsed->row = key.substr(0, row);
  parsed->row_key_bytes = row + 2;
  parsed->family = behind.substr(0, family);
  parsed->family_id = DecodeBig16(behind.data() + family + 1);
  parsed->qualifier = column.substr(0, qualifier);
  parsed->timestamp_us = static_cast<int64_t>(~timestamp_field);
  parsed->sequence = tail >> 8;
  parsed->kind = CellKind::kSet;
  return true;
}

}  // namespace

void AppendEscaped(std::string* out, Slice s) {
  const size_t least = out->size() + s.size() + 2;
  if (least > out->capacity()) out->reserve(std::max(least, 2 * out->capacity()));
  while (!s.empty()) {
    const void* zero = std::memchr(s.data(), kZero, s.size());
    if (zero == nullptr) break;
    size_t upto = static_cast<size_t>(static_cast<const char*>(zero) - s.data()) + 1;
    out->append(s.data(), upto);
    out->push_back(kEscaped);
    s.remove_prefix(upto);
  }
  out->append(s.data(), s.size());
  out->push_back(kZero);
  out->push_back(kTerminator);
}

void AppendRowStart(std::string* out, Slice row) { AppendEscaped(out, row); }

void AppendRowEnd(std::string* out, Slice row) {
  AppendEscaped(out, row);
  out->back() = kRowEnd;
}

void AssignRowStart(ByteBuffer* out, Slice row) {
  constexpr char kEnd[] = {kZero, kTerminator};
  if (FindZero(row) == row.size()) {
    out->Assign(row);
    return out->Append(Slice(kEnd, sizeof(kEnd)));
  }
  std::string start;
  AppendRowStart(&start, row);
  out->Assign(start);
}

void AssignRowEnd(ByteBuffer* out, Slice row) {
  AssignRowStart(out, row);
  out->back() = kRowEnd;
}

void AppendFamilyStart(std::string* out, Slice row, Slice family, uint16_t family_id) {
  AppendEscaped(out, row);
  out->append(family.data(), family.size());
  out->push_back(kZero);
  AppendBig16(out, family_id);
}

void AppendColumnStart(std::string* out, Slice row, Slice family, uint16_t family_id,
                       Slice qualifier) {
  AppendFamilyStart(out, row, family, family_id);
  AppendEscaped(out, qualifier);
}

void AppendSetKey(std::string* out, Slice row, Slice family, uint16_t family_id, Slice qualifier,
                  int64_t timestamp_us, uint64_t sequence) {
  DCHECK(timestamp_us >= 0 && !family.empty());
  AppendColumnStart(out, row, family, family_id, qualifier);
  AppendEnd(out, ~static_cast<uint64_t>(timestamp_us), sequence, CellKind::kSet);
}

void AppendColumnMarkerKey(std::string* out, Slice row, Slice family, uint16_t family_id,
                           Slice qualifier, uint64_t sequence) {
  DCHECK(!family.empty());
  AppendColumnStart(out, row, family, family_id, qualifier);
  AppendEnd(out, 0, sequence, CellKind::kDeleteColumn);
}

void AppendFamilyMarkerKey(std::string* out, Slice row, Slice family, uint16_t family_id,
                           uint64_t sequence) {
  DCHECK(!family.empty());
  AppendFamilyStart(out, row, family, family_id);
  out->append(2, kZero);
  AppendEnd(out, 0, sequence, CellKind::kDeleteFamily);
}

void AppendRowMarkerKey(std::string* out, Slice row, uint64_t sequence) {
  AppendFamilyStart(out, row, "", 0);
  out->append(2, kZero);
  AppendEnd(out, 0, sequence, CellKind::kDeleteRow);
}

void AppendMarkerRange(std::string* out, int64_t start_us, int64_t end_us) {
  DCHECK(start_us >= 0 && end_us >= 0);
  PutVarint64(out, static_cast<uint64_t>(start_us));
  PutVarint64(out, static_cast<uint64_t>(end_us));
}

Status ParseMarkerRange(Slice value, int64_t* start_us, int64_t* end_us) {
  uint64_t start, end;
  if (!GetVarint64(&value, &start) || !GetVarint64(&value, &end) || !value.empty() ||
      start > INT64_MAX || end > INT64_MAX) {
    return CorruptError("malformed time range of a column marker");
  }
  *start_us = static_cast<int64_t>(start);
  *end_us = static_cast<int64_t>(end);
  return OkStatus();
}

Slice EncodedRow(Slice key) {
  // Without escapes, as nearly all.
  const size_t zero = FindZero(key);
  if (zero + 1 < key.size() && key[zero + 1] == kTerminator) return key.substr(0, zero + 2);
  size_t escapes;
  size_t end = FindEscapedEnd(key, &escapes);
  CHECK(end != kNoSuchEnd) << " EncodedRow of what is no key";
  return key.substr(0, end);
}

Status ParseCellKey(Slice key, ParsedCellKey* parsed, std::string* scratch) {
  if (ParsePlainCell(key, parsed)) return OkStatus();
  scratch->clear();
  Slice rest = key;
  if (!TakeEscaped(&rest, &parsed->row, scratch, key.size())) return Malformed("row");
  if (parsed->row.empty()) return Malformed("empty row");
  parsed->row_key_bytes = key.size() - rest.size();
  const size_t family_size = FindZero(rest);
  if (family_size == rest.size()) return Malformed("family");
  parsed->family = rest.substr(0, family_size);
  rest.remove_prefix(family_size + 1);
  if (rest.size() < 2) return Malformed("family id");
  parsed->family_id = DecodeBig16(rest.data());
  rest.remove_prefix(2);
  if (rest.size() < 2) return Malformed("column");
  const bool has_qualifier = !(rest[0] == kZero && rest[1] == kZero);
  if (!has_qualifier) {
    parsed->qualifier = Slice();
    rest.remove_prefix(2);
  } else if (!TakeEscaped(&rest, &parsed->qualifier, scratch, key.size())) {
    return Malformed("qualifier");
  }
  if (rest.size() != kKeyTimestampBytes + kKeyTailBytes) return Malformed("length of its end");
  const uint64_t timestamp_field = DecodeBig64(rest.data());
  const uint64_t tail = KeyTail(rest);
  parsed->timestamp_us = timestamp_field == 0 ? 0 : static_cast<int64_t>(~timestamp_field);
  parsed->sequence = tail >> 8;
  parsed->kind = static_cast<CellKind>(tail & 0xff);
  return CheckPlace(*parsed, has_qualifier, timestamp_field);
}

Status Unescape(Slice escaped, std::string* out) {
  size_t escapes;
  if (FindEscapedEnd(escaped, &escapes) != escaped.size()) return Malformed("escaped string");
  AppendUnescapedBody(escaped.substr(0, escaped.size() - 2), out);
  return OkStatus();
}

}  // namespace stele
