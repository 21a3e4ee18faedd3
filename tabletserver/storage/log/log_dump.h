// Prints and checks the commit log's segments offline, one line a record: what
// `stele debug log FILE...` shows. Given all segments of a ring it also follows the ring from its
// tail to its end. Reads only; needs no lock and no LogStore. Payloads are not shown, only their
// sizes. Thread-compatible; a damaged or hostile file yields lines, never a crash.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/store/fs.h"
#include "tabletserver/storage/log/log_reader.h"

namespace stele::storage {

struct LogDumpInput {
  std::string name;  // for messages
  LogByteSource source;
  uint64_t capacity = 0;
};

struct LogDumpOptions {
  bool records = true;  // false: only what is wrong, and the summary
};

// Lines go to `sink`, without a line end. OK when every segment is sound up to its end: zeros, the
// leftovers of an earlier lap, or a pad. Else DataLoss naming the first damaged place: segment and
// offset. (What is a torn tail to recovery is damage to the eye of a dump when the bytes are not
// whole.) Other errors: I/O, FailedPrecondition for another format version.
Status DumpLog(const std::vector<LogDumpInput>& segments, const LogDumpOptions& options,
               const std::function<void(const std::string&)>& sink);

// The same over files.
Status DumpLogFiles(Fs* fs, const std::vector<std::string>& paths, const LogDumpOptions& options,
                    const std::function<void(const std::string&)>& sink);

}  // namespace stele::storage
