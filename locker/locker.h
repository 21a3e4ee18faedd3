// Locker: the small, strongly consistent service that says who is who in a cell: locks with epochs,
// ephemeral server nodes and a few named values (root tablet location, catalog address). Backends:
// embedded (one process, kept in the data directory) and ZooKeeper. Everything in it can be rebuilt
// from the store. Thread-safe; callbacks run on the Locker's own thread.
//
// A lock's epoch is a fencing token: strictly increasing per path over the cell's life. A watch is
// only a hint to read again.
//
// Every call of a session that has ended fails with Aborted; its watches have fired. Unavailable:
// nothing was changed, try again. Unknown: it may have been changed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace stele {

// Unavailable because no server of the Locker answers: nothing is known to be wrong with the one
// who asks, and it is worth asking again later.
Status LockerAwayError(Slice message);
bool IsLockerAway(const Status& status);

struct LockerValue {
  std::string value;
  uint64_t version = 0;
};

class LockerSession {
 public:
  // Ends the session: its ephemerals and locks go. Not from a callback of its own.
  virtual ~LockerSession() = default;

  // Takes lock `path` (say "/master/lock") with our `data`; Unavailable when held by another
  // session. Returns its epoch.
  virtual StatusOr<uint64_t> TryLock(const std::string& path, const std::string& data) = 0;
  virtual Status Unlock(const std::string& path) = 0;
  // An ephemeral node (say "/servers/ts-1"); AlreadyExists. Returns its epoch (incarnation).
  virtual StatusOr<uint64_t> CreateEphemeral(const std::string& path, const std::string& data) = 0;

  virtual StatusOr<LockerValue> Get(const std::string& path) = 0;
  virtual Status Create(const std::string& path, const std::string& value) = 0;
  // Aborted when the version differs; expected 0 with an absent node creates it. Returns the new
  // version.
  virtual StatusOr<uint64_t> Set(const std::string& path, const std::string& value,
                                 uint64_t expected) = 0;
  virtual Status Delete(const std::string& path, uint64_t expected) = 0;
  virtual StatusOr<std::vector<std::string>> Children(
      const std::string& path) = 0;  // names, sorted
  // Calls back once when the node or its children change; a hint, may be spurious.
  virtual Status Watch(const std::string& path, std::function<void()> changed) = 0;

  // Proves by a completed round trip that this session still holds `path` under `epoch`; renews the
  // session. Blocking.
  virtual Status Renew(const std::string& path, uint64_t epoch) = 0;
  virtual int64_t session_timeout_ns() const = 0;
  // The Locker may let others in so much earlier than the session timeout after the sending of a
  // renewal that completed (lease.h).
  virtual int64_t lease_margin_ns() const { return session_timeout_ns() / 10; }
};

class Locker {
 public:
  virtual ~Locker() = default;
  virtual StatusOr<std::unique_ptr<LockerSession>> OpenSession(const std::string& owner) = 0;
};

}  // namespace stele
