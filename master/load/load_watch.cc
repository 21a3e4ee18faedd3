#include "master/load/load_watch.h"

#include <algorithm>

#include "schema/convert/codec.h"
#include "schema/wire/method.h"

namespace stele::master {
namespace {

constexpr int64_t kLookEveryMs = 1'000;
constexpr int64_t kAgeEveryMs = 5'000;
constexpr int64_t kAnswerTimeoutMs = 2'000;
constexpr int64_t kSurveyEveryMs = 30'000, kSurveySoonMs = 3'000;
constexpr uint64_t kSurveyGrowthPercent = 25;
constexpr size_t kMaxSurveyedTablets = 48;  // of more the ends of the tablets are enough
constexpr size_t kMaxShownHotRows = 20;
constexpr size_t kFewestNewSamples = 8;
constexpr size_t kMaxSurveyKeys = 200;  // that are kept of one tablet

// What was counted since; a server that began anew counts from nothing.
obs::TimeCounts Difference(const std::vector<uint64_t>& now, const std::vector<uint64_t>& before) {
  obs::TimeCounts counts{};
  for (size_t i = 0; i < std::min(now.size(), obs::kTimeClasses); ++i) {
    const uint64_t old = i < before.size() ? before[i] : 0;
    counts[i] = now[i] > old ? now[i] - old : 0;
  }
  return counts;
}

}  // namespace

bool IsSurveyDue(int64_t age_ms, TableExtent then, TableExtent now, bool other_tablets) {
  if (age_ms < kSurveySoonMs) return false;
  // Of a table that is being filled the first survey knows but its beginning.
  if (now.bytes / 2 > then.bytes || now.writes / 2 > then.writes) return true;
  if (age_ms < kSurveyEveryMs) return false;
  const uint64_t change = std::max(then.bytes, now.bytes) - std::min(then.bytes, now.bytes);
  return other_tablets || change * 100 > then.bytes * kSurveyGrowthPercent;
}

void LoadWatch::Look(net::RpcClient* client, const wire::CellStatusResponse& status) {
  std::vector<std::pair<std::string, std::string>> to_ask;
  std::vector<Question> questions;
  {
    MutexLock lock(&mu_);
    const int64_t now_ms = NowMs();
    if (looked_ms_ != 0 && now_ms - looked_ms_ < kLookEveryMs) return;
    looked_ms_ = now_ms;
    if (since_us_ == 0) since_us_ = clock_->WallMicros();
    if (now_ms - aged_ms_ >= kAgeEveryMs) {
      aged_ms_ = now_ms;
      heat_.Age(now_ms);
    }
    std::set<std::string> known;
    for (const wire::ServerSummary& server : status.servers) {
      known.insert(server.server_id);
      if (server.state != "live") continue;
      Server& asked = servers_[server.server_id];
      if (std::exchange(asked.asked, true)) continue;
      to_ask.emplace_back(server.server_id, server.address);
    }
    std::erase_if(servers_, [&](const auto& server) { return !known.contains(server.first); });
    if (status.ready) questions = BeginSurveys(now_ms, status);
  }
  for (const auto& [id, address] : to_ask) AskServer(client, id, address);
  for (const Question& question : questions) AskSizes(client, question);
}

void LoadWatch::AskServer(net::RpcClient* client, const std::string& id,
                          const std::string& address) {
  auto body = wire::Encode(wire::Empty());
  client->Call(address, static_cast<uint16_t>(wire::Method::kReportLoad),
               body.ok() ? *std::move(body) : net::Buffer(), kAnswerTimeoutMs,
               [self = shared_from_this(), id](StatusOr<net::Buffer> answer) {
                 wire::ReportLoadResponse report;
                 const bool good = answer.ok() && wire::Decode(*answer, &report).ok();
                 if (good && report.server_id == id) self->Take(report);
                 MutexLock lock(&self->mu_);
                 auto server = self->servers_.find(id);
                 if (server != self->servers_.end()) server->second.asked = false;
               });
}

void LoadWatch::AskSizes(net::RpcClient* client, const Question& question) {
  auto body = wire::Encode(question.request);
  client->Call(question.address, static_cast<uint16_t>(wire::Method::kSampleRowKeys),
               body.ok() ? *std::move(body) : net::Buffer(), kAnswerTimeoutMs,
               [self = shared_from_this(), table = question.request.table,
                tablet = question.request.tablet](StatusOr<net::Buffer> answer) {
                 wire::SampleRowKeysResponse response;
                 std::vector<KeyWeight> sizes;
                 if (answer.ok() && !wire::Decode(*answer, &response).ok()) response = {};
                 const size_t step = response.samples.size() / kMaxSurveyKeys + 1;
                 for (size_t i = step - 1; i < response.samples.size(); i += step) {
                   sizes.push_back({std::move(response.samples[i].row), response.samples[i].bytes});
                 }
                 self->TakeSizes(table, tablet, std::move(sizes));
               });
}

// Tables with load, when their tablets are others than they were, or hold much more or less.
std::vector<LoadWatch::Question> LoadWatch::BeginSurveys(int64_t now_ms,
                                                         const wire::CellStatusResponse& status) {
  std::vector<Question> questions;
  const std::vector<TableId> hot = heat_.tables();
  std::erase_if(surveys_, [&](const auto& survey) {
    return !std::binary_search(hot.begin(), hot.end(), survey.first);
  });
  std::map<TableId, std::vector<const wire::TabletSummary*>> tables;
  for (const wire::TabletSummary& tablet : status.tablets) {
    const TableId table = tablet.location.tablet.table;
    if (!std::binary_search(hot.begin(), hot.end(), table)) continue;
    if (tablet.state == "serving") tables[table].push_back(&tablet);
  }
  for (auto& [table, tablets] : tables) {
    std::sort(tablets.begin(), tablets.end(), [](const auto* a, const auto* b) {
      return a->location.tablet.start_row < b->location.tablet.start_row;
    });
    Survey next;
    next.begun_ms = now_ms;
    for (const wire::TabletSummary* tablet : tablets) {
      const uint64_t bytes = tablet->counters.bytes + tablet->counters.memtable_bytes;
      next.extent.bytes += bytes;
      next.extent.writes += tablet->counters.writes;
      next.tablets.push_back(tablet->location.tablet.id);
      next.ends[next.tablets.back()] = {tablet->location.tablet.end_row, bytes};
    }
    Survey& last = surveys_[table];
    const bool first = last.begun_ms == 0;
    if (!first && !IsSurveyDue(now_ms - last.begun_ms, last.extent, next.extent,
                               next.tablets != last.tablets)) {
      continue;
    }
    last = std::move(next);
    if (tablets.size() > kMaxSurveyedTablets) {
      FinishSurvey(table, &last);
      continue;
    }
    const uint64_t step = last.extent.bytes / (2 * KeyHeat::kMaxSlices) + 1;
    for (const wire::TabletSummary* tablet : tablets) {
      const TabletLocation& location = tablet->location;
      questions.push_back(
          {location.address, {table, location.tablet.id, step, location.tablet.start_row}});
    }
  }
  return questions;
}

void LoadWatch::TakeSizes(TableId table, TabletId tablet, std::vector<KeyWeight> sizes) {
  MutexLock lock(&mu_);
  auto found = surveys_.find(table);
  if (found == surveys_.end() || !found->second.ends.contains(tablet)) return;
  Survey& survey = found->second;
  if (sizes.empty()) survey.extent = {};  // so that it is asked again
  survey.answers[tablet] = std::move(sizes);
  if (survey.answers.size() == survey.tablets.size()) FinishSurvey(table, &survey);
}

// A tablet that did not answer counts as one piece.
void LoadWatch::FinishSurvey(TableId table, Survey* survey) {
  std::vector<KeyWeight> sizes;
  uint64_t before = 0;
  for (TabletId tablet : survey->tablets) {
    auto answer = survey->answers.find(tablet);
    const KeyWeight& end = survey->ends[tablet];
    uint64_t bytes = end.bytes;
    if (answer != survey->answers.end()) {
      for (const KeyWeight& key : answer->second) {
        if (!key.row.empty() && key.row != end.row) sizes.push_back({key.row, before + key.bytes});
        bytes = std::max(bytes, key.bytes);
      }
    }
    before += bytes;
    sizes.push_back({end.row, before});
  }
  survey->answers.clear();
  heat_.SetSizes(table, std::move(sizes));
}

void LoadWatch::Take(const wire::ReportLoadResponse& report) {
  MutexLock lock(&mu_);
  const int64_t now_ms = NowMs();
  Server& server = servers_[report.server_id];
  // What a server counted before it is seen for the first time was at no known time. Later a tablet
  // that is new there counts since it was opened.
  const bool first = server.incarnation != report.incarnation;
  if (first) {
    const bool asked = server.asked;
    server = Server();
    server.asked = asked;
    server.incarnation = report.incarnation;
  }
  for (const wire::TabletLoad& load : report.tablets) {
    Counted& before = server.tablets[load.tablet.id];
    if (!first) TakeTablet(now_ms, report.server_id, load, &before);
    before = {load.epoch, load.reads, load.writes, load.samples_taken, now_ms};
  }
  std::erase_if(server.tablets, [&](const auto& one) { return one.second.seen_ms != now_ms; });
  for (const wire::TableTimes& times : report.times) {
    wire::TableTimes& before = server.times[times.table];
    if (!first) TakeTimes(now_ms, report.server_id, times, before);
    before = times;
  }
}

void LoadWatch::TakeTablet(int64_t now_ms, const std::string& server_id,
                           const wire::TabletLoad& load, Counted* before) {
  if (before->epoch != load.epoch || load.reads < before->reads || load.writes < before->writes) {
    *before = {.epoch = load.epoch};
  }
  const uint64_t reads = load.reads - before->reads, writes = load.writes - before->writes;
  if (reads + writes == 0) return;
  const uint64_t fresh = load.samples_taken - std::min(load.samples_taken, before->samples_taken);
  const size_t count =
      std::min<size_t>(load.newest.size(), std::max<size_t>(fresh, kFewestNewSamples));
  const std::vector<wire::SampledRow> rows(load.newest.end() - static_cast<std::ptrdiff_t>(count),
                                           load.newest.end());
  heat_.Add(now_ms, load.tablet, reads, writes, rows);
  for (const std::string& series : {LoadHistory::OfCell(), LoadHistory::OfServer(server_id),
                                    LoadHistory::OfTable(load.tablet.table)}) {
    history_.AddCounts(now_ms, series, reads, writes);
  }
}

void LoadWatch::TakeTimes(int64_t now_ms, const std::string& server_id,
                          const wire::TableTimes& times, const wire::TableTimes& before) {
  const obs::TimeCounts reads = Difference(times.reads, before.reads);
  const obs::TimeCounts writes = Difference(times.writes, before.writes);
  for (const std::string& series : {LoadHistory::OfCell(), LoadHistory::OfServer(server_id),
                                    LoadHistory::OfTable(times.table)}) {
    history_.AddTimes(now_ms, series, reads, writes);
  }
}

HeatPicture LoadWatch::Heat(TableId table) const {
  MutexLock lock(&mu_);
  const int64_t now_us = clock_->WallMicros();
  return {SinceUs(now_us), now_us, now_us / 1'000 - NowMs(), heat_.Columns(table),
          heat_.HotRows(table, kMaxShownHotRows)};
}

std::vector<TableId> LoadWatch::HeatTables() const {
  MutexLock lock(&mu_);
  return heat_.tables();
}

HistoryPicture LoadWatch::History(const std::string& series) const {
  MutexLock lock(&mu_);
  const int64_t now_us = clock_->WallMicros();
  return {SinceUs(now_us), now_us, now_us / 1'000 - NowMs(), history_.Steps(NowMs(), series)};
}

size_t LoadWatch::heat_bytes() const {
  MutexLock lock(&mu_);
  return heat_.bytes();
}

}  // namespace stele::master
