// Goal: whatever I/O call of whatever store operation the power cut or a disk error meets, what was
// answered OK is there afterwards, and the operation in flight happened wholly or not at all.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "common/base/log.h"
#include "common/store/blob_store.h"
#include "common/testing/fault_fs.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"

namespace stele {
namespace {

using Fault = FaultFs::Fault;

constexpr char kRoot[] = "/srv/cell";
constexpr char kLog[] = "ts-1";
constexpr char kDeadLog[] = "dead";

// What a store holds.
struct World {
  std::map<std::string, std::string> blobs;
  std::map<std::string, std::pair<uint64_t, std::string>> cells;  // to version and value
  std::map<uint64_t, std::string> segments;
  uint64_t epoch = 0;  // of the last holder of the log
  // The log of a server that died: "", then the content of its segment, "sealed " before it, and
  // "dropped".
  std::string dead;
};

// A running process with an open store.
struct Session {
  explicit Session(FaultFs* f) : fs(f) {}
  FaultFs* const fs;
  std::unique_ptr<BlobStore> store;
  std::unique_ptr<LogStore> log;
};

// Tries one operation, and says in *next what the store holds once it is done.
using Step = std::function<Status(Session*, World* next)>;
using Script = std::vector<Step>;

Step OpenStore() {
  return [](Session* s, World*) -> Status {
    s->log.reset();
    s->store.reset();
    ASSIGN_OR_RETURN(s->store, OpenPosixStore(s->fs, kRoot, true));
    return OkStatus();
  };
}

Step PutBlob(std::string name, std::string content) {
  return [name, content](Session* s, World* next) -> Status {
    next->blobs[name] = content;
    ASSIGN_OR_RETURN(std::unique_ptr<BlobWriter> writer, s->store->CreateBlob(name));
    RETURN_IF_ERROR(writer->Append(Slice(content).substr(0, content.size() / 2)));
    RETURN_IF_ERROR(writer->Append(Slice(content).substr(content.size() / 2)));
    return writer->Finish();
  };
}

Step DeleteBlob(std::string name) {
  return [name](Session* s, World* next) {
    next->blobs.erase(name);
    return s->store->DeleteBlob(name);
  };
}

Step CreateCell(std::string name, std::string value) {
  return [name, value](Session* s, World* next) {
    next->cells[name] = {1, value};
    return s->store->CreateCell(name, value);
  };
}

Step SwapCell(std::string name, std::string value) {
  return [name, value](Session* s, World* next) {
    const uint64_t version = next->cells[name].first;
    next->cells[name] = {version + 1, value};
    return s->store->SwapCell(name, version, value).status();
  };
}

Step DeleteCell(std::string name) {
  return [name](Session* s, World* next) {
    const uint64_t version = next->cells[name].first;
    next->cells.erase(name);
    return s->store->DeleteCell(name, version);
  };
}

Step OpenLog() {
  return [](Session* s, World* next) -> Status {
    s->log.reset();
    ASSIGN_OR_RETURN(s->log, s->store->OpenLog(kLog));
    EXPECT_GT(s->log->epoch(), next->epoch);
    next->epoch = s->log->epoch();
    return OkStatus();
  };
}

Step CreateSegment(uint64_t index, uint64_t capacity) {
  return [=](Session* s, World* next) {
    next->segments[index] = std::string(capacity, '\0');
    return s->log->Create(index, capacity).status();
  };
}

Step WriteSegment(uint64_t index, uint64_t offset, std::string data) {
  return [=](Session* s, World* next) -> Status {
    next->segments[index].replace(offset, data.size(), data);
    ASSIGN_OR_RETURN(std::unique_ptr<LogSegment> segment, s->log->Open(index));
    return segment->Write(offset, {data}, true);
  };
}

Step RemoveSegment(uint64_t index) {
  return [=](Session* s, World* next) {
    next->segments.erase(index);
    return s->log->Remove(index);
  };
}

Step LeaveDeadLog(std::string content) {
  return [content](Session* s, World* next) -> Status {
    next->dead = content;
    ASSIGN_OR_RETURN(std::unique_ptr<LogStore> log, s->store->OpenLog(kDeadLog));
    ASSIGN_OR_RETURN(std::unique_ptr<LogSegment> segment, log->Create(1, content.size()));
    return segment->Write(0, {content}, true);
  };
}

Step SealDeadLog() {
  return [](Session* s, World* next) {
    next->dead = "sealed " + next->dead;
    return s->store->SealLog(kDeadLog);
  };
}

Step DropDeadLog() {
  return [](Session* s, World* next) {
    next->dead = "dropped";
    return s->store->DropSealedLog(kDeadLog);
  };
}

// Every operation, the second time in directories that exist.
Script FullScript() {
  return {OpenStore(),
          PutBlob("t/1/a.sst", std::string(1500, 'a')),
          PutBlob("t/1/b.sst", "b"),
          CreateCell("t/1/manifest", "one"),
          SwapCell("t/1/manifest", "two"),
          SwapCell("t/1/manifest", std::string(2000, '3')),
          CreateCell("t/2/manifest", "other"),
          DeleteBlob("t/1/a.sst"),
          PutBlob("t/1/a.sst", "once more"),
          DeleteCell("t/2/manifest"),
          CreateCell("t/2/manifest", "reborn"),
          OpenLog(),
          CreateSegment(1, 1024),
          CreateSegment(2, 2500),
          WriteSegment(1, 0, std::string(700, 'x')),
          WriteSegment(2, 100, std::string(2400, 'y')),
          WriteSegment(1, 300, std::string(724, 'z')),
          RemoveSegment(1),
          CreateSegment(3, 1024),
          OpenLog(),
          WriteSegment(2, 0, "after"),
          OpenStore(),
          OpenLog(),
          SwapCell("t/2/manifest", "last")};
}

Script DeadLogScript() {
  return {OpenStore(), LeaveDeadLog("acknowledged"), SealDeadLog(), OpenStore(), DropDeadLog()};
}

// Random operations that all succeed when no fault meets them.
Script RandomScript(uint64_t seed, int length) {
  SeededRandom random(seed);
  Script script{OpenStore(), OpenLog()};
  World world;  // only names matter
  uint64_t next_segment = 1;
  for (int i = 0; i < length; ++i) {
    const std::string name =
        "d" + std::to_string(random.Below(2)) + "/n" + std::to_string(random.Below(3));
    const std::string value = random.Bytes(random.Below(1500));
    const uint64_t index = next_segment > 1 ? random.Between(1, next_segment - 1) : 0;
    switch (random.Below(8)) {
      case 0:
      case 1:
        script.push_back(world.blobs.count(name) ? DeleteBlob(name) : PutBlob(name, value));
        if (world.blobs.erase(name) == 0) world.blobs[name] = "";
        break;
      case 2:
      case 3:
        script.push_back(world.cells.count(name) ? SwapCell(name, value) : CreateCell(name, value));
        world.cells[name] = {};
        break;
      case 4:
        if (world.cells.erase(name) > 0) script.push_back(DeleteCell(name));
        break;
      case 5:
        script.push_back(CreateSegment(next_segment, 1024 + random.Below(1024)));
        world.segments[next_segment++] = "";
        break;
      case 6:
        if (world.segments.count(index) == 0) break;
        script.push_back(WriteSegment(index, random.Below(500), random.Bytes(random.Below(500))));
        break;
      default:
        if (random.OneIn(2)) {
          script.push_back(OpenLog());
        } else if (world.segments.erase(index) > 0) {
          script.push_back(RemoveSegment(index));
        }
    }
  }
  return script;
}

// How a run ended.
struct Outcome {
  World sure;                  // after the last step that was answered OK
  std::optional<World> maybe;  // if the step that failed did happen
  Status error;
};

Outcome Run(const Script& script, FaultFs* fs) {
  Session session(fs);
  Outcome outcome;
  for (const Step& step : script) {
    World next = outcome.sure;
    outcome.error = step(&session, &next);
    if (!outcome.error.ok()) {
      outcome.maybe = std::move(next);
      break;
    }
    outcome.sure = std::move(next);
  }
  return outcome;
}

StatusOr<std::string> ReadSegment(LogStore* log, uint64_t index) {
  ASSIGN_OR_RETURN(std::unique_ptr<LogSegment> segment, log->Open(index));
  std::string content(segment->capacity(), '?');
  RETURN_IF_ERROR(segment->Read(0, content.size(), content.data()).status());
  return content;
}

// What World::dead says of the log, without changing it: one that is not sealed is looked at by its
// next holder only if there is one.
StatusOr<std::string> ObserveDeadLog(BlobStore* store, FaultFs* fs) {
  StatusOr<std::unique_ptr<LogStore>> log = store->OpenSealedLog(kDeadLog);
  if (absl::IsNotFound(log.status())) return std::string("dropped");
  const bool sealed = log.ok();
  if (absl::IsFailedPrecondition(log.status())) {
    bool exists = false;
    for (const std::string& path : fs->AllFiles()) exists |= absl::StrContains(path, "/dead@log/");
    if (!exists) return std::string();
    log = store->OpenLog(kDeadLog);
  }
  RETURN_IF_ERROR(log.status());
  ASSIGN_OR_RETURN(std::vector<LogStore::SegmentInfo> segments, (*log)->List());
  std::string content;
  if (!segments.empty()) {
    ASSIGN_OR_RETURN(content, ReadSegment(log->get(), 1));
  }
  return sealed ? "sealed " + content : content;
}

// Opens the store as a new process would, and reads all of it. The epoch is the new holder's.
StatusOr<World> Observe(FaultFs* fs) {
  World world;
  ASSIGN_OR_RETURN(std::unique_ptr<BlobStore> store, OpenPosixStore(fs, kRoot, true));
  ASSIGN_OR_RETURN(std::vector<BlobInfo> blobs, store->ListBlobs(""));
  for (const BlobInfo& blob : blobs) {
    ASSIGN_OR_RETURN(std::shared_ptr<BlobReader> reader, store->OpenBlob(blob.name));
    std::string content(reader->size(), '?');
    RETURN_IF_ERROR(reader->Read(0, content.size(), content.data()));
    world.blobs[blob.name] = std::move(content);
  }
  ASSIGN_OR_RETURN(std::vector<std::string> cells, store->ListCells(""));
  for (const std::string& name : cells) {
    ASSIGN_OR_RETURN(StoredCell cell, store->ReadCell(name));
    world.cells[name] = {cell.version, cell.value};
  }
  ASSIGN_OR_RETURN(world.dead, ObserveDeadLog(store.get(), fs));
  ASSIGN_OR_RETURN(std::unique_ptr<LogStore> log, store->OpenLog(kLog));
  world.epoch = log->epoch();
  ASSIGN_OR_RETURN(std::vector<LogStore::SegmentInfo> segments, log->List());
  for (const LogStore::SegmentInfo& info : segments) {
    ASSIGN_OR_RETURN(std::unique_ptr<LogSegment> segment, log->Open(info.index));
    std::string content(info.capacity, '?');
    RETURN_IF_ERROR(segment->Read(0, content.size(), content.data()).status());
    world.segments[info.index] = std::move(content);
  }
  for (const std::string& path : fs->AllFiles()) {
    EXPECT_FALSE(absl::StartsWith(path, absl::StrCat(kRoot, "/tmp/"))) << path;
    EXPECT_FALSE(absl::EndsWith(path, ".new")) << path;
  }
  return world;
}

// A write in flight may have reached any of its bytes.
bool SegmentsAgree(const World& seen, const World& expected, const World& torn_from) {
  if (seen.segments.size() != expected.segments.size()) return false;
  for (const auto& [index, content] : seen.segments) {
    auto want = expected.segments.find(index);
    if (want == expected.segments.end() || want->second.size() != content.size()) return false;
    auto other = torn_from.segments.find(index);
    const bool torn = other != torn_from.segments.end() && other->second.size() == content.size();
    for (size_t i = 0; i < content.size(); ++i) {
      if (content[i] != want->second[i] && !(torn && content[i] == other->second[i])) return false;
    }
  }
  return true;
}

// Before its segment is written whole, any of its bytes may be there, and the segment may be empty.
bool DeadLogsAgree(const std::string& seen, const std::string& want, const std::string& other) {
  if (seen == want) return true;
  if (!want.empty() || seen.size() != other.size()) return false;
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i] != other[i] && seen[i] != '\0') return false;
  }
  return true;
}

bool Agree(const World& seen, const World& expected, const World& torn_from) {
  return seen.blobs == expected.blobs && seen.cells == expected.cells &&
         seen.epoch > expected.epoch && DeadLogsAgree(seen.dead, expected.dead, torn_from.dead) &&
         SegmentsAgree(seen, expected, torn_from);
}

// `definite`: the failed step said that it had no effect.
void Verify(FaultFs* disk, const Outcome& outcome, bool definite) {
  StatusOr<World> seen = Observe(disk);
  ASSERT_OK(seen);
  const World& torn_from = outcome.maybe.has_value() ? *outcome.maybe : outcome.sure;
  if (Agree(*seen, outcome.sure, torn_from)) return;
  if (!definite && outcome.maybe.has_value() && Agree(*seen, *outcome.maybe, outcome.sure)) return;
  ADD_FAILURE() << "the store is neither as before nor as after the step that failed: "
                << seen->blobs.size() << " blobs, " << seen->cells.size() << " cells, "
                << seen->segments.size() << " segments, epoch " << seen->epoch << "; expected "
                << outcome.sure.blobs.size() << ", " << outcome.sure.cells.size() << ", "
                << outcome.sure.segments.size() << ", above " << outcome.sure.epoch;
}

uint64_t CallsOf(const Script& script) {
  FaultFs fs;
  const Outcome outcome = Run(script, &fs);
  EXPECT_OK(outcome.error);
  return fs.calls();
}

// Cuts the power before and after every call; then lets each of several images recover, once
// undisturbed and once with a second cut on the way.
void CutEverywhere(const Script& script, int images, uint64_t seed) {
  SeededRandom random(seed);
  const uint64_t calls = CallsOf(script);
  for (uint64_t call = 1; call <= calls; ++call) {
    for (Fault fault : {Fault::kPowerCutBefore, Fault::kPowerCutAfter}) {
      FaultFs fs;
      fs.InjectAt(call, fault);
      const Outcome outcome = Run(script, &fs);
      ASSERT_EQ(fs.fault_report().size(), 1u);
      SCOPED_TRACE(fs.fault_report()[0]);
      ASSERT_TRUE(fs.power_is_off());
      for (int i = 0; i < images; ++i) {
        const uint64_t image_seed = i < 2 ? i : random.Next();
        SCOPED_TRACE("image " + std::to_string(image_seed));
        Verify(fs.Image(image_seed).get(), outcome, false);
        std::unique_ptr<FaultFs> again = fs.Image(image_seed);
        again->InjectAt(random.Between(1, 25), Fault::kPowerCutAfter);
        Observe(again.get()).status().IgnoreError();
        Verify(again->Image(random.Next()).get(), outcome, false);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

TEST(StoreCrashTest, PowerCutAtEveryCallOfEveryOperation) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SetMinLogLevel(LogLevel::kWarning);
  const Script script = FullScript();
  EXPECT_GT(CallsOf(script), 100u);
  CutEverywhere(script, 6, seed);
}

TEST(StoreCrashTest, PowerCutAtEveryCallOfASealAndADrop) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SetMinLogLevel(LogLevel::kWarning);
  EXPECT_GT(CallsOf(DeadLogScript()), 30u);
  CutEverywhere(DeadLogScript(), 6, seed);
}

TEST(StoreCrashTest, PowerCutAtEveryCallOfRandomOperations) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SetMinLogLevel(LogLevel::kWarning);
  for (uint64_t i = 0; i < 8 && !HasFailure(); ++i) {
    CutEverywhere(RandomScript(seed + i, 25), 3, seed + i);
  }
}

// An error at every call: the step that met it fails with a documented code and, unless that is
// Unknown, without effect; so it looks to the next process, also after a power cut.
void FailEverywhere(const Script& script, Fault fault, uint64_t seed) {
  SeededRandom random(seed);
  const uint64_t calls = CallsOf(script);
  for (uint64_t call = 1; call <= calls; ++call) {
    FaultFs fs;
    fs.InjectAt(call, fault);
    const Outcome outcome = Run(script, &fs);
    ASSERT_EQ(fs.fault_report().size(), 1u);
    SCOPED_TRACE(absl::StrCat(fs.fault_report()[0], ": ", outcome.error.ToString()));
    const bool definite = !absl::IsUnknown(outcome.error);
    if (!outcome.error.ok() && definite) {
      EXPECT_TRUE(absl::IsInternal(outcome.error) || absl::IsResourceExhausted(outcome.error));
    }
    for (uint64_t image_seed : {uint64_t{0}, uint64_t{1}, random.Next(), random.Next()}) {
      SCOPED_TRACE("image " + std::to_string(image_seed));
      Verify(fs.Image(image_seed).get(), outcome, definite);
    }
    Verify(&fs, outcome, definite);
    // What that process was shown of the cells is there after a power cut.
    StatusOr<World> shown = Observe(&fs);
    StatusOr<World> after_cut = Observe(fs.Image(0).get());
    ASSERT_OK(shown);
    ASSERT_OK(after_cut);
    for (const auto& [name, cell] : shown->cells)
      EXPECT_TRUE(after_cut->cells[name] == cell) << name;
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(StoreCrashTest, DiskErrorAtEveryCall) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SetMinLogLevel(LogLevel::kWarning);
  for (Fault fault : {Fault::kIoError, Fault::kIoErrorAfter, Fault::kNoSpace, Fault::kShortWrite}) {
    FailEverywhere(FullScript(), fault, seed);
    for (uint64_t i = 0; i < 3 && !HasFailure(); ++i) {
      FailEverywhere(RandomScript(seed + i, 20), fault, seed + i);
    }
  }
}

// With space back, the same store object goes on.
TEST(StoreCrashTest, FullDiskAtEveryCallIsSurvivedByTheSameProcess) {
  SetMinLogLevel(LogLevel::kWarning);
  const Script script = FullScript();
  const uint64_t calls = CallsOf(script);
  uint64_t met = 0;
  for (uint64_t call = 1; call <= calls; ++call) {
    FaultFs fs;
    fs.InjectAt(call, Fault::kNoSpace);
    Session session(&fs);
    World world;
    for (const Step& step : script) {
      World next = world;
      Status s = step(&session, &next);
      if (absl::IsResourceExhausted(s) && absl::StrContains(s.message(), "injected")) {
        if (absl::StrContains(fs.fault_report()[0], ".seg@")) break;  // a poisoned segment
        next = world;
        s = step(&session, &next);  // again
      }
      if (!s.ok()) {
        // Only a sync or a removal, which know no full disk, may stop the store.
        EXPECT_TRUE(absl::StrContains(fs.fault_report()[0], "kIoError")) << fs.fault_report()[0];
        break;
      }
      world = std::move(next);
    }
    if (absl::StrContains(fs.fault_report()[0], "kNoSpace")) ++met;
    if (HasFailure()) return;
  }
  EXPECT_GT(met, calls / 3);
}

}  // namespace
}  // namespace stele
