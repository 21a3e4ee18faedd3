// TabletStoreImpl: one open tablet: its memtables, files and manifest, and the protocols that move
// cells from one to the next. Owned by the engine's table of tablets and by everybody who uses it
// (shared); keeps the EngineCore alive. Thread-safe.
//
// Sequences are given under write_mu_ in the order of the log queue, so the log applies them
// in ascending order; the visible sequence moves by whole records. Locks are taken in the order
// flush_mu_ or compaction_mu_, manifest_mu_, apply_mu_ or write_mu_, version_mu_; the mutex inside
// requests_ is a leaf below all.
//
// Crash rule: the manifest's files and the log's records above its flushed sequence are the tablet.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/mutex.h"
#include "tabletserver/storage/compaction/picker.h"
#include "tabletserver/storage/compaction/scheduler.h"
#include "tabletserver/storage/current_version.h"
#include "tabletserver/storage/engine.h"
#include "tabletserver/storage/engine_core.h"
#include "tabletserver/storage/locked_row.h"
#include "tabletserver/storage/published_manifest.h"
#include "tabletserver/storage/request_memory.h"
#include "tabletserver/storage/row_change.h"
#include "tabletserver/storage/row_timestamps.h"
#include "tabletserver/storage/tablet_version.h"

namespace stele::storage {

class TabletReader;

// Rows share stripes by hash where an answer for all of a stripe will do for each.
inline constexpr size_t kRowStripes = 256;

class TabletStoreImpl : public TabletStore, public std::enable_shared_from_this<TabletStoreImpl> {
 public:
  // Opens the files of a manifest that is already stored under this owner's epoch.
  static StatusOr<std::shared_ptr<TabletStoreImpl>> Open(std::shared_ptr<EngineCore> core,
                                                         StoredManifest stored);

  TabletStoreImpl(std::shared_ptr<EngineCore> core, StoredManifest stored);
  ~TabletStoreImpl() override;

  const TabletDescriptor& descriptor() const override { return tablet_; }
  LoadSample& load() override { return load_; }
  using TabletStore::Write;
  Status Write(const RowMutation& mutation, const ChangeContext& context,
               std::function<void(const Status&)> done) override;
  Status ReadModifyWrite(Slice row, const std::vector<ReadModifyWriteRule>& rules,
                         const ChangeContext& context,
                         std::function<void(StatusOr<Row>)> done) override;
  Status CheckAndMutate(Slice row, std::shared_ptr<RowPredicate> predicate,
                        std::vector<Mutation> if_true, std::vector<Mutation> if_false,
                        const ChangeContext& context,
                        std::function<void(StatusOr<bool>)> done) override;
  Status WriteSync(const RowMutation& mutation) override;
  StatusOr<ReadProgress> Read(const RowRange& range, const ReadOptions& options,
                              RowSink* sink) override;
  StatusOr<ReadProgress> ReadRow(Slice row, const ReadOptions& options, RowSink* sink) override;
  StatusOr<std::unique_ptr<ReadCursor>> OpenCursor(const RowRange& range,
                                                   const ReadOptions& options) override;
  StatusOr<std::vector<RowKeySample>> SampleRowKeys(uint64_t step_bytes) override;
  Status Flush() override EXCLUDES(flush_mu_);
  Status CompactMajor() override EXCLUDES(compaction_mu_);
  Status DropRows(const RowRange& range, uint64_t order) override EXCLUDES(manifest_mu_, write_mu_);
  Status AlterSchema(const TableSchema& schema) override EXCLUDES(manifest_mu_);
  TableSchema schema() const override;
  TabletStats stats() const override;
  std::vector<ManifestFile> files() const override;
  SplitOff last_split() const override { return last_split_; }

  // What the scheduler could do for this tablet now. Records before `wanted_lsn` keep the log from
  // going on: they are flushed.
  void AddMaintenance(Lsn wanted_lsn, bool memory_pressure, std::vector<MaintenanceTask>* tasks);
  // Refuses further writes and waits until those in the log's queue are answered.
  void StopWrites() EXCLUDES(write_mu_);
  // The same for a moment: writers are told to come back. Until ResumeWrites or StopWrites.
  void PauseWrites() EXCLUDES(write_mu_);
  void ResumeWrites() EXCLUDES(write_mu_);
  // Refuses reads that begin from now on: another server may own the tablet soon.
  void StopReads() { reads_stopped_ = true; }
  // Gives up manifest and log: from now on both may belong to another store of the same tablet.
  void Detach() EXCLUDES(manifest_mu_);
  // The steps of a split and of a merge (engine_reshape.cc).
  StatusOr<std::string> SplitRow() const;
  Manifest manifest() const EXCLUDES(manifest_mu_);
  // Replaces the manifest by `change` of it, which may do more: nothing else changes it meanwhile.
  // REQUIRES: nothing is unflushed when rows change hands.
  StatusOr<StoredManifest> Reshape(absl::FunctionRef<StatusOr<Manifest>(const Manifest&)> change)
      EXCLUDES(manifest_mu_);

  // Some acknowledged writes are in memory and in the log only.
  bool HasUnflushed() const;
  // Part of a read: a new state of the tablet, what the reader makes of it, and whether that may be
  // told to anybody.
  StatusOr<ReadProgress> RunReader(TabletReader* reader, const ReadBudget& budget, RowSink* sink);
  // Of the memtables of `old` that this tablet needs no more.
  std::vector<PinnedMemory> MemoryOnlyIn(const TabletVersion& old) const;
  // It has lost the tablet: what it holds in memory is another owner's business.
  bool fenced() const { return fenced_; }

 private:
  struct CompactionInputs {
    std::string group;
    std::vector<std::shared_ptr<const OpenTable>> tables;
    uint64_t bytes = 0;  // of the tables, inside their clips
    bool major = false;
    void Add(std::shared_ptr<const OpenTable> table, uint64_t table_bytes) {
      tables.push_back(std::move(table));
      bytes += table_bytes;
    }
    uint64_t cells() const;
  };

  std::shared_ptr<const TabletVersion> version() const { return current_.Get(); }
  // Runs fn on a copy of the current version and installs it.
  void ChangeVersion(absl::FunctionRef<void(TabletVersion*)> fn) EXCLUDES(version_mu_);

  // What a record in the log is about, besides its payload.
  struct Record {
    RequestId id;
    ChangeOutcome outcome;
    int64_t server_time_us = 0;  // 0: chosen when it is queued, if needed
    ChangeDone done;
    std::shared_ptr<LockedRow> row;  // null: the row was not locked
    std::shared_ptr<std::atomic<bool>> refused;
    Sequence last_sequence = 0;
  };
  // A change whose turn it is, with what is to be seen of its row.
  struct Turn {
    std::unique_ptr<RowChange> change;
    std::shared_ptr<TabletMemtable> older, newer;
    std::shared_ptr<std::atomic<bool>> refused;
    int64_t now_us = 0;
    uint64_t drops = 0;  // drops_ when it was taken
  };

  // Write.
  Status Admit(uint64_t bytes);
  // OK(true): the request is new, or has no id. OK(false): it was answered or will be.
  StatusOr<bool> Begin(const RequestId& id, ChangeDone* done);
  Status WriteNew(const RowMutation& mutation, const ChangeContext& context,
                  std::shared_ptr<Record> record) EXCLUDES(write_mu_);
  Status QueueRecord(const RowMutation& mutation, const TableSchema& schema,
                     std::shared_ptr<Record> record, LogTurn* turn = nullptr) REQUIRES(write_mu_);
  void Apply(Lsn lsn, Slice payload, const Record& record) EXCLUDES(apply_mu_);
  void Done(const Record& record, const Status& logged) EXCLUDES(write_mu_);
  // What the caller is told of a record that the log is done with.
  Status Answer(const Status& logged);
  void Finished(const Record& record, const Status& answer) EXCLUDES(write_mu_);
  // Whether what was read, or is remembered, may be told.
  Status MayAnswer();

  // Conditional changes of locked rows.
  Status BeginChange(std::unique_ptr<RowChange> change, const ChangeContext& context)
      EXCLUDES(write_mu_);
  Status Enqueue(std::unique_ptr<RowChange> change) EXCLUDES(write_mu_);
  // To the row's queue; *run: the caller must run the row when it has let go of the mutex.
  Status EnqueueLocked(const std::shared_ptr<LockedRow>& row, std::unique_ptr<RowChange> change,
                       bool* run) REQUIRES(write_mu_);
  std::shared_ptr<LockedRow> FindLocked(const std::string& row) REQUIRES(write_mu_);
  void RunRow(const std::shared_ptr<LockedRow>& row, bool may_block) EXCLUDES(write_mu_);
  void RunRowElsewhere(const std::shared_ptr<LockedRow>& row) EXCLUDES(write_mu_);
  bool TakeTurn(const std::shared_ptr<LockedRow>& row, Turn* turn) EXCLUDES(write_mu_);
  bool IsReady(const std::shared_ptr<LockedRow>& row) REQUIRES(write_mu_);
  StatusOr<RowChange::Plan> Decide(const Turn& turn, bool may_block);
  Status ReadLocked(const Turn& turn, const ReadSelection& selection, bool may_block,
                    RowSink* sink);
  void CarryOut(const std::shared_ptr<LockedRow>& row, Turn turn, StatusOr<RowChange::Plan> plan)
      EXCLUDES(write_mu_);
  void KeepQueued(LockedRow* row, Slice payload, Sequence last) REQUIRES(write_mu_);
  void FinishChange(const RowChange& change, const StatusOr<ChangeOutcome>& outcome);
  void FailWaiting(const std::shared_ptr<LockedRow>& row, const Status& status) EXCLUDES(write_mu_);
  void Unlock(LockedRow* row) REQUIRES(write_mu_);

  // Drops of rows.
  // `left_hole`: it failed, and its sequence is between those of writes.
  Status PublishDrop(const RowRange& range, uint64_t order, bool* left_hole)
      EXCLUDES(manifest_mu_, write_mu_);
  StatusOr<Sequence> HoldRows(const RowDrop& drop) EXCLUDES(write_mu_);
  bool TakeBack(Sequence sequence) EXCLUDES(write_mu_);
  void LetRowsGo() EXCLUDES(write_mu_);
  void ShowDrop(const Manifest& next) REQUIRES(manifest_mu_) EXCLUDES(apply_mu_);

  // Flush.
  Status FlushLocked() REQUIRES(flush_mu_);
  // Whether the last flush found the disk full.
  void NoteNoSpace(bool no_space);
  void Freeze() EXCLUDES(apply_mu_);
  Status FlushOldest() REQUIRES(flush_mu_);
  Status Reclaim() REQUIRES(flush_mu_);
  Status PublishFlush(const TabletMemtable& frozen, std::vector<NewTable> made) REQUIRES(flush_mu_)
      EXCLUDES(manifest_mu_);

  // Stores the time by which GC rules are judged.
  Status StampNow() EXCLUDES(manifest_mu_);

  // Compaction.
  bool MayRewriteClipped() const;
  std::optional<CompactionInputs> PickGroup() const;
  // How far compaction is behind, as Admit takes it.
  static uint32_t FilesToMerge(const TabletGroup& group);
  std::optional<CompactionInputs> PickDropped(const TabletVersion& version) const;
  Status CompactOnce() EXCLUDES(compaction_mu_);
  // False, and nothing is done: a drop of rows has taken an input away.
  StatusOr<bool> Compact(const CompactionInputs& inputs) REQUIRES(compaction_mu_);
  StatusOr<bool> MergeTables(const CompactionInputs& inputs, DiskWatch::Room* room)
      REQUIRES(compaction_mu_);
  StatusOr<bool> PublishCompaction(const CompactionInputs& inputs, bool settled,
                                   std::optional<NewTable> made) REQUIRES(compaction_mu_)
      EXCLUDES(manifest_mu_);

  // A file that is damaged or gone is no error here.
  StatusOr<std::shared_ptr<const OpenTable>> OpenFile(const ManifestFile& file,
                                                      const TableSchema& schema) const;
  // The group of `tables`. Its index takes what it can from `base`'s, which may be null.
  TabletGroup MakeGroup(std::string name, std::vector<std::shared_ptr<const OpenTable>> tables,
                        const TabletGroup* base) const;
  // The drops of a manifest; those of the version when they are the same.
  std::shared_ptr<const DroppedRows> DropsOf(const Manifest& manifest) const;
  // The manifest by compare-and-swap. A fenced tablet is closed for good.
  Status Publish(const Manifest& next) REQUIRES(manifest_mu_);
  Status Point(const char* point) const { return FaultPoint(core_->env.faults, point); }

  const std::shared_ptr<EngineCore> core_;
  const TabletDescriptor tablet_;
  const Epoch epoch_;
  const SplitOff last_split_;

  std::atomic<Sequence> visible_sequence_{0};
  std::atomic<bool> fenced_{false};
  std::atomic<bool> reads_stopped_{false};
  std::atomic<bool> no_space_{false};
  std::atomic<int64_t> stamped_now_us_{0};  // gc_now_us of the stored manifest
  const int64_t opened_boot_ns_;
  std::atomic<int64_t> flushed_boot_ns_;  // the last time, or when it was opened
  std::atomic<uint64_t> writes_{0}, bytes_written_{0};
  std::atomic<uint32_t> most_files_{0};  // of any group: FilesToMerge
  std::atomic<uint64_t> last_drop_order_{0};
  std::atomic<uint32_t> flushing_{0}, compacting_{0};

  LoadSample load_;
  RequestMemory requests_;

  Mutex flush_mu_;
  Lsn reclaimable_lsn_ GUARDED_BY(flush_mu_) = 0;  // in the manifest, the log not yet told
  Mutex compaction_mu_;

  mutable Mutex manifest_mu_;
  PublishedManifest manifest_ GUARDED_BY(manifest_mu_);
  bool reshaped_ GUARDED_BY(manifest_mu_) = false;  // its last word is spoken

  Mutex apply_mu_;
  TabletMemtable* active_ GUARDED_BY(apply_mu_) = nullptr;  // of the current version

  CurrentVersion current_;
  mutable Mutex version_mu_;
  std::shared_ptr<const TabletVersion> version_ GUARDED_BY(version_mu_);  // as current_ has it
  std::string failure_ GUARDED_BY(version_mu_);  // of the last job; shown in stats

  mutable Mutex write_mu_;
  CondVar drained_;
  RowTimestamps timestamps_ GUARDED_BY(write_mu_);
  Sequence next_sequence_ GUARDED_BY(write_mu_) = 1;
  std::optional<RowDrop> held_ GUARDED_BY(write_mu_);  // writes to its rows are refused
  bool closing_ GUARDED_BY(write_mu_) = false;
  bool paused_ GUARDED_BY(write_mu_) = false;
  // The last sequence queued for any of the rows that share a stripe.
  std::vector<Sequence> stripe_last_ GUARDED_BY(write_mu_);
  std::unordered_map<std::string, std::shared_ptr<LockedRow>> locked_rows_ GUARDED_BY(write_mu_);
  uint64_t drops_ GUARDED_BY(write_mu_) = 0;  // changes with the beginning and end of each drop
  // Records in the log, not yet answered. Grows under write_mu_ only.
  std::atomic<uint64_t> queued_{0};
  // Somebody may wait for records to end. Set under write_mu_, before queued_ is looked at; who
  // ends a record looks at it after queued_ has shrunk. So one of the two sees the other.
  std::atomic<bool> watched_{false};
  // Those that wait until plain writes up to a sequence are applied.
  std::multimap<Sequence, std::shared_ptr<LockedRow>> parked_ GUARDED_BY(write_mu_);
};

}  // namespace stele::storage
