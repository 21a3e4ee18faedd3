#include "deploy/bin/local_options.h"

#include <filesystem>

#include "deploy/bin/server_process.h"

namespace stele::bin {

using cli::po::value;

void AddLocalFlags(cli::po::options_description* options) {
  auto add = options->add_options();
  add("data", value<std::string>(), "the data directory; created when absent");
  add("rpc", value<std::string>()->default_value("127.0.0.1:7600"),
      "the cell's address; port 0 takes a free one");
  add("http", value<std::string>()->default_value("127.0.0.1:7601"), kHttpMeaning);
  add("tablet-servers", value<uint32_t>()->default_value(1), "tablet servers, 1 .. 64");
  AddEngineFlags(options);
  AddReshapeFlags(options);
  AddBalanceFlags(options);
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
  cell.session_timeout_ms = SessionTimeoutMs(call);
  if (cell.session_timeout_ms < 500) {
    return absl::InvalidArgumentError("--session-timeout-ms is at least 500");
  }
  RETURN_IF_ERROR(ReadReshapeFlags(call, &cell.reshape));
  RETURN_IF_ERROR(ReadBalanceFlags(call, &cell.balance));
  RETURN_IF_ERROR(ReadEngineFlags(call, cell.tablet_servers, &cell.engine));
  return cell;
}

}  // namespace stele::bin
