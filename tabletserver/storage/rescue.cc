#include "tabletserver/storage/rescue.h"

#include "absl/strings/str_format.h"
#include "tabletserver/storage/damage_mark.h"
#include "tabletserver/storage/log_recovery.h"
#include "tabletserver/storage/rescue_file.h"

namespace stele::storage {
namespace {

using Sink = std::function<void(const std::string&)>;

StatusOr<std::string> ReadBlob(BlobStore* store, const std::string& name) {
  StatusOr<std::shared_ptr<BlobReader>> blob = store->OpenBlob(name);
  if (!blob.ok()) return WithContext(blob.status(), name);
  std::string content((*blob)->size(), '\0');
  RETURN_IF_ERROR(WithContext((*blob)->Read(0, content.size(), content.data()), name));
  return content;
}

struct Kept {
  uint64_t records = 0;
  Sequence first = 0, last = 0;
};

StatusOr<Kept> CountKept(Slice content) {
  Kept kept;
  RETURN_IF_ERROR(ReadRescue(content, [&](Lsn, Slice payload) {
    ++kept.records;
    StatusOr<WriteHeader> header = DecodeWriteHeader(payload);
    if (!header.ok()) return OkStatus();  // kept as it was found
    if (kept.first == 0) kept.first = header->base_sequence;
    kept.last = std::max(kept.last, header->last_sequence());
    return OkStatus();
  }));
  return kept;
}

Status DescribeFiles(BlobStore* store, TabletId tablet, const Sink& sink) {
  ASSIGN_OR_RETURN(std::vector<BlobInfo> files, store->ListBlobs(RescueFolder(tablet)));
  for (const BlobInfo& file : files) {
    ASSIGN_OR_RETURN(std::string content, ReadBlob(store, file.name));
    StatusOr<Kept> kept = CountKept(content);
    sink(kept.ok() ? absl::StrCat("  ", file.name, ": ", kept->records, " records, sequences ",
                                  kept->first, " to ", kept->last)
                   : absl::StrCat("  ", file.name, ": ", kept.status().ToString()));
  }
  return OkStatus();
}

StatusOr<TabletId> ParseDamageCell(Slice name) {
  const size_t slash = name.rfind('/');
  TabletId id = 0;
  for (char c : slash == Slice::npos ? name : name.substr(slash + 1)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) {
      return absl::InvalidArgumentError(absl::StrCat("not a damage mark: ", name));
    }
    id = id * 16 + static_cast<uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return id;
}

}  // namespace

Status ListRescue(BlobStore* store, const Sink& sink) {
  ASSIGN_OR_RETURN(std::vector<std::string> cells, store->ListCells(kDamageCellPrefix));
  for (const std::string& cell : cells) {
    ASSIGN_OR_RETURN(TabletId tablet, ParseDamageCell(cell));
    StatusOr<StoredManifest> stored = ReadManifest(store, tablet);
    sink(stored.ok() ? absl::StrCat("tablet ", tablet, " of table ", stored->manifest.schema.name,
                                    " (", stored->manifest.tablet.table,
                                    "), flushed up to sequence ", stored->manifest.flushed_sequence)
                     : absl::StrCat("tablet ", tablet, ": ", stored.status().ToString()));
    StatusOr<DamageMark> mark = ReadDamageMark(store, tablet);
    if (!mark.ok()) sink(absl::StrCat("  its mark does not read: ", mark.status().ToString()));
    for (size_t i = 0; mark.ok() && i < mark->entries.size(); ++i) {
      sink(absl::StrCat("  ", mark->entries[i].report));
    }
    RETURN_IF_ERROR(DescribeFiles(store, tablet, sink));
  }
  if (cells.empty()) sink("no tablet is set aside");
  return OkStatus();
}

Status ApplyRescue(const EngineOptions& options, const EngineEnv& env, TabletId tablet,
                   const Sink& sink) {
  // Held to the end: no server recovers, or opens a tablet, meanwhile. Its epoch makes names new.
  StatusOr<std::unique_ptr<LogStore>> log = env.store->OpenLog(env.server_id);
  if (!log.ok()) return WithContext(log.status(), absl::StrCat("log of server ", env.server_id));
  RETURN_IF_ERROR(ReadManifest(env.store, tablet).status());
  EngineCore core(options, env, (*log)->epoch());
  LogRecovery recovery(&core);
  ASSIGN_OR_RETURN(std::vector<BlobInfo> files, env.store->ListBlobs(RescueFolder(tablet)));
  for (const BlobInfo& file : files) {
    ASSIGN_OR_RETURN(std::string content, ReadBlob(env.store, file.name));
    RETURN_IF_ERROR(WithContext(recovery.AddRescued(tablet, content), file.name));
  }
  RETURN_IF_ERROR(recovery.InstallRescued());
  RETURN_IF_ERROR(RemoveDamageMark(env.store, tablet));
  const uint64_t added = recovery.records() - recovery.skipped() - recovery.unreadable();
  sink(absl::StrCat("tablet ", tablet, ": ", added, " records put back, ", recovery.skipped(),
                    " were there already, ", recovery.unreadable(),
                    " do not read; it may be opened again"));
  return OkStatus();
}

}  // namespace stele::storage
