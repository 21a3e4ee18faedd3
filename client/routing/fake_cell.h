// FakeCell: the far side of routing for its tests: a scripted transport with servers, a three-level
// tree and rows in memory behind it, and the timers, all on one virtual clock and one thread. Calls
// wait until Run takes them, so that a test decides what happens in between. Bound to one thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/net/rpc.h"
#include "common/net/timer.h"
#include "common/time/clock.h"
#include "schema/convert/codec.h"

namespace stele::routing {

class FakeTimers : public net::TimerQueue {
 public:
  // `advance` moves the clock by so many nanoseconds.
  FakeTimers(Clock* clock, std::function<void(int64_t)> advance)
      : clock_(clock), advance_(std::move(advance)) {}
  TimerId RunAfter(int64_t delay_ms, std::function<void()> fn) override;
  bool Cancel(TimerId id) override;
  // Moves the clock to the next one due and runs it; false when there is none.
  bool RunNext();

 private:
  Clock* const clock_;
  const std::function<void(int64_t)> advance_;
  std::map<std::pair<int64_t, TimerId>, std::function<void()>> due_;
  TimerId next_id_ = 1;
};

class FakeCell : public net::RpcClient {
 public:
  static constexpr TableId kTable = kFirstUserTable;
  static constexpr char kCellAddress[] = "cell:1";

  // A call that fails. With `executed` the server did its work and only the answer was lost; with
  // `silent` no answer comes at all, until the caller's time is out.
  struct Failure {
    wire::Method method;
    Status status;
    bool executed = false;
    bool silent = false;
    int passed = 0;  // calls that do not fail, before
  };
  struct Sent {
    std::string address;
    wire::Method method;
  };

  explicit FakeCell(FakeTimers* timers);

  // User tablets, in key order, by end row ("" last) and address.
  void SetTablets(const std::vector<std::pair<std::string, std::string>>& ends);
  // The rows up to and including `at` of the tablet that has it become a tablet of their own.
  void Split(const std::string& at, const std::string& address);
  void Move(const std::string& end_row, const std::string& address);
  void MoveMetadata(TabletId tablet, const std::string& address);
  void FailNext(Failure failure) { failures_.push_back(std::move(failure)); }
  // The call of the method that comes after so many others of it.
  void FailAfter(wire::Method method, int passed, Status status) {
    failures_.push_back({method, std::move(status), false, false, passed});
  }

  // Answers calls and runs timers until `done` or nothing is left to do; true when done.
  bool Run(const std::function<bool()>& done);

  void Call(const std::string& address, uint16_t method, net::Buffer body, int64_t timeout_ms,
            Callback done) override;
  Canceller CancellableCall(const std::string& address, uint16_t method, net::Buffer body,
                            int64_t timeout_ms, Callback done) override;
  StatusOr<net::Buffer> CallSync(const std::string& address, uint16_t method, net::Buffer body,
                                 int64_t timeout_ms) override;

  std::map<std::string, Row> rows;                       // of the table
  std::map<std::string, int> times_applied;              // by row
  std::map<std::string, std::vector<RequestId>> ids_of;  // row -> of each attempt that came
  std::vector<Sent> sent;                                // every call, as it is answered
  size_t most_in_flight = 0;                             // MutateRows calls waiting together
  bool hints = false;                                    // NOT_SERVED says where the tablet went
  uint64_t rows_per_page = 1000;
  uint64_t cells_per_part = 0;               // 0: rows come whole
  size_t cancelled_calls = 0;                // that had not been answered
  std::vector<uint64_t> released;            // scanners that were given back
  bool ascending_whatever_is_asked = false;  // a server that is wrong
  std::set<std::string> refused_rows;        // MutateRows answers NotFound for them
  Status refuse_writes;                      // what MutateRows answers for every row, if not OK
  // What a server that is wrong makes of its answers to the method.
  struct Rewrite {
    wire::Method method = wire::Method::kGetRoot;
    std::function<StatusOr<net::Buffer>(StatusOr<net::Buffer>)> answer = nullptr;
  };
  Rewrite rewrite_answer;

  int CountSent(wire::Method method, const std::string& address = "") const;

 private:
  struct Pending {
    std::string address;
    wire::Method method;
    net::Buffer body;
    Callback done;
    int64_t timeout_ms;
    uint64_t number = 0;
    bool cancelled = false;
  };

  void Answer(Pending call);
  StatusOr<net::Buffer> Execute(const Pending& call);
  StatusOr<net::Buffer> Mutate(const Pending& call);
  StatusOr<net::Buffer> Read(const Pending& call);
  StatusOr<net::Buffer> Check(const Pending& call);
  StatusOr<TabletLocation> Served(TabletId tablet, const std::string& address) const;
  Status BeforeTablet(const std::string& row) const;
  std::map<std::string, Row> RowsOf(const TabletLocation& tablet) const;
  wire::ReadRowsResponse Page(const wire::ReadRowsRequest& request, std::vector<Row> found) const;

  FakeTimers* const timers_;
  std::vector<TabletLocation> locations_;  // root, METADATA and user tablets
  std::deque<Pending> pending_;
  std::deque<Failure> failures_;
  uint64_t calls_ = 0;
  mutable uint64_t next_scanner_ = 1;
};

}  // namespace stele::routing
