// What a process tells the supervisor that started it: the protocol of systemd's Type=notify, one
// datagram a message, to the Unix socket that the supervisor names in NOTIFY_SOCKET. Pure but for
// that datagram; thread-safe. Nothing answers, and nothing depends on its arrival.
#pragma once

#include <string>

#include "common/base/status.h"

namespace stele::net {

// `socket`: a path, or an abstract name after '@'; InvalidArgument for anything else. `state`:
// lines such as READY=1, STATUS=text, STOPPING=1. Unavailable when nobody listens there. Never
// blocks.
Status NotifySupervisor(const std::string& socket, const std::string& state);

}  // namespace stele::net
