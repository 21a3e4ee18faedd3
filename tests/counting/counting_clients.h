// CountingClients: clients that increment, append, check-and-mutate and add to aggregates, each
// with a connection of its own, and retries on; they keep what they were told. Check compares it
// with what the table holds: sums are exact, no appended token is missing or there twice, each
// claim was won by its first attempt, the times of a column never went back.
//
// The table has a row-N for each N below `rows`, and the rows claim-...; a tablet ends at each
// row-N but the last. No call may fail: whoever kills servers must bring others within the
// deadline. Owned by one test; thread-compatible, its threads are its own.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "stele/client.h"

namespace stele {

class CountingClients {
 public:
  CountingClients(std::string cell, ClientOptions options, int clients, int rows)
      : cell_(std::move(cell)), options_(options), clients_(clients), rows_(rows) {}
  ~CountingClients() { Stop(); }

  // Makes the table and starts the clients.
  Status Start();
  void Stop();
  // Until each row has so many more changes and the clients so many in all; false when nothing
  // changes for a minute. `meanwhile` is called now and then.
  bool AwaitProgress(
      uint64_t of_each_row, uint64_t in_all, const std::function<void()>& meanwhile = [] {});
  // Fails the test with what is not as the clients were told. REQUIRES: stopped.
  void Check();
  static constexpr char kTable[] = "counters";
  static std::string RowOf(int n) { return "row-" + std::to_string(n); }

 private:
  void Work(int number);
  Status Increment(Table* table, int row, int64_t amount);
  Status Append(Table* table, int row, int number, uint64_t n);
  Status Claim(Table* table, int number, uint64_t n);
  Status Add(Table* table, int row, int64_t input);
  void CheckRow(Table* table, int row);

  const std::string cell_;
  const ClientOptions options_;
  const int clients_, rows_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  Mutex mu_;
  uint64_t done_ GUARDED_BY(mu_) = 0, claims_ GUARDED_BY(mu_) = 0;
  struct Told {
    uint64_t changes = 0;
    int64_t sum = 0, added = 0, latest_us = 0;
    std::set<std::string> tokens;
  };
  std::map<int, Told> told_ GUARDED_BY(mu_);
};

}  // namespace stele
