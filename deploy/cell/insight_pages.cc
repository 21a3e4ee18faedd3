#include "deploy/cell/insight_pages.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "deploy/cell/page_parts.h"
#include "deploy/cell/paging.h"

namespace stele::deploy {
namespace {

using nlohmann::json;
using obs::FormatBytes;
using obs::FormatCount;
using obs::FormatDurationMs;
using obs::PageCell;
using obs::Printable;
using tabletserver::ServerInsight;
using tabletserver::SlowRequest;

constexpr size_t kSlowListed = 100;

std::string Ms(int64_t nanos) {
  return absl::StrFormat("%.2f ms", static_cast<double>(std::max<int64_t>(0, nanos)) / 1e6);
}

std::string StateText(const wire::TabletReport& tablet) {
  return tablet.error.ok()
             ? wire::TabletStateName(tablet.state)
             : absl::StrCat(wire::TabletStateName(tablet.state), ": ", tablet.error.message());
}

struct Subject {
  std::string server;
  ServerInsight insight;
};

StatusOr<Subject> Look(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  std::string id = ParameterOf(request, "server");
  if (id.empty()) id = snapshot.servers[0].server_id;
  const bool here = std::any_of(snapshot.servers.begin(), snapshot.servers.end(),
                                [&](const auto& server) { return server.server_id == id; });
  if (!here) {
    return absl::NotFoundError(
        absl::StrCat("server \"", Printable(id), "\" does not run in this process"));
  }
  if (snapshot.insight == nullptr) return absl::UnavailableError("nothing is told of the inside");
  ASSIGN_OR_RETURN(ServerInsight insight, snapshot.insight(id));
  return Subject{std::move(id), std::move(insight)};
}

obs::Page PageOf(const CellSnapshot& snapshot, const Subject& subject, const char* what) {
  const std::string title = absl::StrCat(what, " of ", subject.server);
  obs::Page page = snapshot.view != nullptr ? NewPage(snapshot, title) : obs::Page(title);
  AddInsightLinks(subject.server,
                  snapshot.view != nullptr ? absl::StrCat("/server?id=", subject.server) : "/",
                  &page);
  return page;
}

std::string Ratio(uint64_t part, uint64_t whole) {
  if (whole == 0) return "none yet";
  return absl::StrFormat("%.1f %%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

json CacheJson(const storage::CacheStats& cache) {
  return {{"bytes", cache.bytes},          {"capacity", cache.capacity},
          {"entries", cache.entries},      {"hits", cache.hits},
          {"misses", cache.misses},        {"evictions", cache.evictions},
          {"insertions", cache.insertions}};
}

std::vector<PageCell> CacheRow(const char* name, const storage::CacheStats& cache) {
  return {name,
          FormatBytes(cache.bytes),
          FormatBytes(cache.capacity),
          FormatCount(cache.entries),
          FormatCount(cache.hits),
          FormatCount(cache.misses),
          Ratio(cache.hits, cache.hits + cache.misses),
          FormatCount(cache.evictions)};
}

json JobJson(const storage::RunningJob& job) {
  return {{"tablet", job.tablet},
          {"kind", job.kind},
          {"group", job.group},
          {"files", job.files},
          {"input_bytes", job.input_bytes},
          {"input_cells", job.input_cells},
          {"done_cells", job.done_cells},
          {"output_bytes", job.output_bytes},
          {"running_ms", job.running_ms}};
}

PageCell OwnTabletLink(const std::string& server, TabletId id) {
  return {absl::StrCat(id), absl::StrCat("/own-tablet?id=", id, "&server=", server)};
}

// Those with a debt, the largest first.
std::vector<const wire::TabletReport*> InDebt(const ServerInsight& insight) {
  std::vector<const wire::TabletReport*> debtors;
  for (const wire::TabletReport& tablet : insight.tablets) {
    if (tablet.counters.compaction_debt_bytes > 0) debtors.push_back(&tablet);
  }
  std::stable_sort(debtors.begin(), debtors.end(), [](const auto* a, const auto* b) {
    return a->counters.compaction_debt_bytes > b->counters.compaction_debt_bytes;
  });
  return debtors;
}

uint64_t SumOfDebt(const ServerInsight& insight) {
  uint64_t bytes = 0;
  for (const wire::TabletReport& t : insight.tablets) bytes += t.counters.compaction_debt_bytes;
  return bytes;
}

// The stages one after the other, those that took no time left out.
std::string StagesText(const SlowRequest& slow) {
  const bool read = slow.kind == SlowRequest::Kind::kRead || slow.kind == SlowRequest::Kind::kScan;
  const std::pair<const char*, int64_t> stages[] = {
      {"prepare", slow.trace.prepare_ns},
      {"from memory", slow.trace.memory_ns},
      {read ? "wait for a disk thread" : "log and memtable", slow.trace.wait_ns},
      {"with the disk", slow.trace.disk_ns}};
  std::string text;
  for (const auto& [name, nanos] : stages) {
    if (nanos <= 0) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", name, " ", Ms(nanos));
  }
  return text;
}

// What a read touched, when that is known.
std::string TouchedText(const wire::PageTrace& trace) {
  if (trace.memtables == 0 && trace.files.empty()) return "";
  uint64_t cached = 0, read = 0, bytes = 0, excluded = 0;
  int64_t read_ns = 0;
  for (const wire::TracedFile& file : trace.files) {
    cached += file.blocks_cached;
    read += file.blocks_read;
    bytes += file.bytes_read;
    read_ns += file.read_ns;
    excluded += file.filter == wire::TracedFile::Filter::kHoldsNot;
  }
  return absl::StrCat(trace.memtables, " memtables, ", trace.files.size() - excluded, " files (",
                      excluded, " by filter excluded), blocks: ", cached, " cached, ", read,
                      " read (", FormatBytes(bytes), " in ", Ms(read_ns), ")");
}

json SlowJson(const SlowRequest& slow) {
  json files = json::array();
  for (const wire::TracedFile& file : slow.trace.files) {
    files.push_back({{"name", file.name},
                     {"filter", static_cast<int>(file.filter)},
                     {"blocks_cached", file.blocks_cached},
                     {"blocks_read", file.blocks_read},
                     {"bytes_read", file.bytes_read},
                     {"cells", file.cells},
                     {"read_ns", file.read_ns}});
  }
  return {{"kind", tabletserver::NameOf(slow.kind)},
          {"ended_us", slow.ended_us},
          {"total_ns", slow.total_ns},
          {"table", slow.table},
          {"tablet", slow.tablet},
          {"row", Printable(slow.row)},
          {"rows", slow.rows},
          {"outcome", slow.outcome},
          {"prepare_ns", slow.trace.prepare_ns},
          {"memory_ns", slow.trace.memory_ns},
          {"wait_ns", slow.trace.wait_ns},
          {"disk_ns", slow.trace.disk_ns},
          {"memtables", slow.trace.memtables},
          {"files", files}};
}

json OwnJson(const wire::TabletReport& tablet) {
  const wire::TabletCounters& counters = tablet.counters;
  return {{"id", tablet.tablet.id},
          {"table", tablet.tablet.table},
          {"start_row", Printable(tablet.tablet.start_row)},
          {"end_row", Printable(tablet.tablet.end_row)},
          {"epoch", tablet.epoch},
          {"state", StateText(tablet)},
          {"files", counters.files},
          {"bytes", counters.bytes},
          {"memtable_bytes", counters.memtable_bytes},
          {"index_bytes", counters.index_bytes},
          {"index_blocks", counters.index_blocks},
          {"compaction_debt_bytes", counters.compaction_debt_bytes},
          {"reads", counters.reads},
          {"writes", counters.writes}};
}

// Entries of `tablets` are in the order of their keys.
ListPart OwnPart(const ServerInsight& insight, const ListWindow& window) {
  return PartOf(window, insight.tablets.size(),
                [&](size_t i) { return TabletKey(insight.tablets[i].tablet); });
}

StatusOr<const wire::TabletReport*> FindOwn(const ServerInsight& insight,
                                            const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const uint64_t id, NumberOf(request, "id", 0));
  for (const wire::TabletReport& tablet : insight.tablets) {
    if (tablet.tablet.id == id) return &tablet;
  }
  return absl::NotFoundError(absl::StrCat("tablet ", id, " is not on this server (any more)"));
}

void AddSlow(const Subject& subject, const std::vector<const SlowRequest*>& slow, obs::Page* page) {
  page->BeginTable({"Ended (UTC)", "Kind", "Took", "Stages", "Touched", "Table id", "Tablet", "Row",
                    "Rows", "Outcome"});
  for (const SlowRequest* request : slow) {
    const bool here = std::any_of(
        subject.insight.tablets.begin(), subject.insight.tablets.end(),
        [&](const wire::TabletReport& tablet) { return tablet.tablet.id == request->tablet; });
    page->Row({TimeText(request->ended_us), tabletserver::NameOf(request->kind),
               Ms(request->total_ns), StagesText(*request), TouchedText(request->trace),
               absl::StrCat(request->table),
               here ? OwnTabletLink(subject.server, request->tablet)
                    : PageCell(absl::StrCat(request->tablet)),
               Printable(request->row), FormatCount(request->rows), request->outcome});
  }
  page->EndTable();
}

}  // namespace

void AddInsightLinks(const std::string& server_id, const std::string& home, obs::Page* page) {
  const std::string server = absl::StrCat("?server=", server_id);
  page->Navigation({{"Server", home},
                    {"Memory", "/memory" + server},
                    {"Compactions", "/compactions" + server},
                    {"Requests", "/requests" + server},
                    {"Its tablets", "/own-tablets" + server},
                    {"Metrics", "/metrics"}});
}

StatusOr<std::string> MemoryPage(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const Subject subject, Look(snapshot, request));
  const storage::EngineStats& engine = subject.insight.engine;
  obs::Page page = PageOf(snapshot, subject, "Memory");
  page.Heading("What holds how much");
  page.BeginTable({"Node", "Holds", "Limit", "At most so far"});
  for (const storage::MemoryUse& use : engine.memory) {
    const auto bytes = [](int64_t n) {
      return FormatBytes(static_cast<uint64_t>(std::max<int64_t>(0, n)));
    };
    page.Row({absl::StrCat(use.depth == 0 ? "" : "\u2514 ", use.name), bytes(use.used),
              use.limit == 0 ? "its parent's" : bytes(use.limit), bytes(use.peak)});
  }
  page.EndTable();
  for (const storage::MemoryUse& use : engine.memory) {
    if (use.limit <= 0) continue;
    page.Level(use.name,
               absl::StrCat(FormatBytes(static_cast<uint64_t>(use.used)), " of ",
                            FormatBytes(static_cast<uint64_t>(use.limit))),
               static_cast<uint64_t>(std::max<int64_t>(0, use.used)),
               static_cast<uint64_t>(use.limit));
  }
  page.Heading("Caches");
  page.BeginTable(
      {"Cache", "Holds", "Room", "Entries", "Hits", "Misses", "Hit ratio", "Evictions"});
  page.Row(CacheRow("SSTable blocks and pages", engine.block_cache));
  page.Row(CacheRow("Filters and directories of blocks", engine.filter_cache));
  page.EndTable();
  return page.Finish();
}

StatusOr<json> MemoryJson(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const Subject subject, Look(snapshot, request));
  json nodes = json::array();
  for (const storage::MemoryUse& use : subject.insight.engine.memory) {
    nodes.push_back({{"name", use.name},
                     {"depth", use.depth},
                     {"used", use.used},
                     {"limit", use.limit},
                     {"peak", use.peak}});
  }
  return json({{"server", subject.server},
               {"memory", nodes},
               {"block_cache", CacheJson(subject.insight.engine.block_cache)},
               {"filter_cache", CacheJson(subject.insight.engine.filter_cache)}});
}

StatusOr<std::string> CompactionsPage(const CellSnapshot& snapshot,
                                      const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const ListWindow window, WindowOf(request));
  ASSIGN_OR_RETURN(const Subject subject, Look(snapshot, request));
  const ServerInsight& insight = subject.insight;
  obs::Page page = PageOf(snapshot, subject, "Compactions");
  page.Fact("Since the start",
            absl::StrCat(FormatCount(insight.engine.flushes), " flushes, ",
                         FormatCount(insight.engine.merges), " merges, ",
                         FormatCount(insight.engine.majors), " majors, ",
                         FormatBytes(insight.engine.compaction_bytes_written), " written"));
  page.Fact("Debt", absl::StrCat(FormatBytes(SumOfDebt(insight)),
                                 " are to be read by the compactions that are due"));
  page.Heading(absl::StrCat("Running: ", insight.engine.running.size()));
  for (const storage::RunningJob& job : insight.engine.running) {
    const std::string what = absl::StrCat(job.kind, " of tablet ", job.tablet,
                                          job.group.empty() ? "" : ", group ", job.group);
    const std::string from =
        job.kind == "flush" ? "a memtable of " : absl::StrCat(job.files, " files, ");
    page.Level(what,
               absl::StrCat(from, FormatBytes(job.input_bytes), "; ",
                            Ratio(job.done_cells, job.input_cells), " of ",
                            FormatCount(job.input_cells), " cells, ", FormatBytes(job.output_bytes),
                            " written, for ", FormatDurationMs(job.running_ms)),
               job.done_cells, job.input_cells);
  }
  page.Heading(absl::StrCat("Waiting: ", insight.waiting.size()));
  if (!insight.waiting.empty()) {
    page.BeginTable({"Tablet", "What", "Because of"});
    for (size_t i = 0; i < insight.waiting.size() && i < window.limit; ++i) {
      const storage::WaitingJob& job = insight.waiting[i];
      page.Row({OwnTabletLink(subject.server, job.tablet), job.kind, job.why});
    }
    page.EndTable();
  }
  const auto debtors = InDebt(insight);
  page.Heading(absl::StrCat("Tablets in debt: ", debtors.size()));
  if (!debtors.empty()) {
    page.BeginTable({"Tablet", "Debt", "Files", "Bytes"});
    for (size_t i = 0; i < debtors.size() && i < window.limit; ++i) {
      const wire::TabletCounters& counters = debtors[i]->counters;
      page.Row({OwnTabletLink(subject.server, debtors[i]->tablet.id),
                FormatBytes(counters.compaction_debt_bytes), FormatCount(counters.files),
                FormatBytes(counters.bytes)});
    }
    page.EndTable();
  }
  return page.Finish();
}

StatusOr<json> CompactionsJson(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const ListWindow window, WindowOf(request));
  ASSIGN_OR_RETURN(const Subject subject, Look(snapshot, request));
  json running = json::array(), waiting = json::array(), debt = json::array();
  for (const storage::RunningJob& job : subject.insight.engine.running) {
    running.push_back(JobJson(job));
  }
  for (const storage::WaitingJob& job : subject.insight.waiting) {
    if (waiting.size() == window.limit) break;
    waiting.push_back({{"tablet", job.tablet}, {"kind", job.kind}, {"why", job.why}});
  }
  for (const wire::TabletReport* tablet : InDebt(subject.insight)) {
    if (debt.size() == window.limit) break;
    debt.push_back(
        {{"tablet", tablet->tablet.id}, {"bytes", tablet->counters.compaction_debt_bytes}});
  }
  return json({{"server", subject.server},
               {"running", running},
               {"waiting", waiting},
               {"waiting_count", subject.insight.waiting.size()},
               {"debt_bytes", SumOfDebt(subject.insight)},
               {"debt", debt}});
}

StatusOr<std::string> RequestsPage(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const Subject subject, Look(snapshot, request));
  const tabletserver::RequestsInFlight& now = subject.insight.in_flight;
  obs::Page page = PageOf(snapshot, subject, "Requests");
  page.Heading("In flight");
  page.Level("Requests",
             absl::StrCat(FormatCount(now.requests), ", ", FormatBytes(now.bytes), " of at most ",
                          FormatBytes(now.limit_bytes)),
             now.bytes, now.limit_bytes);
  page.Fact("Rows that wait for the log", FormatCount(now.changes));
  page.Fact("Reads that wait for a disk thread", FormatCount(now.queued_for_disk));
  page.Fact("Reads inside a large row",
            absl::StrCat(FormatCount(now.parked), ", ", FormatBytes(now.parked_bytes)));
  page.Fact("Since the start", absl::StrCat(FormatCount(now.refused), " refused, ",
                                            FormatCount(now.dropped_reads), " reads given up"));
  page.Heading("The slowest of the last hour");
  const std::string kind = ParameterOf(request, "kind");
  std::vector<PageCell> kinds = {{"all", LinkWith(request, {{"kind", ""}})}};
  for (size_t k = 0; k < tabletserver::SlowRequests::kKinds; ++k) {
    const char* name = tabletserver::NameOf(static_cast<SlowRequest::Kind>(k));
    kinds.emplace_back(name, LinkWith(request, {{"kind", name}}));
  }
  page.Navigation(kinds);
  std::vector<const SlowRequest*> shown;
  for (const SlowRequest& slow : subject.insight.slow) {
    if (!kind.empty() && kind != tabletserver::NameOf(slow.kind)) continue;
    if (shown.size() < kSlowListed) shown.push_back(&slow);
  }
  if (shown.empty()) {
    page.Text("None yet.");
  } else {
    AddSlow(subject, shown, &page);
  }
  return page.Finish();
}

StatusOr<json> RequestsJson(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const Subject subject, Look(snapshot, request));
  const tabletserver::RequestsInFlight& now = subject.insight.in_flight;
  json slow = json::array();
  for (const SlowRequest& one : subject.insight.slow) slow.push_back(SlowJson(one));
  return json({{"server", subject.server},
               {"in_flight",
                {{"requests", now.requests},
                 {"bytes", now.bytes},
                 {"limit_bytes", now.limit_bytes},
                 {"changes", now.changes},
                 {"queued_for_disk", now.queued_for_disk},
                 {"parked", now.parked},
                 {"parked_bytes", now.parked_bytes}}},
               {"refused", now.refused},
               {"dropped_reads", now.dropped_reads},
               {"slow", slow}});
}

StatusOr<std::string> OwnTabletsPage(const CellSnapshot& snapshot,
                                     const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const ListWindow window, WindowOf(request));
  ASSIGN_OR_RETURN(const Subject subject, Look(snapshot, request));
  obs::Page page = PageOf(snapshot, subject, "Tablets");
  const ListPart part = OwnPart(subject.insight, window);
  AddPartLinks(request, part, &page);
  page.BeginTable({"Tablet", "Table id", "After row", "Up to row", "State", "Files", "Bytes",
                   "Memory", "Index", "Debt", "Reads", "Writes"});
  for (size_t i = part.first; i < part.end; ++i) {
    const wire::TabletReport& tablet = subject.insight.tablets[i];
    const wire::TabletCounters& counters = tablet.counters;
    page.Row({OwnTabletLink(subject.server, tablet.tablet.id), absl::StrCat(tablet.tablet.table),
              RowText(tablet.tablet.start_row, "(first)"), RowText(tablet.tablet.end_row, "(last)"),
              StateText(tablet), FormatCount(counters.files), FormatBytes(counters.bytes),
              FormatBytes(counters.memtable_bytes), FormatBytes(counters.index_bytes),
              FormatBytes(counters.compaction_debt_bytes), FormatCount(counters.reads),
              FormatCount(counters.writes)});
  }
  page.EndTable();
  return page.Finish();
}

StatusOr<json> OwnTabletsJson(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const ListWindow window, WindowOf(request));
  ASSIGN_OR_RETURN(const Subject subject, Look(snapshot, request));
  const ListPart part = OwnPart(subject.insight, window);
  json tablets = json::array();
  for (size_t i = part.first; i < part.end; ++i) {
    tablets.push_back(OwnJson(subject.insight.tablets[i]));
  }
  return json(
      {{"server", subject.server}, {"tablets", tablets}, {"part", PartJson(request, part)}});
}

StatusOr<std::string> OwnTabletPage(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const Subject subject, Look(snapshot, request));
  ASSIGN_OR_RETURN(const wire::TabletReport* tablet, FindOwn(subject.insight, request));
  obs::Page page = PageOf(snapshot, subject, absl::StrCat("Tablet ", tablet->tablet.id).c_str());
  page.Fact("Table id", absl::StrCat(tablet->tablet.table));
  page.Fact("After row", RowText(tablet->tablet.start_row, "(first)"));
  page.Fact("Up to row", RowText(tablet->tablet.end_row, "(last)"));
  page.Fact("State", StateText(*tablet));
  page.Fact("Epoch", absl::StrCat(tablet->epoch));
  AddInside(tablet->counters, &page);
  for (const storage::RunningJob& job : subject.insight.engine.running) {
    if (job.tablet != tablet->tablet.id) continue;
    page.Fact("Running", absl::StrCat(job.kind, " of ", FormatBytes(job.input_bytes), ", ",
                                      Ratio(job.done_cells, job.input_cells), " done, for ",
                                      FormatDurationMs(job.running_ms)));
  }
  for (const storage::WaitingJob& job : subject.insight.waiting) {
    if (job.tablet == tablet->tablet.id) {
      page.Fact("Waiting", absl::StrCat(job.kind, ": ", job.why));
    }
  }
  std::vector<const SlowRequest*> slow;
  for (const SlowRequest& one : subject.insight.slow) {
    if (one.tablet == tablet->tablet.id && slow.size() < kSlowListed) slow.push_back(&one);
  }
  if (!slow.empty()) {
    page.Heading("Its slowest requests of the last hour");
    AddSlow(subject, slow, &page);
  }
  return page.Finish();
}

StatusOr<json> OwnTabletJson(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const Subject subject, Look(snapshot, request));
  ASSIGN_OR_RETURN(const wire::TabletReport* tablet, FindOwn(subject.insight, request));
  json answer = OwnJson(*tablet);
  answer["server"] = subject.server;
  answer["slow"] = json::array();
  for (const SlowRequest& one : subject.insight.slow) {
    if (one.tablet == tablet->tablet.id) answer["slow"].push_back(SlowJson(one));
  }
  return answer;
}

}  // namespace stele::deploy
