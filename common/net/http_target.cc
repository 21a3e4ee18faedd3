#include <algorithm>

#include "common/net/http.h"

namespace stele::net {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

StatusOr<std::string> PercentDecode(Slice text, bool plus_is_space) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const int high = i + 1 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return absl::InvalidArgumentError("malformed escape in the target");
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

}  // namespace

StatusOr<HttpRequest> ParseHttpTarget(Slice target) {
  if (target.empty() || target[0] != '/') {
    return absl::InvalidArgumentError("the target must be a path");
  }
  HttpRequest request;
  const size_t question = target.find('?');
  ASSIGN_OR_RETURN(request.path, PercentDecode(target.substr(0, question), false));
  if (question == Slice::npos) return request;
  Slice query = target.substr(question + 1);
  while (!query.empty()) {
    const Slice pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    ASSIGN_OR_RETURN(std::string name, PercentDecode(pair.substr(0, equals), true));
    std::string value;
    if (equals != Slice::npos) {
      ASSIGN_OR_RETURN(value, PercentDecode(pair.substr(equals + 1), true));
    }
    request.query[std::move(name)] = std::move(value);
  }
  return request;
}

}  // namespace stele::net
