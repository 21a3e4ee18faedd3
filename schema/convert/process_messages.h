// What the methods DescribeProcess, SetOption and SetServerOption carry; see messages.h. Value
// types, thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace stele::wire {

inline constexpr size_t kMaxListedOptions = 1'000;

struct OptionValue {
  std::string name;    // "memory-limit"
  std::string value;   // as one would write it; empty: none was given, and it has no default
  std::string source;  // "flag", "file", "environment", "default", "live"
  std::string place;   // of the source: "/etc/stele.conf:12", "--id", who changed it
  std::string by_default, range, unit;
  bool live = false;  // SetOption changes it
  std::string meaning;
  bool operator==(const OptionValue&) const = default;
};

// DescribeProcess: Empty -> DescribeProcessResponse, from any server or master, also one that
// stands by.
struct DescribeProcessResponse {
  std::string role;     // "local", "master", "tabletserver"; empty: not started by the program
  std::string id;       // of a tablet server; of a master its address
  std::string version;  // of the program
  std::string state;    // "active", "standby", "serving", "draining", "failed"
  int64_t wall_us = 0;  // its clock
  int64_t started_us = 0;
  int64_t lease_left_ms = 0;  // of its lock; negative: it is over
  int64_t session_timeout_ms = 0;
  std::vector<OptionValue> options;
  bool operator==(const DescribeProcessResponse&) const = default;
};

// SetOption: to the active master, for itself or tablet servers -> TabletOrderResponse: a sentence
// a process. SetServerOption: to a tablet server, by the master -> the same. NotFound (no such
// target), InvalidArgument (option, value), FailedPrecondition (not while it runs).
struct SetOptionRequest {
  std::string target;  // "master", "all", or a server id
  std::string name, value;
  std::string actor;  // whom the master asks for
  bool operator==(const SetOptionRequest&) const = default;
};

// How a role reaches the options of its process, which whoever started the process owns. All are
// thread-safe, do not block, and outlive the role; null: it was not started by the program.
struct ProcessOptions {
  std::string role, version;
  int64_t started_us = 0;
  std::function<std::vector<OptionValue>()> list;
  // Carried out when it returns: what was done, a sentence. The request's target is not looked at.
  std::function<StatusOr<std::string>(const SetOptionRequest&)> set;
  // Whether this process has the option; and, if so, whether tablet servers have it too.
  std::function<bool(const std::string& name)> has, shared;
  // Fills what every role says of its process.
  void Describe(DescribeProcessResponse* answer) const;
};

}  // namespace stele::wire
