// HistoryClients: clients of a cell that append, add, read and scan the rows of one history, each
// as fast as it is answered, and write down what they were told. They differ in their patience and
// in what they try again. And operators, who split, merge and move the table's tablets.
// Owned by one test; thread-compatible.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/testing/seeded_random.h"
#include "stele/client.h"
#include "tests/history/history.h"

namespace stele {

class HistoryClients {
 public:
  static constexpr char kTable[] = "rows";
  static constexpr uint64_t kRows = 100;

  // Rows of another `number` are others.
  // The clients outlive it.
  HistoryClients(std::vector<Client*> clients, int number, uint64_t seed);
  ~HistoryClients() { Stop(); }

  // One client of each kind; Unavailable while no master answers.
  static StatusOr<std::vector<std::unique_ptr<Client>>> Connect(const std::string& cell);

  void Start(int callers);
  void Stop();
  // All rows once, after Stop: how the history ends. An error when one cannot be read by then.
  Status ReadAll(int64_t timeout_ms);

  static TableSchema Schema();
  static std::vector<std::string> SplitKeys();

  const History& history() const { return history_; }
  // What no client may be told.
  std::vector<std::string> violations() const;
  // Splits, merges and moves that were done.
  int reshaped() const { return reshaped_; }

 private:
  struct Caller {
    int number = 0;
    Table table;
    SeededRandom random;
  };
  std::string KeyOf(uint64_t row) const;
  void Act(Caller* caller);
  void Append(Caller* caller);
  void Add(Caller* caller);
  void Read(Caller* caller);
  void Scan(Caller* caller);
  void Operate(Client* client, SeededRandom random);
  StatusOr<std::vector<std::string>> Reshape(Admin* admin, SeededRandom* random);
  Operation Begin(const Caller& caller, Operation::Kind kind, uint64_t row) const;
  void End(Operation operation, const Status& status);
  bool Show(const Row& row, SeenRow* seen);
  void Violation(const std::string& what);
  void Pause(int64_t ms);

  const std::vector<Client*> clients_;
  const int number_;
  SeededRandom random_;
  History history_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> next_id_{1};
  std::atomic<int> reshaped_{0};
  mutable Mutex mu_;
  CondVar stopped_;
  std::vector<std::string> violations_ GUARDED_BY(mu_);
};

}  // namespace stele
