#include "common/testing/fault_fs.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/testing/disk_model.h"

namespace stele {
namespace {

Status NoPower(Slice op, Slice path) {
  return absl::InternalError(absl::StrCat(op, " ", path, ": the power is off"));
}

Status InjectedError(Slice op, Slice path) {
  return absl::InternalError(absl::StrCat(op, " ", path, ": injected I/O error"));
}

Slice FaultName(FaultFs::Fault fault) {
  switch (fault) {
    case FaultFs::Fault::kPowerCutBefore:
      return "kPowerCutBefore";
    case FaultFs::Fault::kPowerCutAfter:
      return "kPowerCutAfter";
    case FaultFs::Fault::kIoError:
      return "kIoError";
    case FaultFs::Fault::kIoErrorAfter:
      return "kIoErrorAfter";
    case FaultFs::Fault::kNoSpace:
      return "kNoSpace";
    case FaultFs::Fault::kShortWrite:
      return "kShortWrite";
  }
  return "?";
}

struct Place {
  NodePtr dir;
  std::string name;
};

}  // namespace

// The disk with its power switch, shared by the FaultFs and the files and locks it handed out.
class FaultFs::Disk {
 public:
  explicit Disk(const Clock* clock) : clock(clock), space(std::make_shared<DiskSpace>()) {
    root = std::make_shared<ModelNode>(true, space);
  }

  // How the call that was just numbered goes on.
  struct Verdict {
    Status error;  // not OK: the call has no effect and returns this
    bool cut_after = false;
    bool fail_after = false;
    bool cut_short = false;
  };
  enum class SpaceNeed { kMayNeed, kNeedsNone };

  Verdict Begin(Slice op, Slice path, SpaceNeed need = SpaceNeed::kMayNeed) REQUIRES(mu) {
    Verdict verdict;
    if (off) {
      verdict.error = NoPower(op, path);
      return verdict;
    }
    const uint64_t number = ++calls;
    auto plan = plans.find(number);
    if (plan != plans.end() && plan->second.sticky) sticky = plan->second.fault;
    if (plan == plans.end() && !sticky.has_value()) return verdict;
    Fault fault = plan != plans.end() ? plan->second.fault : *sticky;
    if (fault == Fault::kNoSpace && need == SpaceNeed::kNeedsNone) fault = Fault::kIoError;
    if (fault == Fault::kShortWrite && op != "write") fault = Fault::kIoError;
    if (report.size() < kMaxReport) {
      report.push_back(absl::StrCat("#", number, " ", op, " ", path, ": ", FaultName(fault)));
    }
    Apply(fault, op, path, &verdict);
    return verdict;
  }

  Status BeginRead(Slice op, Slice path) REQUIRES(mu) {
    if (off) return NoPower(op, path);
    const uint64_t number = ++reads;
    auto plan = read_plans.find(number);
    if (plan != read_plans.end() && plan->second) reads_fail = true;
    if (plan == read_plans.end() && !reads_fail) return OkStatus();
    if (report.size() < kMaxReport) {
      report.push_back(absl::StrCat("read #", number, " ", op, " ", path, ": kIoError"));
    }
    return InjectedError(op, path);
  }

  // The end of a call whose effect has been made (or which failed by itself with `result`).
  Status End(const Verdict& verdict, Slice op, Slice path, Status result) REQUIRES(mu) {
    if (verdict.cut_after) {
      PowerOff();
      return NoPower(op, path);
    }
    return verdict.fail_after ? InjectedError(op, path) : result;
  }

  void PowerOff() REQUIRES(mu) {
    off = true;
    ++generation;
    locked.clear();
  }

  int64_t Now() const REQUIRES(mu) {
    return clock != nullptr ? clock->WallMicros() : static_cast<int64_t>(calls);
  }

  NodePtr NewNode(bool directory) REQUIRES(mu) {
    NodePtr node = std::make_shared<ModelNode>(directory, space);
    node->modified_micros = Now();
    return node;
  }

  // A name or a handle of the node is gone.
  static void Forget(ModelNode* node, int* count) {
    --*count;
    if (node->links == 0 && node->opens == 0) node->file.ReleaseSpace();
  }

  StatusOr<NodePtr> Resolve(const std::string& path) const REQUIRES(mu) {
    return ResolvePrefix(path, path);
  }

  // The node of `prefix`, which is a leading part of `path`; errors name `path`.
  StatusOr<NodePtr> ResolvePrefix(Slice prefix, const std::string& path) const REQUIRES(mu) {
    NodePtr node = root;
    for (Slice part : absl::StrSplit(prefix, '/', absl::SkipEmpty())) {
      if (part == ".") continue;
      if (part == "..") return absl::InvalidArgumentError(absl::StrCat(path, ": .. in a path"));
      if (!node->is_directory) {
        return absl::InternalError(absl::StrCat(path, ": not a directory"));
      }
      node = node->dir.Find(std::string(part));
      if (node == nullptr) return absl::NotFoundError(absl::StrCat(path, ": no such file"));
    }
    return node;
  }

  StatusOr<NodePtr> ResolveDir(const std::string& path) const REQUIRES(mu) {
    ASSIGN_OR_RETURN(NodePtr node, Resolve(path));
    if (node->is_directory) return node;
    return absl::InternalError(absl::StrCat(path, ": not a directory"));
  }

  StatusOr<Place> ResolvePlace(const std::string& path) const REQUIRES(mu) {
    const size_t slash = path.rfind('/');
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (name.empty() || name == "." || name == "..") {
      return absl::InvalidArgumentError(absl::StrCat("\"", path, "\" does not name a file"));
    }
    const Slice parent = Slice(path).substr(0, slash == std::string::npos ? 0 : slash);
    ASSIGN_OR_RETURN(NodePtr dir, ResolvePrefix(parent, path));
    if (!dir->is_directory) {
      return absl::InternalError(absl::StrCat(path, ": ", parent, " is not a directory"));
    }
    return Place{std::move(dir), name};
  }

  // An existing file that is not a directory.
  StatusOr<Place> ResolveFile(const std::string& path) const REQUIRES(mu) {
    ASSIGN_OR_RETURN(Place place, ResolvePlace(path));
    const NodePtr node = place.dir->dir.Find(place.name);
    if (node == nullptr) return absl::NotFoundError(absl::StrCat(path, ": no such file"));
    if (node->is_directory) return absl::InternalError(absl::StrCat(path, ": is a directory"));
    return place;
  }

  StatusOr<NodePtr> AddNode(const std::string& path, bool directory) REQUIRES(mu) {
    ASSIGN_OR_RETURN(Place place, ResolvePlace(path));
    if (place.dir->dir.Find(place.name) != nullptr) {
      return absl::AlreadyExistsError(absl::StrCat(path, ": exists"));
    }
    NodePtr node = NewNode(directory);
    ++node->links;
    place.dir->dir.Apply({{place.name, node}});
    return node;
  }

  Status RenameFile(const std::string& from, const std::string& to) REQUIRES(mu) {
    ASSIGN_OR_RETURN(Place source, ResolveFile(from));
    ASSIGN_OR_RETURN(Place target, ResolvePlace(to));
    const NodePtr node = source.dir->dir.Find(source.name);
    const NodePtr old = target.dir->dir.Find(target.name);
    if (old != nullptr && old->is_directory) {
      return absl::InternalError(absl::StrCat(to, ": is a directory"));
    }
    if (old == node) return OkStatus();  // as POSIX has it
    if (old != nullptr) Forget(old.get(), &old->links);
    if (source.dir == target.dir) {
      source.dir->dir.Apply({{source.name, nullptr}, {target.name, node}});
    } else {
      target.dir->dir.Apply({{target.name, node}});
      source.dir->dir.Apply({{source.name, nullptr}});
    }
    return OkStatus();
  }

  Status LinkFile(const std::string& from, const std::string& to) REQUIRES(mu) {
    ASSIGN_OR_RETURN(Place source, ResolveFile(from));
    ASSIGN_OR_RETURN(Place target, ResolvePlace(to));
    if (target.dir->dir.Find(target.name) != nullptr) {
      return absl::AlreadyExistsError(absl::StrCat(to, ": exists"));
    }
    NodePtr node = source.dir->dir.Find(source.name);
    ++node->links;
    target.dir->dir.Apply({{target.name, std::move(node)}});
    return OkStatus();
  }

  Status UnlinkFile(const std::string& path) REQUIRES(mu) {
    ASSIGN_OR_RETURN(Place place, ResolveFile(path));
    const NodePtr node = place.dir->dir.Find(place.name);
    place.dir->dir.Apply({{place.name, nullptr}});
    Forget(node.get(), &node->links);
    return OkStatus();
  }

  Status RemoveEmptyDir(const std::string& path) REQUIRES(mu) {
    ASSIGN_OR_RETURN(Place place, ResolvePlace(path));
    ASSIGN_OR_RETURN(const NodePtr node, ResolveDir(path));
    if (!node->dir.entries().empty()) {
      return absl::FailedPreconditionError(absl::StrCat(path, ": is not empty"));
    }
    place.dir->dir.Apply({{place.name, nullptr}});
    --node->links;
    return OkStatus();
  }

  struct Plan {
    Fault fault;
    bool sticky;
  };
  static constexpr size_t kMaxReport = 100;

  const Clock* const clock;
  mutable Mutex mu;
  std::shared_ptr<DiskSpace> space GUARDED_BY(mu);
  NodePtr root GUARDED_BY(mu);
  bool off GUARDED_BY(mu) = false;
  uint64_t generation GUARDED_BY(mu) = 0;  // files and locks of an earlier one are dead
  uint64_t calls GUARDED_BY(mu) = 0;
  std::vector<std::string> released GUARDED_BY(mu);
  uint64_t in_memory_one_in GUARDED_BY(mu) = 0, memory_asked GUARDED_BY(mu) = 0;
  uint64_t reads GUARDED_BY(mu) = 0;
  std::map<uint64_t, Plan> plans GUARDED_BY(mu);
  std::map<uint64_t, bool> read_plans GUARDED_BY(mu);  // to sticky
  std::optional<Fault> sticky GUARDED_BY(mu);
  bool reads_fail GUARDED_BY(mu) = false;
  std::set<const ModelNode*> locked GUARDED_BY(mu);
  std::vector<std::string> report GUARDED_BY(mu);

 private:
  void Apply(Fault fault, Slice op, Slice path, Verdict* verdict) REQUIRES(mu) {
    switch (fault) {
      case Fault::kPowerCutBefore:
        PowerOff();
        verdict->error = NoPower(op, path);
        return;
      case Fault::kPowerCutAfter:
        verdict->cut_after = true;
        return;
      case Fault::kIoError:
        verdict->error = InjectedError(op, path);
        return;
      case Fault::kIoErrorAfter:
        verdict->fail_after = true;
        return;
      case Fault::kNoSpace:
        verdict->error =
            absl::ResourceExhaustedError(absl::StrCat(op, " ", path, ": injected full disk"));
        return;
      case Fault::kShortWrite:
        verdict->cut_short = true;
        return;
    }
  }
};

class FaultFs::File : public FsFile {
 public:
  // The disk's mutex is held.
  File(std::shared_ptr<Disk> disk, NodePtr node, std::string path, bool writable,
       uint64_t generation)
      : disk_(std::move(disk)),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable),
        generation_(generation) {
    ++node_->opens;
  }
  ~File() override {
    MutexLock lock(&disk_->mu);
    Disk::Forget(node_.get(), &node_->opens);
  }

  StatusOr<size_t> ReadAt(uint64_t offset, size_t n, char* buffer) const override {
    MutexLock lock(&disk_->mu);
    RETURN_IF_ERROR(CheckAlive("read"));
    RETURN_IF_ERROR(disk_->BeginRead("read", path_));
    const std::string& data = node_->file.data();
    if (offset >= data.size()) return size_t{0};
    return data.copy(buffer, n, offset);
  }

  bool ReadAtIfInMemory(uint64_t offset, size_t n, char* buffer) const override {
    {
      MutexLock lock(&disk_->mu);
      if (disk_->in_memory_one_in == 0 || ++disk_->memory_asked % disk_->in_memory_one_in != 0) {
        return false;
      }
    }
    const StatusOr<size_t> got = ReadAt(offset, n, buffer);
    return got.ok() && *got == n;
  }

  Status WriteAt(uint64_t offset, absl::Span<const Slice> parts) override {
    MutexLock lock(&disk_->mu);
    RETURN_IF_ERROR(CheckWritable("write"));
    size_t total = 0;
    for (Slice part : parts) total += part.size();
    const std::string what = absl::StrCat(path_, "@", offset, "+", total);
    const Disk::Verdict verdict = disk_->Begin("write", what);
    RETURN_IF_ERROR(verdict.error);
    const uint64_t room = node_->file.RoomFor(offset, total);
    const uint64_t allowed = std::min<uint64_t>(room, verdict.cut_short ? total / 2 : total);
    uint64_t done = 0;
    for (Slice part : parts) {
      const Slice piece = part.substr(0, std::min<uint64_t>(part.size(), allowed - done));
      node_->file.Write(offset + done, piece);
      done += piece.size();
    }
    node_->modified_micros = disk_->Now();
    Status result;
    if (verdict.cut_short) {
      result = absl::InternalError(absl::StrCat("write ", what, ": injected short write"));
    } else if (room < total) {
      result = absl::ResourceExhaustedError(absl::StrCat("write ", what, ": the disk is full"));
    }
    return disk_->End(verdict, "write", what, result);
  }

  Status Sync() override {
    MutexLock lock(&disk_->mu);
    RETURN_IF_ERROR(CheckWritable("sync"));
    const Disk::Verdict verdict = disk_->Begin("sync", path_, Disk::SpaceNeed::kNeedsNone);
    if (!verdict.error.ok()) {
      poisoned_ = true;
      if (!disk_->off) node_->file.FailSync();
      return verdict.error;
    }
    node_->file.Sync();
    Status result = disk_->End(verdict, "sync", path_, OkStatus());
    poisoned_ = !result.ok();
    return result;
  }

  StatusOr<uint64_t> Size() const override {
    MutexLock lock(&disk_->mu);
    RETURN_IF_ERROR(CheckAlive("size"));
    RETURN_IF_ERROR(disk_->BeginRead("size", path_));
    return node_->file.data().size();
  }

  Status Truncate(uint64_t size) override {
    MutexLock lock(&disk_->mu);
    return Resize("truncate", size);
  }

  Status Allocate(uint64_t size) override {
    MutexLock lock(&disk_->mu);
    return Resize("allocate", std::max<uint64_t>(size, node_->file.data().size()));
  }

  void ReleaseCached(uint64_t offset, uint64_t bytes) const override {
    MutexLock lock(&disk_->mu);
    disk_->released.push_back(path_);
  }

 private:
  Status Resize(Slice op, uint64_t size) REQUIRES(disk_->mu) {
    RETURN_IF_ERROR(CheckWritable(op));
    const Disk::Verdict verdict = disk_->Begin(op, path_);
    RETURN_IF_ERROR(verdict.error);
    Status result;
    if (node_->file.RoomFor(0, size) < size) {
      result = absl::ResourceExhaustedError(absl::StrCat(op, " ", path_, ": the disk is full"));
    } else {
      node_->file.Resize(size);
      node_->modified_micros = disk_->Now();
    }
    return disk_->End(verdict, op, path_, result);
  }

  Status CheckAlive(Slice op) const REQUIRES(disk_->mu) {
    return disk_->generation == generation_ ? OkStatus() : NoPower(op, path_);
  }
  Status CheckWritable(Slice op) const REQUIRES(disk_->mu) {
    RETURN_IF_ERROR(CheckAlive(op));
    if (!writable_) return absl::InternalError(absl::StrCat(path_, ": opened for reading"));
    if (!poisoned_) return OkStatus();
    return absl::InternalError(absl::StrCat(path_, ": poisoned by an earlier failed sync"));
  }

  const std::shared_ptr<Disk> disk_;
  const NodePtr node_;
  const std::string path_;
  const bool writable_;
  const uint64_t generation_;
  bool poisoned_ GUARDED_BY(disk_->mu) = false;
};

class FaultFs::Lock : public FsLock {
 public:
  Lock(std::shared_ptr<Disk> disk, NodePtr node, uint64_t generation)
      : disk_(std::move(disk)), node_(std::move(node)), generation_(generation) {}
  ~Lock() override {
    MutexLock lock(&disk_->mu);
    if (disk_->generation == generation_) disk_->locked.erase(node_.get());
  }

 private:
  const std::shared_ptr<Disk> disk_;
  const NodePtr node_;  // keeps the address from being used again
  const uint64_t generation_;
};

FaultFs::FaultFs(const Clock* clock) : FaultFs(std::make_shared<Disk>(clock)) {}
FaultFs::FaultFs(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}
FaultFs::~FaultFs() = default;

uint64_t FaultFs::calls() const {
  MutexLock lock(&disk_->mu);
  return disk_->calls;
}

uint64_t FaultFs::reads() const {
  MutexLock lock(&disk_->mu);
  return disk_->reads;
}

void FaultFs::InjectAt(uint64_t call, Fault fault, bool sticky) {
  MutexLock lock(&disk_->mu);
  disk_->plans[call] = {fault, sticky};
}

void FaultFs::FailReadAt(uint64_t read, bool sticky) {
  MutexLock lock(&disk_->mu);
  disk_->read_plans[read] = sticky;
}

void FaultFs::ClearFaults() {
  MutexLock lock(&disk_->mu);
  disk_->plans.clear();
  disk_->read_plans.clear();
  disk_->sticky.reset();
  disk_->reads_fail = false;
}

std::vector<std::string> FaultFs::fault_report() const {
  MutexLock lock(&disk_->mu);
  return disk_->report;
}

void FaultFs::CutPower() {
  MutexLock lock(&disk_->mu);
  disk_->PowerOff();
}

bool FaultFs::power_is_off() const {
  MutexLock lock(&disk_->mu);
  return disk_->off;
}

void FaultFs::Restart(uint64_t seed) {
  ClearFaults();
  MutexLock lock(&disk_->mu);
  disk_->PowerOff();
  PowerCutChoice choice(seed);
  auto space = std::make_shared<DiskSpace>();
  space->capacity.store(disk_->space->capacity.load());
  disk_->root = TreeAfterPowerCut(*disk_->root, &choice, space);
  disk_->space = std::move(space);
  disk_->off = false;
}

std::unique_ptr<FaultFs> FaultFs::Image(uint64_t seed) const {
  auto disk = std::make_shared<Disk>(disk_->clock);
  MutexLock lock(&disk_->mu);
  MutexLock new_lock(&disk->mu);
  PowerCutChoice choice(seed);
  disk->space->capacity.store(disk_->space->capacity.load());
  disk->root = TreeAfterPowerCut(*disk_->root, &choice, disk->space);
  return std::unique_ptr<FaultFs>(new FaultFs(std::move(disk)));
}

void FaultFs::SetCapacity(uint64_t bytes) {
  MutexLock lock(&disk_->mu);
  disk_->space->capacity.store(bytes);
}

void FaultFs::KeepInMemoryOneIn(uint64_t n) {
  MutexLock lock(&disk_->mu);
  disk_->in_memory_one_in = n;
  disk_->memory_asked = 0;
}

uint64_t FaultFs::used_bytes() const {
  MutexLock lock(&disk_->mu);
  return disk_->space->used.load();
}

std::vector<std::string> FaultFs::Released() const {
  MutexLock lock(&disk_->mu);
  return disk_->released;
}

std::vector<std::string> FaultFs::AllFiles() const {
  MutexLock lock(&disk_->mu);
  std::vector<std::string> files;
  std::vector<std::pair<std::string, NodePtr>> open{{"", disk_->root}};
  while (!open.empty()) {
    auto [path, node] = std::move(open.back());
    open.pop_back();
    for (const auto& [name, child] : node->dir.entries()) {
      std::string child_path = absl::StrCat(path, "/", name);
      if (child->is_directory) {
        open.emplace_back(std::move(child_path), child);
      } else {
        files.push_back(std::move(child_path));
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

StatusOr<std::string> FaultFs::Contents(const std::string& path) const {
  MutexLock lock(&disk_->mu);
  ASSIGN_OR_RETURN(Place place, disk_->ResolveFile(path));
  return place.dir->dir.Find(place.name)->file.data();
}

Status FaultFs::Damage(const std::string& path, uint64_t offset, uint8_t xor_mask) {
  MutexLock lock(&disk_->mu);
  ASSIGN_OR_RETURN(Place place, disk_->ResolveFile(path));
  ModelFile& file = place.dir->dir.Find(place.name)->file;
  if (offset >= file.data().size()) {
    return absl::OutOfRangeError(absl::StrCat(path, ": ", file.data().size(), " bytes"));
  }
  file.Damage(offset, xor_mask);
  return OkStatus();
}

StatusOr<std::unique_ptr<FsFile>> FaultFs::Open(const std::string& path, Mode mode) {
  MutexLock lock(&disk_->mu);
  const uint64_t generation = disk_->generation;
  if (mode != Mode::kCreateExclusive) {
    RETURN_IF_ERROR(disk_->BeginRead("open", path));
    ASSIGN_OR_RETURN(Place place, disk_->ResolveFile(path));
    return std::make_unique<File>(disk_, place.dir->dir.Find(place.name), path,
                                  mode == Mode::kReadWrite, generation);
  }
  const Disk::Verdict verdict = disk_->Begin("create", path);
  RETURN_IF_ERROR(verdict.error);
  StatusOr<NodePtr> node = disk_->AddNode(path, false);
  RETURN_IF_ERROR(disk_->End(verdict, "create", path, node.status()));
  return std::make_unique<File>(disk_, *std::move(node), path, true, generation);
}

Status FaultFs::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(&disk_->mu);
  const Disk::Verdict verdict = disk_->Begin("rename", absl::StrCat(from, " ", to));
  RETURN_IF_ERROR(verdict.error);
  return disk_->End(verdict, "rename", from, disk_->RenameFile(from, to));
}

Status FaultFs::Link(const std::string& from, const std::string& to) {
  MutexLock lock(&disk_->mu);
  const Disk::Verdict verdict = disk_->Begin("link", absl::StrCat(from, " ", to));
  RETURN_IF_ERROR(verdict.error);
  return disk_->End(verdict, "link", to, disk_->LinkFile(from, to));
}

Status FaultFs::Unlink(const std::string& path) {
  MutexLock lock(&disk_->mu);
  const Disk::Verdict verdict = disk_->Begin("unlink", path, Disk::SpaceNeed::kNeedsNone);
  RETURN_IF_ERROR(verdict.error);
  return disk_->End(verdict, "unlink", path, disk_->UnlinkFile(path));
}

Status FaultFs::MakeDir(const std::string& path) {
  MutexLock lock(&disk_->mu);
  const Disk::Verdict verdict = disk_->Begin("mkdir", path);
  RETURN_IF_ERROR(verdict.error);
  return disk_->End(verdict, "mkdir", path, disk_->AddNode(path, true).status());
}

Status FaultFs::RemoveDir(const std::string& path) {
  MutexLock lock(&disk_->mu);
  const Disk::Verdict verdict = disk_->Begin("rmdir", path, Disk::SpaceNeed::kNeedsNone);
  RETURN_IF_ERROR(verdict.error);
  return disk_->End(verdict, "rmdir", path, disk_->RemoveEmptyDir(path));
}

Status FaultFs::SyncDir(const std::string& path) {
  MutexLock lock(&disk_->mu);
  const Disk::Verdict verdict = disk_->Begin("syncdir", path, Disk::SpaceNeed::kNeedsNone);
  RETURN_IF_ERROR(verdict.error);
  StatusOr<NodePtr> dir = disk_->ResolveDir(path);
  if (dir.ok()) (*dir)->dir.Sync();
  return disk_->End(verdict, "syncdir", path, dir.status());
}

StatusOr<std::vector<std::string>> FaultFs::List(const std::string& dir) {
  MutexLock lock(&disk_->mu);
  RETURN_IF_ERROR(disk_->BeginRead("list", dir));
  ASSIGN_OR_RETURN(NodePtr node, disk_->ResolveDir(dir));
  std::vector<std::string> names;
  names.reserve(node->dir.entries().size());
  for (const auto& [name, child] : node->dir.entries()) names.push_back(name);
  return names;
}

StatusOr<bool> FaultFs::Exists(const std::string& path) {
  MutexLock lock(&disk_->mu);
  RETURN_IF_ERROR(disk_->BeginRead("stat", path));
  return disk_->Resolve(path).ok();
}

StatusOr<int64_t> FaultFs::ModifiedMicros(const std::string& path) {
  MutexLock lock(&disk_->mu);
  RETURN_IF_ERROR(disk_->BeginRead("stat", path));
  ASSIGN_OR_RETURN(NodePtr node, disk_->Resolve(path));
  return node->modified_micros;
}

StatusOr<uint64_t> FaultFs::FreeBytes(const std::string& path) {
  MutexLock lock(&disk_->mu);
  RETURN_IF_ERROR(disk_->BeginRead("statfs", path));
  RETURN_IF_ERROR(disk_->Resolve(path).status());
  const uint64_t used = disk_->space->used.load();
  const uint64_t capacity = disk_->space->capacity.load();
  return capacity > used ? capacity - used : 0;
}

StatusOr<uint64_t> FaultFs::TotalBytes(const std::string& path) {
  MutexLock lock(&disk_->mu);
  RETURN_IF_ERROR(disk_->BeginRead("statfs", path));
  RETURN_IF_ERROR(disk_->Resolve(path).status());
  return disk_->space->capacity.load();
}

StatusOr<std::unique_ptr<FsLock>> FaultFs::TryLock(const std::string& path) {
  MutexLock lock(&disk_->mu);
  RETURN_IF_ERROR(disk_->BeginRead("lock", path));
  const uint64_t generation = disk_->generation;
  StatusOr<NodePtr> node = disk_->Resolve(path);
  if (IsNotFound(node.status())) {
    const Disk::Verdict verdict = disk_->Begin("create", path);
    RETURN_IF_ERROR(verdict.error);
    node = disk_->AddNode(path, false);
    RETURN_IF_ERROR(disk_->End(verdict, "create", path, node.status()));
  }
  RETURN_IF_ERROR(node.status());
  if (!disk_->locked.insert(node->get()).second) {
    return absl::UnavailableError(absl::StrCat(path, ": locked by another holder"));
  }
  return std::make_unique<Lock>(disk_, *std::move(node), generation);
}

}  // namespace stele
