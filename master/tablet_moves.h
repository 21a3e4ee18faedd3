// TabletMoves: the tablets that are on their way to other servers because theirs drain, or for
// balance. Some are flushed ahead, while they serve; fewer change their owner at a time, so that
// the others serve meanwhile. Tablets of the system last, alone, because all others' locations are
// written through them. Kept in memory only: a drain is written
// in the catalog and planned anew by each master, a balance by who asks for it again.
// Bound to the master thread; one a term.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "master/procedures/drain_server.h"
#include "master/procedures/move_tablet.h"

namespace stele::master {

class TabletMoves {
 public:
  // A tablet that is on its way already goes on; a move to nowhere is none.
  void Add(const PlannedMove& move);
  // Those from the server that are not written down are forgotten.
  void GiveUpFrom(const std::string& server_id);
  // Plans for all servers that drain, and takes what steps can be taken. Forgets moves that are
  // done, that failed (it is logged), or whose tablet or server is gone.
  void Advance(const ProcedureContext& context);

  bool empty() const { return moves_.empty(); }
  // In the order they are made.
  std::vector<PlannedMove> moves() const;

 private:
  struct Entry {
    PlannedMove move;
    TabletMove way;
    bool started = false;
  };
  using Key = std::pair<bool, TabletId>;  // tablets of the system come last
  // How many are started; of these, of the system's; and written, not yet served by the new owner.
  struct Started {
    size_t all = 0, of_system = 0, written = 0;
  };
  static bool MayStart(const Key& key, const Started& started);
  Started CountStarted() const;
  // False: it is to be forgotten. Sets `write` to what is to be written before it goes on.
  bool AdvanceOne(const ProcedureContext& context, Entry* entry,
                  std::optional<TabletLocation>* write);
  // One write for all; after an error they are forgotten.
  void Write(const ProcedureContext& context, const std::vector<TabletLocation>& writes);

  std::map<Key, Entry> moves_;
};

}  // namespace stele::master
