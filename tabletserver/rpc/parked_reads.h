// ParkedReads: reads that stopped inside a row larger than a page, kept with the row's state until
// the reader asks for the next part: so all parts come from one state of the row. A read is taken
// out while it is worked on; one that is lost (time to live, memory, another server) begins the row
// anew.
//
// Bounded: in number for each connection, in time, and in the bytes that only they keep in memory
// (memtables that were flushed since, each counted once, and their own). Over the bytes the longest
// unused ones go; when its time is over, or its connection closed, a read goes within
// kLookEveryMs. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/net/rpc.h"
#include "common/net/timer.h"
#include "common/time/clock.h"
#include "schema/convert/messages.h"
#include "tabletserver/rpc/page_sink.h"
#include "tabletserver/storage/engine.h"

namespace stele::tabletserver {

// A read inside a row.
struct RowStream {
  std::unique_ptr<storage::ReadCursor> cursor;
  std::unique_ptr<PageSink> sink;
};

// Whose read it is.
struct ParkedReader {
  std::string peer;  // the connection's other end
  net::CallWatch watch;
};

struct ParkedReadsOptions {
  uint64_t first_id = 1;  // above every id given out by an earlier incarnation of this server
  uint32_t max_per_peer = 1'000;
  uint64_t max_bytes = 64u << 20;
  int64_t time_to_live_ns = 60'000'000'000;
};

class ParkedReads {
 public:
  static constexpr int64_t kLookEveryMs = 1000;  // while there are any
  // The timers end before this does; nothing may be parked after.
  ParkedReads(Clock* clock, net::TimerQueue* timers, const ParkedReadsOptions& options)
      : clock_(clock), timers_(timers), options_(options), next_id_(options.first_id) {}

  // The id for the next request. ResourceExhausted with a retry delay when the reader's connection
  // has too many.
  StatusOr<uint64_t> Park(TabletId tablet, const ParkedReader& reader, RowStream stream);
  // Takes it out. NotFound when it is not kept any more, or when the reader has not got
  // exactly the cells that were given out.
  StatusOr<RowStream> Take(TabletId tablet, const wire::RowCursor& cursor);
  // It is not wanted any more; fine when it is not there.
  void Drop(TabletId tablet, const wire::RowCursor& cursor);
  // Lets those go whose time is over or whose connection is closed.
  void Expire();

  uint64_t bytes() const;
  size_t size() const;

 private:
  struct Parked {
    TabletId tablet = 0;
    ParkedReader reader;
    RowStream stream;
    int64_t deadline_boot_ns = 0;
  };
  using Map = std::map<uint64_t, Parked>;  // ids ascend with time: the first is the oldest
  Map::iterator Erase(Map::iterator it, std::vector<RowStream>* gone) REQUIRES(mu_);
  void ExpireLocked(std::vector<RowStream>* gone) REQUIRES(mu_);
  void ShrinkTo(uint64_t max_bytes, uint64_t spared_id, std::vector<RowStream>* gone) REQUIRES(mu_);
  void LookLater() REQUIRES(mu_);

  Clock* const clock_;
  net::TimerQueue* const timers_;
  const ParkedReadsOptions options_;

  mutable Mutex mu_;
  uint64_t next_id_ GUARDED_BY(mu_);
  Map reads_ GUARDED_BY(mu_);
  std::map<std::string, uint32_t> per_peer_ GUARDED_BY(mu_);
  bool look_scheduled_ GUARDED_BY(mu_) = false;
};

}  // namespace stele::tabletserver
