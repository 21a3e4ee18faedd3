#include "client/cli/probe_line.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "client/cli/compare_and_set.h"

namespace stele::cli {
namespace {

using Words = std::vector<std::string_view>;

Words SplitWords(std::string_view line) {
  Words words;
  while (!line.empty()) {
    const size_t end = std::min(line.find_first_of(" \t\r"), line.size());
    if (end > 0) words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

Status Malformed(std::string_view what) { return absl::InvalidArgumentError(FromStd(what)); }

// Takes the last word "name=N" off; false when it is not there.
StatusOr<bool> TakeOption(std::string_view name, Words* words, int64_t* value) {
  if (words->empty()) return false;
  std::string_view last = words->back();
  if (last.substr(0, name.size()) != name) return false;
  if (!absl::SimpleAtoi(FromStd(last.substr(name.size())), value)) {
    return Malformed(absl::StrCat("\"", FromStd(last), "\" is not a number").c_str());
  }
  words->pop_back();
  return true;
}

Status Decode(const Words& words, size_t from, std::vector<std::string>* out) {
  for (size_t i = from; i < words.size(); ++i) {
    ASSIGN_OR_RETURN(std::string bytes, FromHex(words[i]));
    out->push_back(std::move(bytes));
  }
  return OkStatus();
}

Status ParsePut(Words words, ProbeRequest* request) {
  int64_t timestamp_us = kServerTime;
  RETURN_IF_ERROR(TakeOption("ts_us=", &words, &timestamp_us).status());
  std::vector<std::string> f;
  RETURN_IF_ERROR(Decode(words, 0, &f));
  if (f.size() != 4) return Malformed("put takes TABLE ROW FAM QUAL VALUE [ts_us=N]");
  request->kind = ProbeRequest::Kind::kPut;
  request->rows.push_back({f[0], {SetCell{f[1], f[2], timestamp_us, f[3]}}});
  return OkStatus();
}

Status ParseDelete(const Words& words, ProbeRequest* request) {
  std::vector<std::string> f;
  RETURN_IF_ERROR(Decode(words, 0, &f));
  if (f.empty() || f.size() > 3) return Malformed("del takes TABLE ROW [FAM [QUAL]]");
  Mutation mutation = DeleteFromRow{};
  if (f.size() == 2) mutation = DeleteFromFamily{f[1]};
  if (f.size() == 3) mutation = DeleteFromColumn{f[1], f[2], 0, 0};
  request->kind = ProbeRequest::Kind::kDelete;
  request->rows.push_back({f[0], {std::move(mutation)}});
  return OkStatus();
}

Status ParseBatch(const Words& words, ProbeRequest* request) {
  std::vector<std::string> f;
  RETURN_IF_ERROR(Decode(words, 0, &f));
  if (f.empty() || f.size() % 4 != 0) return Malformed("batch takes TABLE (ROW FAM QUAL VALUE)...");
  request->kind = ProbeRequest::Kind::kBatch;
  for (size_t i = 0; i < f.size(); i += 4) {
    request->rows.push_back({f[i], {SetCell{f[i + 1], f[i + 2], kServerTime, f[i + 3]}}});
  }
  return OkStatus();
}

Status ParseGet(const Words& words, ProbeRequest* request) {
  std::vector<std::string> f;
  RETURN_IF_ERROR(Decode(words, 0, &f));
  if (f.size() != 3) return Malformed("get takes TABLE ROW FAM QUAL");
  request->kind = ProbeRequest::Kind::kGet;
  request->row = f[0];
  request->family = f[1];
  request->qualifier = f[2];
  return OkStatus();
}

Status ParseScan(Words words, ProbeRequest* request) {
  if (words.size() != 3 || !absl::SimpleAtoi(FromStd(words[2]), &request->limit)) {
    return Malformed("scan takes TABLE START END LIMIT");
  }
  words.pop_back();
  std::vector<std::string> f;
  RETURN_IF_ERROR(Decode(words, 0, &f));
  request->kind = ProbeRequest::Kind::kScan;
  request->start = f[0];
  request->end = f[1];
  return OkStatus();
}

Status ParseAppend(const Words& words, ProbeRequest* request) {
  std::vector<std::string> f;
  RETURN_IF_ERROR(Decode(words, 0, &f));
  if (f.size() != 4) return Malformed("append takes TABLE ROW FAM QUAL VALUE");
  request->kind = ProbeRequest::Kind::kModify;
  request->modify = {f[0], {AppendToValue{f[1], f[2], f[3]}}};
  return OkStatus();
}

Status ParseIncrement(Words words, ProbeRequest* request) {
  int64_t amount = 0;
  if (words.size() != 4 || !absl::SimpleAtoi(FromStd(words[3]), &amount)) {
    return Malformed("incr takes TABLE ROW FAM QUAL AMOUNT");
  }
  words.pop_back();
  std::vector<std::string> f;
  RETURN_IF_ERROR(Decode(words, 0, &f));
  request->kind = ProbeRequest::Kind::kModify;
  request->modify = {f[0], {IncrementValue{f[1], f[2], amount}}};
  return OkStatus();
}

Status ParseCheck(Words words, ProbeRequest* request) {
  if (words.size() != 5) return Malformed("cas takes TABLE ROW FAM QUAL EXPECTED NEW");
  const bool absent = words[3] == "-";
  if (absent) words[3] = "_";
  std::vector<std::string> f;
  RETURN_IF_ERROR(Decode(words, 0, &f));
  request->kind = ProbeRequest::Kind::kCheck;
  CompareAndSet cas = MakeCompareAndSet(
      f[0], f[1], f[2], absent ? std::nullopt : std::optional<std::string>(f[3]), f[4]);
  request->check = std::move(cas.change);
  request->apply_if_false = !cas.matched_answer;
  return OkStatus();
}

}  // namespace

Status ParseProbeLine(std::string_view line, ProbeRequest* request) {
  *request = ProbeRequest();
  Words words = SplitWords(line);
  request->id = words.empty() ? "?" : std::string(words[0]);
  if (words.size() < 2) return Malformed("a request is ID OPERATION ...");
  const std::string_view operation = words[1];
  ASSIGN_OR_RETURN(bool limited, TakeOption("deadline_ms=", &words, &request->deadline_ms));
  if (limited && request->deadline_ms < 1) return Malformed("deadline_ms is at least 1");
  if (words.size() < 3) return Malformed("a request is ID OPERATION TABLE ...");
  request->table = std::string(words[2]);
  const Words rest(words.begin() + 3, words.end());
  if (operation == "put") return ParsePut(rest, request);
  if (operation == "get") return ParseGet(rest, request);
  if (operation == "del") return ParseDelete(rest, request);
  if (operation == "batch") return ParseBatch(rest, request);
  if (operation == "scan") return ParseScan(rest, request);
  if (operation == "append") return ParseAppend(rest, request);
  if (operation == "incr") return ParseIncrement(rest, request);
  if (operation == "cas") return ParseCheck(rest, request);
  return Malformed("the operation is none of put get del batch scan append incr cas");
}

std::string ProbeRows(const std::vector<Row>& rows) {
  std::string out = "[";
  for (const Row& row : rows) {
    absl::StrAppend(&out, out.size() > 1 ? "," : "", "[\"", ToHex(row.key), "\",[");
    bool first = true;
    for (const Cell& cell : row.cells) {
      absl::StrAppend(&out, first ? "" : ",", "[\"", ToHex(cell.family), "\",\"",
                      ToHex(cell.qualifier), "\",", cell.timestamp_us, ",\"", ToHex(cell.value),
                      "\"]");
      first = false;
    }
    out += "]]";
  }
  return out + "]";
}

std::string CodeName(const Status& status) { return absl::StatusCodeToString(status.code()); }

}  // namespace stele::cli
