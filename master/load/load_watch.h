// LoadWatch: asks the tablet servers, about once a second, what they are asked for and how long it
// takes, and keeps it for people: the heat of keys over a day, throughput and latency over an hour.
// Nothing is decided by it. The next master starts with nothing, and says since when it looks.
//
// Look sends the questions and returns; the answers come on io threads. Tables that have load are
// surveyed now and then: their servers are asked for keys that cut them into parts of alike size.
// Memory: that of KeyHeat and LoadHistory (42 MiB at most), and of each server its last counts.
//
// Thread-safe. Shared by the master and the callbacks of calls that are still under way.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/net/rpc.h"
#include "common/time/clock.h"
#include "master/load/key_heat.h"
#include "master/load/load_history.h"
#include "schema/convert/load_messages.h"
#include "schema/convert/messages.h"

namespace stele::master {

// Times are of the wall clock, microseconds since 1970.
struct HeatPicture {
  int64_t since_us = 0;  // when the master began to look
  int64_t now_us = 0;
  int64_t wall_minus_boot_ms = 0;  // what makes a column's time one of the wall clock
  std::vector<HeatColumn> columns;
  std::vector<HotRow> hot_rows;
};
struct HistoryPicture {
  int64_t since_us = 0, now_us = 0, wall_minus_boot_ms = 0;
  std::vector<LoadStep> steps;
};

// What a table held and had been written since its tablets were opened. Of a memtable the bytes are
// those of its memory, which grows in steps of a megabyte or two; of writes each one counts.
struct TableExtent {
  uint64_t bytes = 0, writes = 0;
};
// Whether a table is surveyed again that was so long ago: when it has other tablets or holds much
// more or less, now and then; when one of these has more than doubled, soon.
bool IsSurveyDue(int64_t age_ms, TableExtent then, TableExtent now, bool other_tablets);

class LoadWatch : public std::enable_shared_from_this<LoadWatch> {
 public:
  explicit LoadWatch(Clock* clock) : clock_(clock) {}

  // Asks if it is time to. The client outlives nothing: what it has not answered it fails.
  void Look(net::RpcClient* client, const wire::CellStatusResponse& status);

  HeatPicture Heat(TableId table) const;
  std::vector<TableId> HeatTables() const;
  HistoryPicture History(const std::string& series) const;  // see LoadHistory
  size_t heat_bytes() const;

  // What a server answered; public for who feeds it without a network.
  void Take(const wire::ReportLoadResponse& report);
  void TakeSizes(TableId table, TabletId tablet, std::vector<KeyWeight> sizes);

 private:
  struct Counted {
    Epoch epoch = 0;
    uint64_t reads = 0, writes = 0, samples_taken = 0;
    int64_t seen_ms = 0;
  };
  struct Server {
    uint64_t incarnation = 0;
    std::map<TabletId, Counted> tablets;
    std::map<TableId, wire::TableTimes> times;
    bool asked = false;  // and did not answer yet
  };
  // Of a table whose tablets are being asked where its bytes lie.
  struct Survey {
    int64_t begun_ms = 0;
    TableExtent extent;
    std::vector<TabletId> tablets;  // in key order
    std::map<TabletId, std::vector<KeyWeight>> answers;
    std::map<TabletId, KeyWeight> ends;  // what is known without an answer
  };

  int64_t SinceUs(int64_t now_us) const REQUIRES(mu_) {
    return since_us_ == 0 ? now_us : since_us_;
  }
  int64_t NowMs() const { return clock_->BootNanos() / 1'000'000; }
  void TakeTablet(int64_t now_ms, const std::string& server_id, const wire::TabletLoad& load,
                  Counted* before) REQUIRES(mu_);
  void TakeTimes(int64_t now_ms, const std::string& server_id, const wire::TableTimes& times,
                 const wire::TableTimes& before) REQUIRES(mu_);
  struct Question {
    std::string address;
    wire::SampleRowKeysRequest request;
  };
  std::vector<Question> BeginSurveys(int64_t now_ms, const wire::CellStatusResponse& status)
      REQUIRES(mu_);
  void FinishSurvey(TableId table, Survey* survey) REQUIRES(mu_);
  void AskServer(net::RpcClient* client, const std::string& id, const std::string& address);
  void AskSizes(net::RpcClient* client, const Question& question);

  Clock* const clock_;

  mutable Mutex mu_;
  // Of the first look: a standby does not look. 0: there was none.
  int64_t since_us_ GUARDED_BY(mu_) = 0;
  int64_t looked_ms_ GUARDED_BY(mu_) = 0;
  int64_t aged_ms_ GUARDED_BY(mu_) = 0;
  std::map<std::string, Server> servers_ GUARDED_BY(mu_);
  std::map<TableId, Survey> surveys_ GUARDED_BY(mu_);
  KeyHeat heat_ GUARDED_BY(mu_);
  LoadHistory history_ GUARDED_BY(mu_);
};

}  // namespace stele::master
