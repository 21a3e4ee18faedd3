// PendingCalls: the calls of one connection that wait for their answers, found by id. Ids are
// counted up, so each call has the place of its id in a table that is at most half full; an id
// whose place is taken, by a call that lasts, is left out. Internal to this folder.
// Thread-compatible.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace stele::net {

template <typename Call>
class PendingCalls {
 public:
  bool empty() const { return used_ == 0; }
  size_t size() const { return used_; }

  // A new call and its id, which is not 0 and of no other call here. It stays where it is until
  // the next Add.
  std::pair<uint32_t, Call*> Add() {
    if (2 * (used_ + 1) > places_.size()) Grow();
    do {
      ++last_id_;
    } while (last_id_ == 0 || PlaceOf(last_id_).id != 0);
    Place& place = PlaceOf(last_id_);
    place.id = last_id_;
    ++used_;
    return {place.id, &place.call};
  }
  // Null: it is not here.
  Call* Find(uint32_t id) {
    if (id == 0 || places_.empty() || PlaceOf(id).id != id) return nullptr;
    return &PlaceOf(id).call;
  }
  // Takes out a call that is here.
  Call Take(uint32_t id) { return Take(&PlaceOf(id)); }
  // All those for which `wanted(call)`.
  template <typename Wanted>
  std::vector<Call> TakeIf(Wanted wanted) {
    std::vector<Call> taken;
    // The table may go with the last of them.
    for (size_t i = 0, left = used_; left > 0 && i < places_.size(); ++i) {
      if (places_[i].id == 0) continue;
      --left;
      if (wanted(places_[i].call)) taken.push_back(Take(&places_[i]));
    }
    return taken;
  }

 private:
  static constexpr size_t kMinPlaces = 16;
  static constexpr size_t kKeptPlaces = 2048;  // more are given back when no call waits

  struct Place {
    uint32_t id = 0;  // 0: free
    Call call;
  };

  Place& PlaceOf(uint32_t id) { return places_[id & (places_.size() - 1)]; }
  Call Take(Place* place) {
    Call call = std::exchange(place->call, Call());
    place->id = 0;
    if (--used_ == 0 && places_.size() > kKeptPlaces) std::vector<Place>().swap(places_);
    return call;
  }
  // Ids that had places of their own have such among twice as many.
  void Grow() {
    std::vector<Place> old(std::max(kMinPlaces, 2 * places_.size()));
    old.swap(places_);
    for (Place& place : old) {
      if (place.id != 0) PlaceOf(place.id) = std::move(place);
    }
  }

  std::vector<Place> places_;  // none, or a power of two
  size_t used_ = 0;
  uint32_t last_id_ = 0;
};

}  // namespace stele::net
