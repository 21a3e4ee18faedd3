#include "locker/zk/zk_address.h"

#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/log.h"
#include "locker/locker.h"

namespace stele {
namespace {

constexpr char kDefaultPort[] = "2181";
constexpr size_t kMaxServers = 32;

Status BadAddress(Slice address, Slice why) {
  return absl::InvalidArgumentError(absl::StrCat("locker address \"", address, "\": ", why,
                                                 "; it is zk://host:port[,host:port]*[/chroot]"));
}

StatusOr<ZkAddress::Server> ParseServer(Slice address, Slice text) {
  ZkAddress::Server server;
  Slice port = kDefaultPort;
  if (absl::StartsWith(text, "[")) {
    const size_t end = text.find(']');
    if (end == Slice::npos) return BadAddress(address, "a bracket is not closed");
    server.host = std::string(text.substr(1, end - 1));
    text.remove_prefix(end + 1);
    if (!text.empty() && text.front() != ':') return BadAddress(address, "text follows a bracket");
    if (!text.empty()) port = text.substr(1);
  } else {
    const size_t colon = text.find(':');
    server.host = std::string(text.substr(0, colon));
    if (colon != Slice::npos) port = text.substr(colon + 1);
  }
  if (server.host.empty()) return BadAddress(address, "a host is missing");
  for (const char c : server.host) {
    const bool legal = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' ||
                       c == '_' || c == ':' || c == '%';
    if (!legal) return BadAddress(address, absl::StrCat("\"", server.host, "\" is no host"));
  }
  uint32_t number = 0;
  const bool digits = port.size() <= 5 && absl::SimpleAtoi(port, &number);
  if (!digits || number < 1 || number > 65'535 || !absl::ascii_isdigit(port.front())) {
    return BadAddress(address, absl::StrCat("\"", port, "\" is no port"));
  }
  server.port = absl::StrCat(number);
  return server;
}

std::string FormatServer(const ZkAddress::Server& server) {
  const bool v6 = server.host.find(':') != std::string::npos;
  return v6 ? absl::StrCat("[", server.host, "]:", server.port)
            : absl::StrCat(server.host, ":", server.port);
}

// Adds the numeric addresses of one server; false when its name does not resolve.
bool Resolve(const ZkAddress::Server& server, std::set<std::string>* numeric) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(server.host.c_str(), server.port.c_str(), &hints, &found);
  if (error != 0) {
    LOG(WARNING) << "locker: " << server.host << ": " << gai_strerror(error);
    return false;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    char host[NI_MAXHOST];
    if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), nullptr, 0, NI_NUMERICHOST) == 0)
      numeric->insert(FormatServer({host, server.port}));
  }
  return true;
}

}  // namespace

Status CheckZkPath(Slice path) {
  auto bad = [&](Slice why) {
    return absl::InvalidArgumentError(
        absl::StrCat("locker path \"", path, "\" is not legal: ", why));
  };
  if (path.size() < 2 || path.front() != '/') return bad("it begins with / and a name");
  for (const Slice part : absl::StrSplit(path.substr(1), '/')) {
    if (part.empty()) return bad("a part is empty");
    if (part == "." || part == "..") return bad("a part is . or ..");
  }
  for (const char c : path) {
    if (c <= ' ' || c > '~') return bad("it is of printable ASCII without spaces");
  }
  return OkStatus();
}

StatusOr<ZkAddress> ParseZkAddress(Slice address) {
  Slice rest = address;
  if (!absl::StartsWith(rest, kZkScheme))
    return BadAddress(address, "it does not begin with zk://");
  rest.remove_prefix(sizeof(kZkScheme) - 1);
  ZkAddress parsed;
  const size_t slash = rest.find('/');
  if (slash != Slice::npos && slash + 1 < rest.size()) {
    parsed.chroot = std::string(rest.substr(slash));
    if (Status legal = CheckZkPath(parsed.chroot); !legal.ok()) {
      return BadAddress(address, legal.message());
    }
  }
  for (const Slice text : absl::StrSplit(rest.substr(0, slash), ',')) {
    ASSIGN_OR_RETURN(ZkAddress::Server server, ParseServer(address, text));
    parsed.servers.push_back(std::move(server));
  }
  if (parsed.servers.size() > kMaxServers) return BadAddress(address, "more than 32 servers");
  return parsed;
}

std::string FormatZkAddress(const ZkAddress& address) {
  auto format = [](std::string* out, const ZkAddress::Server& server) {
    out->append(FormatServer(server));
  };
  return absl::StrCat(kZkScheme, absl::StrJoin(address.servers, ",", format), address.chroot);
}

StatusOr<std::string> ResolveServers(const ZkAddress& address) {
  std::set<std::string> numeric;
  bool any = false;
  for (const ZkAddress::Server& server : address.servers) any = Resolve(server, &numeric) || any;
  if (!any || numeric.empty()) {
    return LockerAwayError(absl::StrCat("no host of ", FormatZkAddress(address), " can be found"));
  }
  return absl::StrJoin(numeric, ",");
}

}  // namespace stele
