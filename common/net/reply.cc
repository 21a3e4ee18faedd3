#include <utility>

#include "common/base/check.h"
#include "common/net/rpc.h"

namespace stele::net {

RpcReply::RpcReply(Sender sender) : sender_(std::move(sender)) { CHECK(sender_ != nullptr); }

RpcReply::RpcReply(RpcReply&& other) noexcept : sender_(std::exchange(other.sender_, nullptr)) {}

RpcReply& RpcReply::operator=(RpcReply&& other) noexcept {
  if (this == &other) return *this;
  DropUnanswered();
  sender_ = std::exchange(other.sender_, nullptr);
  return *this;
}

RpcReply::~RpcReply() { DropUnanswered(); }

void RpcReply::DropUnanswered() {
  if (sender_ != nullptr) Error(absl::UnavailableError("the server dropped the request"));
}

void RpcReply::Ok(Buffer body) {
  CHECK(sender_ != nullptr) << "answered twice";
  std::exchange(sender_, nullptr)(OkStatus(), std::move(body));
}

void RpcReply::Error(const Status& status) {
  CHECK(sender_ != nullptr) << "answered twice";
  CHECK(!status.ok());
  std::exchange(sender_, nullptr)(status, Buffer());
}

void RpcReply::Send(StatusOr<Buffer> answer) {
  if (answer.ok()) {
    Ok(*std::move(answer));
  } else {
    Error(answer.status());
  }
}

}  // namespace stele::net
