// CellDirectory: one cell on the disk, a directory of versions, and its compare-and-swap between
// processes without any lock: whoever is stopped anywhere in it stops nobody, and when it goes on
// later it can change nothing that others have passed. Its only atomic step is an exclusive link;
// FORMAT.md holds the argument. Built for one operation; bound to one thread.
//
// Invariants: a version's name is never linked twice, since its first file is taken away only after
// every attempt at it. A version is taken away only when a higher one, or the tombstone that it is
// itself, is durable. The lower ones go first, the highest never, a tombstone last.
//
// Crash rule: the highest version is the cell, whatever else a dead process left; what it left is
// removed by the next successful change. An error between a version's becoming visible and its
// becoming durable is Unknown and breaks the store object (store_directory.h). Unknown without that
// comes when others passed the attempt by more versions than a version remembers, or deleted the
// cell: the caller reads back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/store/blob_store.h"
#include "common/store/cell_format.h"
#include "common/store/store_directory.h"

namespace stele {

class CellDirectory {
 public:
  // `name` is a checked name of a cell.
  CellDirectory(StoreDirectory* directory, Slice name);

  // The contracts are those of BlobStore's methods.
  StatusOr<StoredCell> Read();
  Status Create(Slice value);
  StatusOr<uint64_t> Swap(uint64_t expected, Slice value);
  Status Delete(uint64_t expected);
  // For listings: without reading a value; a damaged cell exists. FailedPrecondition when the
  // directory holds what the store did not make.
  StatusOr<bool> Exists();

 private:
  // A generation is the life of a cell from a creation to its deletion; its number is drawn at
  // random, so that no name of an earlier life is met again.
  struct VersionName {
    std::string generation;
    uint64_t version = 0;
    bool operator==(const VersionName&) const = default;
  };
  struct Listing {
    std::vector<VersionName> versions;  // by generation and version
    std::vector<std::string> attempts;  // names of files that are not linked to a version yet
    std::string foreign;                // the name of a file that is neither
    bool Holds(const VersionName& version) const;
    // The one generation's highest version; null when there is none, or a generation too many.
    const VersionName* Greatest() const;
  };
  struct Found {
    enum class State { kAbsent, kDeleted, kLives };
    State state = State::kAbsent;
    VersionName at;  // unless absent
    CellVersion version;
  };
  // What an attempt would be linked to, and the token in its content.
  struct Goal {
    VersionName version;
    uint64_t token = 0;
  };

  Fs* fs() const { return directory_->fs(); }
  std::string PathOf(Slice entry) const { return absl::StrCat(path_, "/", entry); }
  std::string PathOf(const VersionName& version) const;

  StatusOr<Listing> List();
  // The version that was the cell at some moment of the call, if it can be opened afterwards; null
  // when there is none. `foreign`: as in the listing.
  StatusOr<std::unique_ptr<VersionName>> FindGreatest(std::string* foreign);
  StatusOr<Found> Find();
  Status NotFound() const;

  // Makes the version that follows `expected`, and clears up behind it.
  StatusOr<VersionName> Advance(uint64_t expected, Slice value, CellKind kind);
  // Whether `at` is still the cell, after the attempt's file was made; false also when others
  // removed that.
  StatusOr<bool> StillCurrent(const VersionName& at, const std::string& attempt);
  // One try of it on what was found: Unavailable when others interfered without passing it.
  Status TryAdvance(const Found& from, const Goal& goal, const std::string& content);
  // Links `attempt` to its version, and makes that durable. The attempt is gone when it fails.
  Status Publish(const std::string& attempt, const Goal& goal);
  // What became of an attempt that is gone: OK when a version of its making is there or followed;
  // Aborted when that of another is, NotFound when that is a deletion; Unavailable when it was
  // removed, and none made; else Unknown.
  Status Trace(const Goal& goal);
  // Removes what `version`, which is durable, has left behind; its own attempt last.
  void Clear(const VersionName& version, const std::string& attempt);
  // Removes all attempts but `kept`, and but those at versions that follow `upto`.
  Status RemoveAttempts(const Listing& listing, const VersionName& upto, Slice kept);
  Status RemoveVersionsBelow(const Listing& listing, const VersionName& version);
  // Takes the remains of a deleted cell away; its tombstone is durable.
  Status Retire(const VersionName& tombstone);

  // One try of Create: Unavailable when another creation interfered.
  Status TryCreate(const Goal& goal, Slice value);
  // Whether `attempt` is alone in the directory; takes other attempts away to get there.
  StatusOr<bool> IsAlone(const std::string& attempt);

  StoreDirectory* const directory_;  // outlives this
  const std::string name_;
  const std::string path_;
};

// The folder of the versions of cell `name`, relative to the store's root.
std::string CellFolder(Slice name);
inline constexpr char kCellFolderSuffix[] = "@versions";
// The name of a version in it.
std::string CellVersionFile(Slice generation, uint64_t version);
// The generation of cells that a store of format 1 held.
inline constexpr char kFirstGeneration[] = "0000000000000000";

}  // namespace stele
