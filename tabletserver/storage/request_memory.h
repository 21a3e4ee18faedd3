// RequestMemory: which changes of which clients this tablet has done, and what came of them, so
// that a retried append, increment or check-and-mutate is never done twice (PROMISES P12).
//
// A request is new, then under way (an attempt that comes meanwhile joins it and gets its answer),
// then remembered with its answer until its client says that it waits for it no more, or for
// kRequestMemoryMs after its last use; one that failed is forgotten, for it had no effect. Writes
// whose sequences follow on each other, as those of one batch to one tablet do, are remembered
// together, and as long as the last of them. Memory is bounded and charged; when it is full new
// requests are refused: nothing is forgotten early.
//
// Crash rule: a request that is durable in the log is found again from its record, or from the
// manifest once the record was flushed (Snapshot, Load). Thread-safe; its mutex is a leaf.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "common/base/mutex.h"
#include "common/time/clock.h"
#include "schema/model/conditional.h"
#include "tabletserver/storage/cache/cache.h"
#include "tabletserver/storage/manifest/remembered_request.h"

namespace stele::storage {

struct ChangeOutcome {
  ChangeKind kind = ChangeKind::kWrite;
  std::shared_ptr<const Row> row;  // of kRow
};
using ChangeDone = std::function<void(const StatusOr<ChangeOutcome>&)>;

class RequestMemory {
 public:
  static constexpr uint64_t kMaxBytes = 16u << 20;
  static constexpr size_t kMaxJoined = 64;  // attempts that wait for one under way

  // Both outlive the object.
  RequestMemory(Clock* clock, MemoryTracker* memory, uint64_t max_bytes = kMaxBytes);
  ~RequestMemory();
  RequestMemory(const RequestMemory&) = delete;
  RequestMemory& operator=(const RequestMemory&) = delete;

  enum class Begun {
    kNew,         // do it, then Finish
    kJoined,      // *done was taken and will be called
    kRemembered,  // *outcome is the answer; *done is the caller's to call
  };
  // REQUIRES: ValidateRequestId, and there is a client id. FailedPrecondition: the client has given
  // it up. ResourceExhausted with a delay: no room.
  StatusOr<Begun> Begin(const RequestId& id, ChangeDone* done, ChangeOutcome* outcome)
      EXCLUDES(mu_);
  // Its record is in the log and applied: from now on it is in snapshots, its answer still to come.
  void Durable(const RequestId& id, const ChangeOutcome& outcome) EXCLUDES(mu_);
  // Answers those that joined; after an error the request is forgotten.
  void Finish(const RequestId& id, const StatusOr<ChangeOutcome>& outcome) EXCLUDES(mu_);

  // As if the request had been done just now.
  void Remember(const RequestId& id, const ChangeOutcome& outcome) EXCLUDES(mu_);
  void Load(const std::vector<RememberedClient>& clients) EXCLUDES(mu_);
  // All that is durable, clients and sequences ascending.
  std::vector<RememberedClient> Snapshot() const EXCLUDES(mu_);

  uint64_t bytes() const EXCLUDES(mu_);

 private:
  enum class State { kUnderWay, kDurable, kDone };
  struct Slot {
    State state = State::kUnderWay;
    int64_t used_ns = 0;
    ChangeOutcome outcome;
    std::vector<ChangeDone> joined;
  };
  struct Run {         // of writes that are done
    uint64_t end = 0;  // behind the last
    int64_t used_ns = 0;
  };
  struct Client {
    uint64_t first_incomplete = 0;
    std::map<uint64_t, Slot> slots;
    std::map<uint64_t, Run> runs;  // by their first; none touches another, none has a slot's
  };
  using Clients = std::unordered_map<uint64_t, Client>;

  Client* FindOrAdd(uint64_t client_id) REQUIRES(mu_);
  static Run* FindRun(Client* client, uint64_t sequence);
  void AddRun(Client* client, uint64_t first, uint64_t end, int64_t now_ns) REQUIRES(mu_);
  // With its slot: done, and remembered with its neighbours if it can be.
  void Settle(Client* client, std::map<uint64_t, Slot>::iterator at) REQUIRES(mu_);
  void Trim(Client* client, int64_t now_ns) REQUIRES(mu_);
  void Sweep(int64_t now_ns) REQUIRES(mu_);
  void SetOutcome(Slot* slot, const ChangeOutcome& outcome) REQUIRES(mu_);
  void Charge(int64_t bytes) REQUIRES(mu_);

  Clock* const clock_;
  MemoryTracker* const memory_;
  const uint64_t max_bytes_;
  mutable Mutex mu_;
  Clients clients_ GUARDED_BY(mu_);
  int64_t bytes_ GUARDED_BY(mu_) = 0;
  int64_t swept_ns_ GUARDED_BY(mu_) = 0;
};

}  // namespace stele::storage
