#include "tabletserver/storage/manifest/remembered_request.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace stele::storage {
namespace {

// Writes that both know, or that follow on each other, become one.
void AddWrites(std::map<uint64_t, RememberedRequest>* requests, RememberedRequest writes) {
  uint64_t end = writes.sequence + writes.count;
  auto at = requests->upper_bound(writes.sequence);
  if (at != requests->begin()) {
    auto before = std::prev(at);
    const RememberedRequest& one = before->second;
    if (one.kind == ChangeKind::kWrite && one.sequence + one.count >= writes.sequence) {
      end = std::max(end, one.sequence + one.count);
      writes.sequence = one.sequence;
      at = requests->erase(before);
    }
  }
  while (at != requests->end() && at->second.kind == ChangeKind::kWrite && at->first <= end) {
    end = std::max(end, at->first + at->second.count);
    at = requests->erase(at);
  }
  writes.count = end - writes.sequence;
  (*requests)[writes.sequence] = std::move(writes);
}

}  // namespace

std::vector<RememberedClient> JoinedRequests(const std::vector<RememberedClient>& a,
                                             const std::vector<RememberedClient>& b) {
  struct Client {
    uint64_t first_incomplete = 0;
    std::map<uint64_t, RememberedRequest> requests;
  };
  std::map<uint64_t, Client> joined;
  for (const auto* side : {&a, &b}) {
    for (const RememberedClient& client : *side) {
      Client& to = joined[client.client_id];
      to.first_incomplete = std::max(to.first_incomplete, client.first_incomplete);
      // One that both know is the same: a split gave it to both.
      for (const RememberedRequest& request : client.requests) {
        if (request.kind == ChangeKind::kWrite) {
          AddWrites(&to.requests, request);
        } else {
          to.requests.try_emplace(request.sequence, request);
        }
      }
    }
  }
  std::vector<RememberedClient> out;
  for (auto& [id, client] : joined) {
    RememberedClient& to = out.emplace_back();
    to.client_id = id;
    to.first_incomplete = client.first_incomplete;
    for (auto& [sequence, request] : client.requests) to.requests.push_back(std::move(request));
  }
  return out;
}

}  // namespace stele::storage
