#include "common/net/listener.h"

#include <chrono>
#include <utility>

#include "common/base/log.h"
#include "common/net/address.h"

namespace stele::net {
namespace {
using ErrorCode = boost::system::error_code;
constexpr std::chrono::milliseconds kPauseAfterError{100};

// What only another address mends. All else passes: one that another process has, that is not yet
// this machine's, a name that the resolver does not know yet.
bool IsForEver(const ErrorCode& error) {
  return error == asio::error::access_denied || error == asio::error::no_permission ||
         error == asio::error::invalid_argument ||
         error == asio::error::address_family_not_supported;
}
}  // namespace

Listener::Listener(const std::vector<std::shared_ptr<IoThread>>& threads, Accepted accepted)
    : threads_(threads),
      accepted_(std::move(accepted)),
      acceptor_(threads.front()->context()),
      pause_(threads.front()->context()) {}

StatusOr<std::shared_ptr<Listener>> Listener::Create(
    const std::vector<std::shared_ptr<IoThread>>& threads, const std::string& address,
    Accepted accepted) {
  auto listener = std::make_shared<Listener>(threads, std::move(accepted));
  RETURN_IF_ERROR(listener->Bind(address));
  return listener;
}

Status Listener::Bind(const std::string& address) {
  ASSIGN_OR_RETURN(const HostPort parsed, ParseHostPort(address));
  auto endpoint = NumericEndpoint(parsed);
  ErrorCode error;
  if (!endpoint.has_value()) {
    asio::ip::tcp::resolver resolver(threads_.front()->context());
    const auto found = resolver.resolve(parsed.host, std::to_string(parsed.port), error);
    if (error || found.empty()) {
      return absl::UnavailableError(absl::StrCat("address '", address, "': ", error.message()));
    }
    endpoint = found.begin()->endpoint();
  }
  acceptor_.open(endpoint->protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(*endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) endpoint = acceptor_.local_endpoint(error);
  if (error == asio::error::address_in_use) {
    return absl::UnavailableError(absl::StrCat("address in use: ", address));
  }
  if (error) {
    const std::string message = absl::StrCat("listen on ", address, ": ", error.message());
    return IsForEver(error) ? absl::InvalidArgumentError(message) : absl::UnavailableError(message);
  }
  address_ = EndpointName(*endpoint);
  return OkStatus();
}

void Listener::Accept() {
  if (closed_) return;
  const size_t thread = next_thread_;
  auto self = shared_from_this();
  auto done = [this, self, thread](const ErrorCode& error, asio::ip::tcp::socket socket) {
    if (closed_) return;
    if (!error) {
      next_thread_ = (thread + 1) % threads_.size();
      accepted_(thread, std::move(socket));
      return Accept();
    }
    if (error == asio::error::connection_aborted) return Accept();
    LOG(WARNING) << "accept on " << address_ << ": " << error.message();
    pause_.expires_after(kPauseAfterError);
    pause_.async_wait([this, self](const ErrorCode&) { Accept(); });
  };
  acceptor_.async_accept(threads_[thread]->context(), std::move(done));
}

void Listener::Close() {
  if (closed_) return;
  closed_ = true;
  ErrorCode ignored;  // the descriptor is given back in any case
  acceptor_.close(ignored);
  pause_.cancel();
}

}  // namespace stele::net
