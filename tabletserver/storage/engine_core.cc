#include "tabletserver/storage/engine_core.h"

#include <algorithm>

#include "common/base/log.h"

namespace stele::storage {
namespace {

// What the caches leave of the limit, but never less than a quarter of it.
int64_t MemtableBudget(const EngineOptions& options) {
  const auto limit = static_cast<int64_t>(options.memory_limit_bytes);
  const auto caches = static_cast<int64_t>(options.block_cache_bytes + options.filter_cache_bytes);
  return std::max(limit / 4, limit - caches - limit / 8);
}

constexpr double kRingBusy = 0.75;  // of the ring's limit: from here on writers slow down
constexpr double kRingAlmostFull = 0.95;
constexpr uint32_t kRingLookEvery = 32;  // writes
constexpr int64_t kLongestStepBackUs = int64_t{24} * 3600 * 1'000'000;

}  // namespace

EngineCore::EngineCore(const EngineOptions& opts, const EngineEnv& e, uint64_t log_epoch)
    : options(opts),
      env(e),
      memtable_budget_(MemtableBudget(opts)),
      memory("engine", static_cast<int64_t>(opts.memory_limit_bytes)),
      memtable_memory("memtables", 0, &memory),
      index_memory("index", 0, &memory),
      block_memory("block cache", 0, &memory),
      filter_memory("filter cache", 0, &memory),
      request_memory("remembered requests", 0, &memory),
      load_memory("samples of the load", 0, &memory),
      block_cache(opts.block_cache_bytes, &block_memory),
      filter_cache(opts.filter_cache_bytes, &filter_memory),
      limiter(e.clock, opts.compaction_bytes_per_second),
      throttle(e.clock),
      disk(e.store, e.clock, opts.disk_reserve_bytes),
      jobs(e.clock),
      names_(e.server_id, log_epoch) {}

Status EngineCore::CheckUsable() const {
  if (!fatal_) return OkStatus();
  return absl::UnavailableError("the engine has stopped after a fatal error");
}

Status EngineCore::Judge(const Status& status) {
  if (absl::IsUnknown(status) || status.GetPayload(kStoreBrokenPayload)) Fatal(status);
  return status;
}

Status EngineCore::CheckLease() {
  RETURN_IF_ERROR(CheckUsable());
  if (!env.lease_check) return OkStatus();
  Status status = env.lease_check();
  if (status.ok()) return status;
  Fatal(status);
  return absl::UnavailableError(absl::StrCat("lease lost: ", status.ToString()));
}

void EngineCore::Fatal(const Status& status) {
  if (fatal_.exchange(true)) return;
  LOG(ERROR) << "engine stops: " << status.ToString();
  if (env.on_fatal) env.on_fatal(status);
}

int64_t EngineCore::NowMicros() {
  const int64_t now = env.clock->WallMicros();
  int64_t latest = latest_now_us_.load();
  while (true) {
    const bool corrected = latest - now > kLongestStepBackUs;
    if (now <= latest && !corrected) return latest;
    if (!latest_now_us_.compare_exchange_weak(latest, now)) continue;
    if (corrected) {
      LOG(WARNING) << "the clock went back by " << (latest - now) / 1'000'000
                   << " s; what GC rules had hidden since may be seen again";
    }
    return now;
  }
}

void EngineCore::RaiseNow(int64_t stored_us) {
  int64_t latest = latest_now_us_.load();
  while (stored_us > latest && !latest_now_us_.compare_exchange_weak(latest, stored_us)) {
  }
}

double EngineCore::WritePressure() {
  if (pressure_calls_.fetch_add(1, std::memory_order_relaxed) % kRingLookEvery == 0) {
    const LogRingStatus ring = log->status();
    const double room = static_cast<double>(ring.segment_bytes) * ring.max_segments;
    ring_fill_ = room > 0 ? static_cast<double>(ring.live_bytes) / room : 0;
  }
  const double fill = ring_fill_;
  double of_ring = fill < kRingBusy ? fill / kRingBusy * kThrottleFrom
                                    : kThrottleFrom + (1 - kThrottleFrom) * (fill - kRingBusy) /
                                                          (kRingAlmostFull - kRingBusy);
  // A full ring is refused by the log itself, exactly; here it is only slowed down.
  of_ring = std::min(of_ring, 0.99);
  const double of_memory =
      static_cast<double>(memtable_memory.used()) / static_cast<double>(memtable_budget_);
  return std::max(of_ring, of_memory);
}

EngineCore::Making::~Making() {
  MutexLock lock(&core_->mu_);
  for (const std::string& name : names_) core_->in_making_.erase(name);
}

TableFileName EngineCore::Making::NewName(const TabletDescriptor& tablet, Epoch epoch) {
  TableFileName name = core_->names_.Next(tablet, epoch);
  MutexLock lock(&core_->mu_);
  core_->in_making_.insert(name.blob);
  names_.push_back(name.blob);
  return name;
}

std::set<std::string> EngineCore::files_in_making() const {
  MutexLock lock(&mu_);
  return in_making_;
}

TableOutputEnv EngineCore::OutputEnv(const TabletDescriptor& tablet, Epoch epoch,
                                     Slice fault_prefix, Making* making) {
  TableOutputEnv out;
  out.store = env.store;
  out.faults = env.faults;
  out.block_cache = &block_cache;
  out.filter_cache = &filter_cache;
  out.new_name = [making, tablet, epoch] { return making->NewName(tablet, epoch); };
  out.page_bytes = options.page_bytes;
  out.fault_prefix = std::string(fault_prefix);
  return out;
}

StatusOr<std::shared_ptr<SSTable>> EngineCore::OpenTable(const std::string& blob,
                                                         const LocalityGroupSchema* group) {
  StatusOr<std::shared_ptr<BlobReader>> reader = env.store->OpenBlob(blob);
  if (!reader.ok()) return WithContext(reader.status(), blob);
  const LocalityGroupSchema none;
  return SSTable::Open(
      *std::move(reader), blob,
      TableOpenOptionsOf(group != nullptr ? *group : none, &block_cache, &filter_cache));
}

}  // namespace stele::storage
