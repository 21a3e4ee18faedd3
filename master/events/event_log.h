// EventLog: what happened in the cell, the newest kMaxEvents of it: in memory for who asks, and in
// the catalog (rows "e/" and the number in 20 digits, each an Event) for the next master.
// Thread-safe but for Sync, which the master's thread calls.
//
// Events are told after the fact and nothing depends on them: one that a dying master did not save
// is lost, and a catalog that cannot be written at the moment gets them later. Numbers grow over
// masters: the term is above a counter.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/time/clock.h"
#include "master/catalog/catalog.h"
#include "schema/convert/event_messages.h"

namespace stele::master {

class EventLog {
 public:
  static constexpr size_t kMaxEvents = 20'000;
  explicit EventLog(Clock* clock, size_t max_events = kMaxEvents)
      : clock_(clock), max_events_(max_events) {}

  // Before the first Add.
  void Begin(uint64_t term);
  // Gives it number and time. With `once` what the same actor asked for, or was refused, a moment
  // ago is not told again: who waits for a drain asks on and on.
  void Add(wire::Event event, bool once = false);
  // Unavailable until what past masters told is read: who follows must not step over it.
  StatusOr<wire::ListEventsResponse> List(const wire::ListEventsRequest& request) const;

  bool loaded() const;
  // Takes in what past masters wrote down (Catalog::ReadEvents); once, before the first Sync.
  void Load(const std::map<uint64_t, std::string>& records);
  // Saves what is new and erases what is too old; a no-op when there is nothing to do. REQUIRES:
  // loaded, and so is the catalog.
  Status Sync(Catalog* catalog);

 private:
  bool IsRepeated(const wire::Event& event) const REQUIRES(mu_);

  Clock* const clock_;
  const size_t max_events_;
  std::deque<uint64_t> saved_;  // the numbers of the catalog's rows, ascending

  mutable Mutex mu_;
  bool loaded_ GUARDED_BY(mu_) = false;
  uint64_t last_ GUARDED_BY(mu_) = 0;               // number that was given
  std::deque<wire::Event> events_ GUARDED_BY(mu_);  // ascending
  std::deque<uint64_t> unsaved_ GUARDED_BY(mu_);    // ascending
};

}  // namespace stele::master
