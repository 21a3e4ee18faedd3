// Why a tablet, a row's tablet or a server is as it is: admin why.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "client/cli/bytes_text.h"
#include "client/cli/verbs.h"
#include "client/cli/why.h"
#include "common/base/mutex.h"

namespace stele::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kAnswerTimeoutMs = 4'000;
constexpr std::chrono::milliseconds kBetweenLooks{1'000};
constexpr uint64_t kLastEvents = 3;
constexpr uint64_t kVerifiedBytes = 1u << 30;

struct Look {
  WhySubject subject;
  WhyEvidence evidence;
  std::string about;  // for people
};

std::map<std::string, int64_t> NumbersOf(const ServerStatus& status) {
  std::map<std::string, int64_t> numbers;
  for (const NamedNumber& number : status.numbers) numbers[number.name] = number.value;
  return numbers;
}

// What the words name; a row is that of a table.
StatusOr<WhySubject> SubjectOf(const Invocation& call, const CellStatus& cell, std::string* about) {
  WhySubject subject;
  const std::string& word = call.args[0];
  if (call.args.size() == 2) {
    for (const TabletSummary& tablet : cell.tablets) {
      const TabletInfo& info = tablet.tablet;
      const auto table = std::find_if(cell.tables.begin(), cell.tables.end(),
                                      [&](const auto& one) { return one.schema.id == info.table; });
      if (table == cell.tables.end() || table->schema.name != word) continue;
      const std::string& row = call.args[1];
      if (row <= info.start_row || (!info.end_row.empty() && row > info.end_row)) continue;
      subject.tablet = info.id;
      *about = absl::StrCat("row \"", Escape(row), "\" of ", word, ", in tablet ", info.id);
      return subject;
    }
    return absl::NotFoundError(absl::StrCat("there is no table \"", Escape(word), "\""));
  }
  uint64_t id = 0;
  if (absl::SimpleAtoi(word, &id)) {
    for (const TabletSummary& tablet : cell.tablets) {
      if (tablet.tablet.id == id) subject.tablet = id;
    }
    if (!subject.tablet.has_value()) {
      return absl::NotFoundError(absl::StrCat("there is no tablet ", id));
    }
    *about = absl::StrCat("tablet ", id);
    return subject;
  }
  subject.server = word;
  *about = absl::StrCat("server ", Escape(word));
  return subject;
}

// Where the server is, or was.
std::string AddressOf(const CellStatus& cell, const std::string& id) {
  std::string address;
  for (const ServerSummary& server : cell.servers) {
    if (server.server_id == id) address = server.address;
  }
  for (const TabletSummary& tablet : cell.tablets) {
    if (address.empty() && tablet.tablet.server_id == id) address = tablet.tablet.address;
  }
  return address;
}

void Probe(Admin* admin, const std::string& id, const std::string& address, int64_t apart_ms,
           WhyEvidence* evidence) {
  if (address.empty()) return;
  auto status = admin->GetServerStatus(address);
  ServerProbe& probe = evidence->probes[id];
  probe.answer = status.status();
  if (status.ok() && status->server_id != id) {
    probe.answer = absl::UnavailableError(
        absl::StrCat("connection refused to it: ", status->server_id, " is at its address"));
  }
  if (!probe.answer.ok()) return;
  probe.apart_ms = apart_ms;
  probe.state = status->state;
  probe.first = std::move(probe.last);
  probe.last = NumbersOf(*status);
}

void Pause() {
  Mutex mu;
  CondVar never;
  MutexLock lock(&mu);
  never.WaitFor(&mu, kBetweenLooks);
}

void ReadAndVerify(const Invocation& call, Client* client, const TabletSummary& tablet,
                   WhyEvidence* evidence) {
  if (call.args.size() == 2) {
    auto table = client->OpenTable(call.args[0]);
    evidence->read = table.ok() ? table->ReadRow(call.args[1]).status() : table.status();
  }
  const bool damaged = evidence->read.has_value() && absl::IsDataLoss(*evidence->read);
  if (tablet.state != "serving" || call.Has("quick") || tablet.bytes > kVerifiedBytes) return;
  if (call.args.size() == 2 && !damaged) return;
  auto verified = client->admin().VerifyTablet(tablet.tablet);
  if (verified.ok()) evidence->verified = *std::move(verified);
}

void TellEvents(Admin* admin, const WhySubject& subject, WhyEvidence* evidence) {
  EventQuery query;
  query.limit = kLastEvents;
  if (subject.tablet.has_value()) query.tablet = *subject.tablet;
  query.server = subject.server;
  auto events = admin->ListEvents(query);
  if (!events.ok()) return;
  for (auto event = events->events.rbegin(); event != events->events.rend(); ++event) {
    evidence->last_events.push_back(Escape(event->text));
  }
}

// Two looks at the cell and at the server in question, a moment apart.
Status Gather(const Invocation& call, Client* client, Look* look) {
  Admin admin = client->admin();
  auto cell = admin.GetCellStatus();
  look->evidence.master = cell.status();
  if (!cell.ok()) return OkStatus();
  ASSIGN_OR_RETURN(look->subject, SubjectOf(call, *cell, &look->about));
  const WhySubject& subject = look->subject;
  std::string server = subject.server;
  for (const TabletSummary& tablet : cell->tablets) {
    look->evidence.earlier[tablet.tablet.id] = tablet.reads + tablet.writes;
    if (subject.tablet.has_value() && tablet.tablet.id == *subject.tablet) {
      server = tablet.tablet.server_id;
      ReadAndVerify(call, client, tablet, &look->evidence);
    }
  }
  const std::string address = AddressOf(*cell, server);
  const int64_t begun_ns = call.env->clock->BootNanos();
  Probe(&admin, server, address, 0, &look->evidence);
  TellEvents(&admin, subject, &look->evidence);
  Pause();
  auto again = admin.GetCellStatus();
  look->evidence.apart_ms = (call.env->clock->BootNanos() - begun_ns) / 1'000'000;
  look->evidence.cell = again.ok() ? *std::move(again) : *std::move(cell);
  Probe(&admin, server, address, look->evidence.apart_ms, &look->evidence);
  const bool known = !address.empty() || !look->evidence.last_events.empty();
  const auto& servers = look->evidence.cell.servers;
  const bool listed = std::any_of(servers.begin(), servers.end(),
                                  [&](const auto& one) { return one.server_id == server; });
  if (!subject.server.empty() && !known && !listed) {
    return absl::NotFoundError(
        absl::StrCat("there is no server \"", Escape(server), "\", and no event about one"));
  }
  return OkStatus();
}

Json CauseJson(const Cause& cause) {
  return {{"cause", cause.id},
          {"sentence", cause.sentence},
          {"evidence", cause.evidence},
          {"next", cause.next}};
}

void Print(const Invocation& call, const Look& look) {
  std::ostream& out = *call.env->out;
  const std::vector<Cause> causes = FindCauses(look.subject, look.evidence);
  const std::vector<std::string> notes = FindNotes(look.subject, look.evidence);
  if (call.Has("json")) {
    Json json = causes.empty() ? Json{{"cause", "none"}} : CauseJson(causes[0]);
    json["about"] = look.about;
    json["more"] = Json::array();
    for (size_t i = 1; i < causes.size(); ++i) json["more"].push_back(CauseJson(causes[i]));
    json["notes"] = notes;
    json["last_events"] = look.evidence.last_events;
    // What a peer answered need not be UTF-8.
    out << json.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    return;
  }
  if (causes.empty()) out << look.about << ": nothing is wrong that can be seen\n";
  for (const Cause& cause : causes) {
    out << look.about << ": " << cause.sentence << " [" << cause.id << "]\n";
    for (const std::string& evidence : cause.evidence) out << "  seen: " << evidence << '\n';
    out << "  next: " << cause.next << '\n';
  }
  for (const std::string& note : notes) out << "  " << note << '\n';
  for (const std::string& event : look.evidence.last_events) out << "  event: " << event << '\n';
}

int Run(const Invocation& call) {
  ClientOptions options;
  options.timeout_ms = options.admin_timeout_ms = kAnswerTimeoutMs;
  Look look;
  look.about = Escape(call.args[0]);
  if (!call.env->locker.ok()) {
    look.evidence.by_locker = true;
    look.evidence.master = call.env->locker;
    Print(call, look);
    return kOk;
  }
  auto client = ConnectCell(call, options);
  if (!client.ok()) {
    if (absl::IsInvalidArgument(client.status())) return Fail(call, client.status());
    look.evidence.master = client.status();
  } else if (Status gathered = Gather(call, client->get(), &look); !gathered.ok()) {
    return Fail(call, gathered);
  }
  Print(call, look);
  return kOk;
}

}  // namespace

Verb AdminWhyVerb() {
  Verb verb;
  verb.name = "admin why";
  verb.arguments = "TABLET | TABLE ROW | SERVER";
  verb.summary = "say why a tablet or server is unavailable, slow, not split, merged or balanced";
  verb.details =
      "Asks the master and the server in question, twice within a second, and says what it makes "
      "of\n"
      "it: causes, the most important first, each with what was seen and what will happen next. Of "
      "a\n"
      "row it reads the row; of a tablet it reads all files of up to 1 GiB, unless --quick.\n"
      "Causes: zookeeper-unreachable, master-unreachable, master-in-trouble, server-dead,\n"
      "server-silent, lease-lost, tablet-recovering, tablet-opening, tablet-unassigned,\n"
      "tablet-broken, tablet-closing, corrupt-file, disk-full, write-stall, overloaded,\n"
      "range-too-hot, one-huge-row, reshape-refused, drain-in-progress; none.";
  verb.example = "stele admin why webtable com.example/";
  verb.min_args = 1;
  verb.max_args = 2;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    options->add_options()("quick", "read no files");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
