#include "locker/server_node.h"

#include "absl/strings/numbers.h"
#include "common/bytes/coding.h"

namespace stele {
namespace {

constexpr char kNodeVersion = 1;

}  // namespace

std::string EncodeServerNode(const ServerNode& node) {
  std::string out(1, kNodeVersion);
  PutLengthPrefixed(&out, node.server_id);
  PutVarint64(&out, node.incarnation);
  PutLengthPrefixed(&out, node.address);
  PutLengthPrefixed(&out, node.http_address);
  return out;
}

StatusOr<ServerNode> DecodeServerNode(Slice encoded) {
  ServerNode node;
  Slice id, address, http;
  if (encoded.empty() || encoded[0] != kNodeVersion) {
    return CorruptError("server node has an unknown version");
  }
  encoded.remove_prefix(1);
  if (!GetLengthPrefixed(&encoded, &id) || !GetVarint64(&encoded, &node.incarnation) ||
      !GetLengthPrefixed(&encoded, &address) || !GetLengthPrefixed(&encoded, &http)) {
    return CorruptError("server node is malformed");
  }
  node.server_id = std::string(id);
  node.address = std::string(address);
  node.http_address = std::string(http);
  return node;
}

std::string LogName(const std::string& server_id, uint64_t incarnation) {
  return absl::StrCat(server_id, ".", incarnation);
}

StatusOr<LogOwner> ParseLogName(const std::string& log) {
  const size_t dot = log.rfind('.');
  LogOwner owner;
  if (dot == std::string::npos || dot == 0 ||
      !absl::SimpleAtoi(log.substr(dot + 1), &owner.incarnation)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", log, "\" is no name of a log"));
  }
  owner.server_id = log.substr(0, dot);
  return owner;
}

}  // namespace stele
