// OrderedWriter: writes the rows of an input in large batches, several in flight, and tells up to
// where the input is settled: every row before that place was applied or rejected for good. Started
// again from there, and with the same timestamps, nothing is lost and nothing is there twice.
//
// Changes of the same row are applied in the order of the input. Memory is bounded by the batches
// in flight. A row whose change is wrong in itself is rejected; any other failure stops the writer
// and is its last answer. Used by one thread; the answers come on threads of the client.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "stele/table.h"

namespace stele::cli {

// A place in the input, before which everything was handed over.
struct InputPosition {
  uint64_t offset = 0;  // of a file, decompressed
  uint64_t line = 1;
  std::string row;  // of a table: the last row
};

class OrderedWriter {
 public:
  struct Options {
    uint64_t batch_bytes = 1u << 20;
    size_t batch_rows = 1000;
    size_t batches_in_flight = 6;
  };
  struct Counts {
    uint64_t rows = 0;   // records of the input that were applied
    uint64_t cells = 0;  // in them
    uint64_t rejected = 0;
  };
  // In the order of the input. `what` is the record or the row's key.
  using OnReject =
      std::function<void(uint64_t line, std::string_view reason, std::string_view what)>;

  // `begin` and `counts` are where the input is settled already.
  OrderedWriter(const Table& table, Options options, Counts counts, InputPosition begin,
                OnReject reject);
  ~OrderedWriter();  // waits for what is in flight

  // A record of the input; may wait for an earlier batch. `line` names it; 0: it belongs
  // to the record before.
  Status Add(RowMutation row, uint64_t line);
  Status Reject(uint64_t line, std::string reason, std::string_view what);
  // All that was added comes from before `position`.
  void Reached(InputPosition position) { reached_ = std::move(position); }

  // Sends what waits and waits for all answers.
  Status Drain();

  const InputPosition& settled() const { return settled_; }
  const Counts& counts() const { return counts_; }  // at settled()

 private:
  struct Rejected {
    uint64_t line;
    std::string reason, what;
  };
  struct Record {
    std::string key;
    std::vector<uint64_t> lines;
    uint64_t cells = 0;
  };
  struct Batch {
    std::vector<RowMutation> rows;  // until it is sent
    std::vector<Record> records;    // one a row
    std::unordered_map<std::string, size_t> index;
    std::vector<Rejected> rejected;
    uint64_t bytes = 0;
    size_t mutations = 0;
    InputPosition end;
  };
  // What a callback needs; it may outlive this object.
  struct Answer {
    Mutex mu;
    CondVar done_changed;
    bool done GUARDED_BY(mu) = false;
    std::vector<Status> statuses GUARDED_BY(mu);
  };
  struct Flight {
    Batch batch;
    std::shared_ptr<Answer> answer;
  };

  bool Full(const RowMutation& next, uint64_t bytes) const;
  bool InFlight(const std::string& key) const;
  Status Send();
  Status SettleFront();  // waits for it
  void Settle(Batch& batch, const std::vector<Status>& statuses);

  Table table_;
  const Options options_;
  const OnReject reject_;
  Counts counts_;
  Batch batch_;
  std::deque<Flight> flights_;
  InputPosition reached_;
  InputPosition settled_;
  Status failure_;
};

}  // namespace stele::cli
