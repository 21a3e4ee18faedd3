// Each check of the doctor: a healthy cell is ok throughout, and each thing that can be wrong is
// found by its check alone.
#include "client/cli/doctor.h"

#include <gtest/gtest.h>

#include <functional>

namespace stele::cli {
namespace {

constexpr int64_t kNowUs = 1'700'000'000'000'000;

ServerStatus Numbers(std::vector<NamedNumber> numbers) {
  ServerStatus status;
  status.ring = {.max_segments = 16, .segment_bytes = 1000, .live_bytes = 1600};
  status.numbers = {{"disk.free_bytes", 100'000},
                    {"disk.reserve_bytes", 10'000},
                    {"memory.used", 50},
                    {"memory.limit", 100}};
  for (NamedNumber& number : numbers) {
    bool found = false;
    for (NamedNumber& one : status.numbers) {
      if (one.name == number.name) one.value = number.value, found = true;
    }
    if (!found) status.numbers.push_back(std::move(number));
  }
  return status;
}

ExaminedProcess Process(const std::string& address, bool master, const std::string& state) {
  ExaminedProcess process;
  process.address = address;
  process.master = master;
  process.server_id = master ? "" : "ts-" + address.substr(address.size() - 1);
  process.local_us = kNowUs;
  process.round_trip_us = 2'000;
  process.info = {.role = master ? "master" : "tabletserver",
                  .version = "1.2.3",
                  .state = state,
                  .wall_us = kNowUs};
  if (state != "standby") {
    process.info.lease_left_ms = 7'000;
    process.info.session_timeout_ms = 10'000;
  }
  process.info.options = {{.name = "locker-auth", .value = "/x", .source = "file"}};
  if (!master) process.before = process.after = Numbers({});
  return process;
}

Examination Healthy() {
  Examination e;
  e.now_us = kNowUs;
  e.locker_named = true;
  e.cell.master_address = "127.0.0.1:1";
  e.cell.ready = true;
  for (const char* id : {"ts-3", "ts-4"}) {
    ServerSummary server;
    server.server_id = id;
    server.state = "live";
    e.cell.servers.push_back(server);
  }
  TabletSummary tablet;
  tablet.tablet.id = 16;
  tablet.state = "serving";
  tablet.files = 4;
  e.cell.tablets = {tablet};
  e.processes = {Process("127.0.0.1:1", true, "active"), Process("127.0.0.1:2", true, "standby"),
                 Process("127.0.0.1:3", false, "serving"),
                 Process("127.0.0.1:4", false, "serving")};
  e.events = {{.kind = "order"}, {.kind = "master"}};
  return e;
}

TEST(Doctor, AHealthyCellIsOkThroughout) {
  for (const Finding& finding : Diagnose(Healthy())) {
    EXPECT_EQ(finding.verdict, Verdict::kOk) << finding.check << ": " << finding.evidence;
    EXPECT_FALSE(finding.evidence.empty()) << finding.check;
    EXPECT_EQ(finding.next, "") << finding.check;
  }
}

struct Case {
  const char* check;
  Verdict verdict;
  const char* evidence;  // a part of it
  std::function<void(Examination*)> spoil;
};

std::vector<Case> CellCases() {
  return {
      {"master", Verdict::kBad, "cannot read METADATA",
       [](Examination* e) { e->cell.trouble = "cannot read METADATA"; }},
      {"standby", Verdict::kWarn, "no master stands by",
       [](Examination* e) { e->processes.erase(e->processes.begin() + 1); }},
      {"standby", Verdict::kWarn, "addresses that were given",
       [](Examination* e) {
         e->processes.erase(e->processes.begin() + 1);
         e->locker_named = false;
       }},
      {"standby", Verdict::kWarn, "127.0.0.1:2: refused",
       [](Examination* e) { e->processes[1].error = absl::UnavailableError("refused"); }},
      {"servers", Verdict::kWarn, "ts-3 is suspect: silent",
       [](Examination* e) {
         e->cell.servers[0].state = "suspect";
         e->cell.servers[0].note = "silent";
       }},
      {"servers", Verdict::kBad, "ts-3 is dead",
       [](Examination* e) { e->cell.servers[0].state = "dead"; }},
      {"servers", Verdict::kWarn, "ts-3 drains",
       [](Examination* e) { e->cell.servers[0].draining = true; }},
      {"servers", Verdict::kBad, "no tablet server",
       [](Examination* e) { e->cell.servers.clear(); }},
      {"servers", Verdict::kWarn, "ts-3 at 127.0.0.1:3: silence",
       [](Examination* e) { e->processes[2].error = absl::DeadlineExceededError("silence"); }},
      {"tablets", Verdict::kWarn, "tablet 16 is opening for 3s",
       [](Examination* e) {
         e->cell.tablets[0].state = "opening";
         e->cell.tablets[0].state_age_ms = 3'400;
       }},
      {"tablets", Verdict::kBad, "tablet 16 is opening for 61s",
       [](Examination* e) {
         e->cell.tablets[0].state = "opening";
         e->cell.tablets[0].state_age_ms = 61'000;
       }},
      {"tablets", Verdict::kBad, "is broken",
       [](Examination* e) { e->cell.tablets[0].state = "broken"; }},
      {"tablets", Verdict::kBad, "does not know", [](Examination* e) { e->cell.ready = false; }},
      {"recoveries", Verdict::kWarn, "the log of ts-3, by ts-4: 1.0 KiB of 2.0 KiB",
       [](Examination* e) {
         e->cell.servers[0].recovery =
             RecoveryProgress{.by = "ts-4", .bytes_done = 1024, .bytes_total = 2048};
       }},
      {"compaction", Verdict::kWarn, "tablet 16 has 40 files",
       [](Examination* e) { e->cell.tablets[0].files = 40; }},
  };
}

std::vector<Case> ProcessCases() {
  return {
      {"locker", Verdict::kBad, "ts-3: its lease is over",
       [](Examination* e) { e->processes[2].info.lease_left_ms = -1; }},
      {"locker", Verdict::kWarn, "ts-3: 2400 ms of its lease",
       [](Examination* e) { e->processes[2].info.lease_left_ms = 2'400; }},
      {"clocks", Verdict::kWarn, "ts-4 is 699 ms ahead of master 127.0.0.1:1",
       [](Examination* e) { e->processes[3].info.wall_us += 701'000; }},
      {"clocks", Verdict::kBad, "ms ahead of ts-4",
       [](Examination* e) { e->processes[3].info.wall_us -= 11'000'000; }},
      {"disk", Verdict::kBad, "writes are refused",
       [](Examination* e) {
         e->processes[2].after = Numbers({{"disk.full", 1}});
       }},
      {"disk", Verdict::kWarn, "ts-3: 14.6 KiB free",
       [](Examination* e) {
         e->processes[2].after = Numbers({{"disk.free_bytes", 15'000}});
       }},
      {"stalls", Verdict::kWarn, "ts-3: 70 ms of waiting writes",
       [](Examination* e) {
         e->processes[2].after = Numbers({{"writes.stalled_ms", 70}});
       }},
      {"stalls", Verdict::kWarn, "ts-3: 2 requests refused",
       [](Examination* e) {
         e->processes[2].after = Numbers({{"requests.refused", 2}});
       }},
      {"log", Verdict::kWarn, "ts-3: 80 %",
       [](Examination* e) { e->processes[2].after->ring.live_bytes = 12'800; }},
      {"log", Verdict::kBad, "ts-3: 95 %",
       [](Examination* e) { e->processes[2].after->ring.live_bytes = 15'200; }},
      {"memory", Verdict::kWarn, "ts-3: 96 %",
       [](Examination* e) {
         e->processes[2].after = Numbers({{"memory.used", 96}});
       }},
      {"versions", Verdict::kWarn, "1.2.4: ts-3",
       [](Examination* e) { e->processes[2].info.version = "1.2.4"; }},
      {"options", Verdict::kWarn, "ts-3: compaction-rate = 8m",
       [](Examination* e) {
         e->processes[2].info.options.push_back(
             {.name = "compaction-rate", .value = "8m", .source = "live"});
       }},
      {"access", Verdict::kWarn, "whoever reaches 10.0.0.1:7 may read, write and administer",
       [](Examination* e) { e->processes[3].address = "10.0.0.1:7"; }},
      {"events", Verdict::kWarn,
       "1 tablets that broke, 1 recoveries, 2 changes of master, 1 refused",
       [](Examination* e) {
         e->events = {{.kind = "refused"},
                      {.kind = "recovery"},
                      {.kind = "master"},
                      {.kind = "master"},
                      {.kind = "tablet", .text = "tablet 16 is broken"}};
       }},
      {"events", Verdict::kWarn, "not read yet",
       [](Examination* e) { e->events_error = absl::UnavailableError("not read yet"); }},
  };
}

TEST(Doctor, EachTroubleIsFoundByItsCheckAlone) {
  std::vector<Case> cases = CellCases();
  for (Case& c : ProcessCases()) cases.push_back(std::move(c));
  for (const Case& c : cases) {
    Examination e = Healthy();
    c.spoil(&e);
    for (const Finding& finding : Diagnose(e)) {
      if (finding.check != c.check) {
        EXPECT_EQ(finding.verdict, Verdict::kOk) << c.evidence << " also: " << finding.check;
        continue;
      }
      EXPECT_EQ(finding.verdict, c.verdict) << finding.evidence;
      EXPECT_NE(finding.evidence.find(c.evidence), std::string::npos) << finding.evidence;
      EXPECT_NE(finding.next, "") << finding.check;
    }
  }
}

TEST(Doctor, ACellThatIsAwayIsBadAndTheRestUnknown) {
  Examination e;
  e.cell_error = e.events_error = absl::UnavailableError("nobody listens");
  const std::vector<Finding> findings = Diagnose(e);
  EXPECT_EQ(findings[0].check, "master");
  EXPECT_EQ(findings[0].verdict, Verdict::kBad);
  EXPECT_EQ(findings[0].evidence, "nobody listens");
  for (size_t i = 1; i < findings.size(); ++i) {
    EXPECT_EQ(findings[i].verdict, Verdict::kWarn) << findings[i].check;
  }
}

TEST(Doctor, OneProcessNeedsNoStandby) {
  Examination e = Healthy();
  e.processes.erase(e.processes.begin() + 1);
  for (ExaminedProcess& process : e.processes) process.info.role = "local";
  EXPECT_EQ(Diagnose(e)[1].verdict, Verdict::kOk);
}

}  // namespace
}  // namespace stele::cli
