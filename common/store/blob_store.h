// BlobStore: the only door to durable state, shaped by what a POSIX directory and an object store
// can both do. There is no rename, seek-write, mmap or directory in it. Three kinds of things:
//
//   log segments  fixed capacity, space reserved and pre-written at creation, written front to
//                 back again and again
//   blobs         created, appended, finished; immutable afterwards; ranged reads
//   cells         small values (<= 16 MiB) replaced as a whole by compare-and-swap on a version
//
// Names are relative paths of [A-Za-z0-9._-] components joined by '/', at most 200 bytes, no
// component . or ..; InvalidArgument else. "a" and "a/b" may both exist.
//
// Errors: Aborted = fenced (epoch passed by another, or a lost compare-and-swap); Unknown = outcome
// unknown; Unavailable = try again; NotFound; AlreadyExists; DataLoss = corrupt; ResourceExhausted
// = no space; Internal = I/O error. Durability: a call that returned OK and says "durable" survives
// a power cut. Thread-safe, unless said otherwise. No call on a cell waits for another process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/base/status.h"

namespace stele {

// One segment opened for writing by the log's owner. Bound to one thread.
class LogSegment {
 public:
  virtual ~LogSegment() = default;
  // Writes the parts at offset (offset + total <= capacity). With sync, durable when it returns;
  // one call in flight. After an error the segment is poisoned for ever: every later call fails
  // (PROMISES P22).
  virtual Status Write(uint64_t offset, absl::Span<const Slice> parts, bool sync) = 0;
  virtual Status Sync() = 0;
  virtual StatusOr<size_t> Read(uint64_t offset, size_t n, char* buffer) const = 0;
  virtual uint64_t capacity() const = 0;
};

// The log directory of one server, held exclusively for the holder's life (an OS lock on POSIX),
// that is until this object and all segments it handed out are destroyed. Bound to one thread.
class LogStore {
 public:
  virtual ~LogStore() = default;
  struct SegmentInfo {
    uint64_t index;     // stable name of the segment, never reused
    uint64_t capacity;  // bytes
  };
  virtual StatusOr<std::vector<SegmentInfo>> List() = 0;  // by index
  // What a new segment's space is: written with zeros once, so that a sync of later writes need not
  // touch the file system's own records, or only reserved, for a log that is not synced.
  enum class Space { kWritten, kReserved };
  // Creates a segment of `capacity` zero bytes; it and its name are durable when it returns.
  // AlreadyExists.
  virtual StatusOr<std::unique_ptr<LogSegment>> Create(uint64_t index, uint64_t capacity,
                                                       Space space = Space::kWritten) = 0;
  virtual StatusOr<std::unique_ptr<LogSegment>> Open(uint64_t index) = 0;  // NotFound
  virtual Status Remove(uint64_t index) = 0;                               // durable; NotFound
  // The epoch under which this holder opened the log: strictly greater than any earlier holder's,
  // durable.
  virtual uint64_t epoch() const = 0;
};

class BlobWriter {
 public:
  virtual ~BlobWriter() =
      default;  // an unfinished blob is removed, or left for file GC after a crash
  virtual Status Append(Slice data) = 0;
  virtual uint64_t size() const = 0;
  // Makes content and name durable and the blob visible. Nothing may be appended afterwards.
  // AlreadyExists when another writer of the same name finished first.
  virtual Status Finish() = 0;
};

class BlobReader {
 public:
  virtual ~BlobReader() = default;
  virtual uint64_t size() const = 0;
  // Exactly n bytes, or OutOfRange past the end.
  virtual Status Read(uint64_t offset, size_t n, char* buffer) const = 0;
  // The same, if no disk has to be waited for. False: it would be, or nobody can tell, or it fails
  // (Read says how); the buffer's content is open then.
  virtual bool ReadIfInMemory(uint64_t offset, size_t n, char* buffer) const { return false; }
  // A hint that [offset, offset + n) is hardly read again: memory that the store, or the machine,
  // holds for it is given to others. Reads still answer.
  virtual void ReleaseCached(uint64_t offset, uint64_t n) const {}
};

struct StoredCell {
  uint64_t version = 0;  // 1 at creation, +1 a swap
  std::string value;
};

struct BlobInfo {
  std::string name;
  uint64_t size = 0;
  int64_t modified_us = 0;
};

class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // Takes the exclusive lock of log `name` (created when absent) and raises its epoch durably.
  // Unavailable when held; Aborted when sealed.
  virtual StatusOr<std::unique_ptr<LogStore>> OpenLog(Slice name) = 0;

  // For whoever recovers the log of another server (PROMISES 2.2), which may only be cut off, and
  // hold it still. SealLog: from its return on, for ever, nobody opens the log and its holder adds
  // no segments; what that holder still writes to those it has open, it may not believe in: its
  // lease is over. Durable; again: OK; also of a log that never was.
  virtual Status SealLog(Slice name) = 0;
  // The sealed log for reading, by any number of processes; its epoch is above the last holder's.
  // FailedPrecondition when not sealed; NotFound when dropped.
  virtual StatusOr<std::unique_ptr<LogStore>> OpenSealedLog(Slice name) = 0;
  // Gives the room of a sealed log back; its name stays sealed. Durable; again: OK.
  // FailedPrecondition when not sealed.
  virtual Status DropSealedLog(Slice name) = 0;

  virtual StatusOr<std::unique_ptr<BlobWriter>> CreateBlob(Slice name) = 0;  // AlreadyExists
  virtual StatusOr<std::shared_ptr<BlobReader>> OpenBlob(Slice name) = 0;
  virtual Status DeleteBlob(Slice name) = 0;  // durable; NotFound
  // Visible blobs below a prefix path (`p` names all of `p/...`, "" all), sorted by name. For file
  // GC and checks only, never for correctness.
  virtual StatusOr<std::vector<BlobInfo>> ListBlobs(Slice prefix) = 0;

  // What it returns is durable. DataLoss when the stored bytes fail their check.
  virtual StatusOr<StoredCell> ReadCell(Slice name) = 0;
  virtual Status CreateCell(Slice name, Slice value) = 0;  // durable; version 1; AlreadyExists
  // Durable. Aborted when the version is not `expected`; NotFound; Unknown. Gives the new version.
  virtual StatusOr<uint64_t> SwapCell(Slice name, uint64_t expected, Slice value) = 0;
  // Durable. Aborted when the stored version is not `expected`; NotFound. A cell that is created
  // again begins at version 1.
  virtual Status DeleteCell(Slice name, uint64_t expected) = 0;
  // As ListBlobs.
  virtual StatusOr<std::vector<std::string>> ListCells(Slice prefix) = 0;

  virtual StatusOr<uint64_t> FreeBytes() = 0;
  virtual StatusOr<uint64_t> TotalBytes() = 0;  // free or not
};

// On errors after which this store object refuses every change for ever: its user has to stop.
inline constexpr char kStoreBrokenPayload[] = "stele.dev/store-broken";

class Fs;
// The store in directory `root` of `fs` (not owned). Creates the directory and a format marker when
// `create` is set; refuses a directory that is not a Stele store, and one of a newer format, with a
// FailedPrecondition that says so.
StatusOr<std::unique_ptr<BlobStore>> OpenPosixStore(Fs* fs, const std::string& root, bool create);

}  // namespace stele
