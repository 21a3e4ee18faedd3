#include "locker/server_node.h"

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

}  // namespace stele
