// EngineImpl: the Engine over one BlobStore and one commit log. Owns the table of open tablets, the
// maintenance scheduler and the file collector. Thread-safe.
//
// A tablet that was closed with acknowledged writes in memory only stays here, without a name,
// until maintenance has flushed it: those writes are in this log, and only this engine empties it.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "common/base/mutex.h"
#include "tabletserver/storage/compaction/scheduler.h"
#include "tabletserver/storage/engine.h"
#include "tabletserver/storage/engine_core.h"
#include "tabletserver/storage/file_gc.h"
#include "tabletserver/storage/log_recovery.h"
#include "tabletserver/storage/tablet_store.h"

namespace stele::storage {

class EngineImpl : public Engine {
 public:
  explicit EngineImpl(std::shared_ptr<EngineCore> core);
  ~EngineImpl() override;

  // Opens the log, recovers it, starts it and the scheduler. Once.
  Status Start(std::unique_ptr<LogStore> log_store);

  Status CreateTablet(const TabletDescriptor& tablet, const TableSchema& schema,
                      Epoch epoch) override;
  StatusOr<std::shared_ptr<TabletStore>> OpenTablet(TabletId tablet, Epoch epoch) override;
  Status CloseTablet(TabletId tablet, bool flush) override;
  Status SplitTablet(TabletId parent, TabletId child, const std::string& at) override;
  Status MergeTablets(TabletId left, TabletId right) override;
  Status ForgetMerged(TabletId left, TabletId right) override;
  Status DropTablet(TabletId tablet, Epoch epoch) override;
  std::shared_ptr<TabletStore> FindTablet(TabletId tablet) override;
  std::vector<std::shared_ptr<TabletStore>> tablets() override;
  StatusOr<bool> RunMaintenance() override;
  StatusOr<uint64_t> CollectGarbage() override;
  Status RecoverLog(const std::string& log, bool system_only) override;
  void Retune(const EngineTuning& tuning) override;
  EngineStats stats() const override;
  std::vector<WaitingJob> waiting() override;
  Status Close() override;

 private:
  using StorePtr = std::shared_ptr<TabletStoreImpl>;
  // Excludes other openings, closings, splits and merges of the tablet for its life.
  class Busy {
   public:
    static StatusOr<std::unique_ptr<Busy>> Claim(EngineImpl* engine, TabletId tablet);
    Busy(EngineImpl* engine, TabletId tablet) : engine_(engine), tablet_(tablet) {}
    ~Busy();
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    EngineImpl* const engine_;
    const TabletId tablet_;
  };

  // The stored manifest; Aborted when it is of a higher epoch.
  StatusOr<StoredManifest> ReadOwnable(TabletId tablet, Epoch epoch);
  StatusOr<StorePtr> OpenBusy(TabletId tablet, Epoch epoch);
  Status CloseBusy(TabletId tablet, bool flush);
  StatusOr<StorePtr> FindOpen(TabletId tablet);
  // Ends a store whose manifest has changed under it, or may have.
  void Retire(TabletId tablet, const StorePtr& store);
  Status Replace(const StorePtr& old, std::vector<StoredManifest> manifests);
  // Deletes the manifest of a child that never came to be. The caller owns the parent.
  Status DropUncommitted(const Manifest& parent);
  StatusOr<std::string> PrepareSplit(const StorePtr& store, TabletId child, const std::string& at);
  Status MakeChild(const Manifest& child);
  Status PrepareMerge(const StorePtr& left, const StorePtr& right);
  Status Seal(const StorePtr& left, const StorePtr& right, bool* begun);
  Status Extend(const StorePtr& right, TabletId left);
  Status Point(const char* point) { return FaultPoint(core_->env.faults, point); }
  // Flushes what a closed tablet left in memory; OK when it left nothing or has another owner.
  Status SortSealedLog(const std::string& log, std::unique_ptr<LogStore> segments,
                       bool system_only);
  void Describe(EngineStats* stats) const;  // recoveries of others' logs
  Status SettleLeftover(TabletId tablet);
  void ForgetLeftover(TabletId tablet, bool only_settled);
  void DropSettledLeftovers();
  std::vector<MaintenanceTask> MaintenanceTasks();
  std::vector<MaintenanceTask> DueTasks();
  void StopJobs();

  const std::shared_ptr<EngineCore> core_;
  FileCollector collector_;
  std::shared_ptr<MaintenanceScheduler> scheduler_;
  mutable Mutex mu_;
  std::map<TabletId, StorePtr> open_ GUARDED_BY(mu_);
  std::map<TabletId, StorePtr> leftover_ GUARDED_BY(mu_);
  std::set<TabletId> busy_ GUARDED_BY(mu_);
  struct Sorting {
    int64_t begun_boot_ns = 0;
    std::unique_ptr<LogRecoveryProgress> progress;
  };
  std::map<std::string, Sorting> recovering_ GUARDED_BY(mu_);  // logs of others
  bool closed_ GUARDED_BY(mu_) = false;
};

}  // namespace stele::storage
