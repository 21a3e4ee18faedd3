#include "tabletserver/storage/sstable/sstable_dump.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "schema/model/cell_key.h"
#include "schema/model/schema_names.h"
#include "tabletserver/storage/sstable/table_reader.h"

namespace stele::storage {
namespace {

using Sink = std::function<void(Slice line)>;
constexpr size_t kShownValueBytes = 64;

std::string Quoted(Slice bytes) { return absl::StrCat("'", absl::CHexEscape(bytes), "'"); }

std::string PrintableKey(Slice key) {
  ParsedCellKey p;
  std::string scratch;
  if (Status s = ParseCellKey(key, &p, &scratch); !s.ok()) {
    return absl::StrCat("malformed key ", Quoted(key));
  }
  std::string row = Quoted(p.row);
  switch (p.kind) {
    case CellKind::kSet:
      return absl::StrCat(row, " ", p.family, "(", p.family_id, "):", Quoted(p.qualifier), " @",
                          p.timestamp_us, " #", p.sequence);
    case CellKind::kDeleteColumn:
      return absl::StrCat(row, " ", p.family, "(", p.family_id, "):", Quoted(p.qualifier),
                          " delete-column #", p.sequence);
    case CellKind::kDeleteFamily:
      return absl::StrCat(row, " ", p.family, "(", p.family_id, ") delete-family #", p.sequence);
    case CellKind::kDeleteRow:
      return absl::StrCat(row, " delete-row #", p.sequence);
  }
  return "?";
}

void DumpProperties(const SSTable& table, const Sink& line) {
  const SSTableProperties& p = table.properties();
  line(absl::StrCat("file ", table.name()));
  line(absl::StrFormat("file_id %016x", p.file_id));
  line(absl::StrCat("file_bytes ", p.file_bytes));
  line(absl::StrCat("codec ", NameOf(p.codec)));
  line(absl::StrCat("block_bytes ", p.block_bytes));
  line(absl::StrCat("blocks ", p.blocks));
  line(absl::StrCat("raw_block_bytes ", p.raw_block_bytes));
  line(absl::StrCat("bloom_columns ", p.bloom_columns ? "yes" : "no"));
  line(absl::StrCat("rows ", p.rows));
  line(absl::StrCat("cells ", p.cells));
  line(absl::StrCat("markers ", p.markers, " (", p.wide_markers, " of rows and families)"));
  line(absl::StrCat("key_value_bytes ", p.key_value_bytes));
  line(absl::StrCat("sequences ", p.min_sequence, " to ", p.max_sequence));
  line(absl::StrCat("timestamps ", p.min_timestamp_us, " to ", p.max_timestamp_us));
  line(absl::StrCat("first_key ", PrintableKey(p.first_key)));
  line(absl::StrCat("last_key ", PrintableKey(p.last_key)));
  line(absl::StrFormat("content_hash %016x", p.content_hash));
  for (const FamilyStatistics& f : p.families) {
    line(absl::StrCat("family ", f.name, "(", f.id, ") cells ", f.cells, " markers ", f.markers,
                      " key_value_bytes ", f.key_value_bytes, " timestamps ", f.min_timestamp_us,
                      " to ", f.max_timestamp_us));
  }
}

void DumpFence(const Fence& fence, const Sink& line) {
  const BlockHandle& h = fence.handle;
  if (h.pages_bytes != 0) {
    line(absl::StrFormat("block at %d of pages stored %d, directory %d crc %08x from row %s",
                         h.begin(), h.file_bytes(), h.stored_bytes, h.crc,
                         PrintableRow(fence.first_key)));
    return;
  }
  line(absl::StrFormat("block at %d stored %d raw %d %s crc %08x from row %s", h.offset,
                       h.stored_bytes, h.raw_bytes, NameOf(h.codec), h.crc,
                       PrintableRow(fence.first_key)));
}

void DumpCell(Slice key, Slice value, bool values, const Sink& line) {
  std::string text = absl::StrCat(PrintableKey(key), " ", value.size(), " bytes");
  if (values) {
    absl::StrAppend(&text, " ", Quoted(value.substr(0, kShownValueBytes)),
                    value.size() > kShownValueBytes ? "..." : "");
  }
  line(text);
}

// Shows the blocks one by one, so that a damaged one does not hide those behind it.
Status DumpCells(const SSTable& table, const std::vector<Fence>& fences,
                 const SSTableDumpOptions& options, const Sink& line) {
  Status first_error;
  uint64_t shown = 0;
  for (const Fence& fence : fences) {
    auto it = table.OpenBlock(fence.handle, {.fill_cache = false});
    Status status = it.status();
    if (it.ok()) {
      for ((*it)->SeekToFirst(); (*it)->Valid(); (*it)->Next()) {
        if (options.max_cells > 0 && shown++ >= options.max_cells) return first_error;
        DumpCell((*it)->key(), (*it)->value(), options.values, line);
      }
      status = (*it)->status();
    }
    if (!status.ok()) line(absl::StrCat("ERROR ", status.message()));
    first_error.Update(status);
  }
  return first_error;
}

}  // namespace

Status DumpSSTable(const SSTable& table, const SSTableDumpOptions& options, const Sink& line) {
  if (options.properties) DumpProperties(table, line);
  Status first_error;
  if (options.fences || options.cells) {
    ASSIGN_OR_RETURN(std::vector<Fence> fences, table.LoadFences());
    if (options.fences) {
      for (const Fence& fence : fences) DumpFence(fence, line);
    }
    if (options.cells) first_error.Update(DumpCells(table, fences, options, line));
  }
  if (options.verify) {
    Status verified = table.Verify();
    line(verified.ok() ? std::string("verified") : absl::StrCat("ERROR ", verified.message()));
    first_error.Update(verified);
  }
  return first_error;
}

}  // namespace stele::storage
