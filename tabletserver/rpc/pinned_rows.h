// PinnedRows: rows larger than a page, kept whole for the reader that fetches them part by part, so
// that all parts come from one state of the row. A row stays until its last part is fetched or
// until it was not asked for during the time to live. Bounded in bytes. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "common/base/mutex.h"
#include "common/time/clock.h"
#include "schema/convert/messages.h"

namespace stele::tabletserver {

class PinnedRows {
 public:
  // `first_id` is above every id given out by an earlier incarnation of this server.
  PinnedRows(Clock* clock, uint64_t first_id, uint64_t max_bytes, int64_t time_to_live_ns);

  // ResourceExhausted with a retry delay when too much is pinned.
  StatusOr<uint64_t> Pin(TabletId tablet, std::shared_ptr<const Row> row, uint64_t bytes);

  // The cells from cursor.cell_offset on, up to max_bytes but at least one, into `page`; sets
  // page->cursor, or page->resume_after when they are the last. FailedPrecondition when the row is
  // not kept any more.
  Status ReadPart(TabletId tablet, const wire::RowCursor& cursor, uint64_t max_bytes,
                  wire::ReadRowsResponse* page);

  uint64_t bytes() const;

 private:
  struct Pinned {
    TabletId tablet = 0;
    std::shared_ptr<const Row> row;
    uint64_t bytes = 0;
    int64_t deadline_boot_ns = 0;
  };
  void Erase(std::map<uint64_t, Pinned>::iterator it) REQUIRES(mu_);
  void Expire() REQUIRES(mu_);

  Clock* const clock_;
  const uint64_t max_bytes_;
  const int64_t time_to_live_ns_;

  mutable Mutex mu_;
  uint64_t next_id_ GUARDED_BY(mu_);
  uint64_t bytes_ GUARDED_BY(mu_) = 0;
  std::map<uint64_t, Pinned> rows_ GUARDED_BY(mu_);
};

}  // namespace stele::tabletserver
