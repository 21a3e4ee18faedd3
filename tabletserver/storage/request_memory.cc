#include "tabletserver/storage/request_memory.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "tabletserver/storage/write_throttle.h"

namespace stele::storage {
namespace {

constexpr int64_t kKeepNs = kRequestMemoryMs * 1'000'000;
constexpr int64_t kSweepEveryNs = 10'000'000'000;
constexpr int64_t kFullDelayMs = 100;
// With the nodes of the maps.
constexpr int64_t kClientBytes = 160;
constexpr int64_t kSlotBytes = 160;
constexpr int64_t kRunBytes = 80;

int64_t RowBytes(const Row& row) {
  size_t bytes = sizeof(Row) + row.key.size();
  for (const Cell& cell : row.cells) {
    bytes += sizeof(Cell) + cell.family.size() + cell.qualifier.size() + cell.value.size();
  }
  return static_cast<int64_t>(bytes);
}

int64_t OutcomeBytes(const ChangeOutcome& outcome) {
  return outcome.row == nullptr ? 0 : RowBytes(*outcome.row);
}

}  // namespace

RequestMemory::RequestMemory(Clock* clock, MemoryTracker* memory, uint64_t max_bytes)
    : clock_(clock), memory_(memory), max_bytes_(max_bytes) {}

RequestMemory::~RequestMemory() {
  MutexLock lock(&mu_);
  memory_->Release(bytes_);
}

void RequestMemory::Charge(int64_t bytes) {
  bytes_ += bytes;
  if (bytes > 0) memory_->Charge(bytes);
  if (bytes < 0) memory_->Release(-bytes);
}

RequestMemory::Client* RequestMemory::FindOrAdd(uint64_t client_id) {
  auto [at, added] = clients_.try_emplace(client_id);
  if (added) Charge(kClientBytes);
  return &at->second;
}

RequestMemory::Run* RequestMemory::FindRun(Client* client, uint64_t sequence) {
  auto after = client->runs.upper_bound(sequence);
  if (after == client->runs.begin()) return nullptr;
  Run& run = std::prev(after)->second;
  return sequence < run.end ? &run : nullptr;
}

void RequestMemory::AddRun(Client* client, uint64_t first, uint64_t end, int64_t now_ns) {
  auto at = client->runs.upper_bound(first);
  if (at != client->runs.begin() && std::prev(at)->second.end >= first) {
    --at;
  } else {
    at = client->runs.try_emplace(first).first;
    Charge(kRunBytes);
  }
  Run& run = at->second;
  run.used_ns = now_ns;
  run.end = std::max(run.end, end);
  for (auto next = std::next(at); next != client->runs.end() && next->first <= run.end;) {
    run.end = std::max(run.end, next->second.end);
    next = client->runs.erase(next);
    Charge(-kRunBytes);
  }
}

void RequestMemory::Settle(Client* client, std::map<uint64_t, Slot>::iterator at) {
  Slot& slot = at->second;
  slot.state = State::kDone;
  if (slot.outcome.kind != ChangeKind::kWrite) return;
  const uint64_t sequence = at->first;
  const int64_t used_ns = slot.used_ns;
  Charge(-kSlotBytes);
  client->slots.erase(at);
  AddRun(client, sequence, sequence + 1, used_ns);
}

// From the oldest on, up to the first that may still be asked for.
void RequestMemory::Trim(Client* client, int64_t now_ns) {
  while (!client->slots.empty()) {
    auto first = client->slots.begin();
    const Slot& slot = first->second;
    if (slot.state != State::kDone) break;
    if (first->first >= client->first_incomplete && now_ns - slot.used_ns <= kKeepNs) break;
    Charge(-(kSlotBytes + OutcomeBytes(slot.outcome)));
    client->slots.erase(first);
  }
  while (!client->runs.empty()) {
    auto first = client->runs.begin();
    if (first->second.end > client->first_incomplete && now_ns - first->second.used_ns <= kKeepNs) {
      break;
    }
    client->runs.erase(first);
    Charge(-kRunBytes);
  }
}

void RequestMemory::Sweep(int64_t now_ns) {
  swept_ns_ = now_ns;
  for (auto at = clients_.begin(); at != clients_.end();) {
    Client& client = at->second;
    // A client's last requests tell when it was here.
    const bool idle =
        (client.slots.empty() || now_ns - client.slots.rbegin()->second.used_ns > kKeepNs) &&
        (client.runs.empty() || now_ns - client.runs.rbegin()->second.used_ns > kKeepNs);
    if (idle) Trim(&client, now_ns);
    if (client.slots.empty() && client.runs.empty()) {
      Charge(-kClientBytes);
      at = clients_.erase(at);
    } else {
      ++at;
    }
  }
}

StatusOr<RequestMemory::Begun> RequestMemory::Begin(const RequestId& id, ChangeDone* done,
                                                    ChangeOutcome* outcome) {
  const int64_t now_ns = clock_->BootNanos();
  MutexLock lock(&mu_);
  if (now_ns - swept_ns_ > kSweepEveryNs) Sweep(now_ns);
  auto known = clients_.find(id.client_id);
  if (known != clients_.end()) {
    Client& client = known->second;
    client.first_incomplete = std::max(client.first_incomplete, id.first_incomplete);
    auto found = client.slots.find(id.sequence);
    if (found != client.slots.end()) {
      Slot& slot = found->second;
      slot.used_ns = now_ns;
      if (slot.state == State::kDone) {
        *outcome = slot.outcome;
        return Begun::kRemembered;
      }
      if (slot.joined.size() >= kMaxJoined) {
        return RetryLaterError("the request is under way many times already", kFullDelayMs);
      }
      slot.joined.push_back(std::move(*done));
      return Begun::kJoined;
    }
    if (Run* run = FindRun(&client, id.sequence); run != nullptr) {
      run->used_ns = now_ns;
      *outcome = ChangeOutcome();
      return Begun::kRemembered;
    }
    if (id.sequence < client.first_incomplete) {
      return absl::FailedPreconditionError(
          absl::StrCat("request ", id.sequence, " was given up by its client, which waits for ",
                       client.first_incomplete, " and later ones"));
    }
    Trim(&client, now_ns);
  }
  if (static_cast<uint64_t>(bytes_) >= max_bytes_) {
    return RetryLaterError(absl::StrCat("the requests of the last minutes take ", bytes_,
                                        " bytes; the limit is ", max_bytes_),
                           kFullDelayMs);
  }
  Client* client = FindOrAdd(id.client_id);
  client->first_incomplete = std::max(client->first_incomplete, id.first_incomplete);
  client->slots[id.sequence].used_ns = now_ns;
  Charge(kSlotBytes);
  return Begun::kNew;
}

void RequestMemory::SetOutcome(Slot* slot, const ChangeOutcome& outcome) {
  Charge(-OutcomeBytes(slot->outcome));
  slot->outcome = outcome;
  if (outcome.kind == ChangeKind::kRow &&
      RowBytes(*outcome.row) > static_cast<int64_t>(kMaxRememberedRowBytes)) {
    slot->outcome = {ChangeKind::kForgotRow, nullptr};
  }
  Charge(OutcomeBytes(slot->outcome));
}

void RequestMemory::Durable(const RequestId& id, const ChangeOutcome& outcome) {
  MutexLock lock(&mu_);
  Slot& slot = clients_.at(id.client_id).slots.at(id.sequence);
  SetOutcome(&slot, outcome);
  slot.state = State::kDurable;
}

void RequestMemory::Finish(const RequestId& id, const StatusOr<ChangeOutcome>& outcome) {
  std::vector<ChangeDone> joined;
  {
    MutexLock lock(&mu_);
    Client& client = clients_.at(id.client_id);
    auto at = client.slots.find(id.sequence);
    CHECK(at != client.slots.end()) << " a request was finished twice";
    joined.swap(at->second.joined);
    if (outcome.ok()) {
      if (at->second.state == State::kUnderWay) SetOutcome(&at->second, *outcome);
      Settle(&client, at);
    } else {
      Charge(-(kSlotBytes + OutcomeBytes(at->second.outcome)));
      client.slots.erase(at);
    }
  }
  for (const ChangeDone& done : joined) done(outcome);
}

void RequestMemory::Remember(const RequestId& id, const ChangeOutcome& outcome) {
  const int64_t now_ns = clock_->BootNanos();
  MutexLock lock(&mu_);
  Client* client = FindOrAdd(id.client_id);
  client->first_incomplete = std::max(client->first_incomplete, id.first_incomplete);
  if (FindRun(client, id.sequence) == nullptr) {
    auto [at, added] = client->slots.try_emplace(id.sequence);
    if (added) Charge(kSlotBytes);
    at->second.used_ns = now_ns;
    SetOutcome(&at->second, outcome);
    Settle(client, at);
  }
  Trim(client, now_ns);
}

void RequestMemory::Load(const std::vector<RememberedClient>& clients) {
  for (const RememberedClient& client : clients) {
    for (const RememberedRequest& request : client.requests) {
      if (request.kind == ChangeKind::kWrite) {
        const int64_t now_ns = clock_->BootNanos();
        MutexLock lock(&mu_);
        Client* to = FindOrAdd(client.client_id);
        to->first_incomplete = std::max(to->first_incomplete, client.first_incomplete);
        AddRun(to, request.sequence, request.sequence + request.count, now_ns);
        continue;
      }
      ChangeOutcome outcome{request.kind, nullptr};
      if (request.kind == ChangeKind::kRow) outcome.row = std::make_shared<const Row>(request.row);
      Remember({client.client_id, request.sequence, client.first_incomplete}, outcome);
    }
  }
}

std::vector<RememberedClient> RequestMemory::Snapshot() const {
  std::vector<RememberedClient> clients;
  MutexLock lock(&mu_);
  for (const auto& [id, client] : clients_) {
    RememberedClient out{id, client.first_incomplete, {}};
    for (const auto& [sequence, slot] : client.slots) {
      if (slot.state == State::kUnderWay) continue;
      RememberedRequest& request = out.requests.emplace_back();
      request.sequence = sequence;
      request.kind = slot.outcome.kind;
      if (slot.outcome.row != nullptr) request.row = *slot.outcome.row;
    }
    for (const auto& [first, run] : client.runs) {
      out.requests.push_back({first, ChangeKind::kWrite, {}, run.end - first});
    }
    std::sort(out.requests.begin(), out.requests.end(),
              [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
    if (!out.requests.empty()) clients.push_back(std::move(out));
  }
  std::sort(clients.begin(), clients.end(),
            [](const auto& a, const auto& b) { return a.client_id < b.client_id; });
  return clients;
}

uint64_t RequestMemory::bytes() const {
  MutexLock lock(&mu_);
  return static_cast<uint64_t>(bytes_);
}

}  // namespace stele::storage
