#include "common/store/cell_directory.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/base/random.h"
#include "common/store/names.h"
#include "common/store/store_marker.h"

namespace stele {
namespace {

constexpr size_t kGenerationDigits = 16;
constexpr size_t kVersionDigits = 20;
constexpr size_t kVersionNameBytes = kGenerationDigits + 1 + kVersionDigits;
constexpr char kAttemptMark = '~';
constexpr char kCreation[] = "new";
// What an NFS client makes of a file that it removes while it is open.
constexpr char kNfsRemoved[] = ".nfs";
// Each try more says that another process got further meanwhile.
constexpr int kTries = 1000;
// A directory without a version is met between the death of a cell and that of its directory, and
// perhaps by a listing that a file system makes in several steps during a swap.
constexpr int kEmptyLooks = 8;

bool ParseVersionName(Slice entry, std::string* generation, uint64_t* version) {
  if (entry.size() != kVersionNameBytes || entry[kGenerationDigits] != '-') return false;
  const Slice digits = entry.substr(kGenerationDigits + 1);
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit)) return false;
  *generation = std::string(entry.substr(0, kGenerationDigits));
  return std::all_of(generation->begin(), generation->end(), absl::ascii_isxdigit) &&
         absl::SimpleAtoi(digits, version);
}

bool IsAttempt(Slice entry) {
  const size_t mark = entry.find(kAttemptMark);
  if (mark == Slice::npos || mark + 1 == entry.size()) return false;
  std::string generation;
  uint64_t version = 0;
  const Slice goal = entry.substr(0, mark);
  return goal == kCreation || ParseVersionName(goal, &generation, &version);
}

}  // namespace

std::string CellFolder(Slice name) { return absl::StrCat("cells/", name, kCellFolderSuffix); }

std::string CellVersionFile(Slice generation, uint64_t version) {
  return absl::StrFormat("%s-%020u", generation, version);
}

CellDirectory::CellDirectory(StoreDirectory* directory, Slice name)
    : directory_(directory),
      name_(name),
      path_(absl::StrCat(directory->root(), "/", CellFolder(name))) {}

bool CellDirectory::Listing::Holds(const VersionName& version) const {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

const CellDirectory::VersionName* CellDirectory::Listing::Greatest() const {
  if (versions.empty() || versions.front().generation != versions.back().generation) return nullptr;
  return &versions.back();
}

std::string CellDirectory::PathOf(const VersionName& version) const {
  return PathOf(CellVersionFile(version.generation, version.version));
}

Status CellDirectory::NotFound() const {
  return absl::NotFoundError(absl::StrCat("cell ", name_, " does not exist"));
}

StatusOr<CellDirectory::Listing> CellDirectory::List() {
  ASSIGN_OR_RETURN(std::vector<std::string> entries, fs()->List(path_));
  Listing listing;
  for (std::string& entry : entries) {
    VersionName version;
    if (ParseVersionName(entry, &version.generation, &version.version)) {
      listing.versions.push_back(std::move(version));
    } else if (IsAttempt(entry)) {
      listing.attempts.push_back(std::move(entry));
    } else if (!absl::StartsWith(entry, kNfsRemoved)) {
      listing.foreign = std::move(entry);
    }
  }
  return listing;  // names have a fixed length: their order is that of their numbers
}

StatusOr<std::unique_ptr<CellDirectory::VersionName>> CellDirectory::FindGreatest(
    std::string* foreign) {
  int empty = 0;
  bool torn = false;
  for (int i = 0; i < kTries; ++i) {
    StatusOr<Listing> listing = List();
    if (IsNotFound(listing.status())) return nullptr;
    RETURN_IF_ERROR(listing.status());
    *foreign = listing->foreign;
    if (listing->versions.empty()) {
      if (++empty == kEmptyLooks) return nullptr;
      continue;
    }
    const VersionName* greatest = listing->Greatest();
    torn = greatest == nullptr;
    if (!torn) return std::make_unique<VersionName>(*greatest);
  }
  if (torn) return CorruptError(absl::StrCat("cell ", name_, ": two generations in ", path_));
  return absl::UnavailableError(absl::StrCat("cell ", name_, " changes too fast to be read"));
}

StatusOr<CellDirectory::Found> CellDirectory::Find() {
  RETURN_IF_ERROR(directory_->CheckUsable());
  std::string foreign;  // no reason to refuse a cell
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(std::unique_ptr<VersionName> at, FindGreatest(&foreign));
    if (at == nullptr) return Found{};
    StatusOr<std::string> file = ReadWholeFile(fs(), PathOf(*at), kMaxCellFileBytes);
    if (IsNotFound(file.status())) continue;  // passed since it was listed
    RETURN_IF_ERROR(file.status());
    Found found;
    ASSIGN_OR_RETURN(found.version, DecodeCellVersion(name_, *file));
    if (found.version.cell.version != at->version) {
      return CorruptError(absl::StrCat("cell ", name_, ": version ", found.version.cell.version,
                                       " in the place of version ", at->version));
    }
    const bool lives = found.version.kind == CellKind::kValue;
    found.state = lives ? Found::State::kLives : Found::State::kDeleted;
    found.at = *std::move(at);
    return found;
  }
  return absl::UnavailableError(absl::StrCat("cell ", name_, " changes too fast to be read"));
}

StatusOr<StoredCell> CellDirectory::Read() {
  ASSIGN_OR_RETURN(Found found, Find());
  if (found.state == Found::State::kAbsent) return NotFound();
  // Its writer may be about to sync the directory, or have died before it did. Nobody may act on a
  // version, or on a deletion, that a power cut could take back. Gone: the cell was deleted since.
  Status synced = directory_->SyncBeforeBelieving(path_);
  if (!synced.ok() && !IsNotFound(synced)) return synced;
  if (found.state == Found::State::kDeleted) return NotFound();
  return std::move(found.version.cell);
}

StatusOr<bool> CellDirectory::Exists() {
  std::string foreign;
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(std::unique_ptr<VersionName> at, FindGreatest(&foreign));
    if (!foreign.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(PathOf(foreign), " was not made by this store"));
    }
    if (at == nullptr) return false;
    StatusOr<std::unique_ptr<FsFile>> file = fs()->Open(PathOf(*at), Fs::Mode::kRead);
    if (IsNotFound(file.status())) continue;
    RETURN_IF_ERROR(file.status());
    ASSIGN_OR_RETURN(uint64_t size, (*file)->Size());
    if (size > kMaxCellFileBytes - kMaxCellValueBytes) return true;  // a tombstone has no value
    std::string content(size, '\0');
    RETURN_IF_ERROR((*file)->ReadAt(0, size, content.data()).status());
    StatusOr<CellVersion> version = DecodeCellVersion(name_, content);
    return !version.ok() || version->kind == CellKind::kValue;
  }
  return absl::UnavailableError(absl::StrCat("cell ", name_, " changes too fast to be read"));
}

StatusOr<uint64_t> CellDirectory::Swap(uint64_t expected, Slice value) {
  ASSIGN_OR_RETURN(VersionName made, Advance(expected, value, CellKind::kValue));
  return made.version;
}

Status CellDirectory::Delete(uint64_t expected) {
  ASSIGN_OR_RETURN(VersionName tombstone, Advance(expected, "", CellKind::kDeleted));
  Retire(tombstone).IgnoreError();  // what stays is taken away by the next creation
  return OkStatus();
}

StatusOr<CellDirectory::VersionName> CellDirectory::Advance(uint64_t expected, Slice value,
                                                            CellKind kind) {
  const uint64_t token = SystemRandom()->Next64();
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(const Found found, Find());
    if (found.state != Found::State::kLives) return NotFound();
    if (found.at.version != expected) {
      return FencedError(
          absl::StrCat("cell ", name_, ": version is ", found.at.version, ", not ", expected));
    }
    const Goal goal{{found.at.generation, expected + 1}, token};
    CellVersion next{{expected + 1, std::string(value)}, kind, {token}};
    const std::vector<uint64_t>& before = found.version.lineage;
    const size_t kept = std::min(before.size(), kMaxCellLineage - 1);
    next.lineage.insert(next.lineage.end(), before.begin(), before.begin() + kept);
    Status made = TryAdvance(found, goal, EncodeCellVersion(name_, next));
    if (made.ok()) return goal.version;
    if (!absl::IsUnavailable(made)) return made;
  }
  return absl::UnavailableError(absl::StrCat("cell ", name_, " changes too fast to be swapped"));
}

Status CellDirectory::TryAdvance(const Found& from, const Goal& goal, const std::string& content) {
  const std::string attempt =
      absl::StrCat(CellVersionFile(goal.version.generation, goal.version.version),
                   std::string(1, kAttemptMark), directory_->NewToken());
  StatusOr<std::unique_ptr<FsFile>> file = fs()->Open(PathOf(attempt), Fs::Mode::kCreateExclusive);
  if (IsNotFound(file.status())) return absl::UnavailableError(name_);  // it went with the cell
  RETURN_IF_ERROR(file.status());
  StatusOr<bool> current = StillCurrent(from.at, attempt);
  Status ready = current.status();
  if (ready.ok() && !*current) ready = absl::UnavailableError(name_);
  if (ready.ok()) ready = (*file)->WriteAt(0, {content});
  if (ready.ok()) ready = (*file)->Sync();
  file->reset();  // NFS keeps the name of an open file
  if (!ready.ok()) {
    fs()->Unlink(PathOf(attempt)).IgnoreError();  // else removed by the next change
    return ready;
  }
  RETURN_IF_ERROR(Publish(attempt, goal));
  Clear(goal.version, attempt);
  return OkStatus();
}

StatusOr<bool> CellDirectory::StillCurrent(const VersionName& at, const std::string& attempt) {
  StatusOr<Listing> listing = List();
  if (IsNotFound(listing.status())) return false;
  RETURN_IF_ERROR(listing.status());
  const VersionName* greatest = listing->Greatest();
  const std::vector<std::string>& attempts = listing->attempts;
  if (greatest == nullptr || *greatest != at) return false;
  if (std::find(attempts.begin(), attempts.end(), attempt) == attempts.end()) return false;
  return fs()->Exists(PathOf(at));
}

Status CellDirectory::Publish(const std::string& attempt, const Goal& goal) {
  RETURN_IF_ERROR(directory_->CheckUsable());
  const std::string path = PathOf(attempt);
  Status linked = fs()->Link(path, PathOf(goal.version));
  if (absl::IsInternal(linked)) linked = directory_->Break(linked);
  // Another was first; or NFS has lost the answer, and asked again.
  if (absl::IsAlreadyExists(linked) || IsNotFound(linked)) linked = Trace(goal);
  if (!linked.ok()) {
    fs()->Unlink(path).IgnoreError();  // else removed by the next change
    return linked;
  }
  // Gone: it was made, and the cell deleted since.
  Status synced = fs()->SyncDir(path_);
  return synced.ok() || IsNotFound(synced) ? OkStatus() : directory_->Break(synced);
}

Status CellDirectory::Trace(const Goal& goal) {
  StatusOr<Found> found = Find();
  if (!found.ok()) return directory_->Break(found.status());
  const VersionName& at = found->at;
  const std::vector<uint64_t>& lineage = found->version.lineage;
  if (found->state != Found::State::kAbsent && at.generation == goal.version.generation) {
    // Versions only rise, and it had been removed before this one was read.
    if (at.version < goal.version.version) return absl::UnavailableError(name_);
    const uint64_t passed = at.version - goal.version.version;
    if (passed < lineage.size()) {
      if (lineage[passed] == goal.token) return OkStatus();
      if (passed == 0 && found->state == Found::State::kDeleted) return NotFound();
      return FencedError(absl::StrCat("cell ", name_, ": another made version ",
                                      goal.version.version, ", it is ", at.version));
    }
  }
  return absl::UnknownError(absl::StrCat("cell ", name_,
                                         ": outcome unknown: others passed version ",
                                         goal.version.version, " too far, or deleted the cell"));
}

void CellDirectory::Clear(const VersionName& version, const std::string& attempt) {
  // Only the remains: what cannot be removed now is removed by the next change.
  StatusOr<Listing> listing = List();
  // Without its own version there the names may be those of another life.
  if (listing.ok() && listing->Holds(version) && RemoveAttempts(*listing, version, attempt).ok()) {
    RemoveVersionsBelow(*listing, version).IgnoreError();
  }
  fs()->Unlink(PathOf(attempt)).IgnoreError();
}

Status CellDirectory::RemoveAttempts(const Listing& listing, const VersionName& upto, Slice kept) {
  for (const std::string& attempt : listing.attempts) {
    VersionName goal;
    const Slice goal_name = Slice(attempt).substr(0, attempt.find(kAttemptMark));
    const bool later = ParseVersionName(goal_name, &goal.generation, &goal.version) &&
                       goal.generation == upto.generation && goal.version > upto.version;
    if (later || attempt == kept) continue;
    if (Status s = fs()->Unlink(PathOf(attempt)); !s.ok() && !IsNotFound(s)) return s;
  }
  return OkStatus();
}

Status CellDirectory::RemoveVersionsBelow(const Listing& listing, const VersionName& version) {
  for (const VersionName& old : listing.versions) {
    if (old.generation != version.generation || old.version >= version.version) continue;
    if (Status s = fs()->Unlink(PathOf(old)); !s.ok() && !IsNotFound(s)) return s;
  }
  return OkStatus();
}

Status CellDirectory::Retire(const VersionName& tombstone) {
  StatusOr<Listing> listing = List();
  if (IsNotFound(listing.status())) return OkStatus();
  RETURN_IF_ERROR(listing.status());
  if (!listing->Holds(tombstone)) return OkStatus();  // another did it
  RETURN_IF_ERROR(RemoveAttempts(*listing, tombstone, ""));
  RETURN_IF_ERROR(RemoveVersionsBelow(*listing, tombstone));
  if (Status s = fs()->Unlink(PathOf(tombstone)); !s.ok() && !IsNotFound(s)) return s;
  Status removed = fs()->RemoveDir(path_);
  const bool used_again = absl::IsFailedPrecondition(removed) || absl::IsAlreadyExists(removed);
  return used_again || IsNotFound(removed) ? OkStatus() : removed;
}

Status CellDirectory::Create(Slice value) {
  RETURN_IF_ERROR(directory_->EnsureDir(ParentPath(path_)));
  std::set<std::string> tried;  // the generations that this call may have made
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(const Found found, Find());
    if (found.state != Found::State::kAbsent) {
      Status synced = directory_->SyncBeforeBelieving(path_);
      if (!synced.ok() && !IsNotFound(synced)) return synced;
    }
    if (found.state == Found::State::kLives) {
      // Its own: NFS has lost the answer to the link, and asked again.
      if (tried.count(found.at.generation) > 0) return OkStatus();
      return absl::AlreadyExistsError(path_);
    }
    if (found.state == Found::State::kDeleted) RETURN_IF_ERROR(Retire(found.at));
    const Goal goal{{absl::StrFormat("%016x", SystemRandom()->Next64()), 1},
                    SystemRandom()->Next64()};
    tried.insert(goal.version.generation);
    Status created = TryCreate(goal, value);
    if (!absl::IsUnavailable(created)) return created;
  }
  return absl::UnavailableError(absl::StrCat("cell ", name_, ": too many others create it"));
}

Status CellDirectory::TryCreate(const Goal& goal, Slice value) {
  const Status interfered = absl::UnavailableError(name_);
  const CellVersion first{{1, std::string(value)}, CellKind::kValue, {goal.token}};
  Status made = fs()->MakeDir(path_);
  if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
  const std::string attempt =
      absl::StrCat(kCreation, std::string(1, kAttemptMark), directory_->NewToken());
  StatusOr<std::unique_ptr<FsFile>> file = fs()->Open(PathOf(attempt), Fs::Mode::kCreateExclusive);
  if (IsNotFound(file.status())) return interfered;
  RETURN_IF_ERROR(file.status());
  // From here on nobody can replace the directory, unless he takes the attempt away first: it is
  // the directory whose entry becomes durable now.
  Status ready = directory_->SyncBeforeBelieving(ParentPath(path_));
  if (ready.ok()) ready = (*file)->WriteAt(0, {EncodeCellVersion(name_, first)});
  if (ready.ok()) ready = (*file)->Sync();
  if (ready.ok()) {
    StatusOr<bool> alone = IsAlone(attempt);
    ready = alone.status();
    if (ready.ok() && !*alone) ready = interfered;
  }
  file->reset();  // NFS keeps the name of an open file
  if (!ready.ok()) {
    fs()->Unlink(PathOf(attempt)).IgnoreError();  // else removed by the next change
    return ready;
  }
  Status published = Publish(attempt, goal);
  // Another creation took the attempt away; whether its link was made, the generation tells.
  if (absl::IsUnknown(published) && directory_->CheckUsable().ok()) return interfered;
  RETURN_IF_ERROR(published);
  Clear(goal.version, attempt);
  return OkStatus();
}

StatusOr<bool> CellDirectory::IsAlone(const std::string& attempt) {
  // Two looks, one after the other: FORMAT.md.
  int looks = 0;
  for (int i = 0; i < kTries && looks < 2; ++i) {
    StatusOr<Listing> listing = List();
    if (IsNotFound(listing.status())) return false;
    RETURN_IF_ERROR(listing.status());
    std::vector<std::string>& attempts = listing->attempts;
    const auto own = std::find(attempts.begin(), attempts.end(), attempt);
    if (!listing->versions.empty() || own == attempts.end()) return false;
    if (attempts.size() == 1) {
      ++looks;
      continue;
    }
    looks = 0;
    for (const std::string& other : attempts) {
      if (other == attempt) continue;
      if (Status s = fs()->Unlink(PathOf(other)); !s.ok() && !IsNotFound(s)) return s;
    }
  }
  return looks == 2;
}

}  // namespace stele
