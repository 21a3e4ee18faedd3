#include "tabletserver/storage/manifest/remembered_request.h"

#include <algorithm>
#include <map>

namespace stele::storage {

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
        to.requests.try_emplace(request.sequence, request);
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
