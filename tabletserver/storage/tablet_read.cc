// The read path of a tablet: what stands before and after a TabletReader's work.
#include <algorithm>

#include "tabletserver/storage/tablet_reader.h"
#include "tabletserver/storage/tablet_store.h"

namespace stele::storage {
namespace {

class TabletCursor : public ReadCursor {
 public:
  TabletCursor(std::shared_ptr<TabletStoreImpl> tablet, RowRange range, const ReadOptions& options)
      : tablet_(std::move(tablet)),
        range_(std::move(range)),
        options_(options),
        reader_(tablet_->descriptor(), range_, options_) {}

  StatusOr<ReadProgress> Next(const ReadBudget& budget, RowSink* sink) override {
    return tablet_->RunReader(&reader_, budget, sink);
  }
  bool in_row() const override { return reader_.in_row(); }
  std::vector<PinnedMemory> pinned() const override {
    if (reader_.pinned() == nullptr) return {};
    return tablet_->MemoryOnlyIn(*reader_.pinned());
  }
  uint64_t memory_bytes() const override { return sizeof(*this) + reader_.memory_bytes(); }

 private:
  const std::shared_ptr<TabletStoreImpl> tablet_;
  const RowRange range_;
  const ReadOptions options_;
  TabletReader reader_;
};

// Of a read that one call does.
ReadBudget BudgetOf(const ReadOptions& options) {
  ReadBudget budget;
  budget.rows_limit = options.rows_limit;
  budget.max_bytes = options.max_bytes;
  budget.max_keys_examined = options.max_keys_examined;
  budget.may_block = options.may_block;
  budget.page_cache_bytes = options.page_cache_bytes;
  return budget;
}

}  // namespace

// A read: a row is one state that it really had, and nothing that is not durable is shown.
//
//  1. Pin the version, then read the visible sequence. Every write that was acknowledged before is
//     in the version and not above the sequence; what is above it is filtered out.
//  2. Merge memtables and the files that may hold the rows, and resolve row by row into the sink.
//  3. Read the lease, after the state was taken: if it holds now, no other server can have
//     acknowledged anything that this state lacks. Only then the caller may answer. The rest of a
//     row that a cursor is in is of an older state; it began while no other server could have it.
StatusOr<ReadProgress> TabletStoreImpl::RunReader(TabletReader* reader, const ReadBudget& budget,
                                                  RowSink* sink) {
  if (reads_stopped_) {
    return absl::UnavailableError(absl::StrCat("tablet ", tablet_.id, " is closed"));
  }
  TabletSnapshot now;
  if (!reader->in_row()) {
    now.version = version();  // 1
    now.sequence = visible_sequence_.load(std::memory_order_acquire);
    if (now.version->families->any_age_rule()) now.now_us = core_->NowMicros();
  }
  StatusOr<ReadProgress> progress = reader->Run(std::move(now), budget, sink);  // 2
  progress.ok() ? current_.Count(progress->rows, progress->bytes) : current_.Count(0, 0);
  if (!progress.ok()) return progress;
  // Of a tablet that was closed meanwhile the state was true when the read began.
  if (fenced_ && !reads_stopped_) {
    return absl::UnavailableError(absl::StrCat("tablet ", tablet_.id, " has another owner"));
  }
  RETURN_IF_ERROR(core_->CheckLease());  // 3
  return progress;
}

StatusOr<ReadProgress> TabletStoreImpl::Read(const RowRange& range, const ReadOptions& options,
                                             RowSink* sink) {
  RETURN_IF_ERROR(ValidateSelection(options.selection));
  TabletReader reader(tablet_, range, options);
  return RunReader(&reader, BudgetOf(options), sink);
}

StatusOr<ReadProgress> TabletStoreImpl::ReadRow(Slice row, const ReadOptions& options,
                                                RowSink* sink) {
  if (!tablet_.Contains(row)) {
    return absl::OutOfRangeError(absl::StrCat("the row is not in tablet ", tablet_.id));
  }
  RETURN_IF_ERROR(ValidateSelection(options.selection));
  TabletReader reader(row, options);
  return RunReader(&reader, BudgetOf(options), sink);
}

StatusOr<std::unique_ptr<ReadCursor>> TabletStoreImpl::OpenCursor(const RowRange& range,
                                                                  const ReadOptions& options) {
  RETURN_IF_ERROR(ValidateSelection(options.selection));
  return std::unique_ptr<ReadCursor>(
      std::make_unique<TabletCursor>(shared_from_this(), range, options));
}

std::vector<PinnedMemory> TabletStoreImpl::MemoryOnlyIn(const TabletVersion& old) const {
  auto current = version();
  std::vector<PinnedMemory> memory;
  auto add = [&](const std::shared_ptr<TabletMemtable>& memtable) {
    const auto& frozen = current->frozen;
    if (memtable == current->active) return;
    if (std::find(frozen.begin(), frozen.end(), memtable) != frozen.end()) return;
    memory.push_back({memtable.get(), memtable->cells.memory_bytes()});
  };
  add(old.active);
  for (const auto& frozen : old.frozen) add(frozen);
  return memory;
}

}  // namespace stele::storage
