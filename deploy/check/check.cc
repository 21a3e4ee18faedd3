#include "deploy/check/check.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "tabletserver/storage/table_names.h"
#include "tabletserver/storage/trash_list.h"
#include "tabletserver/storage/verify_file.h"

namespace stele::deploy {
namespace {

using storage::Manifest;

std::string Quoted(Slice row) { return absl::StrCat("\"", absl::CHexEscape(row), "\""); }

// Keys order by their end; an empty end is the last.
bool EndsBefore(const TabletLocation& a, const TabletLocation& b) {
  if (a.tablet.table != b.tablet.table) return a.tablet.table < b.tablet.table;
  if (a.tablet.end_row.empty() || b.tablet.end_row.empty()) {
    return !a.tablet.end_row.empty() && b.tablet.end_row.empty();
  }
  return a.tablet.end_row < b.tablet.end_row;
}

class Checker {
 public:
  explicit Checker(const CheckInput& input) : input_(input) {}

  std::vector<Finding> Run() {
    CheckTables();
    CheckManifests();
    CheckFiles();
    std::sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
      return a.damage != b.damage ? a.damage : a.text < b.text;
    });
    return std::move(findings_);
  }

 private:
  template <typename... Parts>
  void Damage(const Parts&... parts) {
    findings_.push_back({true, absl::StrCat(parts...)});
  }
  template <typename... Parts>
  void Note(const Parts&... parts) {
    findings_.push_back({false, absl::StrCat(parts...)});
  }
  const Manifest* Find(TabletId tablet) const {
    auto it = input_.manifests.find(tablet);
    return it == input_.manifests.end() || !it->second.ok() ? nullptr : &*it->second;
  }

  void CheckTables() {
    std::vector<TabletLocation> sorted = input_.locations;
    std::sort(sorted.begin(), sorted.end(), EndsBefore);
    for (size_t i = 0; i < sorted.size(); ++i) {
      const bool first = i == 0 || sorted[i - 1].tablet.table != sorted[i].tablet.table;
      const bool last =
          i + 1 == sorted.size() || sorted[i + 1].tablet.table != sorted[i].tablet.table;
      // The rows of METADATA's own first tablet, the root, are not in METADATA.
      std::string start = first ? "" : sorted[i - 1].tablet.end_row;
      if (first && sorted[i].tablet.table == kMetadataTable) start = RootTabletDescriptor().end_row;
      CheckLocation(sorted[i], start, first ? nullptr : &sorted[i - 1]);
      if (last && !sorted[i].tablet.end_row.empty()) {
        Damage("table ", sorted[i].tablet.table, ": no tablet has the rows after ",
               Quoted(sorted[i].tablet.end_row));
      }
    }
  }

  void CheckLocation(const TabletLocation& location, const std::string& start,
                     const TabletLocation* before) {
    const TabletDescriptor& tablet = location.tablet;
    if (!located_.insert(tablet.id).second) {
      Damage("tablet ", tablet.id, " has two rows in METADATA");
    }
    if (before != nullptr && before->tablet.end_row == tablet.end_row) {
      Damage("tablets ", before->tablet.id, " and ", tablet.id, " end at the same row");
    }
    auto stored = input_.manifests.find(tablet.id);
    if (stored == input_.manifests.end()) {
      if (location.assignment == TabletAssignment::kCreating) return;
      const TabletId heir = HeirOf(tablet);
      if (heir == 0) return Damage("tablet ", tablet.id, " has no manifest");
      return Note("the merge of tablet ", tablet.id, " into tablet ", heir, " is not finished");
    }
    if (!stored->second.ok()) {
      return Damage("tablet ", tablet.id, ": ", stored->second.status().message());
    }
    const Manifest& manifest = *stored->second;
    if (manifest.tablet.table != tablet.table || manifest.tablet.end_row != tablet.end_row) {
      Damage("tablet ", tablet.id, ": its manifest is of other rows than METADATA says");
    }
    if (manifest.epoch > location.epoch) {
      Damage("tablet ", tablet.id, " is owned under epoch ", manifest.epoch,
             ", METADATA knows only ", location.epoch);
    }
    if (manifest.merged_into != 0) return CheckSealed(manifest);
    CheckStart(manifest, start, before);
  }

  // The tablet that took its rows over; 0: none did.
  TabletId HeirOf(const TabletDescriptor& tablet) const {
    for (const auto& [id, stored] : input_.manifests) {
      if (!stored.ok() || stored->tablet.table != tablet.table) continue;
      const bool lineage =
          std::count(stored->parents.begin(), stored->parents.end(), tablet.id) != 0;
      if (lineage && !tablet.end_row.empty() && stored->tablet.Contains(tablet.end_row)) return id;
    }
    return 0;
  }

  // Its rows are, or are about to be, the right neighbour's.
  void CheckSealed(const Manifest& sealed) {
    const Manifest* right = Find(sealed.merged_into);
    const bool fits = right != nullptr && (right->tablet.start_row == sealed.tablet.end_row ||
                                           right->tablet.Contains(sealed.tablet.end_row));
    if (!fits) {
      return Damage("tablet ", sealed.tablet.id, " was merged into tablet ", sealed.merged_into,
                    ", which has not its rows");
    }
    Note("the merge of tablet ", sealed.tablet.id, " into tablet ", sealed.merged_into,
         " is not finished");
  }

  void CheckStart(const Manifest& manifest, const std::string& start,
                  const TabletLocation* before) {
    const TabletDescriptor& tablet = manifest.tablet;
    if (tablet.start_row == start) return;
    const storage::SplitOff& split = manifest.last_split;
    const Manifest* child = split.child == 0 ? nullptr : Find(split.child);
    if (tablet.start_row > start) {
      if (child != nullptr && split.start_row == start &&
          child->tablet.end_row == tablet.start_row) {
        return Note("the split of tablet ", tablet.id, " is not in METADATA yet");
      }
      return Damage("table ", tablet.table, ": no tablet has the rows (", Quoted(start), ", ",
                    Quoted(tablet.start_row), "]");
    }
    const Manifest* left = before == nullptr ? nullptr : Find(before->tablet.id);
    const bool merged = left == nullptr || left->merged_into == tablet.id;
    const bool lineage =
        before != nullptr &&
        std::count(manifest.parents.begin(), manifest.parents.end(), before->tablet.id) != 0;
    if (merged && lineage) return;  // the left one's row or manifest is about to go
    Damage("table ", tablet.table, ": tablets ", before == nullptr ? 0 : before->tablet.id, " and ",
           tablet.id, " both have the rows (", Quoted(tablet.start_row), ", ", Quoted(start), "]");
  }

  void CheckManifests() {
    for (const auto& [id, stored] : input_.manifests) {
      if (located_.contains(id) || id < kFirstUserTablet) continue;
      if (!stored.ok()) {
        Damage("manifest of tablet ", id,
               ", which METADATA does not know: ", stored.status().message());
        continue;
      }
      if (!IsBetweenSteps(*stored)) {
        Damage("manifest of tablet ", id, ", which METADATA does not know");
      }
    }
  }

  // A child before or after its split's commit, or the left side of a merge.
  bool IsBetweenSteps(const Manifest& manifest) {
    const TabletId id = manifest.tablet.id;
    if (manifest.merged_into != 0) {
      CheckSealed(manifest);
      return true;
    }
    const Manifest* parent = manifest.parents.empty() ? nullptr : Find(manifest.parents.back());
    if (parent == nullptr || parent->last_split.child != id) return false;
    if (parent->tablet.start_row == manifest.tablet.end_row) return true;  // noted at the parent
    if (!parent->tablet.Contains(manifest.tablet.end_row)) return false;
    Note("a split of tablet ", parent->tablet.id, " was cut off; its child ", id,
         " goes when the tablet is opened or split again");
    return true;
  }

  void CheckFiles() {
    std::set<std::string> named;
    for (const auto& [id, stored] : input_.manifests) {
      if (!stored.ok()) continue;
      for (const storage::ManifestFile& file : stored->files) {
        named.insert(file.blob);
        if (!input_.blobs.contains(file.blob))
          Damage("tablet ", id, ": ", file.blob, " is missing");
        if (file.max_sequence > stored->flushed_sequence) {
          Damage("tablet ", id, ": ", file.blob, " holds sequence ", file.max_sequence,
                 ", flushed is ", stored->flushed_sequence);
        }
      }
    }
    for (const auto& [blob, modified_us] : input_.blobs) {
      if (named.contains(blob) || input_.trash.contains(blob)) continue;
      if (input_.now_us - modified_us <= input_.grace_us) continue;
      findings_.push_back({input_.strict, absl::StrCat(blob, " is named by no manifest")});
    }
  }

  const CheckInput& input_;
  std::set<TabletId> located_;
  std::vector<Finding> findings_;
};

}  // namespace

StatusOr<CheckInput> ReadStore(BlobStore* store, int64_t now_us, int64_t grace_us) {
  CheckInput input;
  input.now_us = now_us;
  input.grace_us = grace_us;
  // Manifests first: what they name was there before they were written.
  ASSIGN_OR_RETURN(const std::vector<std::string> cells,
                   store->ListCells(storage::kManifestCellPrefix));
  for (const std::string& cell : cells) {
    ASSIGN_OR_RETURN(const TabletId tablet, storage::ParseManifestCellName(cell));
    auto stored = storage::ReadManifest(store, tablet);
    if (absl::IsNotFound(stored.status())) continue;  // gone meanwhile
    if (stored.ok()) {
      input.manifests.emplace(tablet, std::move(stored->manifest));
    } else {
      input.manifests.emplace(tablet, stored.status());
    }
  }
  ASSIGN_OR_RETURN(const std::vector<BlobInfo> blobs, store->ListBlobs(storage::kTablesPrefix));
  for (const BlobInfo& blob : blobs) input.blobs[blob.name] = blob.modified_us;
  ASSIGN_OR_RETURN(const storage::StoredTrash trash, storage::ReadTrash(store));
  for (const auto& [blob, at_us] : trash.entries) input.trash.insert(blob);
  return input;
}

std::vector<Finding> FindDamage(const CheckInput& input) { return Checker(input).Run(); }

std::vector<Finding> VerifyFiles(BlobStore* store, const CheckInput& input) {
  std::vector<Finding> findings;
  std::set<std::string> seen;
  for (const auto& [id, stored] : input.manifests) {
    if (!stored.ok()) continue;
    for (const storage::ManifestFile& file : stored->files) {
      if (!seen.insert(file.blob).second || !input.blobs.contains(file.blob)) continue;
      Status status = storage::VerifyFile(store, file);
      if (status.ok() || absl::IsNotFound(status)) continue;
      findings.push_back({true, absl::StrCat("tablet ", id, ": ", status.message())});
    }
  }
  return findings;
}

}  // namespace stele::deploy
