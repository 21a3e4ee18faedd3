#include <iostream>

#include "absl/strings/match.h"
#include "common/store/cell_directory.h"
#include "common/store/cell_format.h"
#include "deploy/bin/file_blob.h"
#include "deploy/bin/server_verbs.h"
#include "tabletserver/storage/manifest/manifest_dump.h"

namespace stele::bin {
namespace {

constexpr char kCellsFolder[] = "/cells/";

// A cell's check covers its name, which is that of the folder of its versions, below the store's
// folder of cells.
StatusOr<std::string> CellName(const std::string& path) {
  const size_t folder = path.rfind(kCellsFolder);
  const size_t end = path.rfind(absl::StrCat(kCellFolderSuffix, "/"));
  if (folder == std::string::npos || end == std::string::npos || end < folder) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a manifest in its place, <data>/cells/.../<name>",
                     kCellFolderSuffix, "/<version>; its check covers that name"));
  }
  const size_t begin = folder + sizeof(kCellsFolder) - 1;
  return path.substr(begin, end - begin);
}

StatusOr<std::string> Describe(const std::string& path) {
  ASSIGN_OR_RETURN(std::string name, CellName(path));
  ASSIGN_OR_RETURN(std::string file, ReadWholeFile(PosixFs(), path, kMaxCellFileBytes));
  StatusOr<StoredCell> cell = DecodeCellFile(name, file);
  if (!cell.ok()) return WithContext(cell.status(), path);
  StatusOr<std::string> text = storage::DumpManifest(cell->value);
  if (!text.ok()) {
    return WithContext(text.status(), absl::StrCat(path, ", behind the cell's header of ",
                                                   file.size() - cell->value.size(), " bytes"));
  }
  return absl::StrCat("cell ", name, " version ", cell->version, "\n", *text);
}

int Run(const cli::Invocation& call) {
  StatusOr<std::string> text = Describe(call.args[0]);
  if (!text.ok()) return cli::Fail(call, text.status());
  *call.env->out << *text;
  if (!absl::EndsWith(*text, "\n")) *call.env->out << '\n';
  return cli::kOk;
}

}  // namespace

cli::Verb DebugManifestVerb() {
  cli::Verb verb;
  verb.name = "debug manifest";
  verb.arguments = "FILE";
  verb.summary = "show and check a tablet's manifest, offline";
  verb.details = "Damage is exit code 1 and names the first damaged offset.";
  verb.example = "stele debug manifest .cell/data/cells/tablets/00000000000000a1@versions/*";
  verb.min_args = verb.max_args = 1;
  verb.uses_cell = false;
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
