// "host:port" and "[v6]:port" as Asio wants them. Internal to this folder; only .cc files include
// it. Pure functions.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>

#include "common/base/status.h"

namespace stele::net {

struct HostPort {
  std::string host;
  uint16_t port = 0;
};
// InvalidArgument naming the address.
StatusOr<HostPort> ParseHostPort(const std::string& address);
// The endpoint of a numeric host ("localhost" is 127.0.0.1); nothing when a name must be resolved.
std::optional<boost::asio::ip::tcp::endpoint> NumericEndpoint(const HostPort& address);
std::string EndpointName(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace stele::net
