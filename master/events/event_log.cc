#include "master/events/event_log.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "master/events/cell_changes.h"
#include "schema/convert/codec.h"

namespace stele::master {
namespace {

constexpr int kCounterBits = 32;
constexpr size_t kMaxSavedAtOnce = 2'000;
constexpr int64_t kRepeatedWithinUs = 60'000'000;
constexpr size_t kMaxNameBytes = 100;
constexpr size_t kShareOfOthers = 4;  // one in so many is kept for events not of tablets
constexpr size_t kLooksBack = 5'000;  // for what was repeated

bool Matches(const wire::Event& event, const wire::ListEventsRequest& request) {
  return event.number > request.after && event.time_us >= request.since_us &&
         (request.kind.empty() || event.kind == request.kind) &&
         (request.tablet == 0 || event.tablet == request.tablet) &&
         (request.table.empty() || event.table == request.table) &&
         (request.server.empty() || event.server == request.server);
}

void Cut(size_t max_bytes, std::string* text) {
  if (text->size() <= max_bytes) return;
  text->resize(max_bytes - 3);
  text->append("...");
}

}  // namespace

void EventLog::Begin(uint64_t term) {
  MutexLock lock(&mu_);
  last_ = term << kCounterBits;
}

EventLog::Class EventLog::ClassOf(const wire::Event& event) {
  const bool of_tablets = event.kind == kTabletEvent || event.kind == kAssignEvent ||
                          event.kind == kSplitEvent || event.kind == kMergeEvent;
  return of_tablets ? kOfTablets : kOthers;
}

EventLog::Class EventLog::Fullest(const Numbers& numbers) const {
  const size_t for_others = max_events_ / kShareOfOthers;
  return numbers[kOthers].size() > for_others || numbers[kOfTablets].empty() ? kOthers : kOfTablets;
}

bool EventLog::IsRepeated(const wire::Event& event) const {
  const std::deque<uint64_t>& numbers = kept_[ClassOf(event)];
  size_t looks = 0;
  for (auto number = numbers.rbegin(); number != numbers.rend() && looks < kLooksBack;
       ++number, ++looks) {
    const wire::Event& past = events_.at(*number);
    if (event.time_us - past.time_us > kRepeatedWithinUs) return false;
    if (past.kind == event.kind && past.text == event.text && past.actor == event.actor) {
      return true;
    }
  }
  return false;
}

void EventLog::DropOldest() {
  std::deque<uint64_t>& numbers = kept_[Fullest(kept_)];
  events_.erase(numbers.front());
  numbers.pop_front();
}

void EventLog::Add(wire::Event event, bool once) {
  Cut(wire::kMaxEventTextBytes, &event.text);
  Cut(kMaxNameBytes, &event.server);
  Cut(kMaxNameBytes, &event.actor);
  MutexLock lock(&mu_);
  event.time_us = clock_->WallMicros();
  if (once && IsRepeated(event)) return;
  event.number = ++last_;
  unsaved_.push_back(event.number);
  kept_[ClassOf(event)].push_back(event.number);
  events_.emplace(event.number, std::move(event));
  if (events_.size() > max_events_) DropOldest();
  if (unsaved_.size() > 2 * max_events_) {
    std::erase_if(unsaved_,
                  [this](uint64_t number) REQUIRES(mu_) { return !events_.contains(number); });
  }
}

StatusOr<wire::ListEventsResponse> EventLog::List(const wire::ListEventsRequest& request) const {
  wire::ListEventsResponse response;
  const size_t limit = std::clamp<uint64_t>(request.limit, 1, wire::kMaxListedEvents);
  MutexLock lock(&mu_);
  if (!loaded_) return absl::UnavailableError("the events of the past are not read yet");
  if (request.after != 0) {
    response.last = request.after;
    for (auto event = events_.upper_bound(request.after); event != events_.end(); ++event) {
      if (response.events.size() == limit) break;
      response.last = event->first;
      if (Matches(event->second, request)) response.events.push_back(event->second);
    }
    return response;
  }
  if (!events_.empty()) response.last = events_.rbegin()->first;
  const auto end = request.before == 0 ? events_.end() : events_.lower_bound(request.before);
  for (auto event = std::make_reverse_iterator(end); event != events_.rend(); ++event) {
    if (response.events.size() == limit) break;
    if (Matches(event->second, request)) response.events.push_back(event->second);
  }
  std::reverse(response.events.begin(), response.events.end());
  return response;
}

bool EventLog::loaded() const {
  MutexLock lock(&mu_);
  return loaded_;
}

void EventLog::Load(const std::map<uint64_t, std::string>& records) {
  MutexLock lock(&mu_);
  Numbers past;
  for (const auto& [number, record] : records) {
    wire::Event event;
    // One of a later format, or damaged, is not shown; it goes when it is old.
    const bool known = wire::Decode(net::Buffer::Copy(record), &event).ok();
    const Class of = known ? ClassOf(event) : kOfTablets;
    saved_[of].push_back(number);
    if (!known) continue;
    event.number = number;
    past[of].push_back(number);
    events_.emplace(number, std::move(event));
  }
  for (int of = 0; of < kClasses; ++of) {
    kept_[of].insert(kept_[of].begin(), past[of].begin(), past[of].end());
  }
  while (events_.size() > max_events_) DropOldest();
  loaded_ = true;
}

Status EventLog::Sync(Catalog* catalog) {
  std::map<uint64_t, std::string> put;
  Numbers saved = saved_;
  std::vector<uint64_t> erase;
  {
    MutexLock lock(&mu_);
    for (uint64_t number : unsaved_) {
      if (put.size() == kMaxSavedAtOnce) break;
      const auto event = events_.find(number);
      if (event == events_.end()) continue;  // too old already
      ASSIGN_OR_RETURN(const net::Buffer body, wire::Encode(event->second));
      put[number] = std::string(body.bytes());
      saved[ClassOf(event->second)].push_back(number);
    }
    if (put.empty()) unsaved_.clear();
  }
  while (saved[kOfTablets].size() + saved[kOthers].size() > max_events_) {
    std::deque<uint64_t>& numbers = saved[Fullest(saved)];
    if (put.erase(numbers.front()) == 0) erase.push_back(numbers.front());
    numbers.pop_front();
  }
  if (put.empty() && erase.empty()) return OkStatus();
  const uint64_t last = put.empty() ? 0 : put.rbegin()->first;
  RETURN_IF_ERROR(catalog->WriteEvents(put, erase));
  saved_ = std::move(saved);
  MutexLock lock(&mu_);
  std::erase_if(unsaved_, [&](uint64_t number) { return number <= last; });
  return OkStatus();
}

}  // namespace stele::master
