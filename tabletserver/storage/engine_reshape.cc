// Split and merge: how rows go from one tablet to another without a moment at which both or neither
// have them.
#include "common/base/log.h"
#include "tabletserver/storage/engine_impl.h"
#include "tabletserver/storage/manifest/reshape.h"

namespace stele::storage {
namespace {

Status CheckMergeable(const Manifest& left, const Manifest& right) {
  if (!ShareFileWithGap(left, right) && !HaveDrops(left, right)) return OkStatus();
  return absl::UnavailableError(absl::StrCat("files of tablets ", left.tablet.id, " and ",
                                             right.tablet.id, " are to be compacted first"));
}

}  // namespace

StatusOr<EngineImpl::StorePtr> EngineImpl::FindOpen(TabletId tablet) {
  MutexLock lock(&mu_);
  auto found = open_.find(tablet);
  if (found != open_.end()) return found->second;
  return absl::NotFoundError(absl::StrCat("tablet ", tablet, " is not open"));
}

void EngineImpl::Retire(TabletId tablet, const StorePtr& store) {
  store->StopWrites();
  store->StopReads();
  {
    MutexLock lock(&mu_);
    open_.erase(tablet);
  }
  store->Detach();
  core_->log->Forget(tablet);  // all of it is in files
}

// In the place of `old`, which answers reads until the others can.
Status EngineImpl::Replace(const StorePtr& old, std::vector<StoredManifest> manifests) {
  std::vector<StorePtr> stores;
  Status opened;
  for (StoredManifest& stored : manifests) {
    StatusOr<StorePtr> store = TabletStoreImpl::Open(core_, std::move(stored));
    if (opened.ok()) opened = store.status();
    if (store.ok()) stores.push_back(*std::move(store));
  }
  Retire(old->descriptor().id, old);
  RETURN_IF_ERROR(opened);
  MutexLock lock(&mu_);
  for (StorePtr& store : stores) open_[store->descriptor().id] = std::move(store);
  return OkStatus();
}

Status EngineImpl::DropUncommitted(const Manifest& parent) {
  StatusOr<StoredManifest> child = ReadManifest(core_->env.store, parent.last_split.child);
  if (absl::IsNotFound(child.status())) return OkStatus();
  RETURN_IF_ERROR(child.status());
  const std::vector<TabletId>& lineage = child->manifest.parents;
  const bool ours = !lineage.empty() && lineage.back() == parent.tablet.id &&
                    parent.tablet.Contains(child->manifest.tablet.end_row);
  if (!ours) return OkStatus();
  RETURN_IF_ERROR(core_->CheckLease());
  Status deleted = core_->Judge(
      core_->env.store->DeleteCell(ManifestCellName(parent.last_split.child), child->version));
  return absl::IsNotFound(deleted) ? OkStatus() : deleted;
}

// SplitTablet: what survives a crash after each step. The names are those of the fault points.
//
//  1. split.flush: most of what is in memory is flushed while writes go on; the row is chosen.
//  2. split.before_intent, split.after_intent: the parent's manifest names the child. Whoever opens
//     the parent next deletes the child's manifest: no other can be left behind.
//  3. split.paused: writers wait; the rest is flushed.
//  4. split.before_child, split.after_child: the child's manifest names the parent's files,
//  clipped.
//     It counts for nothing while the parent's still covers its rows.
//  5. split.before_commit, split.after_commit: one swap of the parent's manifest, under its owner's
//     epoch, gives up the rows. From here on they are the child's.
//  6. split.opened: both are open, with the blocks of their files in the cache; writers go on.
//
// After an error before 5 the parent serves as before. After one in 5 nobody knows which of the two
// is stored: the parent is not served until its manifest was read again.
Status EngineImpl::SplitTablet(TabletId parent, TabletId child, const std::string& at) {
  ASSIGN_OR_RETURN(std::unique_ptr<Busy> busy, Busy::Claim(this, parent));
  ASSIGN_OR_RETURN(std::unique_ptr<Busy> busy_child, Busy::Claim(this, child));
  ASSIGN_OR_RETURN(StorePtr store, FindOpen(parent));
  ASSIGN_OR_RETURN(const std::string row, PrepareSplit(store, child, at));  // 1, 2
  store->PauseWrites();
  Status flushed = Point("split.paused");  // 3
  if (flushed.ok()) flushed = store->Flush();
  bool made = false;
  auto give_up_rows = [&](const Manifest& now) -> StatusOr<Manifest> {
    RETURN_IF_ERROR(flushed);
    RETURN_IF_ERROR(MakeChild(SplitChild(now, child, row)));  // 4
    made = true;
    return SplitRest(now, child, row);  // 5
  };
  StatusOr<StoredManifest> rest = store->Reshape(give_up_rows);
  if (!made) {
    DropUncommitted(store->manifest()).IgnoreError();  // else the next split or opening does
    store->ResumeWrites();
    return rest.status();
  }
  Status committed = rest.ok() ? Point("split.after_commit") : rest.status();
  StatusOr<StoredManifest> taken = ReadManifest(core_->env.store, child);
  if (committed.ok()) committed = taken.status();
  if (!committed.ok()) {
    Retire(parent, store);
    return committed;
  }
  RETURN_IF_ERROR(Replace(store, {*std::move(taken), *std::move(rest)}));  // 6
  return Point("split.opened");
}

StatusOr<std::string> EngineImpl::PrepareSplit(const StorePtr& store, TabletId child,
                                               const std::string& at) {
  if (!at.empty() && !CanSplitAt(store->descriptor(), at)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the row is not strictly inside tablet ", store->descriptor().id));
  }
  RETURN_IF_ERROR(Point("split.flush"));
  RETURN_IF_ERROR(store->Flush());
  std::string row = at;
  if (row.empty()) {
    ASSIGN_OR_RETURN(row, store->SplitRow());
  }
  // An id that was used before: what it names is not to be touched.
  Status unused = ReadManifest(core_->env.store, child).status();
  if (!absl::IsNotFound(unused)) {
    return unused.ok() ? absl::AlreadyExistsError(absl::StrCat("tablet ", child, " exists"))
                       : unused;
  }
  const Manifest before = store->manifest();
  if (SplitIsPending(before)) RETURN_IF_ERROR(DropUncommitted(before));
  RETURN_IF_ERROR(Point("split.before_intent"));
  RETURN_IF_ERROR(
      store->Reshape([&](const Manifest& now) { return WithPendingSplit(now, child); }).status());
  RETURN_IF_ERROR(Point("split.after_intent"));
  return row;
}

Status EngineImpl::MakeChild(const Manifest& child) {
  RETURN_IF_ERROR(Point("split.before_child"));
  RETURN_IF_ERROR(core_->CheckLease());
  RETURN_IF_ERROR(core_->Judge(CreateManifest(core_->env.store, child)));
  RETURN_IF_ERROR(Point("split.after_child"));
  return Point("split.before_commit");
}

// MergeTablets: what survives a crash after each step. The names are those of the fault points.
//
//  1. merge.flush: most of what is in memory of both is flushed while writes go on.
//  2. merge.paused: writers of both wait; the rest is flushed.
//  3. merge.before_seal, merge.after_seal: one swap of the left manifest, under its owner's epoch,
//     seals it: nobody opens it again, its content is the right tablet's.
//  4. merge.before_extend, merge.after_extend: the right manifest has the rows and the files of
//     both. Until then nobody serves the left rows; whoever owns the right tablet can do it.
//  5. merge.opened: the right tablet is open over all rows; writers go on.
//
// After an error before 3 both serve as before. A file that both share stays named by one of them
// all the time: the left manifest is deleted (ForgetMerged) only after 4.
Status EngineImpl::MergeTablets(TabletId left, TabletId right) {
  ASSIGN_OR_RETURN(std::unique_ptr<Busy> busy, Busy::Claim(this, left));
  ASSIGN_OR_RETURN(std::unique_ptr<Busy> busy_right, Busy::Claim(this, right));
  ASSIGN_OR_RETURN(StorePtr right_store, FindOpen(right));
  ASSIGN_OR_RETURN(StoredManifest stored, ReadManifest(core_->env.store, left));
  if (stored.manifest.merged_into != right) {
    ASSIGN_OR_RETURN(StorePtr left_store, FindOpen(left));
    bool begun = false;
    Status sealed = PrepareMerge(left_store, right_store);            // 1, 2
    if (sealed.ok()) sealed = Seal(left_store, right_store, &begun);  // 3
    if (begun) {
      Retire(left, left_store);
    } else {
      left_store->ResumeWrites();
    }
    if (!sealed.ok()) {
      right_store->ResumeWrites();
      return sealed;
    }
  }
  return Extend(right_store, left);  // 4, 5
}

Status EngineImpl::PrepareMerge(const StorePtr& left, const StorePtr& right) {
  if (left->descriptor().table != right->descriptor().table || left->descriptor().end_row.empty() ||
      left->descriptor().end_row != right->descriptor().start_row) {
    return absl::FailedPreconditionError(absl::StrCat("tablet ", left->descriptor().id,
                                                      " does not end where tablet ",
                                                      right->descriptor().id, " begins"));
  }
  RETURN_IF_ERROR(Point("merge.flush"));
  RETURN_IF_ERROR(left->Flush());
  RETURN_IF_ERROR(right->Flush());
  if (!CheckMergeable(left->manifest(), right->manifest()).ok()) {
    RETURN_IF_ERROR(left->CompactMajor());
    RETURN_IF_ERROR(right->CompactMajor());
  }
  if (SplitIsPending(left->manifest())) RETURN_IF_ERROR(DropUncommitted(left->manifest()));
  if (SplitIsPending(right->manifest())) RETURN_IF_ERROR(DropUncommitted(right->manifest()));
  left->PauseWrites();
  right->PauseWrites();
  RETURN_IF_ERROR(Point("merge.paused"));
  RETURN_IF_ERROR(left->Flush());
  RETURN_IF_ERROR(right->Flush());
  return Point("merge.before_seal");
}

Status EngineImpl::Seal(const StorePtr& left, const StorePtr& right, bool* begun) {
  const Manifest other = right->manifest();
  auto sealed = left->Reshape([&](const Manifest& now) -> StatusOr<Manifest> {
    RETURN_IF_ERROR(CheckMergeable(now, other));
    *begun = true;
    Manifest next = now;
    next.merged_into = other.tablet.id;
    return next;
  });
  RETURN_IF_ERROR(sealed.status());
  return Point("merge.after_seal");
}

Status EngineImpl::Extend(const StorePtr& right, TabletId left) {
  ASSIGN_OR_RETURN(StoredManifest sealed, ReadManifest(core_->env.store, left));
  const TabletId id = right->descriptor().id;
  if (right->descriptor().start_row != sealed.manifest.tablet.end_row) {
    // An earlier call came to its end, or the two were never neighbours.
    if (right->descriptor().start_row <= sealed.manifest.tablet.start_row) return OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("tablet ", left, " does not end where tablet ", id, " begins"));
  }
  Status prepared = right->Flush();
  if (prepared.ok() && !CheckMergeable(sealed.manifest, right->manifest()).ok()) {
    prepared = right->CompactMajor();
  }
  right->PauseWrites();
  if (prepared.ok()) prepared = right->Flush();
  if (prepared.ok()) prepared = Point("merge.before_extend");
  if (!prepared.ok()) {
    right->ResumeWrites();
    return prepared;
  }
  bool begun = false;
  auto extended = right->Reshape([&](const Manifest& now) -> StatusOr<Manifest> {
    RETURN_IF_ERROR(CheckMergeable(sealed.manifest, now));
    begun = true;
    return Merged(sealed.manifest, now);
  });
  if (!begun) {
    right->ResumeWrites();
    return extended.status();
  }
  Status taken = extended.status();
  if (taken.ok()) taken = Point("merge.after_extend");
  if (!taken.ok()) {
    Retire(id, right);
    return taken;
  }
  RETURN_IF_ERROR(Replace(right, {*std::move(extended)}));
  return Point("merge.opened");
}

Status EngineImpl::ForgetMerged(TabletId left, TabletId right) {
  ASSIGN_OR_RETURN(StorePtr store, FindOpen(right));
  auto sealed = ReadManifest(core_->env.store, left);
  if (absl::IsNotFound(sealed.status())) return OkStatus();
  RETURN_IF_ERROR(sealed.status());
  // Whoever it was merged into may have been merged into the right one since: only with its rows
  // can another tablet reach over them all.
  const TabletDescriptor whole = store->descriptor(), &left_rows = sealed->manifest.tablet;
  const bool covered = sealed->manifest.merged_into != 0 && whole.table == left_rows.table &&
                       whole.start_row <= left_rows.start_row && !left_rows.end_row.empty() &&
                       (whole.end_row.empty() || left_rows.end_row <= whole.end_row);
  if (!covered) {
    return absl::FailedPreconditionError(
        absl::StrCat("tablet ", left, " was not merged into tablet ", right));
  }
  RETURN_IF_ERROR(core_->CheckLease());
  Status deleted =
      core_->Judge(core_->env.store->DeleteCell(ManifestCellName(left), sealed->version));
  return absl::IsNotFound(deleted) ? OkStatus() : deleted;
}

}  // namespace stele::storage
