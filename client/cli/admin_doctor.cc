// admin doctor: what an expert would look at first.
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "client/cli/bytes_text.h"
#include "client/cli/doctor.h"
#include "client/cli/text_table.h"
#include "client/cli/verbs.h"
#include "common/base/mutex.h"

namespace stele::cli {
namespace {

constexpr int64_t kHourUs = 3'600'000'000;
constexpr int64_t kCallTimeoutMs = 3'000;  // a process that is silent for so long is ill
constexpr std::chrono::milliseconds kBetween{1'000};
constexpr uint64_t kEvents = 10'000;

std::string CellOf(const Invocation& call) {
  if (call.Has("cell")) return call.Get<std::string>("cell");
  return call.env->cell;
}

void Ask(Admin* admin, Clock* clock, ExaminedProcess* process) {
  const int64_t before_us = clock->WallMicros(), before_ns = clock->BootNanos();
  auto info = admin->DescribeProcess(process->address);
  process->error = info.status();
  process->round_trip_us = (clock->BootNanos() - before_ns) / 1'000;
  process->local_us = before_us + process->round_trip_us / 2;
  if (info.ok()) process->info = *std::move(info);
}

void AskNumbers(Admin* admin, const ExaminedProcess& process, std::optional<ServerStatus>* out) {
  if (process.master || !process.error.ok()) return;
  auto status = admin->GetServerStatus(process.address);
  if (status.ok()) *out = *std::move(status);
}

// The active master first, then those that the cell's name names besides.
void AddMasters(const Invocation& call, Examination* e) {
  std::vector<std::string> addresses;
  if (e->cell_error.ok()) addresses.push_back(e->cell.master_address);
  const std::vector<std::string> named = absl::StrSplit(CellOf(call), ',', absl::SkipEmpty());
  e->locker_named = call.env->cell_by_locker;
  for (const std::string& address : named) {
    // One address of a master may be spelt differently from what it says of itself.
    const bool is_known = !addresses.empty() && (named.size() == 1 || address == addresses[0]);
    if (!is_known) addresses.push_back(address);
  }
  for (const std::string& address : addresses) {
    ExaminedProcess process;
    process.address = address;
    process.master = true;
    e->processes.push_back(std::move(process));
  }
}

void AddServers(Examination* e) {
  for (const ServerSummary& server : e->cell.servers) {
    if (server.address.empty()) continue;
    ExaminedProcess process;
    process.address = server.address;
    process.server_id = server.server_id;
    e->processes.push_back(std::move(process));
  }
}

Examination Examine(const Invocation& call) {
  Examination e;
  Clock* const clock = call.env->clock;
  e.now_us = clock->WallMicros();
  ClientOptions options;
  options.timeout_ms = options.admin_timeout_ms = options.connect_timeout_ms = kCallTimeoutMs;
  auto client = ConnectCell(call, options);
  e.cell_error = client.status();
  if (!client.ok()) return e;
  Admin admin = (*client)->admin();
  auto cell = admin.GetCellStatus();
  e.cell_error = cell.status();
  if (cell.ok()) e.cell = *std::move(cell);
  AddMasters(call, &e);
  AddServers(&e);
  for (ExaminedProcess& process : e.processes) {
    Ask(&admin, clock, &process);
    AskNumbers(&admin, process, &process.before);
  }
  EventQuery query;
  query.since_us = e.now_us - kHourUs;
  query.limit = kEvents;
  auto events = admin.ListEvents(query);
  e.events_error = events.status();
  if (events.ok()) e.events = std::move(events->events);
  {
    Mutex mu;
    CondVar never;
    MutexLock lock(&mu);
    never.WaitFor(&mu, kBetween);
  }
  for (ExaminedProcess& process : e.processes) AskNumbers(&admin, process, &process.after);
  return e;
}

void PrintText(const std::vector<Finding>& findings, const Environment& env) {
  size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, finding.check.size());
  for (const Finding& finding : findings) {
    const Tone tone = ToneOfState(NameOf(finding.verdict));
    std::string verdict = NameOf(finding.verdict);
    verdict.resize(4, ' ');
    *env.out << InTone(env, tone, verdict) << "  " << finding.check
             << std::string(width - finding.check.size() + 2, ' ') << Escape(finding.evidence);
    if (!finding.next.empty()) *env.out << "; next: " << Escape(finding.next);
    *env.out << '\n';
  }
}

void PrintJson(const std::vector<Finding>& findings, bool ok, std::ostream& out) {
  auto list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"check", finding.check},
                    {"verdict", NameOf(finding.verdict)},
                    {"evidence", Escape(finding.evidence)},
                    {"next", Escape(finding.next)}});
  }
  out << nlohmann::ordered_json({{"ok", ok}, {"checks", list}}).dump() << '\n';
}

int Run(const Invocation& call) {
  Examination examination;
  if (!call.env->locker.ok()) {
    examination.cell_error = call.env->locker;
    examination.events_error = call.env->locker;
  } else {
    examination = Examine(call);
    if (!examination.cell_error.ok() && examination.events_error.ok()) {
      examination.events_error = examination.cell_error;
    }
  }
  const std::vector<Finding> findings = Diagnose(examination);
  bool ok = true;
  for (const Finding& finding : findings) ok = ok && finding.verdict != Verdict::kBad;
  if (call.Has("json")) {
    PrintJson(findings, ok, *call.env->out);
  } else {
    PrintText(findings, *call.env);
  }
  return ok ? kOk : kFailed;
}

}  // namespace

Verb AdminDoctorVerb() {
  Verb verb;
  verb.name = "admin doctor";
  verb.summary = "look at the cell as an expert would: a line a check, and what to do next";
  verb.details =
      "Master, standby, Locker and its sessions, servers, tablets, recoveries, clocks, disk, "
      "stalls,\n"
      "compaction, log, memory, versions, options changed live, who reaches the ports, the last\n"
      "hour's events. Each is ok, warn or bad, with what was seen. Stalls are those of one second "
      "of\n"
      "looking. Exit code 0: nothing is bad. 1: something is.";
  verb.example = "stele admin doctor --cell zk://127.0.0.1:2181/cell";
  verb.reads = true;
  verb.watches = true;
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
