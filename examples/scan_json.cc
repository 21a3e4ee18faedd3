// scan_json CELL TABLE [PREFIX [FILTER]]: prints the newest cell of each column, one JSON object a
// row, and at the end what the client counted. FILTER is text such as `family(text) | value~"H.*"`;
// without one: all cells.
#include <stele/client.h>
#include <stele/filter_text.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

namespace {

// JSON has no bytes: each byte stands as the character of its number.
std::string Quoted(std::string_view bytes) {
  std::string out = "\"";
  for (const unsigned char c : bytes) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c >= 0x20 && c < 0x7f) {
      out += static_cast<char>(c);
    } else {
      char code[8];
      std::snprintf(code, sizeof(code), "\\u%04x", c);
      out += code;
    }
  }
  return out + '"';
}

void Print(const stele::Row& row) {
  std::cout << "{\"row\":" << Quoted(row.key) << ",\"cells\":{";
  const char* comma = "";
  for (const stele::Cell& found : row.cells) {
    std::cout << comma << Quoted(found.family + ":" + found.qualifier) << ':'
              << Quoted(found.value);
    comma = ",";
  }
  std::cout << "}}\n";
}

absl::Status Run(const char* cell, const char* name, const char* prefix, const char* text) {
  auto filter = stele::ParseFilter(text);
  if (!filter.ok()) return filter.status();
  auto client = stele::Client::Connect(cell);
  if (!client.ok()) return client.status();
  auto table = (*client)->OpenTable(name);
  if (!table.ok()) return table.status();
  // Evaluated by the cell: what it does not let through is not sent.
  const auto query = stele::ReadQuery().Prefix(prefix).Filter(stele::Filter::Versions(1) & *filter);
  for (absl::StatusOr<stele::Row>& row : table->ReadRows(query)) {
    if (!row.ok()) return row.status();
    Print(*row);
  }
  const stele::ClientMetrics metrics = (*client)->metrics();
  std::cerr << metrics.requests << " requests, " << metrics.retries << " retries, "
            << metrics.response_bytes << " bytes received\n";
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 5) {
    std::cerr << "usage: scan_json CELL TABLE [PREFIX [FILTER]]\n";
    return 2;
  }
  const absl::Status done =
      Run(argv[1], argv[2], argc > 3 ? argv[3] : "", argc > 4 ? argv[4] : "pass");
  if (!done.ok()) std::cerr << "scan_json: " << done << '\n';
  return done.ok() ? 0 : 1;
}
