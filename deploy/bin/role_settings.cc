#include "deploy/bin/role_settings.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "common/base/log.h"

namespace stele::bin {
namespace {

using cli::po::value;
using config::Role;
using config::Settings;

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kProcessBytes = 64 * kMiB;  // code, threads, connections
constexpr uint64_t kMinEngineBytes = 64 * kMiB;
constexpr uint64_t kMaxRingSegments = 65'536;
constexpr int kStallsPerTimeout = 2;
constexpr int kLockWaitTimeouts = 4;

Status Wrong(const Settings& settings, const char* name, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(settings.Describe(name), " ", FromStd(what)));
}

// The engines' shares of the process's limit. What they do not charge (the allocator's waste,
// requests being decoded) needs room too, so they get a part of it only.
Status ShareMemory(const Settings& settings, uint32_t engines, storage::EngineOptions* engine) {
  const uint64_t limit = settings.Number("memory-limit");
  engine->memory_limit_bytes = (limit - kProcessBytes) / 100 * 70 / engines;
  if (engine->memory_limit_bytes < kMinEngineBytes) {
    return Wrong(settings, "memory-limit",
                 absl::StrCat("leaves ", engine->memory_limit_bytes,
                              " bytes for each tablet server; it needs ", kMinEngineBytes)
                     .c_str());
  }
  engine->block_cache_bytes = engine->memory_limit_bytes / 4;
  if (settings.Has("block-cache")) {
    engine->block_cache_bytes = settings.Number("block-cache");
    const uint64_t most = engine->memory_limit_bytes / 2;
    if (engine->block_cache_bytes > most) {
      return Wrong(
          settings, "block-cache",
          absl::StrCat("is more than half of what memory-limit leaves each tablet server, ", most,
                       " bytes")
              .c_str());
    }
  }
  engine->filter_cache_bytes = engine->memory_limit_bytes / 16;
  engine->memtable_bytes = std::min(32 * kMiB, engine->memory_limit_bytes / 16);
  engine->log.max_queued_bytes = std::min(64 * kMiB, engine->memory_limit_bytes / 8);
  return OkStatus();
}

Status ReadEngine(const Settings& settings, uint32_t engines, storage::EngineOptions* engine) {
  RETURN_IF_ERROR(ShareMemory(settings, engines, engine));
  if (settings.Has("disk-reserve")) engine->disk_reserve_bytes = settings.Number("disk-reserve");
  const uint64_t segment = settings.Number("ring-segment"), ring = settings.Number("ring-limit");
  if (ring < 2 * segment || ring / segment > kMaxRingSegments) {
    return Wrong(settings, "ring-limit",
                 absl::StrCat("is ", ring, " bytes; with segments of ", segment, " it must be ",
                              2 * segment, " .. ", kMaxRingSegments * segment)
                     .c_str());
  }
  engine->log.segment_bytes = segment;
  engine->log.max_segments = static_cast<uint32_t>(ring / segment);
  engine->compaction_bytes_per_second = settings.Number("compaction-rate");
  engine->maintenance_threads = static_cast<uint32_t>(settings.Number("maintenance-threads"));
  engine->trash_keep_ms = settings.Number("trash-keep");
  return OkStatus();
}

uint32_t IoThreads(const Settings& settings) {
  constexpr uint32_t kMostUnasked = 8;
  if (settings.Has("io-threads")) return static_cast<uint32_t>(settings.Number("io-threads"));
  return std::clamp(std::thread::hardware_concurrency(), 1u, kMostUnasked);
}

void ReadReshape(const Settings& settings, master::ReshapeOptions* reshape) {
  reshape->metadata_split_bytes = settings.Number("metadata-split");
  reshape->split_load_per_s = settings.Number("split-load");
  reshape->split_load_after_ms = settings.Millis("split-load-after");
  reshape->merge_small_after_ms = settings.Millis("merge-small-after");
}

void ReadBalance(const Settings& settings, master::BalanceOptions* balance) {
  balance->after_ms = settings.Millis("balance-after");
  balance->tolerance_percent = settings.Number("balance-tolerance");
  balance->min_load_per_s = settings.Number("balance-min-load");
}

// All of `stele local` but the data directory.
Status ReadLocalParts(const Settings& settings, deploy::CellOptions* cell) {
  cell->rpc_address = settings.Text("rpc");
  cell->http_address = settings.Text("http");
  if (cell->http_address == "none") cell->http_address.clear();
  cell->tablet_servers = static_cast<uint32_t>(settings.Number("tablet-servers"));
  cell->session_timeout_ms = settings.Millis("session-timeout-ms");
  cell->disk_threads = static_cast<uint32_t>(settings.Number("disk-threads"));
  cell->io_threads = IoThreads(settings);
  ReadReshape(settings, &cell->reshape);
  ReadBalance(settings, &cell->balance);
  return ReadEngine(settings, cell->tablet_servers, &cell->engine);
}

const char* ValueName(config::OptionKind kind) {
  switch (kind) {
    case config::OptionKind::kText:
      return "TEXT";
    case config::OptionKind::kServerId:
      return "NAME";
    case config::OptionKind::kPath:
      return "PATH";
    case config::OptionKind::kSecretFile:
      return "FILE";
    case config::OptionKind::kListen:
    case config::OptionKind::kListenOrNone:
    case config::OptionKind::kReachable:
      return "HOST:PORT";
    case config::OptionKind::kLocker:
      return "ADDRESS";
    case config::OptionKind::kBytes:
      return "SIZE";
    case config::OptionKind::kDuration:
      return "TIME";
    case config::OptionKind::kCount:
      break;
  }
  return "N";
}

}  // namespace

void AddRoleFlags(Role role, cli::po::options_description* options,
                  const std::set<std::string>& names) {
  auto add = options->add_options();
  add("config", value<std::string>()->value_name("FILE"),
      "file of options; `stele config check FILE` looks at it");
  for (const config::Option* option : config::OptionsOf(role)) {
    if (!names.empty() && names.count(option->name) == 0) continue;
    add(option->name, value<std::string>()->value_name(ValueName(option->kind)),
        config::HelpText(*option).c_str());
  }
}

StatusOr<SettingsSource> ReadSource(const cli::Invocation& call) {
  SettingsSource source;
  for (const auto& [name, text] : call.flags) {
    if (config::IsOptionOf(config::kAllRoles, name) && !text.empty()) {
      source.input.flags[name] = text.as<std::string>();
    }
  }
  source.input.variables = call.env->variables;
  std::string path;
  if (const auto named = call.env->variables.find("STELE_CONFIG");
      named != call.env->variables.end()) {
    path = named->second;
  }
  if (call.Has("config")) path = call.Get<std::string>("config");
  if (path.empty()) return source;
  ASSIGN_OR_RETURN(config::ConfigFile file, config::ReadConfigFile(path));
  source.file = std::make_unique<config::ConfigFile>(std::move(file));
  source.input.file = source.file.get();
  return source;
}

StatusOr<std::unique_ptr<Settings>> ReadSettings(const cli::Invocation& call, Role role) {
  ASSIGN_OR_RETURN(const SettingsSource source, ReadSource(call));
  config::ResolvedSettings resolved = config::Resolve(role, source.input);
  for (const std::string& warning : resolved.warnings) LOG(WARNING) << warning;
  if (!resolved.problems.empty()) {
    const size_t more = resolved.problems.size() - 1;
    return absl::InvalidArgumentError(absl::StrCat(
        resolved.problems[0],
        more == 0 ? "" : absl::StrCat(" (and ", more, " more; see `stele config check`)")));
  }
  return std::make_unique<Settings>(role, std::move(resolved.settings));
}

Status ReadLocal(const Settings& settings, deploy::CellOptions* cell) {
  ASSIGN_OR_RETURN(cell->data_dir, settings.Required("data"));
  std::error_code error;
  if (std::filesystem::exists(cell->data_dir, error) &&
      !std::filesystem::is_directory(cell->data_dir, error)) {
    return Wrong(settings, "data", "is not a directory");
  }
  return ReadLocalParts(settings, cell);
}

Status ReadMaster(const Settings& settings, master::MasterOptions* options) {
  options->cell_name = settings.Text("name");
  options->advertised_address = settings.Text("advertise");
  ReadReshape(settings, &options->reshape);
  ReadBalance(settings, &options->balance);
  return OkStatus();
}

Status ReadTabletServer(const Settings& settings, tabletserver::TabletServerOptions* options) {
  options->server_id = settings.Text("id");
  options->advertised_address = settings.Text("advertise");
  options->disk_threads = static_cast<uint32_t>(settings.Number("disk-threads"));
  options->rpc.io_threads = IoThreads(settings);
  options->disk_stall_timeout_ms = settings.Millis("session-timeout-ms") / kStallsPerTimeout;
  options->lock_wait_ms = settings.Millis("session-timeout-ms") * kLockWaitTimeouts;
  return ReadEngine(settings, /*engines=*/1, &options->engine);
}

void ReadPlacement(const Settings& settings, master::ReshapeOptions* reshape,
                   master::BalanceOptions* balance) {
  ReadReshape(settings, reshape);
  ReadBalance(settings, balance);
}

storage::EngineTuning ReadTuning(const Settings& settings) {
  return {.compaction_bytes_per_second = settings.Number("compaction-rate"),
          .disk_reserve_bytes = settings.Has("disk-reserve") ? settings.Number("disk-reserve") : 0};
}

std::vector<std::string> MissingOptions(const Settings& settings) {
  std::vector<std::string> missing;
  for (const config::Option* option : config::OptionsOf(settings.role())) {
    if (!option->required || option->kind == config::OptionKind::kServerId) continue;
    Status given = settings.Required(option->name).status();
    if (!given.ok()) missing.emplace_back(ToStd(given.message()));
  }
  return missing;
}

Status CheckReachable(const Settings& settings) {
  if (settings.role() == Role::kLocal || settings.Has("advertise") ||
      !config::IsWildcard(settings.Text("listen"))) {
    return OkStatus();
  }
  return Wrong(settings, "listen",
               "is every address of the machine, so --advertise must say where others reach it");
}

Status CheckTogether(const Settings& settings) {
  switch (settings.role()) {
    case Role::kLocal: {
      deploy::CellOptions cell;
      return ReadLocalParts(settings, &cell);
    }
    case Role::kMaster: {
      master::MasterOptions options;
      return ReadMaster(settings, &options);
    }
    case Role::kTabletServer:
      break;
  }
  tabletserver::TabletServerOptions options;
  return ReadTabletServer(settings, &options);
}

}  // namespace stele::bin
