// The status server answers GET and HEAD within its limits, and nothing else does it any harm.
#include "common/net/http.h"

#include <gtest/gtest.h>

#include <deque>

#include "common/base/mutex.h"
#include "common/net/raw_connection.h"
#include "common/net/timer.h"

namespace stele::net {
namespace {

HttpResponse ShowRequest(const HttpRequest& request) {
  if (request.path == "/big") return {200, "text/plain", std::string(3'000, 'x')};
  std::string body = request.path;
  for (const auto& [name, value] : request.query) body += "|" + name + "=" + value;
  return {request.path == "/missing" ? 404u : 200u, "text/plain", body};
}

std::unique_ptr<HttpServer> Serve(const HttpOptions& options = {}) {
  auto server = HttpServer::Listen("127.0.0.1:0", options, ShowRequest);
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

// Everything that comes back until the server closes.
std::string Exchange(const HttpServer& server, Slice bytes) {
  RawConnection raw(server.address());
  EXPECT_TRUE(raw.Write(bytes));
  std::string all;
  for (std::string more = raw.Read(4096); !more.empty(); more = raw.Read(4096)) all += more;
  return all;
}

std::string Ask(const HttpServer& server, Slice method, Slice target, Slice host = "localhost") {
  return Exchange(server, absl::StrCat(method, " ", target, " HTTP/1.1\r\nHost: ", host,
                                       "\r\nConnection: close\r\n\r\n"));
}

bool Contains(const std::string& text, Slice part) { return Slice(text).find(part) != Slice::npos; }
bool Starts(const std::string& text, Slice part) {
  return Slice(text).substr(0, part.size()) == part;
}
bool Ends(const std::string& text, Slice part) {
  return text.size() >= part.size() && Slice(text).substr(text.size() - part.size()) == part;
}

TEST(HttpTest, GetAnswersWithDecodedTargetAndSafeHeaders) {
  auto server = Serve();
  const std::string got = Ask(*server, "GET", "/a%20b/c?x=1+2&y=%26%3c&flag&x=3");
  EXPECT_TRUE(Starts(got, "HTTP/1.1 200 OK\r\n")) << got;
  EXPECT_TRUE(Ends(got, "\r\n\r\n/a b/c|flag=|x=3|y=&<")) << got;
  for (const char* header :
       {"Content-Type: text/plain\r\n", "X-Content-Type-Options: nosniff\r\n", "default-src 'none'",
        "frame-ancestors 'none'", "Cache-Control: no-store\r\n", "Content-Length: 21\r\n"}) {
    EXPECT_TRUE(Contains(got, header)) << header << got;
  }
  EXPECT_TRUE(Starts(Ask(*server, "GET", "/missing"), "HTTP/1.1 404 "));
}

TEST(HttpTest, HeadHasTheLengthAndNoBody) {
  auto server = Serve();
  const std::string got = Ask(*server, "HEAD", "/abc");
  EXPECT_TRUE(Contains(got, "Content-Length: 4\r\n")) << got;
  EXPECT_TRUE(Ends(got, "\r\n\r\n")) << got;
}

TEST(HttpTest, OtherMethodsAreRefused) {
  auto server = Serve();
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "NONSENSE"}) {
    const std::string got = Ask(*server, method, "/");
    EXPECT_TRUE(Starts(got, "HTTP/1.1 405 ")) << method << got;
    EXPECT_TRUE(Contains(got, "Allow: GET, HEAD\r\n")) << got;
  }
}

TEST(HttpTest, ConnectionsAreKeptAliveAndPipelined) {
  auto server = Serve();
  const std::string got =
      Exchange(*server,
               "GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /2 HTTP/1.1\r\nHost: localhost\r\n"
               "Connection: close\r\n\r\n");
  EXPECT_TRUE(Contains(got, "\r\n\r\n/1HTTP/1.1 200 OK\r\n")) << got;
  EXPECT_TRUE(Ends(got, "\r\n\r\n/2")) << got;
}

TEST(HttpTest, MalformedRequestsGetAnErrorAndAreClosed) {
  auto server = Serve();
  for (const char* bytes :
       {"garbage\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /?a=%4 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"}) {
    EXPECT_TRUE(Starts(Exchange(*server, bytes), "HTTP/1.1 400 ")) << bytes;
  }
  const std::string request = "GET /abc HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (size_t n = 0; n < request.size(); n++) {
    RawConnection raw(server->address());
    ASSERT_TRUE(raw.Write(request.substr(0, n)));
  }
  EXPECT_TRUE(Starts(Ask(*server, "GET", "/"), "HTTP/1.1 200 ")) << "it still serves";
}

TEST(HttpTest, HeadersAreBounded) {
  HttpOptions options;
  options.max_header_bytes = 2'000;
  auto server = Serve(options);
  const std::string long_field =
      "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(3'000, 'x');
  EXPECT_TRUE(Starts(Exchange(*server, long_field), "HTTP/1.1 431 "));
  const std::string long_target = "GET /" + std::string(3'000, 'x');
  EXPECT_TRUE(Starts(Exchange(*server, long_target), "HTTP/1.1 431 "));
}

TEST(HttpTest, ASlowRequestIsClosed) {
  HttpOptions options;
  options.request_timeout_ms = 60;
  auto server = Serve(options);
  RawConnection silent(server->address()), slow(server->address());
  ASSERT_TRUE(slow.Write("GET / HTTP/1.1\r\nHost: loc"));
  EXPECT_TRUE(silent.WaitClosed());
  EXPECT_TRUE(slow.WaitClosed());
}

TEST(HttpTest, APeerThatDoesNotReadIsClosed) {
  constexpr size_t kPageBytes = 15u << 20;
  HttpOptions options;
  options.write_timeout_ms = 100;
  auto big = HttpServer::Listen("127.0.0.1:0", options, [](const HttpRequest&) {
    return HttpResponse{200, "text/plain", std::string(kPageBytes, 'x')};
  });
  ASSERT_TRUE(big.ok());
  RawConnection raw((*big)->address());
  raw.SetReceiveBuffer(256 * 1024);
  ASSERT_TRUE(raw.Write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  // Asking on another connection is answered: the one thread does not wait for the first.
  EXPECT_TRUE(Starts(Ask(**big, "HEAD", "/"), "HTTP/1.1 200 "));
  auto timers = TimerQueue::Create();
  Mutex mu;
  CondVar fired;
  bool waited = false;
  timers->RunAfter(500, [&] {
    MutexLock lock(&mu);
    waited = true;
    fired.Signal();
  });
  {
    MutexLock lock(&mu);
    while (!waited) fired.Wait(&mu);
  }
  size_t received = 0;
  for (std::string more = raw.Read(1 << 20); !more.empty(); more = raw.Read(1 << 20)) {
    received += more.size();
  }
  EXPECT_LT(received, kPageBytes) << "what the kernel had taken, and no more";
}

TEST(HttpTest, AnOverlongPageIsAnError) {
  HttpOptions options;
  options.max_response_bytes = 2'999;
  auto server = Serve(options);
  EXPECT_TRUE(Starts(Ask(*server, "GET", "/big"), "HTTP/1.1 500 "));
  EXPECT_TRUE(Starts(Ask(*server, "GET", "/small"), "HTTP/1.1 200 "));
}

TEST(HttpTest, ConnectionsAreLimited) {
  HttpOptions options;
  options.max_connections = 3;
  auto server = Serve(options);
  std::deque<RawConnection> within;
  for (int i = 0; i < 3; i++) {
    within.emplace_back(server->address());
    ASSERT_TRUE(within.back().Write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    ASSERT_FALSE(within.back().Read(4096).empty());
  }
  RawConnection over(server->address());
  EXPECT_TRUE(over.WaitClosed());
  within.pop_front();
  std::string got;  // the server learns of the closed connection soon
  while (got.empty()) {
    RawConnection again(server->address());
    if (again.Write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")) got = again.Read(4096);
  }
  EXPECT_TRUE(Starts(got, "HTTP/1.1 200 "));
}

TEST(HttpTest, LoopbackOnlyUnlessAllowed) {
  auto server = Serve();
  for (const char* host :
       {"evil.example", "evil.example:80", "10.0.0.1", "", "[", "[::2]", "127.0.0.1.evil"}) {
    EXPECT_TRUE(Starts(Ask(*server, "GET", "/", host), "HTTP/1.1 403 ")) << host;
  }
  for (const char* host : {"localhost", "localhost:8080", "127.0.0.1:1", "[::1]", "[::1]:80"}) {
    EXPECT_TRUE(Starts(Ask(*server, "GET", "/", host), "HTTP/1.1 200 ")) << host;
  }
  HttpOptions remote;
  EXPECT_EQ(HttpServer::Listen("0.0.0.0:0", remote, ShowRequest).status().code(),
            absl::StatusCode::kInvalidArgument);
  remote.allow_remote = true;
  EXPECT_TRUE(HttpOptionsFor("0.0.0.0:0").allow_remote);
  EXPECT_TRUE(HttpOptionsFor("10.0.0.1:7601").allow_remote);
  for (const char* own : {"127.0.0.1:7601", "[::1]:0"}) {
    EXPECT_FALSE(HttpOptionsFor(own).allow_remote) << own;
  }
  auto open = HttpServer::Listen("127.0.0.1:0", remote, ShowRequest);
  ASSERT_TRUE(open.ok());
  EXPECT_TRUE(Starts(Ask(**open, "GET", "/", "cell.example"), "HTTP/1.1 200 "));
}

TEST(HttpTest, ListenErrors) {
  auto server = Serve();
  EXPECT_EQ(HttpServer::Listen(server->address(), {}, ShowRequest).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(HttpServer::Listen("nowhere", {}, ShowRequest).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(HttpTest, StopClosesOpenConnections) {
  auto server = Serve();
  RawConnection raw(server->address());
  ASSERT_TRUE(raw.Write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT"));
  ASSERT_FALSE(raw.Read(4096).empty());
  server->Stop();
  server->Stop();
  EXPECT_TRUE(raw.WaitClosed());
}

TEST(HttpTest, TargetsParse) {
  EXPECT_EQ(ParseHttpTarget("/")->path, "/");
  EXPECT_TRUE(ParseHttpTarget("/?")->query.empty());
  EXPECT_EQ(ParseHttpTarget("/a+b?c+d=e%2Bf")->path, "/a+b");
  EXPECT_EQ(ParseHttpTarget("/a+b?c+d=e%2Bf")->query.at("c d"), "e+f");
  EXPECT_EQ(ParseHttpTarget("/?k=%00%fF")->query.at("k"), std::string("\x00\xff", 2));
  EXPECT_EQ(ParseHttpTarget("/?a=b=c&&=d")->query.at("a"), "b=c");
  for (const char* bad : {"", "a", "*", "?a", "/%", "/%1", "/%g0", "/?%"}) {
    EXPECT_EQ(ParseHttpTarget(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace stele::net
