#include "common/net/address.h"

#include "absl/strings/numbers.h"

namespace stele::net {

StatusOr<HostPort> ParseHostPort(const std::string& address) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("address '", address, "' is not host:port"));
  }
  HostPort result{address.substr(0, colon), static_cast<uint16_t>(port)};
  if (result.host.front() == '[' && result.host.back() == ']' && result.host.size() > 2) {
    result.host = result.host.substr(1, result.host.size() - 2);
  }
  return result;
}

std::optional<boost::asio::ip::tcp::endpoint> NumericEndpoint(const HostPort& address) {
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(
      address.host == "localhost" ? "127.0.0.1" : address.host, error);
  if (error) return std::nullopt;
  return boost::asio::ip::tcp::endpoint(ip, address.port);
}

std::string EndpointName(const boost::asio::ip::tcp::endpoint& endpoint) {
  const std::string ip = endpoint.address().to_string();
  return absl::StrCat(endpoint.address().is_v6() ? absl::StrCat("[", ip, "]") : ip, ":",
                      endpoint.port());
}

}  // namespace stele::net
