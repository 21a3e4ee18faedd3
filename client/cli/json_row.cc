#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/row_parser.h"

namespace stele::cli {
namespace {

using Json = nlohmann::json;

Status Wrong(std::string_view what) { return absl::InvalidArgumentError(FromStd(what)); }

// The bytes of name, name_hex or name_base64, of which exactly one must be there.
Status TakeBytes(const Json& object, const std::string& name, std::string* out) {
  int found = 0;
  for (const auto& [suffix, encoding] :
       {std::pair("", TextEncoding::kRaw), std::pair("_hex", TextEncoding::kHex),
        std::pair("_base64", TextEncoding::kBase64)}) {
    const auto member = object.find(name + suffix);
    if (member == object.end()) continue;
    if (!member->is_string()) return Wrong("\"" + name + suffix + "\" is no string");
    ASSIGN_OR_RETURN(*out, Decode(member->get_ref<const std::string&>(), encoding));
    ++found;
  }
  if (found == 1) return OkStatus();
  return Wrong(found == 0 ? "\"" + name + "\" is missing" : "\"" + name + "\" comes twice");
}

StatusOr<Cell> ParseCell(const Json& json, int64_t timestamp_us) {
  if (!json.is_object()) return Wrong("it is no object");
  Cell cell;
  const auto family = json.find("family");
  if (family == json.end() || !family->is_string()) return Wrong("\"family\" is missing");
  cell.family = family->get<std::string>();
  RETURN_IF_ERROR(TakeBytes(json, "qualifier", &cell.qualifier));
  RETURN_IF_ERROR(TakeBytes(json, "value", &cell.value));
  cell.timestamp_us = timestamp_us;
  if (const auto time = json.find("timestamp_us"); time != json.end()) {
    const bool whole = time->is_number_integer() &&
                       (!time->is_number_unsigned() || time->get<uint64_t>() <= INT64_MAX);
    if (!whole) return Wrong("\"timestamp_us\" is no whole number");
    cell.timestamp_us = time->get<int64_t>();
  }
  return cell;
}

}  // namespace

StatusOr<Row> ParseJsonRow(std::string_view line, int64_t timestamp_us) {
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return Wrong("it is not JSON");
  if (!json.is_object()) return Wrong("it is no JSON object");
  Row row;
  RETURN_IF_ERROR(TakeBytes(json, "row", &row.key));
  const auto cells = json.find("cells");
  if (cells == json.end() || !cells->is_array()) return Wrong("\"cells\" is no array");
  for (const Json& element : *cells) {
    StatusOr<Cell> cell = ParseCell(element, timestamp_us);
    if (!cell.ok()) {
      return WithContext(cell.status(), absl::StrCat("cell ", row.cells.size() + 1));
    }
    row.cells.push_back(*std::move(cell));
  }
  return row;
}

}  // namespace stele::cli
