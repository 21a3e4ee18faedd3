#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "client/cli/bytes_text.h"
#include "common/store/fs.h"
#include "common/store/posix_log_store.h"
#include "deploy/bin/role_settings.h"
#include "deploy/bin/server_process.h"
#include "deploy/bin/server_verbs.h"
#include "deploy/rebuild/locker_content.h"
#include "deploy/rebuild/metadata_rows.h"

namespace stele::bin {
namespace {

// Those of a tablet server that say where the cell is.
const std::set<std::string> kPlaceOfCell = {"data-dir", "locker", "locker-auth",
                                            "session-timeout-ms", "zookeeper-tick-ms"};

StatusOr<std::vector<std::string>> RebuildLocker(const cli::Invocation& call) {
  ASSIGN_OR_RETURN(auto settings, ReadSettings(call, config::Role::kTabletServer));
  ASSIGN_OR_RETURN(const std::string data_dir, settings->Required("data-dir"));
  ASSIGN_OR_RETURN(std::unique_ptr<Locker> locker, OpenLocker(*settings));
  ASSIGN_OR_RETURN(std::unique_ptr<BlobStore> store,
                   OpenPosixStore(PosixFs(), data_dir, /*create=*/false));
  ASSIGN_OR_RETURN(const auto logs, ListPosixLogs(PosixFs(), data_dir));
  ASSIGN_OR_RETURN(const deploy::LockerContent content,
                   deploy::ReadLockerContent(store.get(), logs));
  ASSIGN_OR_RETURN(std::unique_ptr<LockerSession> session, locker->OpenSession("rebuild-locker"));
  ASSIGN_OR_RETURN(std::vector<std::string> steps,
                   deploy::PlanLockerContent(session.get(), content));
  if (!call.Has("dry-run")) {
    RETURN_IF_ERROR(deploy::WriteLockerContent(store.get(), session.get(), content));
  }
  return steps;
}

StatusOr<std::vector<std::string>> RebuildMetadataRows(const cli::Invocation& call) {
  ASSIGN_OR_RETURN(auto settings, ReadSettings(call, config::Role::kTabletServer));
  ASSIGN_OR_RETURN(const std::string data_dir, settings->Required("data-dir"));
  ASSIGN_OR_RETURN(std::unique_ptr<Locker> locker, OpenLocker(*settings));
  ASSIGN_OR_RETURN(std::unique_ptr<BlobStore> store,
                   OpenPosixStore(PosixFs(), data_dir, /*create=*/false));
  ASSIGN_OR_RETURN(const auto logs, ListPosixLogs(PosixFs(), data_dir));
  ASSIGN_OR_RETURN(const auto manifests, deploy::ReadTabletManifests(store.get()));
  const deploy::MetadataRows rows = deploy::PlanMetadataRows(manifests);
  std::vector<std::string> steps;
  for (const std::string& gap : rows.gaps) steps.push_back(absl::StrCat("fill a gap: ", gap));
  for (const TabletLocation& location : rows.locations) {
    steps.push_back(absl::StrCat("write the row of tablet ", location.tablet.id, " of table ",
                                 location.tablet.table, ", epoch ", location.epoch));
  }
  if (call.Has("dry-run")) return steps;
  ASSIGN_OR_RETURN(std::unique_ptr<LockerSession> session, locker->OpenSession("rebuild-metadata"));
  RETURN_IF_ERROR(deploy::CheckNobodyLives(session.get()));
  RETURN_IF_ERROR(deploy::RebuildMetadata(store.get(), call.env->clock, call.env->faults, logs));
  return steps;
}

int Run(const cli::Invocation& call,
        StatusOr<std::vector<std::string>> (*rebuild)(const cli::Invocation&)) {
  const bool dry_run = call.Has("dry-run");
  auto steps = rebuild(call);
  if (!steps.ok()) return cli::Fail(call, steps.status());
  for (std::string& step : *steps) step = cli::Escape(step);
  if (call.Has("json")) {
    *call.env->out << nlohmann::ordered_json({{"dry_run", dry_run}, {"steps", *steps}}).dump()
                   << '\n';
    return cli::kOk;
  }
  for (const std::string& step : *steps) {
    *call.env->out << (dry_run ? "would " : "done: ") << step << '\n';
  }
  if (steps->empty()) *call.env->out << "nothing to do\n";
  return cli::kOk;
}

cli::Verb Offline(cli::Verb verb,
                  StatusOr<std::vector<std::string>> (*rebuild)(const cli::Invocation&)) {
  verb.uses_cell = false;
  verb.reads = true;
  verb.options = [](cli::po::options_description* flags) {
    flags->add_options()("dry-run", "only say what would be written");
    AddRoleFlags(config::Role::kTabletServer, flags, kPlaceOfCell);
  };
  verb.run = [rebuild](const cli::Invocation& call) { return Run(call, rebuild); };
  return verb;
}

}  // namespace

cli::Verb AdminRebuildLockerVerb() {
  cli::Verb verb;
  verb.name = "admin rebuild-locker";
  verb.summary = "write what ZooKeeper has to hold of a cell again, after it has lost its data";
  verb.details =
      "Offline: masters and tablet servers must be down; it refuses while a session of one lasts.\n"
      "Reads the cell's data directory; writes the cell's key, where root and catalog are, the "
      "logs\n"
      "to recover and the masters' term. No acknowledged write is lost. What is right already "
      "stays.\n"
      "Exit code 1: somebody lives, or ZooKeeper holds another cell.";
  verb.example =
      "stele admin rebuild-locker --locker zk://127.0.0.1:2181/cell --data-dir /srv/cell --dry-run";
  return Offline(std::move(verb), RebuildLocker);
}

cli::Verb AdminRebuildMetadataVerb() {
  cli::Verb verb;
  verb.name = "admin rebuild-metadata";
  verb.summary = "make the METADATA table anew from the tablets' manifests, when it is lost";
  verb.details =
      "Offline: masters and tablet servers must be down. Deletes what is left of METADATA and its\n"
      "root, recovers the servers' logs and writes a row for each tablet, all into one tablet of\n"
      "METADATA, which splits again by itself when it is too large. The catalog must be whole.\n"
      "No acknowledged write to a table is lost. Exit code 1: somebody lives, or rows of a table "
      "are\n"
      "in no manifest; `--dry-run` shows what it finds and changes nothing.";
  verb.example =
      "stele admin rebuild-metadata --locker zk://127.0.0.1:2181/cell --data-dir /srv/cell "
      "--dry-run";
  return Offline(std::move(verb), RebuildMetadataRows);
}

}  // namespace stele::bin
