// EventLog: what happened in the cell, the newest kMaxEvents of it, of which a quarter is for what
// is not of single tablets: a dead server with thousands of them does not push out what operators
// ordered. In memory for who asks, and in
// the catalog (rows "e/" and the number in 20 digits, each an Event) for the next master.
// Thread-safe but for Sync, which the master's thread calls.
//
// Events are told after the fact and nothing depends on them: one that a dying master did not save
// is lost, and a catalog that cannot be written at the moment gets them later. Numbers grow over
// masters: the term is above a counter.
#pragma once

#include <array>
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
  enum Class : uint8_t { kOfTablets, kOthers, kClasses };
  static Class ClassOf(const wire::Event& event);
  // Of numbers, ascending in each class.
  using Numbers = std::array<std::deque<uint64_t>, kClasses>;
  // From which class the oldest goes.
  Class Fullest(const Numbers& numbers) const;
  bool IsRepeated(const wire::Event& event) const REQUIRES(mu_);
  void DropOldest() REQUIRES(mu_);

  Clock* const clock_;
  const size_t max_events_;
  Numbers saved_;  // of the catalog's rows

  mutable Mutex mu_;
  bool loaded_ GUARDED_BY(mu_) = false;
  uint64_t last_ GUARDED_BY(mu_) = 0;  // number that was given
  std::map<uint64_t, wire::Event> events_ GUARDED_BY(mu_);
  Numbers kept_ GUARDED_BY(mu_);                  // of events_
  std::deque<uint64_t> unsaved_ GUARDED_BY(mu_);  // ascending
};

}  // namespace stele::master
