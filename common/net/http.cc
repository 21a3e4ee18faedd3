#include "common/net/http.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/net/address.h"
#include "common/net/io_thread.h"
#include "common/net/listener.h"

namespace stele::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using asio::ip::tcp;

constexpr char kPolicy[] =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

// Of "name", "name:port", "::1", "[::1]" and "[::1]:port".
bool IsLoopbackName(Slice host) {
  if (!host.empty() && host[0] == '[') {
    host = host.substr(1, std::min(host.find(']'), host.size()) - 1);
  } else if (std::count(host.begin(), host.end(), ':') == 1) {
    host = host.substr(0, host.find(':'));
  }
  if (host == "localhost") return true;
  ErrorCode error;
  const auto ip = asio::ip::make_address(std::string(host), error);
  return !error && ip.is_loopback();
}

class Session;

// What the sessions share. Lives on the server's thread.
struct HttpShared {
  HttpOptions options;
  HttpHandler handler;
  std::set<std::shared_ptr<Session>> sessions;
};

// One connection: reads a request, answers it, and again. Every asynchronous operation shares its
// ownership; it leaves `sessions` when it ends.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<HttpShared> shared, tcp::socket socket)
      : shared_(std::move(shared)), stream_(std::move(socket)) {}

  void Read();
  void Close() {
    ErrorCode ignored;  // the descriptor is given back in any case
    stream_.socket().close(ignored);
    shared_->sessions.erase(shared_from_this());
  }

 private:
  using Parser = http::request_parser<http::empty_body>;
  void OnRequest(const ErrorCode& error);
  HttpResponse Handle(const http::request<http::empty_body>& request);
  void Respond(HttpResponse response, bool keep_alive, bool head);

  const std::shared_ptr<HttpShared> shared_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::optional<http::response<http::string_body>> response_;
};

void Session::Read() {
  parser_.emplace();
  parser_->header_limit(shared_->options.max_header_bytes);
  parser_->body_limit(0);  // a GET has none
  stream_.expires_after(std::chrono::milliseconds(shared_->options.request_timeout_ms));
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](const ErrorCode& error, size_t) { self->OnRequest(error); });
}

HttpResponse Error(unsigned status, Slice text) {
  return {status, "text/plain; charset=utf-8", absl::StrCat(text, "\n")};
}

void Session::OnRequest(const ErrorCode& error) {
  if (!stream_.socket().is_open()) return Close();
  if (error == http::error::header_limit) {
    return Respond(Error(431, "header too large"), false, false);
  }
  if (error.category() == make_error_code(http::error::bad_method).category() &&
      error != http::error::end_of_stream && error != http::error::partial_message) {
    return Respond(Error(400, "malformed request"), false, false);
  }
  if (error) return Close();  // closed, lost or too slow
  const auto& request = parser_->get();
  const bool head = request.method() == http::verb::head;
  // What follows a header that announces a body is not a request.
  const bool has_body = !parser_->is_done();
  HttpResponse response = has_body ? Error(400, "a request has no body here") : Handle(request);
  if (request.method() != http::verb::get && !head) response = Error(405, "GET and HEAD only");
  Respond(std::move(response), request.keep_alive() && !has_body, head);
}

HttpResponse Session::Handle(const http::request<http::empty_body>& request) {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    return Error(405, "GET and HEAD only");
  }
  const auto host = request[http::field::host];
  if (!shared_->options.allow_remote && !IsLoopbackName(Slice(host.data(), host.size()))) {
    return Error(403, "this server answers requests to localhost only");
  }
  const auto target = request.target();
  StatusOr<HttpRequest> parsed = ParseHttpTarget(Slice(target.data(), target.size()));
  if (!parsed.ok()) return Error(400, parsed.status().message());
  HttpResponse response = shared_->handler(*parsed);
  if (response.body.size() > shared_->options.max_response_bytes) {
    LOG(WARNING) << "page " << response.body.size() << " bytes long, limit "
                 << shared_->options.max_response_bytes;
    return Error(500, "the page is too large");
  }
  return response;
}

void Session::Respond(HttpResponse response, bool keep_alive, bool head) {
  response_.emplace(static_cast<http::status>(response.status), 11);
  auto& out = *response_;
  out.set(http::field::content_type, response.content_type);
  out.set(http::field::cache_control, "no-store");
  out.set("Content-Security-Policy", kPolicy);
  out.set("X-Content-Type-Options", "nosniff");
  out.set("X-Frame-Options", "DENY");
  out.set("Referrer-Policy", "no-referrer");
  if (response.status == 405) out.set(http::field::allow, "GET, HEAD");
  out.keep_alive(keep_alive);
  out.content_length(response.body.size());
  if (!head) out.body() = std::move(response.body);
  stream_.expires_after(std::chrono::milliseconds(shared_->options.write_timeout_ms));
  http::async_write(stream_, out,
                    [self = shared_from_this(), keep_alive](const ErrorCode& error, size_t) {
                      if (error || !keep_alive) return self->Close();
                      self->Read();
                    });
}

class Server : public HttpServer {
 public:
  Server(const HttpOptions& options, HttpHandler handler)
      : threads_{std::make_shared<IoThread>()}, shared_(std::make_shared<HttpShared>()) {
    shared_->options = options;
    shared_->options.max_header_bytes = std::max(options.max_header_bytes, 1024u);
    shared_->handler = std::move(handler);
  }
  ~Server() override { Stop(); }

  Status Start(const std::string& address) {
    auto accepted = [this](size_t, tcp::socket socket) { OnAccept(std::move(socket)); };
    ASSIGN_OR_RETURN(listener_, Listener::Create(threads_, address, accepted));
    threads_[0]->Post([listener = listener_] { listener->Accept(); });
    return OkStatus();
  }
  std::string address() const override { return listener_->address(); }
  void Stop() override;

 private:
  void OnAccept(tcp::socket socket) {
    if (shared_->sessions.size() >= shared_->options.max_connections) return;  // closes it
    auto session = std::make_shared<Session>(shared_, std::move(socket));
    shared_->sessions.insert(session);
    session->Read();
  }

  const std::vector<std::shared_ptr<IoThread>> threads_;  // one
  const std::shared_ptr<HttpShared> shared_;
  std::shared_ptr<Listener> listener_;
  Mutex mu_;
  bool stopped_ GUARDED_BY(mu_) = false;
};

void Server::Stop() {
  MutexLock lock(&mu_);
  if (stopped_) return;
  stopped_ = true;
  CHECK(!threads_[0]->IsCurrent()) << "Stop of an HTTP server in its handler";
  threads_[0]->Post([this] {
    if (listener_ != nullptr) listener_->Close();
    const auto sessions = shared_->sessions;  // closing one takes it out of the set
    for (const auto& session : sessions) session->Close();
  });
  threads_[0]->Join();
}

}  // namespace

HttpOptions HttpOptionsFor(Slice address) {
  HttpOptions options;
  options.allow_remote = !IsLoopbackName(address);
  return options;
}

StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(const std::string& address,
                                                         const HttpOptions& options,
                                                         HttpHandler handler) {
  ASSIGN_OR_RETURN(const HostPort parsed, ParseHostPort(address));
  if (!options.allow_remote && !IsLoopbackName(parsed.host)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "http address '", address, "' is not loopback, and remote access is not allowed"));
  }
  auto server = std::make_unique<Server>(options, std::move(handler));
  RETURN_IF_ERROR(server->Start(address));
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace stele::net
