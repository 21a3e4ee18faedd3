// BatchOp: applies a list of row mutations to one table. Rows are grouped by tablet into requests
// of bounded size, a bounded number of which is under way at once; each row is tried again by
// itself as its fate allows (retry_policy.h) and gets its own status, exactly once.
//
// A row's final status: OK = applied. Unknown = it may or may not have been applied, wholly, and
// cannot newly appear after the deadline. Any other code = no effect, ever. Lives as long as its
// callbacks; thread-safe.
//
// Invariant: an unfinished row is in exactly one place: ready_, unlocated_, a request under way, or
// waiting for its back-off.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "client/routing/locator.h"

namespace stele::routing {

class BatchOp : public std::enable_shared_from_this<BatchOp> {
 public:
  // One status a row, in the order given.
  using Done = std::function<void(std::vector<Status>)>;
  static void Start(Core* core, Locator* locator, TableId table, std::vector<RowMutation> rows,
                    const CallTerms& terms, Done done);

 private:
  struct Entry {
    bool finished = false;
    bool maybe_applied = false;  // an attempt's outcome is not known
    uint32_t attempts = 0;
    uint64_t sequence = 0;  // given when it is first sent, the same at each attempt
    int64_t first_sent_ns = 0;
    Status status;  // of the last attempt, then of the row
  };
  struct Request {
    LocationCache::Found location;
    std::vector<size_t> entries;
    wire::MutateRowsRequest message;
  };

  BatchOp(Core* core, Locator* locator, TableId table, std::vector<RowMutation> rows,
          const CallTerms& terms, Done done);

  void Pump();
  std::vector<Request> TakeRequests() REQUIRES(mu_);
  Request TakeRequest(LocationCache::Found location) REQUIRES(mu_);
  uint64_t SequenceOf(Entry* entry, int64_t now_ns) REQUIRES(mu_);
  void MakeReady(const std::vector<size_t>& entries) REQUIRES(mu_);
  void Send(Request request);
  void OnReply(Request& request, StatusOr<wire::MutateRowsResponse> reply);
  void OnLocated(StatusOr<TabletLocation> location);
  // Each finishes the entry or adds it to `again`.
  void CallFailed(size_t entry, const Status& status, std::vector<size_t>* again) REQUIRES(mu_);
  void RowAnswered(size_t entry, const wire::RowResult& result, std::vector<size_t>* again)
      REQUIRES(mu_);
  void Settle(size_t entry, const Status& status, Fate fate, std::vector<size_t>* again)
      REQUIRES(mu_);
  void Finish(size_t entry, const Status& status) REQUIRES(mu_);
  void ExpireWaiting(const Status& status) REQUIRES(mu_);
  // Puts the entries back after a back-off; then, and when nothing is left, goes on.
  void Continue(std::vector<size_t> again, const Status& failure);

  Core* const core_;
  Locator* const locator_;
  const TableId table_;
  std::vector<RowMutation> rows_;  // those of a request that is not sent yet are in it
  const CallTerms terms_;
  Gate::Pass pass_;

  Mutex mu_;
  Done done_ GUARDED_BY(mu_);
  std::vector<Entry> entries_ GUARDED_BY(mu_);
  std::vector<size_t> ready_ GUARDED_BY(mu_);  // by row, the first at the end
  std::vector<size_t> unlocated_ GUARDED_BY(mu_);
  bool locating_ GUARDED_BY(mu_) = false;
  uint32_t in_flight_ GUARDED_BY(mu_) = 0;
  size_t unfinished_ GUARDED_BY(mu_);
};

}  // namespace stele::routing
