#include "tabletserver/storage/manifest/reshape.h"

#include <algorithm>

#include "common/base/check.h"
#include "tabletserver/storage/manifest/row_drops.h"

namespace stele::storage {
namespace {

// Narrows what counts of each file to (start, end]; an empty bound narrows nothing. Files of which
// nothing is left are no longer named.
void ClipFiles(Slice start, Slice end, std::vector<ManifestFile>* files) {
  for (ManifestFile& file : *files) {
    file.clip_start = std::max(file.clip_start, std::string(start));
    if (!end.empty() && (file.clip_end.empty() || end < Slice(file.clip_end))) {
      file.clip_end = std::string(end);
    }
  }
  std::erase_if(*files, [](const ManifestFile& file) {
    return (!file.clip_start.empty() && file.last_row <= file.clip_start) ||
           (!file.clip_end.empty() && file.first_row > file.clip_end);
  });
}

// With everything in files, the next write comes after all drops.
Manifest Settled(Manifest manifest) {
  if (manifest.drops.empty()) return manifest;
  manifest.flushed_sequence = std::max(manifest.flushed_sequence, manifest.drops.back().sequence);
  SettleRowDrops(&manifest);
  return manifest;
}

const ManifestFile* FindFile(const Manifest& manifest, uint64_t file_id) {
  for (const ManifestFile& file : manifest.files) {
    if (file.file_id == file_id) return &file;
  }
  return nullptr;
}

}  // namespace

bool CanSplitAt(const TabletDescriptor& tablet, Slice at) {
  return at > Slice(tablet.start_row) && (tablet.end_row.empty() || at < Slice(tablet.end_row));
}

Manifest WithPendingSplit(const Manifest& parent, TabletId child) {
  Manifest pending = parent;
  pending.last_split = {child, parent.tablet.start_row};
  return pending;
}

bool SplitIsPending(const Manifest& manifest) {
  return manifest.last_split.child != 0 &&
         manifest.last_split.start_row == manifest.tablet.start_row;
}

Manifest SplitChild(const Manifest& parent, TabletId child, Slice at) {
  CHECK(CanSplitAt(parent.tablet, at));
  Manifest made = parent;
  made.tablet.id = child;
  made.tablet.end_row = std::string(at);
  made.parents.push_back(parent.tablet.id);
  made.last_split = SplitOff();
  ClipFiles("", at, &made.files);
  return Settled(std::move(made));
}

Manifest SplitRest(const Manifest& parent, TabletId child, Slice at) {
  CHECK(CanSplitAt(parent.tablet, at));
  Manifest rest = parent;
  rest.last_split = {child, parent.tablet.start_row};
  rest.tablet.start_row = std::string(at);
  ClipFiles(at, "", &rest.files);
  return Settled(std::move(rest));
}

bool ShareFileWithGap(const Manifest& left, const Manifest& right) {
  return std::any_of(right.files.begin(), right.files.end(), [&](const ManifestFile& file) {
    const ManifestFile* other = FindFile(left, file.file_id);
    return other != nullptr && (other->clip_end.empty() || file.clip_start != other->clip_end);
  });
}

bool HaveDrops(const Manifest& left, const Manifest& right) {
  return !Settled(left).drops.empty() || !Settled(right).drops.empty();
}

Manifest Merged(const Manifest& left, const Manifest& right) {
  CHECK_EQ(left.tablet.end_row, right.tablet.start_row);
  CHECK(!ShareFileWithGap(left, right) && !HaveDrops(left, right));
  const Sequence of_left = Settled(left).flushed_sequence;
  Manifest merged = Settled(right);
  merged.tablet.start_row = left.tablet.start_row;
  merged.last_split = SplitOff();
  merged.parents.push_back(left.tablet.id);
  // Files were clipped by splits only where their tablets ended: an open bound stays inside.
  for (ManifestFile& file : merged.files) {
    if (FindFile(left, file.file_id) != nullptr) {
      file.clip_start = FindFile(left, file.file_id)->clip_start;
    }
  }
  for (const ManifestFile& file : left.files) {
    if (FindFile(right, file.file_id) == nullptr) merged.files.push_back(file);
  }
  // Rows of one side are never compared with rows of the other, so the sequences of both stay.
  merged.flushed_sequence = std::max(of_left, merged.flushed_sequence);
  merged.requests = JoinedRequests(left.requests, right.requests);
  merged.gc_now_us = std::max(left.gc_now_us, right.gc_now_us);
  // The lower one: an order that only one side has carried out is still to be done.
  merged.last_drop_order = std::min(left.last_drop_order, right.last_drop_order);
  merged.max_server_timestamp_us =
      std::max(left.max_server_timestamp_us, right.max_server_timestamp_us);
  return merged;
}

}  // namespace stele::storage
