// hello CELL: makes a table if it is not there, writes a row and reads it back.
#include <stele/client.h>

#include <iostream>

namespace {

absl::Status Run(const char* cell) {
  auto client = stele::Client::Connect(cell);
  if (!client.ok()) return client.status();

  stele::TableSchema schema;
  schema.name = "hello";
  schema.families.emplace_back().name = "text";
  auto created = (*client)->admin().CreateTable(schema);
  if (!created.ok() && !absl::IsAlreadyExists(created.status())) return created.status();

  auto table = (*client)->OpenTable("hello");
  if (!table.ok()) return table.status();
  // Both cells are written, or none; after OK no crash takes them back.
  absl::Status written = table->Apply(stele::RowMutationBuilder("greeting")
                                          .Set("text", "en", "Hello, world")
                                          .Set("text", "de", "Hallo, Welt")
                                          .Build());
  if (!written.ok()) return written;

  auto row = table->ReadRow("greeting", stele::ReadQuery().Family("text").CellsPerColumn(1));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return absl::NotFoundError("the row is not there");
  for (const stele::Cell& found : (*row)->cells) {
    std::cout << found.qualifier << ": " << found.value << '\n';
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: hello CELL\n";
    return 2;
  }
  const absl::Status done = Run(argv[1]);
  if (!done.ok()) std::cerr << "hello: " << done << '\n';
  return done.ok() ? 0 : 1;
}
