#include "common/store/names.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"

namespace stele {
namespace {

bool IsNameByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

Status Refuse(Slice name, Slice why) {
  return absl::InvalidArgumentError(
      absl::StrCat("store name \"", absl::CHexEscape(name.substr(0, 300)), "\": ", why));
}

}  // namespace

Status CheckStoreName(Slice name) {
  if (name.empty()) return Refuse(name, "empty");
  if (name.size() > kMaxStoreNameBytes) return Refuse(name, "longer than 200 bytes");
  for (Slice component : absl::StrSplit(name, '/')) {
    if (component.empty()) return Refuse(name, "empty component");
    if (component == "." || component == "..") return Refuse(name, "component . or ..");
    for (char c : component) {
      if (!IsNameByte(c)) return Refuse(name, "byte outside [A-Za-z0-9._-]");
    }
  }
  return OkStatus();
}

Status CheckStorePrefix(Slice prefix) {
  if (prefix.empty()) return OkStatus();
  if (prefix.back() == '/') prefix.remove_suffix(1);
  return CheckStoreName(prefix);
}

std::string ParentPath(Slice path) {
  const size_t slash = path.rfind('/');
  if (slash == Slice::npos) return ".";
  return std::string(slash == 0 ? path.substr(0, 1) : path.substr(0, slash));
}

}  // namespace stele
