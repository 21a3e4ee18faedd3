// What only looks at a cell: servers, tablets, whois, wait-healthy.
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_join.h"
#include "client/cli/admin_wait.h"
#include "client/cli/bytes_text.h"
#include "client/cli/recovery_text.h"
#include "client/cli/text_table.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

using Json = nlohmann::ordered_json;

// Of a log, while no recovery of this cell was measured.
constexpr uint64_t kGuessedBytesPerSecond = 40'000'000;

// What a server and its tablets tell, together.
struct ServerLook {
  ServerSummary summary;
  std::string error;  // why it did not answer
  uint64_t memtable_bytes = 0, reads = 0, writes = 0;
  uint64_t log_bytes = 0;    // that would have to be recovered
  int64_t recovery_ms = -1;  // until its tablets were served elsewhere; -1: not known
  bool guessed = false;      // no recovery of this cell was measured
};

ServerLook LookAt(Admin* admin, const CellStatus& cell, const ServerSummary& summary) {
  ServerLook look;
  look.summary = summary;
  for (const TabletSummary& tablet : cell.tablets) {
    if (tablet.tablet.server_id != summary.server_id) continue;
    look.memtable_bytes += tablet.memtable_bytes;
    look.reads += tablet.reads;
    look.writes += tablet.writes;
  }
  if (summary.address.empty()) return look;
  auto status = admin->GetServerStatus(summary.address);
  if (!status.ok()) {
    look.error = ToStd(status.status().message());
    return look;
  }
  look.log_bytes = status->ring.live_bytes;
  int64_t notice_ms = -1, open_ms = -1;
  for (const NamedNumber& number : status->numbers) {
    if (number.name == "recovery.notice_ms") notice_ms = number.value;
    if (number.name == "recovery.open_ms") open_ms = number.value;
  }
  if (notice_ms < 0 || open_ms < 0) return look;
  look.guessed = cell.recovery_bytes_per_second == 0;
  const uint64_t rate = look.guessed ? kGuessedBytesPerSecond : cell.recovery_bytes_per_second;
  look.recovery_ms = notice_ms + open_ms + static_cast<int64_t>(look.log_bytes * 1000 / rate);
  return look;
}

TextTable ServerTable() {
  return TextTable({{"SERVER"},
                    {"ADDRESS"},
                    {"STATE", /*number=*/false, /*state=*/true},
                    {"TABLETS", /*number=*/true},
                    {"BYTES", /*number=*/true},
                    {"READS", /*number=*/true},
                    {"WRITES", /*number=*/true},
                    {"LOG", /*number=*/true},
                    {"IF IT DIED NOW", /*number=*/true},
                    {"NOTE"}});
}

std::string NoteOf(const ServerLook& look) {
  std::vector<std::string> notes;
  if (look.summary.recovery.has_value()) notes.push_back(RecoveryLine(*look.summary.recovery));
  if (!look.summary.note.empty()) notes.push_back(Escape(look.summary.note));
  if (!look.error.empty()) notes.push_back(absl::StrCat("no answer: ", Escape(look.error)));
  if (look.guessed) notes.push_back("a guess: no recovery was measured yet");
  return absl::StrJoin(notes, "; ");
}

void AddServer(const ServerLook& look, TextTable* table) {
  const ServerSummary& server = look.summary;
  const bool known = look.recovery_ms >= 0;
  table->Row({server.server_id, server.address,
              absl::StrCat(server.state, server.draining ? " draining" : ""),
              absl::StrCat(server.tablets), FormatBytes(server.bytes), absl::StrCat(look.reads),
              absl::StrCat(look.writes), known ? FormatBytes(look.log_bytes) : "",
              known ? FormatSeconds(look.recovery_ms) : "", NoteOf(look)});
}

Json ServerJson(const ServerLook& look) {
  const ServerSummary& server = look.summary;
  Json json = {{"server", server.server_id},
               {"incarnation", server.incarnation},
               {"address", server.address},
               {"http", server.http_address},
               {"state", server.state},
               {"draining", server.draining},
               {"tablets", server.tablets},
               {"bytes", server.bytes},
               {"memtable_bytes", look.memtable_bytes},
               {"reads", look.reads},
               {"writes", look.writes},
               {"log_bytes", look.log_bytes},
               {"recovery_ms", nullptr},
               {"recovery_ms_guessed", look.guessed},
               {"recovery", RecoveryJson(server.recovery)},
               {"note", Escape(server.note.empty() ? look.error : server.note)}};
  if (look.recovery_ms >= 0) json["recovery_ms"] = look.recovery_ms;
  return json;
}

int RunServers(const Invocation& call) {
  auto client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  Admin admin = (*client)->admin();
  auto cell = admin.GetCellStatus();
  if (!cell.ok()) return Fail(call, cell.status());
  Json all = Json::array();
  TextTable table = ServerTable();
  for (const ServerSummary& server : cell->servers) {
    const ServerLook look = LookAt(&admin, *cell, server);
    all.push_back(ServerJson(look));
    AddServer(look, &table);
  }
  if (call.Has("json")) {
    *call.env->out << Json({{"servers", all}}).dump() << '\n';
  } else {
    table.Print(*call.env);
  }
  return kOk;
}

std::string Range(const TabletInfo& tablet) {
  return absl::StrCat("(", tablet.start_row.empty() ? "-" : Escape(tablet.start_row), ", ",
                      tablet.end_row.empty() ? "+" : Escape(tablet.end_row), "]");
}

Json TabletJson(const std::string& table, const TabletSummary& tablet) {
  return {{"id", tablet.tablet.id},
          {"table", table},
          {"start", Escape(tablet.tablet.start_row)},
          {"end", Escape(tablet.tablet.end_row)},
          {"server", tablet.tablet.server_id},
          {"address", tablet.tablet.address},
          {"epoch", tablet.tablet.epoch},
          {"state", tablet.state},
          {"reason", Escape(tablet.reason)},
          {"files", tablet.files},
          {"bytes", tablet.bytes},
          {"memtable_bytes", tablet.memtable_bytes},
          {"reads", tablet.reads},
          {"writes", tablet.writes}};
}

TextTable TabletTable() {
  return TextTable({{"TABLET", /*number=*/true},
                    {"TABLE"},
                    {"ROWS"},
                    {"SERVER"},
                    {"EPOCH", /*number=*/true},
                    {"STATE", /*number=*/false, /*state=*/true},
                    {"FILES", /*number=*/true},
                    {"BYTES", /*number=*/true},
                    {"IN MEMORY", /*number=*/true},
                    {"NOTE"}});
}

void AddTablet(const std::string& name, const TabletSummary& tablet, TextTable* table) {
  table->Row({absl::StrCat(tablet.tablet.id), name, Range(tablet.tablet), tablet.tablet.server_id,
              absl::StrCat(tablet.tablet.epoch), tablet.state, absl::StrCat(tablet.files),
              FormatBytes(tablet.bytes), FormatBytes(tablet.memtable_bytes),
              Escape(tablet.reason)});
}

int RunTablets(const Invocation& call) {
  auto client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  auto cell = (*client)->admin().GetCellStatus();
  if (!cell.ok()) return Fail(call, cell.status());
  std::map<TableId, std::string> names;
  for (const TableSummary& table : cell->tables) {
    if (call.args.empty() || table.schema.name == call.args[0]) {
      names[table.schema.id] = table.schema.name;
    }
  }
  if (names.empty() && !call.args.empty()) {
    return Fail(call, absl::NotFoundError(
                          absl::StrCat("table \"", Escape(call.args[0]), "\" does not exist")));
  }
  Json all = Json::array();
  TextTable table = TabletTable();
  for (const TabletSummary& tablet : cell->tablets) {
    auto name = names.find(tablet.tablet.table);
    if (name == names.end()) continue;
    all.push_back(TabletJson(name->second, tablet));
    AddTablet(name->second, tablet, &table);
  }
  if (call.Has("json")) {
    *call.env->out << Json({{"tablets", all}}).dump() << '\n';
  } else {
    table.Print(*call.env);
  }
  return kOk;
}

int RunWhois(const Invocation& call) {
  auto client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  auto cell = (*client)->admin().GetCellStatus();
  if (!cell.ok()) return Fail(call, cell.status());
  const std::string &table = call.args[0], &row = call.args[1];
  for (const TableSummary& one : cell->tables) {
    if (one.schema.name != table) continue;
    for (const TabletSummary& tablet : cell->tablets) {
      const TabletInfo& info = tablet.tablet;
      if (info.table != one.schema.id || row <= info.start_row) continue;
      if (!info.end_row.empty() && row > info.end_row) continue;
      if (call.Has("json")) {
        *call.env->out << TabletJson(table, tablet).dump() << '\n';
      } else {
        TextTable shown = TabletTable();
        AddTablet(table, tablet, &shown);
        shown.Print(*call.env);
      }
      return kOk;
    }
    return Fail(call, absl::UnavailableError("no tablet holds the row at the moment"));
  }
  return Fail(call,
              absl::NotFoundError(absl::StrCat("table \"", Escape(table), "\" does not exist")));
}

int RunWaitHealthy(const Invocation& call) {
  auto wait = AdminWait::Start(call);
  if (!wait.ok()) return Fail(call, wait.status());
  std::shared_ptr<Client> client;
  CellStatus cell;
  // A cell that is being started does not answer at first.
  const int code = wait->UntilNothingIsLeft([&]() -> StatusOr<std::vector<std::string>> {
    if (client == nullptr) {
      ASSIGN_OR_RETURN(client, ConnectForAdmin(call, *wait));
    }
    ASSIGN_OR_RETURN(cell, client->admin().GetCellStatus());
    return FindTroubles(cell);
  });
  if (code != kOk) return code;
  if (call.Has("json")) {
    *call.env->out << Json({{"healthy", true}}).dump() << '\n';
  } else {
    *call.env->out << HealthLine(cell) << '\n';
  }
  return kOk;
}

}  // namespace

Verb AdminServersVerb() {
  Verb verb;
  verb.name = "admin servers";
  verb.summary = "show each tablet server: tablets, load, log, what its death would cost";
  verb.details =
      "Reads and writes are those since its tablets were opened there. IF IT DIED NOW is the\n"
      "session timeout and the time to sort its log and to open its tablets elsewhere, about: at "
      "the\n"
      "pace of this cell's past recoveries, or at 40 MB/s while none of 1 MiB or more was seen.\n"
      "Of a dead server it shows how far the recovery of its log is.";
  verb.example = "stele admin servers";
  verb.reads = true;
  verb.watches = true;
  verb.run = RunServers;
  return verb;
}

Verb AdminTabletsVerb() {
  Verb verb;
  verb.name = "admin tablets";
  verb.arguments = "[TABLE]";
  verb.max_args = 1;
  verb.summary = "show tablets: rows, owner, epoch, state, files, bytes";
  verb.details = "Of all tables, the cell's own among them, or of one. Rows are (after, up to].";
  verb.example = "stele admin tablets webtable --json";
  verb.reads = true;
  verb.watches = true;
  verb.run = RunTablets;
  return verb;
}

Verb AdminWhoisVerb() {
  Verb verb;
  verb.name = "admin whois";
  verb.arguments = "TABLE ROW";
  verb.min_args = verb.max_args = 2;
  verb.summary = "show the tablet that holds a row, and who serves it";
  verb.details = "The row need not exist.";
  verb.example = "stele admin whois webtable com.example/";
  verb.reads = true;
  verb.watches = true;
  verb.run = RunWhois;
  return verb;
}

Verb AdminWaitHealthyVerb() {
  Verb verb;
  verb.name = "admin wait-healthy";
  verb.summary = "wait until every tablet is served and nothing is being recovered";
  verb.details =
      "Exit code 0: it is so. 7: it was not by the deadline; the sentence says what was missing.\n"
      "A cell that does not answer yet is waited for.";
  verb.example = "stele admin wait-healthy --deadline 2m";
  verb.reads = true;
  verb.options = [](po::options_description* flags) { AdminWait::AddFlag(flags, "5m"); };
  verb.run = RunWaitHealthy;
  return verb;
}

}  // namespace stele::cli
