#include "stele/bulk_mutator.h"

#include <algorithm>
#include <deque>
#include <variant>

#include "client/session.h"
#include "client/table_state.h"
#include "schema/model/limits.h"

namespace stele {
namespace {

constexpr uint64_t kBytesPerMutation = 48;  // besides its strings

uint64_t BytesOf(const RowMutation& row) {
  uint64_t bytes = row.row.size();
  for (const Mutation& mutation : row.mutations) {
    bytes += kBytesPerMutation;
    std::visit(
        [&](const auto& m) {
          if constexpr (requires { m.family; }) bytes += m.family.size();
          if constexpr (requires { m.qualifier; }) bytes += m.qualifier.size();
          if constexpr (requires { m.value; }) bytes += m.value.size();
        },
        mutation);
  }
  return bytes;
}

Status CheckOptions(const BulkOptions& o) {
  using internal::CheckRange;
  RETURN_IF_ERROR(CheckRange("max_outstanding_bytes", o.max_outstanding_bytes, 1, 16ull << 30));
  RETURN_IF_ERROR(CheckRange("max_outstanding_rows", o.max_outstanding_rows, 1, 10'000'000));
  RETURN_IF_ERROR(CheckRange("batch_bytes", o.batch_bytes, 1, 64u << 20));
  RETURN_IF_ERROR(CheckRange("batch_rows", o.batch_rows, 1, 100'000));
  RETURN_IF_ERROR(CheckRange("batches_in_flight", o.batches_in_flight, 1, 1000));
  RETURN_IF_ERROR(CheckRange("linger_ms", o.linger_ms, 0, 60'000));
  return WithContext(internal::CheckCall(o.call), "call");
}

}  // namespace

// Invariant: a row taken is in queue_ or in a batch under way, and counted in outstanding_ until
// its failure, if any, was told.
class BulkMutator::Impl : public std::enable_shared_from_this<BulkMutator::Impl> {
 public:
  Impl(const Table& table, std::shared_ptr<internal::Session> session, const BulkOptions& options)
      : options_(options), session_(std::move(session)), table_(table) {}

  Status Add(RowMutation& row, bool wait);
  Status Flush();
  Status Close();
  BulkStats stats() const {
    MutexLock lock(&mu_);
    return stats_;
  }

 private:
  struct Batch {
    std::vector<RowMutation> rows;
    uint64_t bytes = 0;
  };

  bool HasRoom(uint64_t bytes) const REQUIRES(mu_) {
    return stats_.outstanding_rows == 0 ||
           (stats_.outstanding_rows < options_.max_outstanding_rows &&
            stats_.outstanding_bytes + bytes <= options_.max_outstanding_bytes);
  }
  void AwaitRoom(uint64_t bytes);
  // The next batch that may go: a full one, or any when somebody waits for it; empty: none.
  Batch TakeBatch() REQUIRES(mu_);
  // Sends the batches that may go. One thread at a time does; an answer that comes while it sends,
  // perhaps from inside ApplyBatchAsync, leaves the rest to it.
  void Pump();
  void Send(Batch batch);
  void OnAnswer(const std::vector<RowMutation>& copies, uint64_t bytes,
                const std::vector<Status>& statuses);
  void StartLinger();

  const BulkOptions options_;
  const std::shared_ptr<internal::Session> session_;
  const Table table_;

  mutable Mutex mu_;
  CondVar answered_;
  std::deque<RowMutation> queue_ GUARDED_BY(mu_);
  uint64_t queue_bytes_ GUARDED_BY(mu_) = 0;
  uint32_t in_flight_ GUARDED_BY(mu_) = 0;
  uint32_t waiting_ GUARDED_BY(mu_) = 0;  // callers that wait for answers
  bool pumping_ GUARDED_BY(mu_) = false;
  bool linger_over_ GUARDED_BY(mu_) = false;
  bool lingering_ GUARDED_BY(mu_) = false;
  bool closed_ GUARDED_BY(mu_) = false;
  Status failure_ GUARDED_BY(mu_);  // the first since the last Flush
  BulkStats stats_ GUARDED_BY(mu_);
};

Status BulkMutator::Impl::Add(RowMutation& row, bool wait) {
  const uint64_t bytes = BytesOf(row);
  bool linger = false;
  for (bool taken = false; !taken;) {
    if (wait) AwaitRoom(bytes);
    MutexLock lock(&mu_);
    if (closed_) return absl::FailedPreconditionError("the bulk mutator is closed");
    if (session_->core()->gate()->closed()) return absl::CancelledError("the client is closed");
    if (!HasRoom(bytes)) {
      if (wait) continue;  // another thread was faster
      return absl::ResourceExhaustedError(absl::StrCat(stats_.outstanding_rows, " rows of ",
                                                       stats_.outstanding_bytes,
                                                       " bytes are outstanding"));
    }
    ++stats_.rows_added;
    ++stats_.outstanding_rows;
    stats_.outstanding_bytes += bytes;
    queue_bytes_ += bytes;
    queue_.push_back(std::move(row));
    linger = !std::exchange(lingering_, true);
    taken = true;
  }
  Pump();
  if (linger) StartLinger();
  return OkStatus();
}

void BulkMutator::Impl::AwaitRoom(uint64_t bytes) {
  {
    MutexLock lock(&mu_);
    if (closed_ || HasRoom(bytes)) return;
    ++stats_.waits;
    ++waiting_;
  }
  Pump();
  MutexLock lock(&mu_);
  while (!closed_ && !HasRoom(bytes)) answered_.Wait(&mu_);
  --waiting_;
}

BulkMutator::Impl::Batch BulkMutator::Impl::TakeBatch() {
  Batch batch;
  const bool may_go = waiting_ > 0 || linger_over_ || queue_bytes_ >= options_.batch_bytes ||
                      queue_.size() >= options_.batch_rows;
  if (!may_go || in_flight_ >= options_.batches_in_flight) return batch;
  size_t mutations = 0;
  while (!queue_.empty() && batch.rows.size() < options_.batch_rows) {
    const uint64_t bytes = BytesOf(queue_.front());
    const size_t more = queue_.front().mutations.size();
    const bool fits =
        batch.bytes + bytes <= options_.batch_bytes && mutations + more <= kMaxMutationsPerBatch;
    if (!batch.rows.empty() && !fits) break;
    batch.bytes += bytes;
    mutations += more;
    batch.rows.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  if (queue_.empty()) linger_over_ = false;
  if (batch.rows.empty()) return batch;
  queue_bytes_ -= batch.bytes;
  ++in_flight_;
  ++stats_.batches;
  return batch;
}

void BulkMutator::Impl::Pump() {
  {
    MutexLock lock(&mu_);
    if (pumping_) return;
    pumping_ = true;
  }
  while (true) {
    Batch batch;
    {
      MutexLock lock(&mu_);
      batch = TakeBatch();
      if (batch.rows.empty()) {
        pumping_ = false;
        return;
      }
    }
    Send(std::move(batch));
  }
}

void BulkMutator::Impl::Send(Batch batch) {
  std::vector<RowMutation> copies;
  if (options_.on_failure) copies = batch.rows;
  Table table = table_;
  table.ApplyBatchAsync(
      std::move(batch.rows),
      [self = shared_from_this(), copies = std::move(copies), bytes = batch.bytes](
          std::vector<Status> statuses) { self->OnAnswer(copies, bytes, statuses); },
      options_.call);
}

void BulkMutator::Impl::OnAnswer(const std::vector<RowMutation>& copies, uint64_t bytes,
                                 const std::vector<Status>& statuses) {
  for (size_t i = 0; i < copies.size(); ++i) {
    if (!statuses[i].ok()) options_.on_failure(copies[i], statuses[i]);
  }
  {
    MutexLock lock(&mu_);
    --in_flight_;
    stats_.outstanding_rows -= statuses.size();
    stats_.outstanding_bytes -= bytes;
    for (const Status& status : statuses) {
      if (status.ok()) {
        ++stats_.rows_applied;
        continue;
      }
      ++(absl::IsUnknown(status) ? stats_.rows_unknown : stats_.rows_failed);
      if (failure_.ok()) failure_ = status;
    }
    answered_.SignalAll();
  }
  Pump();
}

void BulkMutator::Impl::StartLinger() {
  routing::Gate::Pass pass;  // the timers live while we are inside
  if (!session_->core()->gate()->Enter(&pass).ok()) return;
  session_->core()->timers()->RunAfter(options_.linger_ms, [self = shared_from_this()] {
    {
      MutexLock lock(&self->mu_);
      self->lingering_ = false;
      self->linger_over_ = !self->queue_.empty();
    }
    self->Pump();
  });
}

Status BulkMutator::Impl::Flush() {
  {
    MutexLock lock(&mu_);
    ++waiting_;
  }
  Pump();
  MutexLock lock(&mu_);
  while (stats_.outstanding_rows > 0) answered_.Wait(&mu_);
  --waiting_;
  return std::exchange(failure_, OkStatus());
}

Status BulkMutator::Impl::Close() {
  {
    MutexLock lock(&mu_);
    closed_ = true;
    answered_.SignalAll();
  }
  return Flush();
}

StatusOr<std::unique_ptr<BulkMutator>> BulkMutator::Create(const Table& table,
                                                           const BulkOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  return std::unique_ptr<BulkMutator>(
      new BulkMutator(std::make_shared<Impl>(table, table.state_->session, options)));
}

BulkMutator::~BulkMutator() { impl_->Close().IgnoreError(); }
Status BulkMutator::Add(RowMutation row) { return impl_->Add(row, true); }
Status BulkMutator::TryAdd(RowMutation&& row) { return impl_->Add(row, false); }
Status BulkMutator::Flush() { return impl_->Flush(); }
Status BulkMutator::Close() { return impl_->Close(); }
BulkStats BulkMutator::stats() const { return impl_->stats(); }

}  // namespace stele
