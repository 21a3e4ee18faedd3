#include "deploy/cell/metrics_text.h"

#include <algorithm>
#include <map>

#include "common/obs/metrics.h"
#include "common/obs/time_classes.h"
#include "deploy/cell/cell_pages.h"
#include "deploy/cell/server_numbers.h"

namespace stele::deploy {
namespace {

constexpr double kMillis = 1e-3;

// A class of times lies within one bucket; its middle stands for each of its times in the sum.
void AddTimes(const std::vector<uint64_t>& counts, obs::Histogram* histogram) {
  for (size_t i = 0; i < std::min(counts.size(), obs::kTimeClasses); ++i) {
    const int64_t middle = (obs::TimeClassStart(i) + obs::TimeClassStart(i + 1)) / 2;
    histogram->Add(static_cast<uint64_t>(middle), counts[i]);
  }
}

void AddRequestTimes(const std::string& server, const std::vector<wire::TableTimes>& tables,
                     obs::MetricRegistry* registry) {
  auto histogram = [&](const char* kind) {
    return registry->AddHistogram(
        {"stele_request_duration",
         "Time that the server took for reads and for changes of rows; the sum is about right.",
         "seconds"},
        obs::kNanosAsSeconds, {{"server", server}, {"kind", kind}});
  };
  obs::Histogram* reads = histogram("read");
  obs::Histogram* writes = histogram("write");
  for (const wire::TableTimes& table : tables) {
    AddTimes(table.reads, reads);
    AddTimes(table.writes, writes);
  }
}

void AddServerNumber(const obs::Labels& labels, const wire::NamedNumber& number,
                     obs::MetricRegistry* registry) {
  const ServerNumber meaning = DescribeServerNumber(number.name);
  obs::MetricInfo info = {meaning.metric, meaning.help, meaning.unit};
  if (info.unit == "milliseconds") {
    info.unit = "seconds";
    info.scale = kMillis;
  }
  obs::Labels all = labels;
  all.insert(all.end(), meaning.labels.begin(), meaning.labels.end());
  if (meaning.counter) {
    registry->AddCounter(info, all)->Add(static_cast<uint64_t>(std::max<int64_t>(number.value, 0)));
  } else {
    registry->AddGauge(info, all)->Set(number.value);
  }
}

void AddServer(const wire::ServerStatusResponse& server, obs::MetricRegistry* registry) {
  const obs::Labels labels = {{"server", server.server_id}};
  auto set = [&](const char* name, const char* help, const char* unit, uint64_t value) {
    registry->AddGauge({name, help, unit}, labels)->Set(static_cast<int64_t>(value));
  };
  const wire::RingStatus& ring = server.ring;
  set("stele_tablets", "Tablets that the server holds.", "", server.tablets);
  set("stele_server_incarnation", "Grows with each start of the server.", "", server.incarnation);
  set("stele_log_live", "Commit log that recovery would read.", "bytes", ring.live_bytes);
  set("stele_log_limit", "Commit log at most.", "bytes", ring.max_segments * ring.segment_bytes);
  set("stele_log_segments", "Segments of the commit log's ring.", "", ring.segments);
  set("stele_log_next_lsn", "Sequence number of the commit log's next record.", "", ring.next_lsn);
  registry
      ->AddCounter({"stele_log_segments_reused", "Segments of the ring used again.", ""}, labels)
      ->Add(ring.wraps);
  for (const wire::NamedNumber& number : server.numbers) {
    AddServerNumber(labels, number, registry);
  }
}

// As the master sees them.
void AddServersOfCell(const wire::CellStatusResponse& status, obs::MetricRegistry* registry) {
  // All states, so that one that is left goes to 0.
  std::map<std::string, int64_t> states = {
      {"live", 0}, {"suspect", 0}, {"recovering", 0}, {"dead", 0}};
  int64_t draining = 0;
  for (const wire::ServerSummary& server : status.servers) {
    ++states[server.state];
    draining += server.draining ? 1 : 0;
    registry
        ->AddGauge({"stele_server_report_age", "Time since the server told the master how it is.",
                    "seconds", kMillis},
                   {{"server", server.server_id}})
        ->Set(server.last_report_age_ms);
  }
  for (const auto& [state, count] : states) {
    registry
        ->AddGauge({"stele_servers", "Tablet servers of the cell, by state.", ""},
                   {{"state", state}})
        ->Set(count);
  }
  registry->AddGauge({"stele_servers_draining", "Tablet servers that an operator drains.", ""})
      ->Set(draining);
}

void AddCell(const CellSnapshot& snapshot, obs::MetricRegistry* registry) {
  const wire::CellStatusResponse& status = snapshot.view->status;
  registry->AddGauge({"stele_master_epoch", "Grows with each master that becomes active.", ""})
      ->Set(static_cast<int64_t>(status.master_epoch));
  registry
      ->AddGauge({"stele_master_trouble",
                  "1 while the master's passes end early, else 0; its page and log say why.", ""})
      ->Set(snapshot.view->trouble.empty() ? 0 : 1);
  registry->AddGauge({"stele_tablets_not_serving", "Tablets that do not serve.", ""})
      ->Set(static_cast<int64_t>(CountNotServing(snapshot)));
  int64_t broken = 0;
  for (const wire::TabletSummary& tablet : status.tablets) broken += tablet.state == "broken";
  registry
      ->AddGauge({"stele_tablets_broken",
                  "Tablets that could not be opened several times; damaged ones among them.", ""})
      ->Set(broken);
  AddServersOfCell(status, registry);
  for (const wire::TableSummary& table : status.tables) {
    const obs::Labels labels = {{"table", table.schema.name}};
    registry->AddGauge({"stele_table", "What a table holds in SSTables.", "bytes"}, labels)
        ->Set(static_cast<int64_t>(table.bytes));
    registry->AddGauge({"stele_table_tablets", "Tablets of a table.", ""}, labels)
        ->Set(static_cast<int64_t>(table.tablets));
  }
}

}  // namespace

std::string MetricsText(const CellSnapshot& snapshot) {
  obs::MetricRegistry registry;
  const bool ready = snapshot.view != nullptr ? snapshot.view->ready : !snapshot.servers.empty();
  registry
      .AddGauge({"stele_ready", "1 when the process takes calls, as /readyz says, else 0.", ""})
      ->Set(ready ? 1 : 0);
  registry.AddGauge({"stele_master_active", "1 in the process of the active master, else 0.", ""})
      ->Set(snapshot.view != nullptr ? 1 : 0);
  for (const wire::ServerStatusResponse& server : snapshot.servers) AddServer(server, &registry);
  for (const auto& [server, tables] : snapshot.times) AddRequestTimes(server, tables, &registry);
  if (snapshot.view != nullptr) AddCell(snapshot, &registry);
  return registry.Render();
}

}  // namespace stele::deploy
