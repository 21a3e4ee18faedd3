#include "tabletserver/rpc/pinned_rows.h"

#include <utility>

#include "schema/convert/error_payload.h"

namespace stele::tabletserver {
namespace {

constexpr int64_t kRetryDelayMs = 1000;

uint64_t CellBytes(const Cell& cell) {
  return cell.family.size() + cell.qualifier.size() + cell.value.size() + sizeof(int64_t);
}

}  // namespace

PinnedRows::PinnedRows(Clock* clock, uint64_t first_id, uint64_t max_bytes, int64_t time_to_live_ns)
    : clock_(clock), max_bytes_(max_bytes), time_to_live_ns_(time_to_live_ns), next_id_(first_id) {}

void PinnedRows::Erase(std::map<uint64_t, Pinned>::iterator it) {
  bytes_ -= it->second.bytes;
  rows_.erase(it);
}

void PinnedRows::Expire() {
  const int64_t now = clock_->BootNanos();
  for (auto it = rows_.begin(); it != rows_.end();) {
    auto current = it++;
    if (current->second.deadline_boot_ns <= now) Erase(current);
  }
}

StatusOr<uint64_t> PinnedRows::Pin(TabletId tablet, std::shared_ptr<const Row> row,
                                   uint64_t bytes) {
  MutexLock lock(&mu_);
  Expire();
  if (bytes_ + bytes > max_bytes_) {
    return wire::OverloadedError(
        absl::StrCat("large rows being read hold ", bytes_, " bytes; limit ", max_bytes_),
        kRetryDelayMs);
  }
  const uint64_t id = next_id_++;
  rows_[id] = {tablet, std::move(row), bytes, clock_->BootNanos() + time_to_live_ns_};
  bytes_ += bytes;
  return id;
}

Status PinnedRows::ReadPart(TabletId tablet, const wire::RowCursor& cursor, uint64_t max_bytes,
                            wire::ReadRowsResponse* page) {
  std::shared_ptr<const Row> row;
  {
    MutexLock lock(&mu_);
    Expire();
    auto it = rows_.find(cursor.scanner_id);
    if (it == rows_.end() || it->second.tablet != tablet) {
      return absl::FailedPreconditionError(
          "the rest of the large row is no longer kept by the server; read the row again");
    }
    it->second.deadline_boot_ns = clock_->BootNanos() + time_to_live_ns_;
    row = it->second.row;
  }
  if (cursor.cell_offset >= row->cells.size()) {
    return absl::InvalidArgumentError(absl::StrCat("cursor.cell_offset ", cursor.cell_offset,
                                                   " is past the row's ", row->cells.size(),
                                                   " cells"));
  }
  Row& part = page->rows.emplace_back();
  part.key = row->key;
  uint64_t bytes = part.key.size();
  size_t next = cursor.cell_offset;
  while (next < row->cells.size()) {
    const uint64_t cell_bytes = CellBytes(row->cells[next]);
    if (!part.cells.empty() && bytes + cell_bytes > max_bytes) break;
    bytes += cell_bytes;
    part.cells.push_back(row->cells[next++]);
  }
  page->stats.cells += part.cells.size();
  page->stats.bytes += bytes;
  if (next < row->cells.size()) {
    page->cursor = {cursor.scanner_id, next};
    return OkStatus();
  }
  page->stats.rows += 1;
  page->resume_after = row->key;
  page->cursor = {};
  MutexLock lock(&mu_);
  auto it = rows_.find(cursor.scanner_id);
  if (it != rows_.end()) Erase(it);
  return OkStatus();
}

uint64_t PinnedRows::bytes() const {
  MutexLock lock(&mu_);
  return bytes_;
}

}  // namespace stele::tabletserver
