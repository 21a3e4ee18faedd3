// A live change of an option, as an operator orders it of the active master: carried out by the
// master's own process, asked of tablet servers, or both. Nothing of it is kept: it lasts until the
// process that made it ends. Bound to the master thread, which waits for the servers' answers.
#pragma once

#include "master/servers/server_list.h"
#include "schema/convert/process_messages.h"
#include "schema/convert/reshape_messages.h"

namespace stele::master {

struct OptionOrderParts {
  const wire::ProcessOptions* own = nullptr;  // null: this master was not started by the program
  const std::map<std::string, LiveServer>* servers = nullptr;
  net::RpcClient* client = nullptr;
  int64_t timeout_ms = 0;  // of each server
};

// A sentence a process, which begins with the server's id. NotFound (no such live server),
// InvalidArgument (option, value), FailedPrecondition (not while it runs). After an error of one
// server the others have done it: the message says of each what happened.
StatusOr<wire::TabletOrderResponse> CarryOutOptionOrder(const OptionOrderParts& parts,
                                                        const wire::SetOptionRequest& order);

// What is to be said besides of an order to one server of a cell of one process: it changes all.
// Else nothing.
std::string WhoElseChanges(const wire::ProcessOptions* own, const wire::SetOptionRequest& order);

}  // namespace stele::master
