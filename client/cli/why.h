// Why a tablet or a server is not as one would wish: from what the master, the server itself and a
// trial read say, the causes, the most important first, each as a sentence with its evidence and
// what will happen next. Pure: FindCauses decides, `stele admin why` gathers and prints.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "stele/cell_status.h"

namespace stele::cli {

// What a server says of itself, twice, a moment apart.
struct ServerProbe {
  Status answer;                               // of the last question; not OK: why there was none
  std::string state;                           // "serving", "draining", "failed"
  int64_t apart_ms = 0;                        // between the two
  std::map<std::string, int64_t> first, last;  // its numbers; first: empty when it answered once
};

struct WhyEvidence {
  Status master;           // not OK: no master answered, and there is no `cell`
  bool by_locker = false;  // the cell was looked for in ZooKeeper
  CellStatus cell;
  int64_t apart_ms = 0;                        // since `earlier`
  std::map<uint64_t, uint64_t> earlier;        // reads and writes of each tablet a moment before
  std::map<std::string, ServerProbe> probes;   // by server id
  std::vector<std::string> last_events;        // about the subject, the newest first
  std::optional<Status> read;                  // of the row in question
  std::optional<TabletVerification> verified;  // of the tablet in question
};

struct Cause {
  std::string id;  // "server-dead", "disk-full": for programs, never another
  std::string sentence;
  std::vector<std::string> evidence;
  std::string next;  // what will happen, or what is to be done
};

// About a tablet, about a server, about the cell alone (neither).
struct WhySubject {
  std::optional<uint64_t> tablet;
  std::string server;
};

// Empty: nothing is wrong that can be seen.
std::vector<Cause> FindCauses(const WhySubject& subject, const WhyEvidence& evidence);
// What is as it is without being wrong: why the tablet is not split, merged or moved.
std::vector<std::string> FindNotes(const WhySubject& subject, const WhyEvidence& evidence);

}  // namespace stele::cli
