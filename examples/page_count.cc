// page_count CELL < visits: loads a list of visits, one page a line, and prints how often each page
// was visited. A visit is a cell of its own, so loading the same list again changes nothing.
#include <stele/bulk_mutator.h>
#include <stele/client.h>

#include <iostream>
#include <string>

namespace {

absl::Status Load(const stele::Table& table, std::istream& visits) {
  stele::BulkOptions options;
  options.max_outstanding_bytes = 8u << 20;  // Add waits when so much is not answered yet
  options.on_failure = [](const stele::RowMutation& row, const absl::Status& why) {
    std::cerr << "not loaded: " << row.row << ": " << why << '\n';
  };
  auto bulk = stele::BulkMutator::Create(table, options);
  if (!bulk.ok()) return bulk.status();
  int64_t line = 0;
  for (std::string page; std::getline(visits, page);) {
    if (page.empty()) continue;
    // The timestamp is our own, so that the SDK may repeat the write whatever became of it.
    const int64_t visit_us = 1000 * ++line;
    absl::Status taken = (*bulk)->Add(
        stele::RowMutationBuilder(page).SetAt("visit", std::to_string(line), visit_us, ""));
    if (!taken.ok()) return taken;
  }
  return (*bulk)->Flush();
}

absl::Status Run(const char* cell) {
  auto client = stele::Client::Connect(cell);
  if (!client.ok()) return client.status();
  stele::TableSchema schema;
  schema.name = "visits";
  schema.families.emplace_back().name = "visit";
  auto created = (*client)->admin().CreateTable(schema);
  if (!created.ok() && !absl::IsAlreadyExists(created.status())) return created.status();
  auto table = (*client)->OpenTable("visits");
  if (!table.ok()) return table.status();
  absl::Status loaded = Load(*table, std::cin);
  if (!loaded.ok()) return loaded;
  for (absl::StatusOr<stele::Row>& row : table->ReadRows(stele::ReadQuery())) {
    if (!row.ok()) return row.status();
    std::cout << row->cells.size() << ' ' << row->key << '\n';
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: page_count CELL < visits\n";
    return 2;
  }
  const absl::Status done = Run(argv[1]);
  if (!done.ok()) std::cerr << "page_count: " << done << '\n';
  return done.ok() ? 0 : 1;
}
