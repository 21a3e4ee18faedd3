#include "tabletserver/rpc/request_times.h"

#include <algorithm>

namespace stele::tabletserver {
namespace {

template <typename Counts>
std::vector<uint64_t> Read(const Counts& counts) {
  std::vector<uint64_t> read;
  for (const auto& count : counts) read.push_back(count.load(std::memory_order_relaxed));
  while (!read.empty() && read.back() == 0) read.pop_back();
  return read;
}

}  // namespace

// Places are filled and never emptied, so who finds an empty one before the table knows that the
// table was not there. And when all were filled before it looked, it never will be.
RequestTimes::Entry* RequestTimes::Find(TableId table) {
  const bool full = full_.load(std::memory_order_acquire);
  size_t at = table % kPlaces;
  for (Entry* entry = nullptr;; at = (at + 1) % kPlaces) {
    entry = places_[at].load(std::memory_order_acquire);
    if (entry == nullptr) break;
    if (entry->table == table) return entry;
  }
  if (full) return &others_;
  MutexLock lock(&mu_);
  for (;; at = (at + 1) % kPlaces) {  // another thread may have been here meanwhile
    Entry* entry = places_[at].load(std::memory_order_relaxed);
    if (entry == nullptr) break;
    if (entry->table == table) return entry;
  }
  if (entries_.size() >= kMaxTables) return &others_;
  entries_.push_back(std::make_unique<Entry>(table));
  places_[at].store(entries_.back().get(), std::memory_order_release);
  if (entries_.size() == kMaxTables) full_.store(true, std::memory_order_release);
  return entries_.back().get();
}

void RequestTimes::Add(TableId table, Kind kind, int64_t nanos) {
  Entry* entry = Find(table);
  Counts& counts = kind == Kind::kRead ? entry->reads : entry->writes;
  counts[obs::TimeClassOf(nanos)].fetch_add(1, std::memory_order_relaxed);
}

std::vector<wire::TableTimes> RequestTimes::Report() const {
  std::vector<wire::TableTimes> report;
  auto add = [&](const Entry& entry) {
    wire::TableTimes times{entry.table, Read(entry.reads), Read(entry.writes)};
    if (!times.reads.empty() || !times.writes.empty()) report.push_back(std::move(times));
  };
  add(others_);
  MutexLock lock(&mu_);
  for (const auto& entry : entries_) add(*entry);
  std::sort(report.begin(), report.end(),
            [](const auto& a, const auto& b) { return a.table < b.table; });
  return report;
}

}  // namespace stele::tabletserver
