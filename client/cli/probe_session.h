// ProbeSession: runs the requests of `stele probe` against a cell, many at once, and prints each
// answer when it comes:
//
//   ID ok|fail|unknown VALUE T_INVOKE_NS T_DONE_NS        (CLOCK_MONOTONIC)
//
// ok: VALUE is the newest value (get), the rows (scan), a letter o, f or u a row (batch), the new
// value (append), the new number (incr), 1 or 0 for set or not (cas), else `-`.
// fail: there was certainly no effect; VALUE is the status code's name. unknown: VALUE is `-`.
// A write whose outcome is not known is never repeated by the probe, only reported.
//
// Submit from one thread; answers are printed from any, one whole line at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/cli/probe_line.h"
#include "common/base/mutex.h"
#include "stele/client.h"

namespace stele::cli {

class ProbeSession {
 public:
  static constexpr uint32_t kMaxInFlight = 4096;
  static constexpr uint32_t kScanThreads = 16;
  // Rows of one scan's answer; more is RESOURCE_EXHAUSTED.
  static constexpr size_t kMaxScanBytes = 256u << 20;

  // `timeout_ms`: the deadline of requests that name none.
  ProbeSession(Client* client, int64_t timeout_ms, std::ostream* out);
  ~ProbeSession();  // waits for all answers

  // One input line. Blocks while kMaxInFlight requests wait for answers, for nothing else.
  void Submit(std::string_view line);

 private:
  struct Pending {
    ProbeRequest request;
    int64_t invoke_ns;
    int64_t deadline_ns;
    std::optional<Table> table;  // empty: it has to be opened
  };
  // By deadline. Nothing was sent for what is in one: when its time is over it fails.
  using Queue = std::multimap<int64_t, Pending>;

  void Start(Pending pending);
  void StartModify(Pending pending);
  void StartCheck(Pending pending);
  // A table that is not found may have been dropped and made again: it is opened anew next time.
  void NoteIfGone(const std::string& table, const Status& status);
  void OpenLoop();
  void ScanLoop();
  void ExpireLoop();
  // What is over in `queue` goes to `expired`.
  void TakeExpired(int64_t now_ns, Queue* queue, std::vector<Pending>* expired) REQUIRES(mu_);
  StatusOr<std::string> RunScan(Pending& scan);
  void AnswerWrite(const std::string& id, const Status& status, int64_t invoke_ns);
  void AnswerRead(const std::string& id, const StatusOr<std::string>& value, int64_t invoke_ns);
  void Answer(const std::string& id, const char* outcome, const std::string& value,
              int64_t invoke_ns);

  Client* const client_;
  const int64_t timeout_ms_;
  Mutex mu_;
  CondVar answered_, open_wanted_, scan_wanted_, queued_;
  std::ostream* const out_ GUARDED_BY(mu_);
  uint32_t in_flight_ GUARDED_BY(mu_) = 0;
  bool closing_ GUARDED_BY(mu_) = false;
  std::map<std::string, Table> tables_ GUARDED_BY(mu_);
  Queue opens_ GUARDED_BY(mu_);
  Queue scans_ GUARDED_BY(mu_);
  std::vector<std::thread> threads_;
};

}  // namespace stele::cli
