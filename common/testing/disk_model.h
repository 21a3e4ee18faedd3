// The model of a disk below FaultFs: what every file and directory holds now, what of it is
// durable, and what a power cut may leave of the rest. Plain data without locks, faults or paths;
// FaultFs owns and guards it. Thread-compatible.
//
// Files are modelled by sectors of 512 bytes. A write leaves its sectors dirty; a sync makes them
// durable. After a power cut every dirty sector holds, each on its own, any of the contents that it
// had since it was last durable, or the front of one and the back of the next (a torn write); the
// size is any that the file had since. A failed sync marks the dirty sectors clean without writing
// them, as Linux does: they stay what a power cut may take, whatever is synced later, until they
// are written again.
//
// Directories are modelled by their operations: after a power cut a directory holds what was synced
// and a prefix of the operations since. A rename inside one directory is one operation; between two
// it is one in each, which may be kept apart. A failed sync of a directory changes nothing: file
// systems keep such operations in a journal and write them with the next sync.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/slice.h"
#include "common/testing/seeded_random.h"

namespace stele {

// Decides what a power cut leaves. Seed 0: nothing that was not synced; seed 1: everything; any
// other: a choice that depends on the seed only.
class PowerCutChoice {
 public:
  explicit PowerCutChoice(uint64_t seed);
  // How a file's dirty sectors are treated; drawn once a file, so that whole files survive or
  // vanish often enough for what depends on several of them.
  enum class Mode { kDrop, kKeep, kEach, kEachTorn };
  Mode FileMode();
  // One of 0..n: how many of n later states have reached the disk.
  size_t Steps(Mode mode, size_t n);
  // Where in a sector a torn write stops, in bytes.
  size_t TearAt(Mode mode);

 private:
  const uint64_t seed_;
  SeededRandom random_;
};

// Bytes taken by all files of one disk, against its capacity.
struct DiskSpace {
  std::atomic<uint64_t> used{0};
  std::atomic<uint64_t> capacity{uint64_t{1} << 40};
};

class ModelFile {
 public:
  static constexpr size_t kSectorBytes = 512;

  explicit ModelFile(std::shared_ptr<DiskSpace> space) : space_(std::move(space)) {}
  ~ModelFile() { space_->used.fetch_sub(charged_); }
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  const std::string& data() const { return data_; }
  // How many of the n bytes at offset the disk has room for.
  uint64_t RoomFor(uint64_t offset, uint64_t n) const;
  void Write(uint64_t offset, Slice bytes);
  void Resize(uint64_t size);  // a growing file gets zeros
  void Sync();
  void FailSync();
  // Changes bytes behind everybody's back: now and durably. For damage tests.
  void Damage(uint64_t offset, uint8_t xor_mask);

  std::string AfterPowerCut(PowerCutChoice* choice) const;
  // Makes this, which is new, hold `content` durably.
  void SetDurable(std::string content);
  // Gives its space back: nobody can reach it any more, unless a power cut brings its name back.
  void ReleaseSpace();

 private:
  struct Sector {
    std::vector<std::string> old;  // from the durable content on; an empty string stands for zeros
    bool lost = false;             // by a failed sync
  };
  // Notes the contents of the sectors of [begin, end) before they change.
  void Dirty(uint64_t begin, uint64_t end);
  void Charge();
  std::string SectorNow(uint64_t index) const;

  const std::shared_ptr<DiskSpace> space_;
  std::string data_;
  std::map<uint64_t, Sector> dirty_;
  std::vector<uint64_t> old_sizes_;  // from the durable size on; empty: size is durable
  uint64_t charged_ = 0;
};

struct ModelNode;
using NodePtr = std::shared_ptr<ModelNode>;

class ModelDir {
 public:
  using Entries = std::map<std::string, NodePtr>;
  // One name set to a node, or taken away when the node is null.
  struct Change {
    std::string name;
    NodePtr node;
  };
  using Operation = std::vector<Change>;  // kept or lost as a whole

  const Entries& entries() const { return entries_; }
  NodePtr Find(const std::string& name) const;
  void Apply(Operation operation);
  void Sync();
  Entries AfterPowerCut(PowerCutChoice* choice) const;
  void SetDurable(Entries entries);

 private:
  Entries entries_;
  Entries durable_;
  std::vector<Operation> unsynced_;
};

struct ModelNode {
  ModelNode(bool directory, std::shared_ptr<DiskSpace> space)
      : is_directory(directory), file(std::move(space)) {}
  const bool is_directory;
  ModelFile file;
  ModelDir dir;
  int64_t modified_micros = 0;
  int links = 0;  // names that it has now
  int opens = 0;  // handles that are open
};

// The tree below `root` as a power cut leaves it, everything in it durable, on a disk of its own.
// Links to one file stay links to one file.
NodePtr TreeAfterPowerCut(const ModelNode& root, PowerCutChoice* choice,
                          const std::shared_ptr<DiskSpace>& space);

}  // namespace stele
