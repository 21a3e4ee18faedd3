// A row as text for people, as JSON, and as lines of CSV and TSV. Pure.
//
//   text  the row's key on a line, then "  family:qualifier @timestamp  value" a cell
//   JSON  {"row":R,"cells":[{"family":F,"qualifier":Q,"timestamp_us":T,"value":V},...]}, one line.
//         R, Q and V are JSON strings where the bytes are UTF-8; else the member is named
//         row_base64, qualifier_base64, value_base64 and holds base64. --hex and --base64 choose
//         that form (row_hex, ...) for all. A cell with a label has "label".
//   CSV   RFC 4180, one cell a line: row,family,qualifier,timestamp_us,value; with columns given,
//         one row a line: row,F:Q,..., the newest cell of each; a column without a cell is empty,
//         an empty value is "".
//   TSV   the same between tabs, without quotes; bytes as escaped text. With columns given an empty
//         value is \_ .
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cli/bytes_text.h"
#include "schema/model/model.h"

namespace stele::cli {

enum class RowForm { kText, kJson, kCsv, kTsv };

// One line of JSON, without its end. kRaw and kEscaped: strings where UTF-8, else base64.
std::string RowAsJson(const Row& row, TextEncoding encoding = TextEncoding::kRaw);
// Appends "name":"bytes" with the suffix and the form of the name's encoding, as in RowAsJson.
void AppendJsonBytes(std::string_view name, std::string_view bytes, TextEncoding encoding,
                     std::string* out);
// Appends the string with its quotes; the bytes must be UTF-8.
void AppendJsonString(std::string_view text, std::string* out);

// Values longer than max_value_bytes are cut, saying so; 0: never.
void PrintRow(const Row& row, size_t max_value_bytes, std::ostream* out,
              TextEncoding encoding = TextEncoding::kEscaped);

// Of a line of CSV or TSV with given columns: how an empty value looks, and how none.
std::string_view EmptyMark(TextEncoding encoding);

struct RowFormat {
  RowForm form = RowForm::kText;
  TextEncoding encoding = TextEncoding::kEscaped;  // of CSV, TSV: of keys, qualifiers and values
  std::vector<std::pair<std::string, std::string>> columns;  // CSV, TSV: one row a line
  size_t max_value_bytes = 0;                                // text: longer values are cut; 0: none
};
// The line of names before the first row; "" for forms that have none.
std::string RowHeader(const RowFormat& format);
// Appends the row's lines.
void AppendRow(const Row& row, const RowFormat& format, std::string* out);
// Appends a line with the key alone: as in the row's lines, in JSON {"row":R}.
void AppendKey(std::string_view key, const RowFormat& format, std::string* out);

}  // namespace stele::cli
