#include "deploy/bin/local_options.h"

#include <algorithm>
#include <filesystem>

#include "client/cli/bytes_text.h"

namespace stele::bin {
namespace {

using cli::po::value;

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kProcessBytes = 64 * kMiB;  // code, threads, connections
constexpr uint64_t kMinEngineBytes = 64 * kMiB;

StatusOr<uint64_t> Bytes(const cli::Invocation& call, const char* flag, uint64_t min,
                         uint64_t max) {
  StatusOr<uint64_t> bytes = cli::ParseBytes(call.Get<std::string>(flag));
  if (!bytes.ok()) return WithContext(bytes.status(), absl::StrCat("--", flag));
  if (*bytes < min || *bytes > max) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", flag, " is ", *bytes, " bytes; it must be ", min, " .. ", max));
  }
  return bytes;
}

// The engines' shares of the process's limit. What they do not charge (the allocator's waste,
// requests being decoded) needs room too, so they get a part of it only.
Status ShareMemory(uint64_t limit, deploy::CellOptions* cell) {
  storage::EngineOptions& engine = cell->engine;
  engine.memory_limit_bytes = (limit - kProcessBytes) / 100 * 70 / cell->tablet_servers;
  if (engine.memory_limit_bytes < kMinEngineBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("--memory-limit leaves ", engine.memory_limit_bytes,
                     " bytes for each tablet server; it needs ", kMinEngineBytes));
  }
  engine.block_cache_bytes = engine.memory_limit_bytes / 4;
  engine.filter_cache_bytes = engine.memory_limit_bytes / 16;
  engine.memtable_bytes = std::min(32 * kMiB, engine.memory_limit_bytes / 16);
  engine.log.max_queued_bytes = std::min(64 * kMiB, engine.memory_limit_bytes / 8);
  return OkStatus();
}

}  // namespace

void AddLocalFlags(cli::po::options_description* options) {
  auto add = options->add_options();
  add("data", value<std::string>(), "the data directory; created when absent");
  add("rpc", value<std::string>()->default_value("127.0.0.1:7600"),
      "the cell's address; port 0 takes a free one");
  add("http", value<std::string>()->default_value("127.0.0.1:7601"),
      "the status pages' address; `none` for no pages");
  add("tablet-servers", value<uint32_t>()->default_value(1), "tablet servers, 1 .. 64");
  add("memory-limit", value<std::string>()->default_value("1g"),
      "resident memory of the whole process");
  add("ring-limit", value<std::string>()->default_value("1g"),
      "commit log of each tablet server at most");
  add("ring-segment", value<std::string>()->default_value("64m"), "one segment of it");
  add("disk-reserve", value<std::string>(),
      "below so many free bytes writes are refused; default: 1 % of the disk, at least 1g, but no\n"
      "more than a tenth of it");
  add("session-timeout-ms", value<int64_t>()->default_value(10'000),
      "time after which a silent server counts as gone, 500 ..");
}

StatusOr<deploy::CellOptions> ReadLocalFlags(const cli::Invocation& call) {
  deploy::CellOptions cell;
  if (!call.Has("data")) return absl::InvalidArgumentError("--data DIRECTORY is missing");
  cell.data_dir = call.Get<std::string>("data");
  std::error_code error;
  if (std::filesystem::exists(cell.data_dir, error) &&
      !std::filesystem::is_directory(cell.data_dir, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--data ", cell.data_dir, " is not a directory"));
  }
  cell.rpc_address = call.Get<std::string>("rpc");
  cell.http_address = call.Get<std::string>("http");
  if (cell.http_address == "none") cell.http_address.clear();
  cell.tablet_servers = call.Get<uint32_t>("tablet-servers");
  if (cell.tablet_servers < 1 || cell.tablet_servers > 64) {
    return absl::InvalidArgumentError("--tablet-servers is 1 .. 64");
  }
  cell.session_timeout_ms = call.Get<int64_t>("session-timeout-ms");
  if (cell.session_timeout_ms < 500) {
    return absl::InvalidArgumentError("--session-timeout-ms is at least 500");
  }
  ASSIGN_OR_RETURN(uint64_t memory, Bytes(call, "memory-limit", 2 * kProcessBytes, UINT64_MAX));
  RETURN_IF_ERROR(ShareMemory(memory, &cell));
  if (call.Has("disk-reserve")) {
    ASSIGN_OR_RETURN(cell.engine.disk_reserve_bytes, Bytes(call, "disk-reserve", 1, UINT64_MAX));
  }
  ASSIGN_OR_RETURN(uint64_t segment, Bytes(call, "ring-segment", 1024, 1024 * kMiB));
  ASSIGN_OR_RETURN(uint64_t ring, Bytes(call, "ring-limit", 2 * segment, segment * 65'536));
  cell.engine.log.segment_bytes = segment;
  cell.engine.log.max_segments = static_cast<uint32_t>(ring / segment);
  return cell;
}

}  // namespace stele::bin
