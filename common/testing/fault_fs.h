// FaultFs: a file system over the model of a disk in memory (disk_model.h), for crash tests. It
// forgets what was not synced when the power is cut, tears writes, loses unsynced names, and fails
// chosen calls. Every call that changes the disk is numbered, from 1 on, over the object's whole
// life: run a workload once to learn calls(), then run it again with a fault at each number.
//
//   FaultFs fs;
//   fs.InjectAt(n, FaultFs::Fault::kPowerCutBefore);
//   RunWorkload(&fs);                 // its calls fail from the nth on
//   fs.Restart(seed);                 // power on again; or: auto disk = fs.Image(seed)
//   Recover(&fs);
//
// Numbered: Open with kCreateExclusive, WriteAt, Sync, Truncate, Allocate, Rename, Link, Unlink,
// MakeDir, RemoveDir, SyncDir, and TryLock when it creates the file. The other calls are reads and
// have a count of their own.
//
// Paths: absolute; a relative one begins at the root; "." is passed over, ".." refused.
// Thread-safe. Files and locks may outlive the object; after a power cut they only fail.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/store/fs.h"
#include "common/time/clock.h"

namespace stele {

class FaultFs : public Fs {
 public:
  enum class Fault {
    kPowerCutBefore,  // the power goes before the call has any effect
    kPowerCutAfter,   // the call takes effect, then the power goes: it fails nonetheless
    kIoError,         // Internal; no effect (a failed Sync loses what it should have synced)
    kIoErrorAfter,    // the call takes effect and returns Internal nonetheless
    kNoSpace,         // ResourceExhausted; no effect; a Sync or removal has no such error: kIoError
    kShortWrite,      // a WriteAt changes the front half of its range, then Internal; else kIoError
  };

  // The clock gives files their modification time; null: the number of the call does. Not owned.
  explicit FaultFs(const Clock* clock = nullptr);
  ~FaultFs() override;

  // How many numbered calls and how many reads were made so far.
  uint64_t calls() const;
  uint64_t reads() const;
  // The fault meets the call that gets the number `call`; `sticky`: and every later one, until
  // ClearFaults. Faults at several numbers may be planned.
  void InjectAt(uint64_t call, Fault fault, bool sticky = false);
  // The read with this number fails with Internal; `sticky`: and every later one.
  void FailReadAt(uint64_t read, bool sticky = false);
  // Forgets all plans; the power stays as it is.
  void ClearFaults();
  // The calls that met a fault, for example {"#17 sync /s/tmp/0.3: kIoError"}.
  std::vector<std::string> fault_report() const;

  // Cuts the power now: every later call on this object, its files and locks fails with Internal,
  // until Restart. Locks are released.
  void CutPower();
  bool power_is_off() const;
  // Cuts the power, then puts what it left on the disk and switches on. Seed 0: nothing that was
  // not synced is left; 1: all of it; other seeds: any part. Plans are forgotten; the numbers go
  // on.
  void Restart(uint64_t seed);
  // What Restart would leave, as a disk of its own with calls() == 0; this object does not change.
  std::unique_ptr<FaultFs> Image(uint64_t seed) const;

  // A disk of this many bytes: a write that does not fit writes what does, then ResourceExhausted.
  void SetCapacity(uint64_t bytes);
  uint64_t used_bytes() const;
  // Of what is asked of memory (ReadAtIfInMemory) every n-th is there; 0, as it begins: nothing.
  void KeepInMemoryOneIn(uint64_t n);

  // For damage tests and for looking at the disk; not numbered, work without power.
  std::vector<std::string> AllFiles() const;  // absolute paths, sorted
  std::vector<std::string> Released() const;  // of ReleaseCached, in that order
  StatusOr<std::string> Contents(const std::string& path) const;
  // Changes one byte, now and durably. OutOfRange past the end.
  Status Damage(const std::string& path, uint64_t offset, uint8_t xor_mask);

  StatusOr<std::unique_ptr<FsFile>> Open(const std::string& path, Mode mode) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Link(const std::string& from, const std::string& to) override;
  Status Unlink(const std::string& path) override;
  Status MakeDir(const std::string& path) override;
  Status RemoveDir(const std::string& path) override;
  Status SyncDir(const std::string& path) override;
  StatusOr<std::vector<std::string>> List(const std::string& dir) override;
  StatusOr<bool> Exists(const std::string& path) override;
  StatusOr<int64_t> ModifiedMicros(const std::string& path) override;
  StatusOr<uint64_t> FreeBytes(const std::string& path) override;
  StatusOr<uint64_t> TotalBytes(const std::string& path) override;
  StatusOr<std::unique_ptr<FsLock>> TryLock(const std::string& path) override;

 private:
  class Disk;
  class File;
  class Lock;
  explicit FaultFs(std::shared_ptr<Disk> disk);

  const std::shared_ptr<Disk> disk_;
};

}  // namespace stele
