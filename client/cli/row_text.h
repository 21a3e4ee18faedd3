// A row as text for people and as JSON for programs. Pure.
//
//   JSON  {"row":R,"cells":[{"family":F,"qualifier":Q,"timestamp_us":T,"value":V},...]}, one line;
//         bytes as escaped text (bytes_text.h)
//   text  the row's key on a line, then "  family:qualifier @timestamp  value" a cell
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>

#include "schema/model/model.h"

namespace stele::cli {

std::string RowAsJson(const Row& row);
// Values longer than max_value_bytes are cut, saying so; 0: never.
void PrintRow(const Row& row, size_t max_value_bytes, std::ostream* out);

}  // namespace stele::cli
