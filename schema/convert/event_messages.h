// What the method ListEvents carries; see messages.h. Value types, thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/model/model.h"

namespace stele::wire {

inline constexpr size_t kMaxListedEvents = 10'000;
inline constexpr size_t kMaxEventTextBytes = 1'000;

struct Event {
  uint64_t number = 0;  // grows; the master's term is above its 32 lower bits
  int64_t time_us = 0;  // the master's clock, since 1970
  std::string kind;
  TabletId tablet = 0;  // 0: of none
  std::string table, server;
  std::string actor;  // who asked for it; empty: the cell itself
  std::string text;   // a sentence
  bool operator==(const Event&) const = default;
};

// ListEvents: -> ListEventsResponse. With `after` the oldest that come behind it, else the newest,
// with `before` of those in front of it; always in order. Empty fields select nothing.
struct ListEventsRequest {
  uint64_t after = 0;
  int64_t since_us = 0;
  std::string kind;
  TabletId tablet = 0;
  std::string table, server;
  uint64_t limit = kMaxListedEvents;
  uint64_t before = 0;  // 0: all
  bool operator==(const ListEventsRequest&) const = default;
};
struct ListEventsResponse {
  std::vector<Event> events;
  uint64_t last = 0;  // what to ask on with: every event up to it was looked at
  bool operator==(const ListEventsResponse&) const = default;
};

}  // namespace stele::wire
