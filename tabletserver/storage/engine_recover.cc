// EngineImpl: the logs of other servers.
#include <algorithm>

#include "common/base/log.h"
#include "tabletserver/storage/engine_impl.h"
#include "tabletserver/storage/log_recovery.h"

namespace stele::storage {
namespace {
constexpr int64_t kNanosPerMilli = 1'000'000;
}  // namespace

// RecoverLog: what survives a crash after each step. The names are those of the fault points; each
// is followed by a run from the beginning, by whoever.
//
//  1. recovery.sealed: the log is sealed. Its holder, if it still runs, has lost its lease: what it
//     writes from here on it never acknowledges, so whether the scan meets it does not matter.
//  2. LogRecovery::Run's points: all that the log holds gets into files and manifests.
//  3. recovery.before_drop: all of it is there; a second run would skip every record.
//  4. The log is dropped: a second run finds nothing to do.
//
// With system_only it ends before 3: a run of the rest skips what is in files.
Status EngineImpl::RecoverLog(const std::string& log, bool system_only) {
  if (log == core_->env.server_id) {
    return absl::InvalidArgumentError(absl::StrCat("log ", log, " is this server's own"));
  }
  RETURN_IF_ERROR(core_->CheckLease());
  {
    MutexLock lock(&mu_);
    if (closed_) return absl::UnavailableError("the engine is closed");
    Sorting sorting{core_->env.clock->BootNanos(), std::make_unique<LogRecoveryProgress>()};
    if (!recovering_.try_emplace(log, std::move(sorting)).second) {
      return absl::UnavailableError(absl::StrCat("log ", log, " is being recovered here already"));
    }
  }
  Status status = core_->Judge(core_->env.store->SealLog(log));  // 1
  if (status.ok()) status = Point("recovery.sealed");
  if (status.ok()) {
    StatusOr<std::unique_ptr<LogStore>> segments = core_->env.store->OpenSealedLog(log);
    status =
        segments.ok() ? SortSealedLog(log, *std::move(segments), system_only) : segments.status();
    if (absl::IsNotFound(segments.status())) status = OkStatus();  // recovered before
  }
  MutexLock lock(&mu_);
  recovering_.erase(log);
  return WithContext(status, absl::StrCat("recovery of log ", log));
}

Status EngineImpl::SortSealedLog(const std::string& log, std::unique_ptr<LogStore> segments,
                                 bool system_only) {
  CommitLogOptions options = core_->options.log;
  options.new_log_uuid = 1;  // never written: the log is not started
  ASSIGN_OR_RETURN(
      std::unique_ptr<CommitLog> ring,
      CommitLog::Open(std::move(segments), options, CommitLogHooks(), core_->env.faults));
  LogRecoveryProgress* progress = nullptr;
  int64_t begun_boot_ns = 0;
  {
    MutexLock lock(&mu_);
    const Sorting& sorting = recovering_.at(log);  // stays until RecoverLog is over
    progress = sorting.progress.get();
    begun_boot_ns = sorting.begun_boot_ns;
  }
  LogRecovery recovery(core_.get(), ring.get(), log, progress);
  if (system_only) {
    RETURN_IF_ERROR(recovery.RunSystem());
    return Point("recovery.system_done");
  }
  RETURN_IF_ERROR(recovery.Run());  // 2
  if (const uint64_t bytes = progress->bytes_total; bytes >= kLeastMeasuredLogBytes) {
    const int64_t took_ms = (core_->env.clock->BootNanos() - begun_boot_ns) / kNanosPerMilli;
    core_->counters.sorted_log_bytes += bytes;
    core_->counters.sorted_log_ms += static_cast<uint64_t>(std::max<int64_t>(1, took_ms));
  }
  RETURN_IF_ERROR(Point("recovery.before_drop"));
  RETURN_IF_ERROR(core_->CheckLease());
  LOG(INFO) << "log " << log << " is recovered: " << recovery.records() << " records, "
            << recovery.skipped() << " of them in files before";
  ring.reset();  // 3
  return core_->Judge(core_->env.store->DropSealedLog(log));
}

void EngineImpl::Describe(EngineStats* stats) const {
  const int64_t now_boot_ns = core_->env.clock->BootNanos();
  stats->sorted_log_bytes = core_->counters.sorted_log_bytes;
  stats->sorted_log_ms = core_->counters.sorted_log_ms;
  MutexLock lock(&mu_);
  for (const auto& [log, sorting] : recovering_) {
    const LogRecoveryProgress& progress = *sorting.progress;
    stats->sortings.push_back({log, progress.bytes_done, progress.bytes_total,
                               progress.tablets_done, progress.tablets_total,
                               (now_boot_ns - sorting.begun_boot_ns) / kNanosPerMilli});
  }
}

}  // namespace stele::storage
