#include "client/cli/doctor.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "client/cli/bytes_text.h"

namespace stele::cli {
namespace {

constexpr int64_t kSkewWarnUs = 500'000, kSkewBadUs = 10'000'000;
constexpr int64_t kSettlesMs = 60'000;  // what is not served for so long does not mend by itself
constexpr uint64_t kManyFiles = 40;     // of a tablet: compactions do not keep up
constexpr uint64_t kRingWarnPercent = 75, kRingBadPercent = 95;
constexpr uint64_t kMemoryWarnPercent = 95;
constexpr size_t kShown = 3;

std::string Join(const std::vector<std::string>& all) {
  const std::vector<std::string> first(
      all.begin(), all.begin() + static_cast<ptrdiff_t>(std::min(kShown, all.size())));
  std::string text = absl::StrJoin(first, "; ");
  if (all.size() > kShown) absl::StrAppend(&text, "; and ", all.size() - kShown, " more");
  return text;
}

std::string NameOf(const ExaminedProcess& process) {
  return process.master ? absl::StrCat("master ", process.address) : process.server_id;
}

int64_t NumberOf(const std::optional<ServerStatus>& status, const char* name) {
  if (!status.has_value()) return 0;
  for (const NamedNumber& number : status->numbers) {
    if (number.name == name) return number.value;
  }
  return 0;
}

bool IsOneProcess(const Examination& e) {
  return std::any_of(e.processes.begin(), e.processes.end(),
                     [](const ExaminedProcess& p) { return p.info.role == "local"; });
}

// Of what no process answered nothing can be said.
Finding Unknown(const char* check) {
  return {check, Verdict::kWarn, "nobody answered that could tell", "mend what is bad above first"};
}

Finding CheckMaster(const Examination& e) {
  if (!e.cell_error.ok()) {
    return {"master", Verdict::kBad, std::string(ToStd(e.cell_error.message())),
            "look whether a master runs and what its log says; is --cell right?"};
  }
  if (!e.cell.trouble.empty()) {
    return {"master", Verdict::kBad, absl::StrCat(e.cell.master_address, ": ", e.cell.trouble),
            "stele admin why TABLE of a table that is away; the master's log"};
  }
  return {"master", Verdict::kOk,
          absl::StrCat(e.cell.master_address, " is active, epoch ", e.cell.master_epoch), ""};
}

Finding CheckStandby(const Examination& e) {
  size_t standbys = 0, masters = 0;
  std::vector<std::string> silent;
  for (const ExaminedProcess& p : e.processes) {
    if (!p.master) continue;
    ++masters;
    standbys += p.info.state == "standby";
    if (!p.error.ok()) silent.push_back(absl::StrCat(p.address, ": ", p.error.message()));
  }
  if (IsOneProcess(e))
    return {"standby", Verdict::kOk, "stele local: one process has all roles", ""};
  if (!silent.empty()) {
    return {"standby", Verdict::kWarn, Join(silent), "start this master again, or look at its log"};
  }
  if (standbys > 0) {
    return {"standby", Verdict::kOk, absl::StrCat(standbys, " of ", masters, " masters stand by"),
            ""};
  }
  return {"standby", Verdict::kWarn,
          e.locker_named ? "no master stands by: when the active one dies, nobody takes over"
                         : "none at the addresses that were given",
          e.locker_named ? "start a second stele master, on another machine"
                         : "ask with --cell zk://..., which names all masters"};
}

Finding CheckLocker(const Examination& e) {
  std::vector<std::string> over, low;
  size_t asked = 0;
  int64_t least = INT64_MAX, session = 0;
  for (const ExaminedProcess& p : e.processes) {
    // One that stands by holds nothing.
    if (!p.error.ok() || p.info.session_timeout_ms == 0) continue;
    ++asked;
    const int64_t left = p.info.lease_left_ms;
    if (left < least) {
      least = left;
      session = p.info.session_timeout_ms;
    }
    if (left <= 0) {
      over.push_back(absl::StrCat(NameOf(p), ": its lease is over"));
    } else if (left < p.info.session_timeout_ms / 4) {
      low.push_back(absl::StrCat(NameOf(p), ": ", left, " ms of its lease are left"));
    }
  }
  const char* next = "look at ZooKeeper (its quorum, its latency), and the network to it";
  if (asked == 0) return Unknown("locker");
  if (!over.empty()) return {"locker", Verdict::kBad, Join(over), next};
  if (!low.empty()) return {"locker", Verdict::kWarn, Join(low), next};
  return {"locker", Verdict::kOk,
          absl::StrCat("the leases of ", asked, " processes are renewed; the shortest has ", least,
                       " of ", session, " ms left"),
          ""};
}

Finding CheckServers(const Examination& e) {
  if (!e.cell_error.ok()) return Unknown("servers");
  std::vector<std::string> bad, warned;
  size_t live = 0;
  for (const ServerSummary& server : e.cell.servers) {
    live += server.state == "live";
    const std::string line = absl::StrCat(server.server_id, " is ", server.state,
                                          server.note.empty() ? "" : ": ", server.note);
    if (server.state == "dead") bad.push_back(line);
    if (server.state == "suspect" || server.state == "recovering") warned.push_back(line);
    if (server.draining) warned.push_back(absl::StrCat(server.server_id, " drains"));
  }
  for (const ExaminedProcess& p : e.processes) {
    if (!p.master && !p.error.ok()) {
      warned.push_back(absl::StrCat(p.server_id, " at ", p.address, ": ", p.error.message()));
    }
  }
  const char* next = "stele admin why SERVER; start it again when it ended";
  if (live == 0) {
    return {"servers", Verdict::kBad, "no tablet server lives", "start stele tabletserver"};
  }
  if (!bad.empty()) return {"servers", Verdict::kBad, Join(bad), next};
  if (!warned.empty()) return {"servers", Verdict::kWarn, Join(warned), next};
  return {"servers", Verdict::kOk, absl::StrCat(live, live == 1 ? " lives" : " live"), ""};
}

Finding CheckTablets(const Examination& e) {
  if (!e.cell_error.ok()) return Unknown("tablets");
  std::vector<std::string> bad, warned;
  for (const TabletSummary& tablet : e.cell.tablets) {
    if (tablet.state == "serving") continue;
    const std::string line = absl::StrCat(
        "tablet ", tablet.tablet.id, " is ", tablet.state, " for ",
        FormatDurationUs(tablet.state_age_ms / 1'000 * 1'000'000), ": ", Escape(tablet.reason));
    const bool lasts = tablet.state == "broken" || tablet.state_age_ms > kSettlesMs;
    (lasts ? bad : warned).push_back(line);
  }
  const char* next = "stele admin why TABLE ROW of a row in it";
  if (!bad.empty()) return {"tablets", Verdict::kBad, Join(bad), next};
  if (!warned.empty()) return {"tablets", Verdict::kWarn, Join(warned), next};
  if (!e.cell.ready) {
    return {"tablets", Verdict::kBad, "the master does not know all tables yet", "ask again soon"};
  }
  return {"tablets", Verdict::kOk, absl::StrCat("all ", e.cell.tablets.size(), " are served"), ""};
}

Finding CheckRecoveries(const Examination& e) {
  if (!e.cell_error.ok()) return Unknown("recoveries");
  std::vector<std::string> found;
  for (const ServerSummary& server : e.cell.servers) {
    if (!server.recovery.has_value()) continue;
    found.push_back(absl::StrCat("the log of ", server.server_id, ", by ", server.recovery->by,
                                 ": ", FormatBytes(server.recovery->bytes_done), " of ",
                                 FormatBytes(server.recovery->bytes_total)));
  }
  if (found.empty()) return {"recoveries", Verdict::kOk, "none in flight", ""};
  return {"recoveries", Verdict::kWarn, Join(found), "stele admin servers --watch shows how far"};
}

Finding CheckClocks(const Examination& e) {
  int64_t least = INT64_MAX, most = INT64_MIN;
  std::string behind, ahead;
  size_t asked = 0;
  for (const ExaminedProcess& p : e.processes) {
    if (!p.error.ok() || p.info.wall_us == 0) continue;
    ++asked;
    // Half of the way there and back is not known.
    const int64_t offset = p.info.wall_us - p.local_us, doubt = p.round_trip_us / 2;
    if (offset + doubt < least) least = offset + doubt, behind = NameOf(p);
    if (offset - doubt > most) most = offset - doubt, ahead = NameOf(p);
  }
  if (asked == 0) return Unknown("clocks");
  const int64_t skew = std::max<int64_t>(0, most - least);
  if (skew < kSkewWarnUs) {
    return {"clocks", Verdict::kOk,
            absl::StrCat("those of ", asked, " processes are within ", skew / 1'000 + 1, " ms"),
            ""};
  }
  return {"clocks", skew >= kSkewBadUs ? Verdict::kBad : Verdict::kWarn,
          absl::StrCat(ahead, " is ", skew / 1'000, " ms ahead of ", behind),
          "set the clocks (chrony): cells get their servers' time, and TTLs follow it"};
}

Finding CheckDisk(const Examination& e) {
  std::vector<std::string> bad, warned;
  int64_t least = INT64_MAX, reserve = 0;
  for (const ExaminedProcess& p : e.processes) {
    if (!p.after.has_value()) continue;
    const int64_t free = NumberOf(p.after, "disk.free_bytes");
    const int64_t kept = NumberOf(p.after, "disk.reserve_bytes");
    if (free < least) {
      least = free;
      reserve = kept;
    }
    const std::string line =
        absl::StrCat(p.server_id, ": ", FormatBytes(static_cast<uint64_t>(free)), " free, ",
                     FormatBytes(static_cast<uint64_t>(kept)), " in reserve");
    if (NumberOf(p.after, "disk.full") != 0) {
      bad.push_back(line + "; writes are refused");
    } else if (free < 2 * kept) {
      warned.push_back(line);
    }
  }
  if (least == INT64_MAX) return Unknown("disk");
  const char* next = "make room, drop what is not needed, or give the store a larger disk";
  if (!bad.empty()) return {"disk", Verdict::kBad, Join(bad), next};
  if (!warned.empty()) return {"disk", Verdict::kWarn, Join(warned), next};
  return {"disk", Verdict::kOk,
          absl::StrCat(FormatBytes(static_cast<uint64_t>(least)), " free where it is least, ",
                       FormatBytes(static_cast<uint64_t>(reserve)), " kept in reserve"),
          ""};
}

Finding CheckStalls(const Examination& e) {
  std::vector<std::string> found;
  size_t asked = 0;
  for (const ExaminedProcess& p : e.processes) {
    if (!p.before.has_value() || !p.after.has_value()) continue;
    ++asked;
    for (const auto& [name, what] : {std::pair("writes.stalled_ms", " ms of waiting writes"),
                                     std::pair("requests.refused", " requests refused"),
                                     std::pair("log.slow_syncs", " slow syncs of the log")}) {
      const int64_t grown = NumberOf(p.after, name) - NumberOf(p.before, name);
      if (grown > 0) found.push_back(absl::StrCat(p.server_id, ": ", grown, what));
    }
  }
  if (asked == 0) return Unknown("stalls");
  if (found.empty()) return {"stalls", Verdict::kOk, "no write waited while we looked", ""};
  return {"stalls", Verdict::kWarn, Join(found) + ", while we looked",
          "the disk or the load: stele admin tablets --watch, the page /server of the server"};
}

Finding CheckCompaction(const Examination& e) {
  if (!e.cell_error.ok()) return Unknown("compaction");
  std::vector<std::string> found;
  uint64_t most = 0;
  for (const TabletSummary& tablet : e.cell.tablets) {
    most = std::max(most, tablet.files);
    if (tablet.files < kManyFiles) continue;
    found.push_back(absl::StrCat("tablet ", tablet.tablet.id, " has ", tablet.files, " files"));
  }
  if (found.empty()) {
    return {"compaction", Verdict::kOk, absl::StrCat("no tablet has more than ", most, " files"),
            ""};
  }
  return {"compaction", Verdict::kWarn, Join(found),
          "raise maintenance-threads, or compaction-rate (stele admin set all compaction-rate=0)"};
}

Finding CheckLogs(const Examination& e) {
  std::vector<std::string> bad, warned;
  uint64_t most = 0;
  bool asked = false;
  for (const ExaminedProcess& p : e.processes) {
    if (!p.after.has_value()) continue;
    asked = true;
    const uint64_t limit = p.after->ring.max_segments * p.after->ring.segment_bytes;
    if (limit == 0) continue;
    const uint64_t percent = p.after->ring.live_bytes * 100 / limit;
    most = std::max(most, percent);
    const std::string line = absl::StrCat(p.server_id, ": ", percent, " % of its ring is in use");
    if (percent >= kRingBadPercent) bad.push_back(line);
    if (percent >= kRingWarnPercent && percent < kRingBadPercent) warned.push_back(line);
  }
  if (!asked) return Unknown("log");
  const char* next =
      "flushes do not keep up: stele admin flush, a faster disk, a larger ring-limit";
  if (!bad.empty()) return {"log", Verdict::kBad, Join(bad), next};
  if (!warned.empty()) return {"log", Verdict::kWarn, Join(warned), next};
  return {"log", Verdict::kOk, absl::StrCat("rings are used up to ", most, " %"), ""};
}

Finding CheckMemory(const Examination& e) {
  std::vector<std::string> warned;
  int64_t most = 0;
  bool asked = false;
  for (const ExaminedProcess& p : e.processes) {
    const int64_t limit = NumberOf(p.after, "memory.limit");
    if (limit <= 0) continue;
    asked = true;
    const int64_t percent = NumberOf(p.after, "memory.used") * 100 / limit;
    most = std::max(most, percent);
    if (percent >= static_cast<int64_t>(kMemoryWarnPercent)) {
      warned.push_back(absl::StrCat(p.server_id, ": ", percent, " % of its limit"));
    }
  }
  if (!asked) return Unknown("memory");
  if (!warned.empty()) {
    return {"memory", Verdict::kWarn, Join(warned), "raise memory-limit, or add servers"};
  }
  return {"memory", Verdict::kOk, absl::StrCat("engines use up to ", most, " % of their limit"),
          ""};
}

Finding CheckVersions(const Examination& e) {
  std::map<std::string, std::vector<std::string>> versions;
  for (const ExaminedProcess& p : e.processes) {
    if (p.error.ok()) versions[p.info.version].push_back(NameOf(p));
  }
  if (versions.empty()) return Unknown("versions");
  if (versions.size() == 1) {
    return {"versions", Verdict::kOk, absl::StrCat("all are ", versions.begin()->first), ""};
  }
  std::vector<std::string> lines;
  for (const auto& [version, names] : versions) {
    lines.push_back(absl::StrCat(version.empty() ? "unknown" : version, ": ", Join(names)));
  }
  return {"versions", Verdict::kWarn, Join(lines),
          "finish the upgrade: stele admin rolling-restart, then the masters"};
}

Finding CheckOptions(const Examination& e) {
  std::vector<std::string> live;
  bool asked = false;
  for (const ExaminedProcess& p : e.processes) {
    for (const ProcessOption& option : p.info.options) {
      asked = true;
      if (option.source == "live") {
        live.push_back(absl::StrCat(NameOf(p), ": ", option.name, " = ", Escape(option.value)));
      }
    }
    if (p.info.role == "local") break;  // the others are the same process
  }
  if (!asked) return Unknown("options");
  if (live.empty()) return {"options", Verdict::kOk, "none was changed since the start", ""};
  return {"options", Verdict::kWarn, "changed live: " + Join(live),
          "write them into the files of --config, or a restart loses them"};
}

bool IsLoopback(const std::string& address) {
  return absl::StartsWith(address, "127.") || absl::StartsWith(address, "[::1]") ||
         absl::StartsWith(address, "localhost:");
}

// There are no certificates and no roles yet: who reaches a port may do what clients may do.
Finding CheckAccess(const Examination& e) {
  std::vector<std::string> open, zookeeper;
  for (const ExaminedProcess& p : e.processes) {
    if (!IsLoopback(p.address)) open.push_back(p.address);
    for (const ProcessOption& option : p.info.options) {
      if (option.name == "locker-auth" && option.value.empty()) zookeeper.push_back(NameOf(p));
    }
  }
  if (e.processes.empty()) return Unknown("access");
  if (open.empty()) return {"access", Verdict::kOk, "only this machine reaches the ports", ""};
  std::string evidence =
      absl::StrCat("whoever reaches ", Join(open), " may read, write and administer");
  if (!zookeeper.empty()) absl::StrAppend(&evidence, "; ZooKeeper is used without locker-auth");
  return {"access", Verdict::kWarn, evidence,
          "let a firewall keep strangers from the ports; set locker-auth"};
}

Finding CheckEvents(const Examination& e) {
  if (!e.events_error.ok()) {
    return {"events", Verdict::kWarn, std::string(ToStd(e.events_error.message())),
            "mend what is bad above first"};
  }
  size_t refused = 0, recoveries = 0, masters = 0, broken = 0;
  for (const Event& event : e.events) {
    refused += event.kind == "refused";
    recoveries += event.kind == "recovery";
    masters += event.kind == "master";
    broken += event.kind == "tablet" && absl::StrContains(event.text, "broken");
  }
  std::vector<std::string> found;
  for (const auto& [count, what] :
       {std::pair(broken, "tablets that broke"), std::pair(recoveries, "recoveries"),
        std::pair(masters > 1 ? masters : 0, "changes of master"),
        std::pair(refused, "refused orders")}) {
    if (count > 0) found.push_back(absl::StrCat(count, " ", what));
  }
  if (found.empty()) {
    return {"events", Verdict::kOk,
            absl::StrCat(e.events.size(), " in the last hour, none of them alarming"), ""};
  }
  return {"events", Verdict::kWarn, absl::StrCat("in the last hour: ", absl::StrJoin(found, ", ")),
          "stele admin events --last 1h"};
}

}  // namespace

const char* NameOf(Verdict verdict) {
  return verdict == Verdict::kOk ? "ok" : verdict == Verdict::kWarn ? "warn" : "bad";
}

std::vector<Finding> Diagnose(const Examination& e) {
  return {CheckMaster(e),   CheckStandby(e),    CheckLocker(e), CheckServers(e),
          CheckTablets(e),  CheckRecoveries(e), CheckClocks(e), CheckDisk(e),
          CheckStalls(e),   CheckCompaction(e), CheckLogs(e),   CheckMemory(e),
          CheckVersions(e), CheckOptions(e),    CheckAccess(e), CheckEvents(e)};
}

}  // namespace stele::cli
