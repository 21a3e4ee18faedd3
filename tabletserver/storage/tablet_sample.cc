// Samples of a tablet's keys, from what is in memory anyway: fences of files, cells of memtables.
#include <algorithm>
#include <utility>

#include "schema/model/cell_key.h"
#include "tabletserver/storage/index/file_fences.h"
#include "tabletserver/storage/tablet_store.h"

namespace stele::storage {
namespace {

constexpr uint64_t kMemtablePieceBytes = 64 * 1024;

// Some bytes and rows that begin at about this row.
struct Piece {
  std::string row;
  uint64_t bytes = 0;
  double rows = 0;
};

StatusOr<std::string> RowOfFence(Slice fence) {
  std::string row;
  RETURN_IF_ERROR(Unescape(EncodedRow(fence), &row));
  return row;
}

// One piece a block; of a file without fences one piece in all.
Status AddFile(const OpenTable& table, const FileFences* fences, const DroppedRows& drops,
               bool count_rows, std::vector<Piece>* pieces) {
  const ManifestFile& file = table.file;
  if (fences == nullptr || fences->size() == 0) {
    pieces->push_back({file.first_row, file.bytes, 0});
    return OkStatus();
  }
  const double rows_a_block =
      static_cast<double>(table.table->properties().rows) / static_cast<double>(fences->size());
  ASSIGN_OR_RETURN(std::string next, RowOfFence(fences->key(0)));
  for (size_t block = 0; block < fences->size(); ++block) {
    std::string row = std::move(next);
    next.clear();  // behind the last block: +infinity
    if (block + 1 < fences->size()) {
      ASSIGN_OR_RETURN(next, RowOfFence(fences->key(block + 1)));
    }
    if (!file.clip_end.empty() && row > file.clip_end) break;
    if (!next.empty() && next <= file.clip_start) continue;
    if (drops.At(row) > std::max(file.max_sequence, file.drops_applied)) continue;
    row = std::max(row, file.clip_start);
    pieces->push_back(
        {std::move(row), fences->handle(block).file_bytes(), count_rows ? rows_a_block : 0});
  }
  return OkStatus();
}

Status AddMemtable(const TabletMemtable& memtable, const DroppedRows& drops,
                   std::vector<Piece>* pieces) {
  std::string encoded_row;
  Sequence dropped = 0;
  bool fresh_piece = true, counted = false;
  auto cells = memtable.cells.NewIterator();
  for (cells->SeekToFirst(); cells->Valid(); cells->Next()) {
    const Slice key = cells->key();
    const Slice row = EncodedRow(key);
    if (row != Slice(encoded_row)) {
      encoded_row.assign(row.data(), row.size());
      ASSIGN_OR_RETURN(std::string plain, RowOfFence(key));
      dropped = drops.At(plain);
      counted = false;
      fresh_piece = fresh_piece || pieces->back().bytes >= kMemtablePieceBytes;
      if (fresh_piece) pieces->push_back({std::move(plain), 0, 0});
      fresh_piece = false;
    }
    if (KeySequence(key) < dropped) continue;
    pieces->back().bytes += key.size() + cells->value().size();
    if (!std::exchange(counted, true)) pieces->back().rows += 1;
  }
  return OkStatus();
}

uint64_t RowsOf(const TabletGroup& group) {
  uint64_t rows = 0;
  for (const auto& table : group.tables) {
    if (table->table != nullptr) rows += table->table->properties().rows;
  }
  return rows;
}

// The pieces in the order of their rows, cut every `step` bytes.
std::vector<RowKeySample> Cut(std::vector<Piece> pieces, uint64_t step,
                              const TabletDescriptor& tablet) {
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece& a, const Piece& b) { return a.row < b.row; });
  std::vector<RowKeySample> samples;
  uint64_t bytes = 0, last_bytes = 0;
  double rows = 0;
  std::string last_row = tablet.start_row;
  for (const Piece& piece : pieces) {
    const bool inside = tablet.end_row.empty() || piece.row < tablet.end_row;
    if (inside && bytes - last_bytes >= step && piece.row > last_row) {
      samples.push_back({piece.row, bytes, static_cast<uint64_t>(rows)});
      last_row = piece.row;
      last_bytes = bytes;
    }
    bytes += piece.bytes;
    rows += piece.rows;
  }
  samples.push_back({tablet.end_row, bytes, static_cast<uint64_t>(rows)});
  return samples;
}

}  // namespace

StatusOr<std::vector<RowKeySample>> TabletStoreImpl::SampleRowKeys(uint64_t step_bytes) {
  auto v = version();
  std::vector<Piece> pieces;
  // A row has cells in several groups: those of the group with the most rows are counted.
  const TabletGroup* most = nullptr;
  for (const TabletGroup& group : v->groups) {
    if (most == nullptr || RowsOf(group) > RowsOf(*most)) most = &group;
  }
  for (const TabletGroup& group : v->groups) {
    for (const auto& table : group.tables) {
      const FileFences* fences = nullptr;
      for (size_t i = 0; i < group.index->files().size(); ++i) {
        if (group.index->files()[i].table == table->table) fences = &group.index->fences(i);
      }
      RETURN_IF_ERROR(AddFile(*table, fences, *v->drops, &group == most, &pieces));
    }
  }
  RETURN_IF_ERROR(AddMemtable(*v->active, *v->drops, &pieces));
  for (const auto& frozen : v->frozen) RETURN_IF_ERROR(AddMemtable(*frozen, *v->drops, &pieces));
  uint64_t total = 0;
  for (const Piece& piece : pieces) total += piece.bytes;
  const uint64_t step = std::max(step_bytes, total / kMaxRowKeySamplesOfTablet + 1);
  return Cut(std::move(pieces), step, tablet_);
}

}  // namespace stele::storage
