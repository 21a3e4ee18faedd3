#include "master/events/event_log.h"

#include <algorithm>
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

bool EventLog::IsRepeated(const wire::Event& event) const {
  size_t looks = 0;
  for (auto past = events_.rbegin(); past != events_.rend() && looks < kLooksBack;
       ++past, ++looks) {
    if (event.time_us - past->time_us > kRepeatedWithinUs) return false;
    if (past->kind == event.kind && past->text == event.text && past->actor == event.actor) {
      return true;
    }
  }
  return false;
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
  events_.push_back(std::move(event));
  if (events_.size() > max_events_) events_.pop_front();
  if (unsaved_.size() > max_events_) unsaved_.pop_front();
}

StatusOr<wire::ListEventsResponse> EventLog::List(const wire::ListEventsRequest& request) const {
  wire::ListEventsResponse response;
  const size_t limit = std::clamp<uint64_t>(request.limit, 1, wire::kMaxListedEvents);
  MutexLock lock(&mu_);
  if (!loaded_) return absl::UnavailableError("the events of the past are not read yet");
  if (request.after != 0) {
    response.last = request.after;
    for (const wire::Event& event : events_) {
      if (response.events.size() == limit) break;
      response.last = std::max(response.last, event.number);
      if (Matches(event, request)) response.events.push_back(event);
    }
    return response;
  }
  if (!events_.empty()) response.last = events_.back().number;
  for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
    if (response.events.size() == limit) break;
    if (Matches(*event, request)) response.events.push_back(*event);
  }
  std::reverse(response.events.begin(), response.events.end());
  return response;
}

bool EventLog::loaded() const {
  MutexLock lock(&mu_);
  return loaded_;
}

void EventLog::Load(const std::map<uint64_t, std::string>& records) {
  std::vector<wire::Event> past;
  for (const auto& [number, record] : records) {
    saved_.push_back(number);
    wire::Event event;
    // One of a later format, or damaged, is not shown; it goes when it is old.
    if (!wire::Decode(net::Buffer::Copy(record), &event).ok()) continue;
    event.number = number;
    past.push_back(std::move(event));
  }
  MutexLock lock(&mu_);
  events_.insert(events_.begin(), past.begin(), past.end());
  while (events_.size() > max_events_) events_.pop_front();
  loaded_ = true;
}

Status EventLog::Sync(Catalog* catalog) {
  std::map<uint64_t, std::string> put;
  {
    MutexLock lock(&mu_);
    for (uint64_t number : unsaved_) {
      if (put.size() == kMaxSavedAtOnce) break;
      const auto event = std::lower_bound(
          events_.begin(), events_.end(), number,
          [](const wire::Event& one, uint64_t wanted) { return one.number < wanted; });
      if (event == events_.end() || event->number != number) continue;  // too old already
      ASSIGN_OR_RETURN(const net::Buffer body, wire::Encode(*event));
      put[number] = std::string(body.bytes());
    }
    if (put.empty()) unsaved_.clear();
  }
  std::vector<uint64_t> erase;
  while (erase.size() < saved_.size() && saved_.size() - erase.size() + put.size() > max_events_) {
    erase.push_back(saved_[erase.size()]);
  }
  if (put.empty() && erase.empty()) return OkStatus();
  RETURN_IF_ERROR(catalog->WriteEvents(put, erase));
  saved_.erase(saved_.begin(), saved_.begin() + static_cast<std::ptrdiff_t>(erase.size()));
  for (const auto& [number, record] : put) saved_.push_back(number);
  if (put.empty()) return OkStatus();
  MutexLock lock(&mu_);
  std::erase_if(unsaved_, [&](uint64_t number) { return number <= put.rbegin()->first; });
  return OkStatus();
}

}  // namespace stele::master
