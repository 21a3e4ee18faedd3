#include "tabletserver/storage/manifest/row_drops.h"

#include <algorithm>

#include "common/base/check.h"

namespace stele::storage {
namespace {

// The least row that the file may show.
std::string FirstRow(const ManifestFile& file) {
  if (file.clip_start.empty() || file.clip_start < file.first_row) return file.first_row;
  return file.clip_start + '\0';
}

Slice LastRow(const ManifestFile& file) {
  return file.clip_end.empty() ? Slice(file.last_row)
                               : std::min(Slice(file.last_row), Slice(file.clip_end));
}

bool Contains(const RowDrop& outer, const RowDrop& inner) {
  if (inner.start < outer.start) return false;
  return outer.end.empty() || (!inner.end.empty() && inner.end <= outer.end);
}

}  // namespace

bool DropConcerns(const RowDrop& drop, const ManifestFile& file) {
  if (file.min_sequence > drop.sequence || file.drops_applied >= drop.sequence) return false;
  if (LastRow(file) < Slice(drop.start)) return false;
  return drop.end.empty() || FirstRow(file) < drop.end;
}

bool DropCovers(const RowDrop& drop, const ManifestFile& file) {
  return file.max_sequence < drop.sequence && FirstRow(file) >= drop.start &&
         (drop.end.empty() || LastRow(file) < Slice(drop.end));
}

void AddRowDrop(RowDrop drop, Manifest* manifest) {
  CHECK_GT(drop.sequence, manifest->flushed_sequence);
  std::erase_if(manifest->drops, [&](const RowDrop& old) {
    CHECK_GT(drop.sequence, old.sequence);
    return Contains(drop, old);
  });
  std::erase_if(manifest->files, [&](const ManifestFile& file) { return DropCovers(drop, file); });
  manifest->drops.push_back(std::move(drop));
  SettleRowDrops(manifest);
}

void SettleRowDrops(Manifest* manifest) {
  // In the order of their sequences, as they were added.
  std::erase_if(manifest->drops, [&](const RowDrop& drop) {
    if (manifest->flushed_sequence + 1 == drop.sequence) {
      manifest->flushed_sequence = drop.sequence;
    }
    return manifest->flushed_sequence >= drop.sequence &&
           std::none_of(manifest->files.begin(), manifest->files.end(),
                        [&](const ManifestFile& file) { return DropConcerns(drop, file); });
  });
}

}  // namespace stele::storage
