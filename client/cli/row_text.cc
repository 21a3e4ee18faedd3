#include "client/cli/row_text.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "client/cli/bytes_text.h"

namespace stele::cli {

std::string RowAsJson(const Row& row) {
  nlohmann::ordered_json cells = nlohmann::ordered_json::array();
  for (const Cell& cell : row.cells) {
    cells.push_back({{"family", cell.family},
                     {"qualifier", Escape(cell.qualifier)},
                     {"timestamp_us", cell.timestamp_us},
                     {"value", Escape(cell.value)}});
  }
  const nlohmann::ordered_json json = {{"row", Escape(row.key)}, {"cells", std::move(cells)}};
  return json.dump();
}

void PrintRow(const Row& row, size_t max_value_bytes, std::ostream* out) {
  *out << Escape(row.key) << '\n';
  for (const Cell& cell : row.cells) {
    *out << "  " << cell.family << ':' << Escape(cell.qualifier) << " @" << cell.timestamp_us
         << "  ";
    if (max_value_bytes > 0 && cell.value.size() > max_value_bytes) {
      *out << Escape(std::string_view(cell.value).substr(0, max_value_bytes)) << "... ("
           << cell.value.size() << " bytes)\n";
    } else {
      *out << Escape(cell.value) << '\n';
    }
  }
}

}  // namespace stele::cli
