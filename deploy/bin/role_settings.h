// From the settings of a role to the options of what it runs. Every function is pure but
// ReadSettings, which reads the file of --config. Errors are InvalidArgument and name the option
// and where it was given.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/cli/verb.h"
#include "deploy/cell/cell.h"
#include "deploy/config/settings.h"
#include "master/master.h"
#include "tabletserver/rpc/tablet_server.h"

namespace stele::bin {

// --config and the options of the role: all, or those of these names.
void AddRoleFlags(config::Role role, cli::po::options_description* options,
                  const std::set<std::string>& names = {});

// Flags, file and environment of a call.
struct SettingsSource {
  std::unique_ptr<config::ConfigFile> file;  // null: none was named
  config::SettingsInput input;
};
StatusOr<SettingsSource> ReadSource(const cli::Invocation& call);

// The first problem, and how many more there are. Warnings go to the log.
StatusOr<std::unique_ptr<config::Settings>> ReadSettings(const cli::Invocation& call,
                                                         config::Role role);

Status ReadLocal(const config::Settings& settings, deploy::CellOptions* cell);
Status ReadMaster(const config::Settings& settings, master::MasterOptions* options);
Status ReadTabletServer(const config::Settings& settings,
                        tabletserver::TabletServerOptions* options);

// What of them can be changed while a master, an engine runs.
void ReadPlacement(const config::Settings& settings, master::ReshapeOptions* reshape,
                   master::BalanceOptions* balance);
storage::EngineTuning ReadTuning(const config::Settings& settings);

// What must be given and is not, a sentence each. `id` is not asked for: each server has its own,
// so a flag gives it.
std::vector<std::string> MissingOptions(const config::Settings& settings);
// InvalidArgument: it listens on all addresses, and is told none at which others reach it.
Status CheckReachable(const config::Settings& settings);

// What the settings are wrong in together; each by itself was looked at. What must be given is not
// asked for.
Status CheckTogether(const config::Settings& settings);

}  // namespace stele::bin
