#include "client/cli/why.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "client/cli/recovery_text.h"

namespace stele::cli {
namespace {

constexpr double kHotShare = 0.5;  // of all requests of its server
constexpr uint64_t kHotPerSecond = 1'000;
constexpr uint64_t kMergeBelowShare = 4;  // neighbours below a fourth of the split size are merged

std::string Text(const Status& status) { return Escape(ToStd(status.message())); }

// Whatever the case.
bool Says(Slice text, const char* word) {
  return absl::StrContains(absl::AsciiStrToLower(text), word);
}

bool SaysLocker(Slice text) { return Says(text, "zookeeper") || Says(text, "locker"); }

bool SaysDamage(const Status& status) {
  return absl::IsDataLoss(status) || Says(status.message(), "damage") ||
         Says(status.message(), "corrupt");
}

const ServerSummary* FindServer(const CellStatus& cell, const std::string& id) {
  for (const ServerSummary& server : cell.servers) {
    if (server.server_id == id) return &server;
  }
  return nullptr;
}

const TabletSummary* FindTablet(const CellStatus& cell, const WhySubject& subject) {
  for (const TabletSummary& tablet : cell.tablets) {
    if (subject.tablet.has_value() && tablet.tablet.id == *subject.tablet) return &tablet;
  }
  return nullptr;
}

uint64_t SplitBytesOf(const CellStatus& cell, const TabletSummary& tablet) {
  for (const TableSummary& table : cell.tables) {
    if (table.schema.id == tablet.tablet.table) return table.schema.split_bytes;
  }
  return 0;
}

int64_t NumberOf(const std::map<std::string, int64_t>& numbers, const char* name, int64_t missing) {
  auto found = numbers.find(name);
  return found == numbers.end() ? missing : found->second;
}

int64_t GrowthOf(const ServerProbe& probe, const char* name) {
  const int64_t now = NumberOf(probe.last, name, 0);
  return probe.first.empty() ? 0 : now - NumberOf(probe.first, name, now);
}

void AddCellCauses(const WhyEvidence& evidence, std::vector<Cause>* causes) {
  if (!evidence.master.ok()) {
    const bool locker = evidence.by_locker && SaysLocker(evidence.master.message());
    causes->push_back(
        {locker ? "zookeeper-unreachable" : "master-unreachable",
         locker ? "ZooKeeper does not answer: nobody can be told where the cell is, and "
                  "servers stop when their leases are over"
                : "No master answers",
         {Text(evidence.master)},
         locker ? "when ZooKeeper is back, servers that their supervisor starts again go "
                  "on by themselves; after a loss of its data: `stele admin "
                  "rebuild-locker`"
                : "a standby master takes over when the session of the last one ends; "
                  "start one if there is none"});
    return;
  }
  const std::string& trouble = evidence.cell.trouble;
  if (trouble.empty()) return;
  const bool locker = SaysLocker(trouble) || absl::StrContains(trouble, "session");
  causes->push_back(
      {locker ? "zookeeper-unreachable" : "master-in-trouble",
       locker ? "The master does not reach ZooKeeper; no tablet can change its server, "
                "and all stop when their leases are over"
              : "The master cannot go on",
       {Escape(trouble)},
       locker ? "when ZooKeeper is back, the cell goes on by itself" : "it tries again"});
}

// One that is gone, or that does not report.
void AddAbsence(const std::string& id, const ServerSummary* server, const WhyEvidence& evidence,
                std::vector<Cause>* causes) {
  Cause cause{"server-dead", "", {}, ""};
  auto probe = evidence.probes.find(id);
  const bool silent = probe != evidence.probes.end() && !probe->second.answer.ok() &&
                      !Says(probe->second.answer.message(), "refused");
  const bool recovering = server != nullptr && server->state == "recovering";
  if (recovering && silent) {
    cause.id = "lease-lost";
    cause.sentence = absl::StrCat("The lease of ", id,
                                  " is over, but its process is still there: it "
                                  "hangs or is cut off, and may answer nobody any more");
  } else if (silent) {
    cause.id = "server-silent";
    cause.sentence = absl::StrCat(id, " hangs or is cut off: it has its lock, but does not answer");
  } else {
    cause.sentence = absl::StrCat(
        id, " is dead", recovering ? ": its lock is gone" : ": nobody listens at its address");
  }
  if (server == nullptr) cause.evidence = evidence.last_events;
  if (server != nullptr && !server->note.empty()) cause.evidence.push_back(Escape(server->note));
  if (probe != evidence.probes.end() && !probe->second.answer.ok()) {
    cause.evidence.push_back(absl::StrCat("asked directly: ", Text(probe->second.answer)));
  }
  if (server != nullptr && server->recovery.has_value()) {
    cause.evidence.push_back(RecoveryLine(*server->recovery));
  }
  cause.next = recovering ? "another server recovers its log, then others open its tablets"
               : server == nullptr
                   ? "its tablets are elsewhere; start it again to have it back"
                   : "when its session with the Locker ends, its log is recovered and "
                     "its tablets go to others";
  causes->push_back(std::move(cause));
}

void AddServerLevels(const std::string& id, const ServerProbe& probe, std::vector<Cause>* causes) {
  if (NumberOf(probe.last, "disk.full", 0) != 0) {
    causes->push_back(
        {"disk-full",
         absl::StrCat("The disk of ", id, " is full: it refuses writes, reads go on"),
         {absl::StrCat(
              FormatBytes(static_cast<uint64_t>(NumberOf(probe.last, "disk.free_bytes", 0))),
              " free, ",
              FormatBytes(static_cast<uint64_t>(NumberOf(probe.last, "disk.reserve_bytes", 0))),
              " are kept in reserve"),
          absl::StrCat(NumberOf(probe.last, "disk.refused_writes", 0), " writes were refused")},
         "free space on the disk; writes are taken again within 10 s"});
  }
  if (const int64_t stalled = GrowthOf(probe, "writes.stalled_ms"); stalled > 0) {
    causes->push_back(
        {"write-stall",
         absl::StrCat("Writes to ", id, " are slowed: flushes do not keep up with them"),
         {absl::StrCat("writers were asked to wait ", stalled, " ms in the last ", probe.apart_ms,
                       " ms"),
          absl::StrCat(
              "memory: ",
              FormatBytes(static_cast<uint64_t>(NumberOf(probe.last, "memory.used", 0))), " of ",
              FormatBytes(static_cast<uint64_t>(NumberOf(probe.last, "memory.limit", 0))))},
         "writes are as fast as flushes until these have caught up; see the log ring and memory on "
         "the server's page"});
  }
  if (const int64_t refused = GrowthOf(probe, "requests.refused"); refused > 0) {
    causes->push_back({"overloaded",
                       absl::StrCat(id, " has too many requests in flight and refuses some"),
                       {absl::StrCat(refused, " were refused in the last ", probe.apart_ms, " ms")},
                       "clients wait and try again"});
  }
}

void AddServerCauses(const std::string& id, const WhyEvidence& evidence,
                     std::vector<Cause>* causes) {
  const ServerSummary* server = FindServer(evidence.cell, id);
  const bool away = server != nullptr && server->state == "dead" && server->draining;
  auto probe = evidence.probes.find(id);
  const bool answers = probe != evidence.probes.end() && probe->second.answer.ok();
  const bool lease_over = answers && (probe->second.state == "failed" ||
                                      NumberOf(probe->second.last, "lease.remaining_ms", 1) <= 0);
  if (lease_over) {
    causes->push_back({"lease-lost",
                       absl::StrCat("The lease of ", id, " is over: it answers nobody"),
                       {absl::StrCat("it says of itself: ", probe->second.state, ", lease left ",
                                     NumberOf(probe->second.last, "lease.remaining_ms", 0), " ms")},
                       "it ends with exit code 10; its supervisor starts it again"});
  } else if (!away && (server == nullptr || server->state != "live")) {
    AddAbsence(id, server, evidence, causes);
  }
  if (answers) AddServerLevels(id, probe->second, causes);
  if (server != nullptr && server->draining) {
    const bool done = server->tablets == 0;
    causes->push_back(
        {"drain-in-progress",
         absl::StrCat(id, done ? " is drained: it is given no tablets"
                               : " is being drained: its tablets are moved to other servers"),
         {absl::StrCat(server->tablets, " tablets are left"), Escape(server->note)},
         done ? absl::StrCat("nothing, until `stele admin undrain ", id, "`")
              : "a few tablets at a time are flushed and moved; clients see a delay"});
    if (server->note.empty()) causes->back().evidence.pop_back();
  }
}

void AddAwayTablet(const TabletSummary& tablet, const WhyEvidence& evidence,
                   std::vector<Cause>* causes) {
  std::vector<std::string> seen = {absl::StrCat(
      "it is ", tablet.state, " for ", tablet.state_age_ms, " ms: ", Escape(tablet.reason))};
  for (const ServerSummary& server : evidence.cell.servers) {
    if (server.state != "recovering") continue;
    seen.push_back(absl::StrCat("the log of ", server.server_id, " is being recovered"));
    if (server.recovery.has_value()) seen.push_back(RecoveryLine(*server.recovery));
    causes->push_back({"tablet-recovering",
                       absl::StrCat("Tablet ", tablet.tablet.id,
                                    " waits for the recovery of the log of ", server.server_id),
                       seen, Escape(tablet.next_step)});
    return;
  }
  if (tablet.state == "broken" && SaysDamage(absl::UnknownError(tablet.reason))) {
    causes->push_back(
        {"corrupt-file",
         absl::StrCat("Tablet ", tablet.tablet.id, " cannot be opened: its data is damaged"), seen,
         "it is tried again and again; see `stele debug rescue` for what can be saved"});
    return;
  }
  causes->push_back(
      {absl::StrCat("tablet-", tablet.state),
       absl::StrCat("Tablet ", tablet.tablet.id, " does not serve: it is ", tablet.state), seen,
       Escape(tablet.next_step)});
}

void AddDamage(const WhyEvidence& evidence, std::vector<Cause>* causes) {
  std::vector<std::string> seen;
  if (evidence.read.has_value() && SaysDamage(*evidence.read)) {
    seen.push_back(absl::StrCat("reading the row: ", Text(*evidence.read)));
  }
  if (evidence.verified.has_value()) {
    for (const std::string& damage : evidence.verified->damage) seen.push_back(Escape(damage));
  }
  if (seen.empty()) return;
  causes->push_back({"corrupt-file", "A file of the tablet is damaged: reads that need it fail",
                     std::move(seen),
                     "nothing by itself: bring the file back from a copy of the directory, or drop "
                     "the rows that it holds"});
}

uint64_t PerSecond(const TabletSummary& tablet, const WhyEvidence& evidence) {
  auto before = evidence.earlier.find(tablet.tablet.id);
  const uint64_t now = tablet.reads + tablet.writes;
  if (evidence.apart_ms <= 0 || before == evidence.earlier.end() || now < before->second) return 0;
  return (now - before->second) * 1'000 / static_cast<uint64_t>(evidence.apart_ms);
}

// More than its share: what the master says of it, else what was counted just now.
void AddHeat(const TabletSummary& tablet, const WhyEvidence& evidence, std::vector<Cause>* causes) {
  const uint64_t per_s = PerSecond(tablet, evidence);
  uint64_t of_server = 0, neighbours = 0;
  for (const TabletSummary& other : evidence.cell.tablets) {
    if (other.tablet.server_id != tablet.tablet.server_id) continue;
    of_server += PerSecond(other, evidence);
    ++neighbours;
  }
  const bool told = absl::StrContains(tablet.reason, "hot row");
  const bool hot = per_s >= kHotPerSecond && neighbours > 1 &&
                   static_cast<double>(per_s) > kHotShare * static_cast<double>(of_server);
  if (!told && !hot) return;
  Cause cause{
      "range-too-hot",
      told ? "The tablet gets more requests than it should, and a split would not help: one "
             "row has nearly all of them"
           : "The tablet gets most of the requests of its server",
      {absl::StrCat(per_s, " requests a second, of ", of_server, " of its server")},
      told ? "it stays whole; spread the requests over more rows"
           : "if it stays so it is split where its load halves, and tablets are moved until "
             "servers are alike"};
  if (!tablet.reason.empty()) cause.evidence.push_back(Escape(tablet.reason));
  causes->push_back(std::move(cause));
}

void AddReshapeRefused(const TabletSummary& tablet, const WhyEvidence& evidence,
                       std::vector<Cause>* causes) {
  if (!absl::StartsWith(tablet.reason, "not split or merged: ")) return;
  const uint64_t split_bytes = SplitBytesOf(evidence.cell, tablet);
  const bool too_large = split_bytes != 0 && tablet.bytes > split_bytes;
  if (!too_large || !absl::StrContains(tablet.reason, "no two rows")) {
    causes->push_back({"reshape-refused",
                       "A split or merge of the tablet was refused",
                       {Escape(tablet.reason)},
                       "it is tried again from time to time, as long as it is wanted"});
    return;
  }
  causes->push_back({"one-huge-row",
                     "The tablet is too large and cannot be split: a row is never divided, "
                     "and one has nearly all of its bytes",
                     {absl::StrCat(FormatBytes(tablet.bytes), " in files, to be split at ",
                                   FormatBytes(split_bytes)),
                      Escape(tablet.reason)},
                     "it is tried again from time to time; cut the row into several"});
}

}  // namespace

std::vector<Cause> FindCauses(const WhySubject& subject, const WhyEvidence& evidence) {
  std::vector<Cause> causes;
  AddCellCauses(evidence, &causes);
  if (!evidence.master.ok()) return causes;
  const TabletSummary* tablet = FindTablet(evidence.cell, subject);
  if (tablet != nullptr) {
    if (tablet->state != "serving") AddAwayTablet(*tablet, evidence, &causes);
    AddDamage(evidence, &causes);
    if (tablet->state == "serving") {
      AddReshapeRefused(*tablet, evidence, &causes);
      AddHeat(*tablet, evidence, &causes);
    }
  }
  const std::string& server = tablet == nullptr ? subject.server : tablet->tablet.server_id;
  if (!server.empty()) AddServerCauses(server, evidence, &causes);
  return causes;
}

std::vector<std::string> FindNotes(const WhySubject& subject, const WhyEvidence& evidence) {
  std::vector<std::string> notes;
  const TabletSummary* tablet = FindTablet(evidence.cell, subject);
  if (tablet != nullptr) {
    const uint64_t split_bytes = SplitBytesOf(evidence.cell, *tablet);
    if (split_bytes != 0 && tablet->bytes <= split_bytes) {
      notes.push_back(absl::StrCat("not split by size: ", FormatBytes(tablet->bytes),
                                   " in files, of ", FormatBytes(split_bytes)));
    }
    if (split_bytes == 0) notes.push_back("not split or merged by size: its table says never");
    if (split_bytes != 0 && tablet->bytes >= split_bytes / kMergeBelowShare) {
      notes.push_back(absl::StrCat("not merged: neighbours are when together they have less than ",
                                   FormatBytes(split_bytes / kMergeBelowShare), " for a while"));
    }
  }
  size_t live = 0, most = 0, least = SIZE_MAX;
  for (const ServerSummary& server : evidence.cell.servers) {
    if (server.state != "live" || server.draining) continue;
    ++live;
    most = std::max<size_t>(most, server.tablets);
    least = std::min<size_t>(least, server.tablets);
  }
  for (const ServerSummary& server : evidence.cell.servers) {
    const bool leaves = server.draining && server.tablets > 0;
    if (server.state != "suspect" && !leaves) continue;
    notes.push_back(absl::StrCat("balance: by itself it waits, ", server.server_id,
                                 leaves ? " drains and still has tablets" : " does not report"));
  }
  if (live > 1) {
    notes.push_back(absl::StrCat("balance: servers have ", least, " to ", most,
                                 " tablets; `stele admin balance --dry-run` says what would move"));
  }
  return notes;
}

}  // namespace stele::cli
