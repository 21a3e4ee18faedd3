// The engine: everything one tablet server stores. Synchronous and free of the network: Engine owns
// the commit log, the caches, the maintenance scheduler and the open TabletStores; TabletStore is
// one tablet: memtables, SSTables, manifest.
//
// Promise of TabletStore::Write: `done(OK)` only after the record is durable in the commit log and
// visible to reads; a definite error means no effect, ever; Unknown means all or nothing (PROMISES
// P1, P4, P5). Reads never see what is not durable (P2). Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/fault/fault.h"
#include "common/store/blob_store.h"
#include "common/time/clock.h"
#include "schema/model/conditional.h"
#include "schema/model/model.h"
#include "tabletserver/storage/cache/cache.h"
#include "tabletserver/storage/disk_watch.h"
#include "tabletserver/storage/engine_stats.h"
#include "tabletserver/storage/engine_tuning.h"
#include "tabletserver/storage/iterator/read_trace.h"
#include "tabletserver/storage/iterator/row_sink.h"
#include "tabletserver/storage/load_sample.h"
#include "tabletserver/storage/log/commit_log.h"
#include "tabletserver/storage/log_sorting.h"
#include "tabletserver/storage/maintenance_jobs.h"
#include "tabletserver/storage/manifest/manifest.h"
#include "tabletserver/storage/row_predicate.h"

namespace stele::storage {

struct EngineOptions {
  CommitLogOptions log;
  uint64_t memory_limit_bytes = 1u << 30;  // all of the engine; 64 MiB ..
  uint64_t memtable_bytes = 32u << 20;     // per tablet, triggers a minor compaction
  uint32_t page_bytes = 0;                 // as in SSTableOptions: 0 is as suits the codec
  uint64_t block_cache_bytes = 256u << 20;
  uint64_t filter_cache_bytes = 64u << 20;
  uint64_t compaction_bytes_per_second = 0;  // I/O budget of all maintenance; 0: none
  // So many compactions at once, and one more flushes; 0: nothing runs but by RunMaintenance
  // (tests).
  uint32_t maintenance_threads = 1;
  uint32_t merge_min_files = 4, merge_max_files = 10;
  uint32_t major_marker_percent =
      25;  // delete markers of all cells: then all files merge; > 100: never
  // Files that a split left shared are rewritten, if no merge does it before, once their tablet was
  // not flushed for so long, or ten times as long after the split: while a table grows fast, its
  // next merge or split would do it again. At once, if they are less than a memtable.
  uint64_t split_rewrite_after_ms = 60'000;
  uint64_t gc_grace_ms = 10 * 60 * 1000;  // unreferenced files younger than it stay
  uint64_t trash_keep_ms = 24 * 3600 * 1000;
  // Below so many free bytes the disk counts as full (disk_watch.h); 0: by the disk's size.
  uint64_t disk_reserve_bytes = 0;
};

struct EngineEnv {
  BlobStore* store = nullptr;  // outlives the engine
  Clock* clock = nullptr;      // outlives the engine
  FaultInjector* faults = nullptr;
  RandomSource* random = nullptr;       // null: the machine's; outlives the engine
  std::string server_id;                // names the commit log in the store
  std::function<Status()> lease_check;  // before every ack, read reply, publish, delete, log reuse
  std::function<void(const Status&)> on_fatal;  // storage or lease gone: stop and exit
  // Runs work that may block on the disk on a thread that may wait; an error: it was not taken.
  // None: it is done at once, wherever that is.
  std::function<Status(std::function<void()>)> run_blocking;
};

// With which one change comes.
struct ChangeContext {
  RequestId id;                  // without a client: every attempt counts
  int64_t deadline_boot_ns = 0;  // not begun after it; 0: none
  // The caller waits for `done` and holds no lock that it takes: a Write may run it, and that of
  // others, before it returns.
  bool waits = false;
};

// Which of the things that a read may leave out without a change of its answer it leaves out. All,
// but in tests that compare.
struct ReadShortcuts {
  bool groups = true;      // locality groups that the selection needs nothing of
  bool spans = true;       // seek to the selected families and columns
  bool timestamps = true;  // files whose cells are all outside the selected timestamps
  bool filters = true;     // files whose Bloom filter does not know the row
};

// A read. Rows in order; it ends at a limit.
struct ReadOptions {
  uint64_t rows_limit = 0;        // 0: none
  uint64_t max_bytes = 4u << 20;  // of keys and values returned
  ReadSelection selection;
  bool may_block = true;  // false: Unavailable("would block") when a block is not in memory
  // Without may_block: so many bytes, as stored and decoded, may all the same come from what the
  // machine holds in memory of the files (its page cache).
  uint64_t page_cache_bytes = 0;
  bool fill_cache = true;
  bool reversed = false;                      // rows descend; cells in a row are as ever
  uint64_t max_row_bytes = kMaxRowReadBytes;  // a larger row is FailedPrecondition
  uint64_t max_keys_examined = UINT64_MAX;    // then Read and ReadRow end, perhaps inside a row
  ReadShortcuts shortcuts;
};

struct ReadProgress {
  bool done = false;         // the set is finished
  std::string resume_after;  // rows up to and including this one were looked at
  uint64_t rows = 0, cells = 0, bytes = 0;
  // Looked at, visible or not. Of a row that is read in parts each part counts what it looked at.
  uint64_t rows_examined = 0, keys_examined = 0;
  bool in_row = false;  // a cursor stopped inside a row: the next one behind resume_after
};

// What one call of ReadCursor::Next may do. It ends early, also inside a row and before any cell.
struct ReadBudget {
  uint64_t rows_limit = 0;  // rows with a cell; 0: none
  // Checked between rows. A sink ends a call inside a row with Wants::kPause.
  uint64_t max_bytes = 4u << 20;
  uint64_t max_rows_examined = 65536;
  uint64_t max_keys_examined = 1u << 20;
  bool may_block = true;
  uint64_t page_cache_bytes = 0;  // as in ReadOptions, for this call
  std::function<bool()> stop;     // asked now and then: true ends the call; null: never
  ReadTrace* trace = nullptr;     // what the call looked at is added; null: nobody asks
};

// A memtable that reads keep in memory.
struct PinnedMemory {
  const void* memtable = nullptr;  // which one
  uint64_t bytes = 0;
};

// A read that can stop anywhere and go on. Between rows it holds nothing but its place, and the
// next row is of a new state. Inside a row it pins the row's state (memtables and files): whoever
// keeps a cursor bounds how many and how long. Bound to one thread at a time; pins the tablet.
class ReadCursor {
 public:
  virtual ~ReadCursor() = default;

  // Goes on into the sink: the same one for as long as the cursor stands inside a row. `done` and
  // `resume_after` of the answer are as of Read. Unavailable("would block") without may_block: what
  // the sink got stays, and the next call goes on behind it. After another error inside a row the
  // row cannot be finished.
  virtual StatusOr<ReadProgress> Next(const ReadBudget& budget, RowSink* sink) = 0;
  // The last call stopped inside a row.
  virtual bool in_row() const = 0;
  // The memtables that the tablet has flushed meanwhile: only reads still need them. Cursors may
  // share one.
  virtual std::vector<PinnedMemory> pinned() const = 0;
  // Its own memory, roughly.
  virtual uint64_t memory_bytes() const = 0;
};

// One place in a tablet's rows: about `bytes` and `rows` are up to and including `row`.
struct RowKeySample {
  std::string row;
  uint64_t bytes = 0, rows = 0;
  bool operator==(const RowKeySample&) const = default;
};
inline constexpr size_t kMaxRowKeySamplesOfTablet = 5'000;

class TabletStore {
 public:
  virtual ~TabletStore() = default;
  virtual const TabletDescriptor& descriptor() const = 0;
  virtual LoadSample& load() = 0;  // who serves the tablet adds to it

  // Validates against range and schema and queues. `done` runs on the log thread or that of a
  // caller who waits, exactly once, unless an error is returned. Errors at once: InvalidArgument,
  // NotFound (family), OutOfRange (row not in this tablet), ResourceExhausted (with the payload
  // kRetryDelayMsPayload), Unavailable (closing).
  virtual Status Write(const RowMutation& mutation, const ChangeContext& context,
                       std::function<void(const Status&)> done) = 0;
  Status Write(const RowMutation& mutation, std::function<void(const Status&)> done) {
    return Write(mutation, {}, std::move(done));
  }
  // Write and wait.
  virtual Status WriteSync(const RowMutation& mutation) = 0;

  // Both look at the row and change it in one step: no other change of the row comes between. They
  // never block; a later one on the same row does not wait for the sync of an earlier one. `done`
  // and errors as with Write, and: FailedPrecondition (the row is too large to be read; the request
  // was given up by its client), DataLoss, AlreadyExists (it was done before, once, and its answer
  // was too large to be remembered), DeadlineExceeded (nothing happened).
  // Answers with the touched columns, one cell each.
  virtual Status ReadModifyWrite(Slice row, const std::vector<ReadModifyWriteRule>& rules,
                                 const ChangeContext& context,
                                 std::function<void(StatusOr<Row>)> done) = 0;
  // Applies one of the lists and answers whether the predicate matched; without one: whether the
  // row has a cell.
  virtual Status CheckAndMutate(Slice row, std::shared_ptr<RowPredicate> predicate,
                                std::vector<Mutation> if_true, std::vector<Mutation> if_false,
                                const ChangeContext& context,
                                std::function<void(StatusOr<bool>)> done) = 0;

  // Rows of `range` (clipped to the tablet) in order into `sink`. Each row is one state that it
  // really had.
  virtual StatusOr<ReadProgress> Read(const RowRange& range, const ReadOptions& options,
                                      RowSink* sink) = 0;
  virtual StatusOr<ReadProgress> ReadRow(Slice row, const ReadOptions& options, RowSink* sink) = 0;
  // The same read, in as many calls as wanted. Its limits and may_block are those of each call.
  virtual StatusOr<std::unique_ptr<ReadCursor>> OpenCursor(const RowRange& range,
                                                           const ReadOptions& options) = 0;

  // Keys that cut the tablet into parts of about step_bytes (of blocks and memtables; more when
  // there would be too many), ascending; the last is the tablet's end with the totals.
  virtual StatusOr<std::vector<RowKeySample>> SampleRowKeys(uint64_t step_bytes) = 0;

  virtual Status Flush() = 0;  // minor compaction of everything written before the call
  virtual Status
  CompactMajor() = 0;  // all files into one per locality group; drops deletes and garbage
  // Drops the rows of the range: what was acknowledged before the call is gone when it returns OK,
  // durably, without being read; what is written after it stays. Meanwhile writes to these rows are
  // refused with a delay. Orders are numbered in ascending order by who gives them: one that is not
  // above the last one does nothing, so a delayed repetition drops nothing that came later; 0 is no
  // order. ResourceExhausted with a delay when many drops wait for compactions. Unknown: all or
  // nothing.
  virtual Status DropRows(const RowRange& range, uint64_t order) = 0;
  virtual Status AlterSchema(const TableSchema& schema) = 0;  // version must grow
  virtual TableSchema schema() const = 0;
  virtual TabletStats stats() const = 0;
  virtual std::vector<ManifestFile> files() const = 0;
  virtual SplitOff last_split() const = 0;  // that was committed
};

inline constexpr char kRetryDelayMsPayload[] = "stele.dev/retry-delay-ms";

class Engine {
 public:
  virtual ~Engine() = default;  // without flushing, as a crash would; but it closes the log

  // Opens the log, sorts what it holds into SSTables per tablet, adds them to the manifests under
  // `epoch_of(tablet)`'s answer, and starts. After it returns no tablet needs replay. Errors:
  // Unavailable (log held by another process), DataLoss, I/O.
  static StatusOr<std::unique_ptr<Engine>> Open(const EngineOptions& options, const EngineEnv& env);

  // A new, empty tablet: its manifest cell. AlreadyExists.
  virtual Status CreateTablet(const TabletDescriptor& tablet, const TableSchema& schema,
                              Epoch epoch) = 0;
  // Takes ownership under `epoch` (must be >= the manifest's; the manifest is rewritten with it)
  // and opens.
  virtual StatusOr<std::shared_ptr<TabletStore>> OpenTablet(TabletId tablet, Epoch epoch) = 0;
  // Flushes (double minor compaction) when `flush`, refuses further writes and new reads; reads
  // that have begun go on with their pins.
  virtual Status CloseTablet(TabletId tablet, bool flush) = 0;
  // Gives the rows of an open tablet up to and including `at` (empty: the engine chooses) to the
  // new tablet `child`, which must never have been used as an id; both are open afterwards, anew:
  // the store of the parent that was found before answers no more. Writers wait only for the last
  // part of it. InvalidArgument (`at` is not inside), FailedPrecondition (nothing to split
  // between). After any error FindTablet tells whether the parent is still open; when it is not,
  // its stored manifest decides what happened, and it is to be opened again.
  virtual Status SplitTablet(TabletId parent, TabletId child, const std::string& at) = 0;
  // Gives all rows of `left` to `right`, its neighbour, which is open and opened anew. `left` is
  // open here, or was sealed by an earlier call that did not come to its end; it is not open
  // afterwards, and its manifest stays until ForgetMerged. FailedPrecondition (no neighbours).
  virtual Status MergeTablets(TabletId left, TabletId right) = 0;
  // Deletes the manifest of `left` when `right`, which is open here, holds its rows; without one:
  // success. FailedPrecondition.
  virtual Status ForgetMerged(TabletId left, TabletId right) = 0;
  // Closes it, if open, and deletes its manifest: its files and log records are garbage from then
  // on. Aborted when the manifest is of a higher epoch; NotFound.
  virtual Status DropTablet(TabletId tablet, Epoch epoch) = 0;
  virtual std::shared_ptr<TabletStore> FindTablet(TabletId tablet) = 0;
  virtual std::vector<std::shared_ptr<TabletStore>> tablets() = 0;
  // One round of what the scheduler would do now (flush, compaction); true if anything was done.
  // For maintenance_threads 0.
  virtual StatusOr<bool> RunMaintenance() = 0;
  // Mark and sweep over all manifests of the store; deletes nothing on any doubt. Returns the
  // number of files moved to trash.
  virtual StatusOr<uint64_t> CollectGarbage() = 0;

  // Seals the log of another server, whose lease is over (the caller knows), sorts what it holds
  // into SSTables, adds them to the manifests of its tablets, which nobody owns, and drops the log.
  // When it returns OK these tablets may be opened anywhere, without replay; also when the log was
  // recovered before, or never was. May be cut off and run again, here and elsewhere, also at once.
  // Unavailable: try again. With system_only the same of the system's tablets alone, and the log
  // stays; DataLoss when it, or one of them, is damaged: then all is recovered at once.
  virtual Status RecoverLog(const std::string& log, bool system_only = false) = 0;

  virtual EngineStats stats() const = 0;
  // What maintenance has yet to do, the most urgent first. Looks at every tablet.
  virtual std::vector<WaitingJob> waiting() = 0;
  virtual Status Close() = 0;  // flushes all, closes the log cleanly
  virtual void Retune(const EngineTuning& tuning) = 0;
};

}  // namespace stele::storage
