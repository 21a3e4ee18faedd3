// What a tablet store does for a split or a merge of its tablet; the protocol is in
// engine_reshape.cc.
#include <algorithm>

#include "common/base/check.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/index/file_fences.h"
#include "tabletserver/storage/split_row.h"
#include "tabletserver/storage/tablet_store.h"

namespace stele::storage {
namespace {

// The first row that counts of a block: a block that begins before the clip counts from there on.
StatusOr<std::string> RowOfFence(Slice fence, const std::string& clip_start) {
  std::string row;
  RETURN_IF_ERROR(Unescape(EncodedRow(fence), &row));
  return std::max(row, clip_start);
}

}  // namespace

StatusOr<std::string> TabletStoreImpl::SplitRow() const {
  auto v = version();
  std::vector<WeighedRow> blocks;
  std::string last_row;
  for (const TabletGroup& group : v->groups) {
    for (const auto& table : group.tables) {
      const std::string& clip = table->file.clip_end;
      last_row = std::max(
          last_row, clip.empty() ? table->file.last_row : std::min(table->file.last_row, clip));
    }
    for (size_t file = 0; file < group.index->files().size(); ++file) {
      const FileFences& fences = group.index->fences(file);
      const auto [first, end] = group.index->BlocksOf(file);
      for (size_t block = first; block < end; ++block) {
        ASSIGN_OR_RETURN(std::string row,
                         RowOfFence(fences.key(block), group.index->files()[file].clip_start));
        blocks.push_back({std::move(row), fences.handle(block).file_bytes()});
      }
    }
  }
  return ChooseSplitRow(tablet_, std::move(blocks), last_row);
}

Manifest TabletStoreImpl::manifest() const {
  MutexLock lock(&manifest_mu_);
  return manifest_.current();
}

StatusOr<StoredManifest> TabletStoreImpl::Reshape(
    absl::FunctionRef<StatusOr<Manifest>(const Manifest&)> change) {
  MutexLock lock(&manifest_mu_);
  ASSIGN_OR_RETURN(const Manifest next, change(manifest_.current()));
  const bool rows_change_hands = next.tablet != tablet_ || next.merged_into != 0;
  CHECK(!rows_change_hands || !HasUnflushed()) << "of tablet " << tablet_.id;
  Status published = Publish(next);
  // A late compaction of this store knows only the old rows.
  if (rows_change_hands) reshaped_ = true;
  RETURN_IF_ERROR(published);
  return manifest_.stored();
}

}  // namespace stele::storage
