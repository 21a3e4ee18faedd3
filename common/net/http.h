// A small HTTP/1.1 server for status pages and metrics: GET and HEAD only, nothing in it can change
// state. One thread of its own runs everything, the handler included. Thread-safe.
//
// Limits: header bytes, time to send a request, connections, response bytes. A peer that breaks one
// loses its connection or gets an error page. Every response forbids scripts, framing and sniffing.
// Unless allow_remote is set it listens on loopback only, and answers only requests whose Host is a
// loopback name, so that no web site can read it through a browser (DNS rebinding).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/base/status.h"

namespace stele::net {

struct HttpOptions {
  bool allow_remote = false;
  uint32_t max_header_bytes = 16 * 1024;  // request line and fields; 1024 ..
  uint32_t max_connections = 64;          // one more is closed at once
  int64_t request_timeout_ms = 5'000;  // from the connection (or the last response) to the end of
                                       // the header
  int64_t write_timeout_ms = 10'000;   // of one response
  uint64_t max_response_bytes = 16u << 20;  // a longer one is an error 500
};

// Remote access for an address that is not loopback's: who names one wants it.
HttpOptions HttpOptionsFor(Slice address);

struct HttpRequest {
  std::string path;                          // decoded, begins with '/'
  std::map<std::string, std::string> query;  // decoded; of a repeated name the last
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "text/html; charset=utf-8";
  std::string body;
};

// Must not block for long: it holds up the other requests.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

class HttpServer {
 public:
  virtual ~HttpServer() = default;  // Stop()
  // "127.0.0.1:0" takes a free port. Unavailable "address in use"; InvalidArgument for an address
  // that is not loopback without allow_remote.
  static StatusOr<std::unique_ptr<HttpServer>> Listen(const std::string& address,
                                                      const HttpOptions& options,
                                                      HttpHandler handler);
  virtual std::string address() const = 0;  // with the real port
  // When it returns no handler runs or will run. Not from a handler. May be called again.
  virtual void Stop() = 0;
};

// Splits and decodes "/path?name=value&..."; InvalidArgument for anything else. Pure.
StatusOr<HttpRequest> ParseHttpTarget(Slice target);

}  // namespace stele::net
