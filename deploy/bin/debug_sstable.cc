#include <iostream>

#include "deploy/bin/file_blob.h"
#include "deploy/bin/server_verbs.h"
#include "tabletserver/storage/sstable/sstable_dump.h"

namespace stele::bin {
namespace {

int Run(const cli::Invocation& call) {
  storage::SSTableDumpOptions options;
  options.fences = call.Has("fences");
  options.cells = call.Has("cells") || call.Has("values");
  options.values = call.Has("values");
  const int64_t max_cells = call.Get<int64_t>("max-cells");
  if (max_cells < 0) {
    return cli::Fail(call, absl::InvalidArgumentError("--max-cells is not negative; 0: all"));
  }
  options.max_cells = static_cast<uint64_t>(max_cells);
  options.verify = true;
  StatusOr<std::shared_ptr<FileBlob>> blob = FileBlob::Open(PosixFs(), call.args[0]);
  if (!blob.ok()) return cli::Fail(call, blob.status());
  StatusOr<std::shared_ptr<storage::SSTable>> table =
      storage::SSTable::Open(*blob, call.args[0], {});
  if (!table.ok()) return cli::Fail(call, table.status());
  std::ostream& out = *call.env->out;
  Status sound = storage::DumpSSTable(**table, options, [&](Slice line) { out << line << '\n'; });
  if (sound.ok()) return cli::kOk;
  out.flush();
  return cli::Fail(call, sound);
}

}  // namespace

cli::Verb DebugSSTableVerb() {
  cli::Verb verb;
  verb.name = "debug sstable";
  verb.arguments = "FILE";
  verb.summary = "show and check an SSTable, offline";
  verb.details =
      "Every byte is read and checked; damage is exit code 1 and names its first offset.";
  verb.example = "stele debug sstable --cells '.cell/data/blobs/tablets/16/0123abcd@blob'";
  verb.min_args = verb.max_args = 1;
  verb.uses_cell = false;
  verb.options = [](cli::po::options_description* options) {
    auto add = options->add_options();
    add("fences", "show the index: a line a block");
    add("cells", "show the cells' keys");
    add("values", "show the cells with the first 64 bytes of their values");
    add("max-cells", cli::po::value<int64_t>()->default_value(0), "cells shown; 0: all");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
